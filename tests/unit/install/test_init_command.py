"""`call-bridge init` on copies of configuration trees: what it changes, shows, asks for and puts back."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest
from pbx_trees import CARRIER, FREEPBX, SHOP, SIP_PASSWORD, VANILLA, Init, picture, tree, want_ami

from bridge.config import load_config
from bridge.doctor.conf import read_conf
from bridge.doctor.examine import examine
from bridge.doctor.gather import gather
from bridge.doctor.model import Gravity
from bridge.doctor.pjsip import objects, value_of
from bridge.vault import KeyFile, read_key_ring

OURS = "etc/asterisk/call-bridge"
WRITES = 2 * 18 + 2
"""The last syncs to disk: of each file and its folder, and of the manifests before and after."""


@pytest.fixture
def vanilla(tmp_path: Path) -> Init:
    return Init(tree(tmp_path / "vanilla", VANILLA))


@pytest.fixture
def freepbx(tmp_path: Path) -> Init:
    return Init(tree(tmp_path / "freepbx", FREEPBX))


def changed(before: dict[str, object], after: dict[str, object]) -> set[str]:
    return {name for name in before if after.get(name) != before[name]}


# --- what it changes ---


def test_each_file_of_a_plain_asterisk_gets_one_include_and_nothing_else(vanilla: Init) -> None:
    before = picture(vanilla.root)
    assert vanilla("--yes", *SHOP, *CARRIER) == 0, vanilla.err
    after = picture(vanilla.root)
    lines = {
        "extensions.conf": "extensions-call-bridge.conf",
        "pjsip.conf": "pjsip.conf",
        "ari.conf": "ari.conf",
        "http.conf": "http.conf",
    }
    assert changed(before, after) == {f"etc/asterisk/{name}" for name in lines}
    for name, target in lines.items():
        old, new = before[f"etc/asterisk/{name}"], after[f"etc/asterisk/{name}"]
        gap = b"" if old[3].endswith(b"\n") else b"\n"
        assert new == (*old[:3], old[3] + gap + f'#tryinclude "call-bridge/{target}"\n'.encode())


def test_freepbxs_own_files_stay_alone_and_the_custom_ones_get_the_include(freepbx: Init) -> None:
    before = picture(freepbx.root)
    assert freepbx("--yes", *SHOP) == 0, freepbx.err
    assert changed(before, picture(freepbx.root)) == {
        "etc/asterisk/extensions_custom.conf",
        "etc/asterisk/pjsip_custom.conf",
        "etc/asterisk/ari_additional_custom.conf",
    }


def test_what_was_written_is_what_asterisk_and_the_daemon_read(vanilla: Init) -> None:
    vanilla("--yes", *SHOP, *CARRIER, "--managers", "101,102")
    etc = vanilla.root / "etc/asterisk"
    confs = {name: read_conf(etc / f"{name}.conf", etc) for name in ("extensions", "pjsip", "ari", "http")}
    assert [conf.troubles for conf in confs.values() if conf] == [[]] * 4
    assert {"101", "102", "200", "trunk", "trunk-sealed"} == set(objects(confs["pjsip"], "endpoint"))
    assert confs["http"] is not None
    assert confs["http"].last("general", "enabled")
    config = load_config(vanilla.root / "etc/call-bridge/config.yaml")
    assert config.asterisk.ari_url == "http://127.0.0.1:8088/ari"
    assert config.trunk.sealed is not None
    assert config.trunk.sealed.carrier == "sip:{number}@192.0.2.10"
    user = objects(confs["ari"], "user")["call-bridge"]
    password = vanilla.read("var/lib/call-bridge/ari-password").strip()
    assert len(password) == 48
    assert value_of(user, "password") == password
    assert read_key_ring(KeyFile(vanilla.root / "var/lib/call-bridge-keys/keys"))


@pytest.mark.parametrize("pbx", ["vanilla", "freepbx"])
def test_ami_is_set_up_once_the_configuration_wants_it_as_the_doctor_wants_it(
    pbx: str, request: pytest.FixtureRequest
) -> None:
    init: Init = request.getfixturevalue(pbx)
    init("--yes", *SHOP, *(CARRIER if pbx == "vanilla" else ()))
    assert not (init.root / OURS / "manager.conf").exists()
    want_ami(init)
    before = picture(init.root)
    assert init("--yes") == 0, init.err
    secret = init.read("var/lib/call-bridge/ami-secret").strip()
    assert init.read(f"{OURS}/ami-secret.conf") == f"secret={secret}\n"
    assert secret not in init.out + init.err
    assert changed(before, picture(init.root)) <= {"etc/asterisk/manager.conf"}
    config = init.root / "etc/call-bridge/config.yaml"
    findings = examine(gather(init.root / "etc/asterisk", config, running=False))
    assert [each.check.id for each in findings if each.check.id.startswith("ami-")] == []
    assert init("--yes") == 0
    assert init.out == "Nothing to do: everything is in place.\n"


def test_an_ami_that_is_on_already_keeps_its_own_settings(vanilla: Init) -> None:
    vanilla("--yes", *SHOP, *CARRIER)
    conf = vanilla.root / "etc/asterisk/manager.conf"
    conf.write_text("[general]\nenabled=yes\nbindaddr=127.0.0.2\n")
    want_ami(vanilla)
    vanilla("--yes")
    assert "[general]" not in vanilla.read(f"{OURS}/manager.conf")
    assert "[call-bridge]" in vanilla.read(f"{OURS}/manager.conf")


def test_the_trunk_of_freepbx_is_used_and_the_sealed_one_is_made_like_it(freepbx: Init) -> None:
    freepbx("--yes", *SHOP)
    etc = freepbx.root / "etc/asterisk"
    endpoints = objects(read_conf(etc / "pjsip.conf", etc), "endpoint")
    assert set(endpoints) == {"Carrier", "200", "trunk-sealed"}
    sealed = endpoints["trunk-sealed"]
    copied = {name: value_of(sealed, name) for name in ("outbound_auth", "from_user", "from_domain", "allow")}
    assert copied == {
        "outbound_auth": "Carrier",
        "from_user": "shop17",
        "from_domain": "sip.example.net",
        "allow": "alaw,ulaw",
    }
    trunk = load_config(freepbx.root / "etc/call-bridge/config.yaml").trunk.sealed
    assert trunk is not None
    assert trunk.carrier == "sip:{number}@sip.example.net:5080"
    assert (trunk.watch, trunk.asterisk) == ("Carrier", "127.0.0.1:5160")


def test_a_carrier_with_an_account_gets_its_password_in_a_file_of_its_own(
    vanilla: Init, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("semi;colon\n")
    account = ("--carrier-user", "shop17", "--carrier-password-file", str(tmp_path / "password"))
    assert vanilla("--yes", *SHOP, *CARRIER, *account) == 0, vanilla.err
    etc = vanilla.root / "etc/asterisk"
    conf = read_conf(etc / "pjsip.conf", etc)
    assert value_of(objects(conf, "auth")["trunk"], "password") == "semi;colon"
    assert value_of(objects(conf, "registration")["trunk"], "client_uri") == "sip:shop17@192.0.2.10"
    assert "semi" not in vanilla.read(f"{OURS}/pjsip.conf")


def test_secrets_are_closed_to_others(vanilla: Init) -> None:
    vanilla("--yes", *SHOP, *CARRIER, "--managers", "101")
    after = picture(vanilla.root)
    modes = {name: after[name][0] for name in after if re.search(r"password|/keys$", name)}
    assert modes == {
        f"{OURS}/ari-password.conf": 0o640,
        f"{OURS}/sip-password-101.conf": 0o640,
        "var/lib/call-bridge/ari-password": 0o600,
        "var/lib/call-bridge-keys/keys": 0o600,
    }
    assert (after[OURS][0], after["var/lib/call-bridge-keys"][0]) == (0o750, 0o700)


@pytest.mark.parametrize("pbx", ["vanilla", "freepbx"])
def test_the_doctor_has_nothing_against_what_was_written(pbx: str, request: pytest.FixtureRequest) -> None:
    init: Init = request.getfixturevalue(pbx)
    init("--yes", *SHOP, *(CARRIER if pbx == "vanilla" else ()), "--managers", "101")
    config = init.root / "etc/call-bridge/config.yaml"
    config.write_text(config.read_text().replace("/var/lib/", f"{init.root}/var/lib/"))
    findings = examine(gather(init.root / "etc/asterisk", config, running=False))
    ours = [each for each in findings if each.spot.place and "/call-bridge/" in str(each.spot.place.path)]
    # There is no database before the daemon's first start.
    told = {each.check.id for each in ours if each.check.gravity is not Gravity.NOTICE}
    assert told - {"database-unusable"} == set()


# --- what it shows ---


@pytest.mark.parametrize("pbx", ["vanilla", "freepbx"])
def test_no_secret_is_ever_shown(pbx: str, request: pytest.FixtureRequest) -> None:
    init: Init = request.getfixturevalue(pbx)
    said = ""
    for arguments in (("--yes", *SHOP, *(CARRIER if pbx == "vanilla" else ())), ("--yes",), ("--undo",)):
        secrets = [
            value
            for path in init.root.rglob("*")
            if path.is_file() and "call-bridge-init" not in str(path)
            for value in re.findall(r"(?:password|kek:\w+|audit|blind-index)=(\S+)", path.read_text())
        ]
        assert init(*arguments) == 0, init.err
        said += init.out + init.err
        secrets += [SIP_PASSWORD]
        assert [secret for secret in secrets if secret in said] == []
    assert "a secret, which is not shown" in said
    assert re.search(r"@@ a new file, as call-bridge ships it, \d+ lines @@", said)


def test_nothing_is_written_before_a_yes(vanilla: Init) -> None:
    before = picture(vanilla.root)
    assert vanilla(*SHOP, *CARRIER, "--timezone", "Europe/Paris", typed="\n\n\n\nn\n") == 130
    assert "nothing was changed" in vanilla.err
    assert '+#tryinclude "call-bridge/pjsip.conf"' in vanilla.out
    assert picture(vanilla.root) == before


def test_questions_are_asked_with_what_was_found_as_their_defaults(freepbx: Init) -> None:
    typed = "\nExample Shop\n\n\n\n+442079460000\n\ny\n"
    assert freepbx(typed=typed) == 0, freepbx.err
    assert "Which of these endpoints leads to the carrier: Carrier" in freepbx.out
    assert "(- for none) [-]" in freepbx.out
    config = load_config(freepbx.root / "etc/call-bridge/config.yaml")
    assert (config.shop.country, str(config.shop.timezone)) == ("GB", "Europe/London")


# --- again, and back ---


@pytest.mark.parametrize("pbx", ["vanilla", "freepbx"])
def test_a_second_run_finds_nothing_to_do(pbx: str, request: pytest.FixtureRequest) -> None:
    init: Init = request.getfixturevalue(pbx)
    assert init("--yes", *SHOP, *(CARRIER if pbx == "vanilla" else ())) == 0, init.err
    after = picture(init.root)
    assert init() == 0
    assert init.out == "Nothing to do: everything is in place.\n"
    assert picture(init.root) == after


@pytest.mark.parametrize("pbx", ["vanilla", "freepbx"])
def test_undo_puts_every_file_back_byte_for_byte(pbx: str, request: pytest.FixtureRequest) -> None:
    init: Init = request.getfixturevalue(pbx)
    before = picture(init.root)
    init("--yes", *SHOP, *(CARRIER if pbx == "vanilla" else ()))
    assert init("--undo") == 0, init.err
    assert picture(init.root) == before
    assert not (init.root / "var/lib/call-bridge-init").exists()
    assert init("--undo") == 7
    assert "nothing to undo" in init.err


def test_undo_touches_nothing_where_a_file_was_changed_since_and_says_how_to_go_on(vanilla: Init) -> None:
    vanilla("--yes", *SHOP, *CARRIER)
    for name in ("etc/asterisk/extensions.conf", "etc/call-bridge/config.yaml"):
        with (vanilla.root / name).open("a") as file:
            file.write("; mine\n")
    after = picture(vanilla.root)
    assert vanilla("--undo") == 7
    for name in ("etc/asterisk/extensions.conf", "etc/call-bridge/config.yaml"):
        assert f"  {vanilla.root / name}\n" in vanilla.err
    assert "--keep-changed" in vanilla.err
    assert picture(vanilla.root) == after


def test_undo_can_leave_what_was_changed_and_takes_its_own_line_out_of_it(vanilla: Init) -> None:
    before = picture(vanilla.root)
    vanilla("--yes", *SHOP, *CARRIER)
    for name in ("etc/asterisk/extensions.conf", "etc/call-bridge/config.yaml"):
        with (vanilla.root / name).open("a") as file:
            file.write("# mine\n")
    changed_config = vanilla.read("etc/call-bridge/config.yaml")
    assert vanilla("--undo", "--keep-changed") == 0, vanilla.err
    after = picture(vanilla.root)
    assert vanilla.read("etc/call-bridge/config.yaml") == changed_config
    assert vanilla.read("etc/asterisk/extensions.conf") == VANILLA["extensions.conf"] + "# mine\n"
    assert changed(before, after) == {"etc/asterisk/extensions.conf"}
    assert set(after) - set(before) == {"etc/call-bridge/config.yaml"}


def test_an_include_taken_out_by_hand_is_no_obstacle_to_undo(vanilla: Init) -> None:
    vanilla("--yes", *SHOP, *CARRIER)
    mine = "[general]\n; all my own\n"
    (vanilla.root / "etc/asterisk/http.conf").write_text(mine)
    assert vanilla("--undo") == 0, vanilla.err
    assert vanilla.read("etc/asterisk/http.conf") == mine
    assert vanilla.read("etc/asterisk/pjsip.conf") == VANILLA["pjsip.conf"]


def test_undo_leaves_the_keys_where_something_may_be_sealed_with_them(vanilla: Init) -> None:
    vanilla("--yes", *SHOP, *CARRIER)
    (vanilla.root / "var/lib/call-bridge/call-bridge.db").touch()
    keys = vanilla.read("var/lib/call-bridge-keys/keys")
    assert vanilla("--undo") == 0, vanilla.err
    assert "left as it is" in vanilla.err
    assert vanilla.read("var/lib/call-bridge-keys/keys") == keys
    # And a new init goes on with them.
    assert vanilla("--yes", *SHOP, *CARRIER) == 0, vanilla.err
    assert vanilla.read("var/lib/call-bridge-keys/keys") == keys


def test_an_update_of_the_shipped_files_is_all_that_a_later_run_writes(vanilla: Init) -> None:
    before = picture(vanilla.root)
    vanilla("--yes", *SHOP, *CARRIER)
    shipped = vanilla.read(f"{OURS}/pjsip-managers.conf")
    with (vanilla.root / "etc/call-bridge/config.yaml").open("a") as file:
        file.write("# mine\n")
    after = picture(vanilla.root)
    # As an older version had it.
    (vanilla.root / f"{OURS}/pjsip-managers.conf").write_text("; older\n")
    assert vanilla("--yes") == 0, vanilla.err
    assert "Files written: 1." in vanilla.out
    assert "-; older\n" in vanilla.out
    assert picture(vanilla.root) == after
    assert vanilla.read(f"{OURS}/pjsip-managers.conf") == shipped
    assert vanilla("--undo", "--keep-changed") == 0
    assert set(picture(vanilla.root)) - set(before) >= {"etc/call-bridge/config.yaml"}


# --- interrupted ---


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill, unlike a power cut, loses nothing that was written: no need to wait for the disk."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def kill_at(init: Init, sync: int) -> bool:
    """Run init in a process that dies at its so-many-th write to disk; whether it got so far."""
    child = os.fork()
    if child == 0:
        count = 0

        def counting(descriptor: int) -> None:
            nonlocal count
            count += 1
            if count == sync:
                os.kill(os.getpid(), signal.SIGKILL)

        os.fsync = counting
        os._exit(init("--yes", *SHOP, *CARRIER))
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def killed(root: Path, sync: int) -> bool:
    """The same on a tree of its own, which is gone afterwards."""
    try:
        return kill_at(Init(tree(root, VANILLA)), sync)
    finally:
        shutil.rmtree(root)


@pytest.mark.usefixtures("quick_disk")
def test_killed_at_any_write_it_can_be_finished_and_can_be_undone(tmp_path: Path) -> None:
    whole = Init(tree(tmp_path / "whole", VANILLA))
    before = picture(whole.root)
    whole("--yes", *SHOP, *CARRIER)
    names = set(picture(whole.root))
    total = next(sync for sync in range(60, 200) if not killed(tmp_path / "counted", sync)) - 1
    # Until the manifest is there, nothing has changed: a few of those will do.
    for kills in (1, 2, 20, 40, *range(total - WRITES - 4, total + 1)):
        init = Init(tree(tmp_path / "killed", VANILLA))
        assert kill_at(init, kills)
        other = Init(tmp_path / "other")
        shutil.copytree(init.root, other.root)

        # Once it has begun to write, it needs no answers any more.
        begun = kills >= total - WRITES
        assert init("--yes", *(() if begun else (*SHOP, *CARRIER))) == 0, (kills, init.err)
        assert ("is finished now" in init.err) == (begun and kills < total)
        assert set(picture(init.root)) == names, kills
        assert init("--yes") == 0
        assert "Nothing to do" in init.out, kills
        assert init("--undo") == 0
        assert picture(init.root) == before, kills

        code = other("--undo")
        assert code in (0, 7), (kills, other.err)
        assert picture(other.root) == before, (kills, code)
        shutil.rmtree(init.root)
        shutil.rmtree(other.root)


@pytest.mark.usefixtures("quick_disk")
def test_an_interrupted_init_does_not_write_over_what_somebody_has_changed_since(tmp_path: Path) -> None:
    init = Init(tree(tmp_path / "killed", VANILLA))
    total = next(sync for sync in range(60, 200) if not killed(tmp_path / "counted", sync)) - 1
    assert kill_at(init, total - 9)  # before the includes, which come last
    (init.root / "etc/asterisk/http.conf").write_text("[general]\n; mine\n")
    assert init("--yes") == 7
    assert "http.conf" in init.err
    assert init("--undo", "--keep-changed") == 0
    assert init.read("etc/asterisk/http.conf") == "[general]\n; mine\n"
    assert init.read("etc/asterisk/pjsip.conf") == VANILLA["pjsip.conf"]


def test_undo_on_a_copy_of_a_tree_leaves_the_tree_alone(vanilla: Init, tmp_path: Path) -> None:
    before = picture(vanilla.root)
    vanilla("--yes", *SHOP, *CARRIER)
    after = picture(vanilla.root)
    copy = Init(tmp_path / "copy")
    shutil.copytree(vanilla.root, copy.root)
    assert copy("--undo") == 0, copy.err
    assert (picture(copy.root), picture(vanilla.root)) == (before, after)


# --- what it can't work with ---


def test_a_file_that_changes_while_it_asks_is_not_written_over(
    vanilla: Init, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = vanilla.root / "etc/asterisk/pjsip.conf"

    def edit_and_say_yes(_question: str) -> bool:
        path.write_text("; mine\n")
        return True

    monkeypatch.setattr("typer.confirm", edit_and_say_yes)
    answers = (*SHOP, *CARRIER, "--country", "GB", "--timezone", "Europe/London", "--language", "en")
    assert vanilla(*answers, "--managers", "101", "--carrier-user", "-") == 7
    assert "changed by somebody else" in vanilla.err
    assert path.read_text() == "; mine\n"
    assert vanilla.read("etc/asterisk/ari.conf") == VANILLA["ari.conf"]


def test_a_symbolic_link_is_not_followed(vanilla: Init) -> None:
    path = vanilla.root / "etc/asterisk/pjsip.conf"
    path.rename(path.with_name("elsewhere.conf"))
    path.symlink_to("elsewhere.conf")
    assert vanilla("--yes", *SHOP, *CARRIER) == 7
    assert "symbolic link" in vanilla.err
    assert path.read_text() == VANILLA["pjsip.conf"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--shop-name", "A;B", "--shop-number", "+442079460000", *CARRIER), "--shop-name must be a name"),
        (("--shop-name", "Shop", "--shop-number", "07 00", *CARRIER), "--shop-number must be 3 to 15 digits"),
        ((*SHOP, "--carrier", "a host"), "--carrier must be HOST"),
        ((*SHOP, *CARRIER, "--managers", "101,a b"), "--managers must be extensions"),
        ((*SHOP, *CARRIER, "--timezone", "Europe/Nowhere"), "time zone"),
        ((*SHOP, *CARRIER, "--country", "XX"), "country"),
        ((*SHOP,), "Say --carrier"),
        ((*SHOP, "--trunk", "nowhere"), "no endpoint nowhere"),
        ((*SHOP, *CARRIER, "--carrier-user", "shop17"), "--carrier-password-file"),
    ],
)
def test_a_wrong_answer_gets_a_sentence_and_nothing_is_written(
    vanilla: Init, arguments: tuple[str, ...], told: str
) -> None:
    before = picture(vanilla.root)
    assert vanilla("--yes", *arguments) in (2, 4, 7)
    assert told in vanilla.err
    assert picture(vanilla.root) == before


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("extensions.conf", '#include "/opt/call-bridge/dialplan/extensions-call-bridge.conf"\n', "by hand"),
        ("ari.conf", "[general]\n[call-bridge]\ntype=user\npassword=x\n", "[call-bridge] already"),
        ("pjsip.conf", "[trunk-sealed]\ntype=endpoint\n", "[trunk-sealed] already"),
        ("http.conf", "[general]\nenabled=yes\nbindaddr=192.0.2.1\n", "127.0.0.1"),
        ("pjsip.conf", "[a]\ntype=endpoint\n;-- never closed\n", "--;"),
        ("ari.conf", "; Do NOT edit this file as it is auto-generated by FreePBX.\n", "_custom.conf"),
    ],
)
def test_a_pbx_that_it_cannot_work_with_is_told_what_to_do(
    vanilla: Init, name: str, text: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (vanilla.root / "etc/asterisk" / name).write_text(text)
    if "/opt/" in text:
        shipped = vanilla.root / "opt.conf"
        text = text.replace("/opt/call-bridge/dialplan", str(vanilla.root))
        (vanilla.root / "extensions-call-bridge.conf").touch()
        (vanilla.root / "etc/asterisk" / name).write_text(text)
        assert not shipped.exists()
    before = picture(vanilla.root)
    assert vanilla("--yes", *SHOP, *CARRIER) == 7, vanilla.err
    assert told in vanilla.err
    assert picture(vanilla.root) == before


def test_without_asterisks_files_it_says_which_option_names_them(tmp_path: Path) -> None:
    init = Init(tmp_path)
    assert init("--yes", *SHOP, *CARRIER) == 7
    assert "--asterisk-etc" in init.err
