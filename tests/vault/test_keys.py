"""Key rings come only from where nobody else can read them, and show their keys to nobody."""

import os
import pickle
import stat
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.vault import (
    KeyCredential,
    KeyEnvironment,
    KeyFile,
    KeyFileExists,
    KeyMissing,
    KeyRing,
    KeyUnusable,
    read_key_ring,
    replace_key_file,
    write_key_file,
)
from bridge.vault.keys import SecretKey

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing.new().rotated()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def secrets_of(ring: KeyRing) -> list[str]:
    return [
        word.partition("=")[2] for word in ring.dump().split() if word.startswith(("kek", "blind", "audit"))
    ]


def test_a_ring_written_down_is_read_back(ring: KeyRing) -> None:
    assert KeyRing.load(ring.dump()) == ring


def test_a_ring_on_a_single_line_is_read(ring: KeyRing) -> None:
    fields = [line for line in ring.dump().splitlines() if not line.startswith("#")]
    assert KeyRing.load("  ".join(fields)) == ring


def test_two_new_rings_share_no_key() -> None:
    assert not set(secrets_of(KeyRing.new())) & set(secrets_of(KeyRing.new()))


def test_the_keys_of_a_ring_differ_from_each_other(ring: KeyRing) -> None:
    assert len(set(secrets_of(ring))) == 4


def test_rotating_adds_a_current_key_and_keeps_the_others() -> None:
    ring = KeyRing.new()
    rotated = ring.rotated()
    assert rotated.current.id not in ring.ids
    assert rotated.ids == (rotated.current.id, ring.current.id)
    assert (rotated.blind_index, rotated.audit) == (ring.blind_index, ring.audit)


def test_keys_mask_themselves(ring: KeyRing) -> None:
    shown = f"{ring!r} {ring} {ring.current} {ring.audit!r}"
    assert ring.current.id in shown
    assert repr(ring.audit.material()) not in shown
    assert not any(secret in shown for secret in secrets_of(ring))


def test_keys_are_not_pickled(ring: KeyRing) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ring.audit)


def test_a_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SecretKey(b"short")


KEY = "A" * 43 + "="
GOOD = f"call-bridge-keys/1 current=k kek:k={KEY} blind-index={KEY} audit={KEY}"
MALFORMED = {
    "nothing": "",
    "another version": GOOD.replace("/1", "/2"),
    "no version": GOOD.replace("call-bridge-keys/1 ", ""),
    "no current key": GOOD.replace("current=k ", ""),
    "a current key that is not there": GOOD.replace("current=k", "current=other"),
    "no blind-index key": GOOD.replace("blind-index=" + KEY, ""),
    "no audit key": GOOD.replace("audit=" + KEY, ""),
    "an unknown field": GOOD + " colour=" + KEY,
    "a bare key": GOOD + " " + KEY,
    "a field twice": GOOD + " audit=" + KEY,
    "an id in capitals": GOOD.replace("kek:k=", "kek:K="),
    "an id too long": GOOD + f" kek:{'k' * 33}={KEY}",
    "a key cut off": GOOD.replace(f"audit={KEY}", "audit=" + KEY[:20]),
    "a key too short": GOOD.replace(f"audit={KEY}", "audit=AAAA"),
    "no base64": GOOD.replace(f"audit={KEY}", "audit=" + "!" * 44),
    "bytes that are no text": GOOD.replace(f"audit={KEY}", "audit=\ufffd" + KEY),
}


def test_the_example_that_the_malformed_ones_are_made_from_is_well_formed() -> None:
    assert KeyRing.load(GOOD).ids == ("k",)


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_ring_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(KeyUnusable, match="malformed") as caught:
        KeyRing.load(text)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert KEY[:20] not in str(caught.value)
    ours = [entry for entry in caught.traceback if Path(entry.path).name == "keys.py"]
    assert ours
    assert not any("AAAA" in str(entry.frame.f_locals) for entry in ours)


def test_a_key_file_is_private_and_is_read_back(path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key_ring(KeyFile(path)) == ring


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o777)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
def test_a_key_file_is_the_owners_to_read_whatever_the_umask(path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_file_is_never_overwritten(path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    before = path.read_bytes()
    with pytest.raises(KeyFileExists, match="never overwritten"):
        write_key_file(path, KeyRing.new())
    assert path.read_bytes() == before


def test_a_key_file_is_not_written_through_a_dangling_link(path: Path, tmp_path: Path, ring: KeyRing) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileExists):
        write_key_file(path, ring)
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_file_that_could_not_be_finished_is_removed(
    path: Path, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_key_file(path, ring)
    assert not path.exists()


def test_file_and_directory_are_synced_before_the_file_counts_as_written(
    path: Path, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink()))
    write_key_file(path, ring)
    assert synced == [path, path.parent]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666, 0o777])
def test_a_key_file_open_to_others_is_refused_with_its_cure(mode: int, path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match=f"mode {mode:04o}.*chmod 0600"):
        read_key_ring(KeyFile(path))


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_key_file_is_accepted(mode: int, path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    path.chmod(mode)
    assert read_key_ring(KeyFile(path)) == ring


def test_a_link_is_judged_by_the_file_it_leads_to(path: Path, tmp_path: Path, ring: KeyRing) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    write_key_file(path, ring)
    assert read_key_ring(KeyFile(link)) == ring
    path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="0644"):
        read_key_ring(KeyFile(link))


@ROOT_ONLY
def test_a_key_file_of_another_user_is_refused(path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    os.chown(path, 65534, 65534)
    with pytest.raises(KeyUnusable, match="another user"):
        read_key_ring(KeyFile(path))


def test_a_missing_key_file_is_told(path: Path) -> None:
    with pytest.raises(KeyMissing, match="no key file"):
        read_key_ring(KeyFile(path))


def test_a_directory_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="not a regular file"):
        read_key_ring(KeyFile(tmp_path))


def test_a_fifo_is_refused_without_waiting_for_a_writer(path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyUnusable, match="not a regular file"):
        read_key_ring(KeyFile(path))


def test_a_file_below_a_file_is_told(path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    with pytest.raises(KeyUnusable, match="can't be opened"):
        read_key_ring(KeyFile(path / "keys"))


def test_bytes_that_are_no_text_are_refused_without_them(path: Path, ring: KeyRing) -> None:
    path.touch(0o600)
    path.write_bytes(ring.dump().encode().replace(b"audit=", b"audit=\xff"))
    with pytest.raises(KeyUnusable) as caught:
        read_key_ring(KeyFile(path))
    shown = "".join(traceback.format_exception(caught.value))
    assert not any(secret in shown for secret in secrets_of(ring))


def test_a_systemd_credential_is_read_whatever_mode_systemd_gave_it(
    tmp_path: Path, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "keys").write_text(ring.dump())
    (tmp_path / "keys").chmod(0o440)
    assert read_key_ring(KeyCredential("keys")) == ring


def test_a_credential_that_systemd_did_not_pass_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(KeyMissing, match="LoadCredential=keys:"):
        read_key_ring(KeyCredential("keys"))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(KeyMissing, match="LoadCredential=keys:"):
        read_key_ring(KeyCredential("keys"))


def test_a_credential_does_not_lead_out_of_its_directory(
    tmp_path: Path, path: Path, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_key_file(path, ring)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(KeyUnusable, match="no path"):
        read_key_ring(KeyCredential(str(path)))


def test_a_ring_is_read_from_the_environment(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBRIDGE_KEYS", ring.dump())
    assert read_key_ring(KeyEnvironment("CALLBRIDGE_KEYS")) == ring


@pytest.mark.parametrize("value", [None, ""])
def test_an_unset_variable_is_told(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALLBRIDGE_KEYS", raising=False)
    if value is not None:
        monkeypatch.setenv("CALLBRIDGE_KEYS", value)
    with pytest.raises(KeyMissing, match="CALLBRIDGE_KEYS is not set"):
        read_key_ring(KeyEnvironment("CALLBRIDGE_KEYS"))


def test_a_ring_that_is_replaced_keeps_its_files_mode_and_leaves_no_copy(path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    replace_key_file(path, ring.rotated())
    assert len(read_key_ring(KeyFile(path)).ids) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_ring_behind_a_symbolic_link_is_replaced_where_it_is(path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    link = path.with_name("link")
    link.symlink_to(path)
    replace_key_file(link, ring.rotated())
    assert link.is_symlink()
    assert len(read_key_ring(KeyFile(path)).ids) == 3


@ROOT_ONLY
def test_a_ring_replaced_by_root_stays_its_owners(path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    os.chown(path, 12345, 12345)
    replace_key_file(path, ring.rotated())
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)


def test_a_ring_that_cannot_be_replaced_stays_as_it_was(
    path: Path, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_key_file(path, ring)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        replace_key_file(path, ring.rotated())
    assert read_key_ring(KeyFile(path)) == ring
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_process_has_left_of_a_ring_is_in_nobodys_way(path: Path, ring: KeyRing) -> None:
    write_key_file(path, ring)
    path.with_name(".keys.new").write_text("half a ring")
    replace_key_file(path, ring.rotated())
    assert list(path.parent.iterdir()) == [path]


def test_only_an_older_key_leaves_a_ring(ring: KeyRing) -> None:
    older = ring.older[0].id
    assert ring.without(older).ids == (ring.current.id,)
    for key_id, told in ((ring.current.id, "current key"), ("k-strange", "has no key")):
        with pytest.raises(KeyUnusable, match=told):
            ring.without(key_id)
