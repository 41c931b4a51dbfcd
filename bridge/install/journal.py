"""Writes a plan so that it can be finished, or undone, from wherever it was interrupted.

Before the first file is touched, all that will be written and all that was there is on disk in a folder of
root's, with a manifest that names both by their hashes. Each file then changes at one stroke. A file that is
neither as it was nor as it was written has been changed by somebody since: it is left alone.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from bridge.install.errors import JournalRefused
from bridge.install.found import Owner
from bridge.install.plan import PRIVATE, Change, Folder, Plan

_VERSION: Final = 1
_PLACE: Final = Path("var/lib/call-bridge-init")
_MARK: Final = ".call-bridge-init"
_OWN_FOLDER: Final = 0o700


@dataclass(frozen=True, slots=True)
class Record:
    """One file. `before` and `after` are hashes; None is a file that does not exist."""

    path: Path
    before: str | None
    after: str
    mode: int
    user: int
    group: int
    line: str | None
    needed_by: Path | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that init has made and changed here, and what of it is still to be written."""

    folders: tuple[Folder, ...] = ()
    records: tuple[Record, ...] = ()
    pending: tuple[Path, ...] = ()

    def dump(self, root: Path) -> bytes:
        """With paths as within the root: a copy of a tree is never a way to the tree itself."""
        everything = {"version": _VERSION, **asdict(self)}
        return json.dumps(everything, default=lambda path: str(path.relative_to(root)), indent=1).encode()

    @classmethod
    def load(cls, text: bytes, root: Path) -> Manifest:
        """Raises ValueError, TypeError and KeyError for what `dump` has not written."""
        read = json.loads(text)
        if read["version"] != _VERSION:
            raise ValueError("another version")
        return cls(
            tuple(
                Folder(root / each["path"], each["mode"], Owner(**each["owner"])) for each in read["folders"]
            ),
            tuple(
                Record(
                    **{
                        **each,
                        "path": root / each["path"],
                        "needed_by": each["needed_by"] and root / each["needed_by"],
                    }
                )
                for each in read["records"]
            ),
            tuple(root / each for each in read["pending"]),
        )


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing did, and the files that it left as they are."""

    restored: tuple[Path, ...]
    left: tuple[Path, ...]


class Journal:
    """The manifest and the copies, in a folder below `root`. One process at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / _PLACE
        self._manifest = self._folder / "manifest.json"

    # ------------------------------------------------------------------ writing

    @property
    def unfinished(self) -> bool:
        """Whether a `write` was interrupted."""
        return bool(self._read().pending)

    def write(self, plan: Plan, seen: Mapping[Path, bytes | None]) -> None:
        """Write all files, or, where that is interrupted, leave what `finish` and `undo` need.

        `seen` is what the plan was made from. Raises JournalRefused and OSError.
        """
        changed = [each.path for each in plan.changes if _content(each.path) != seen.get(each.path)]
        if changed:
            raise JournalRefused(f"{changed[0]} has just been changed by somebody else: run this again.")
        with self._locked():
            manifest = self._read()
            records = {record.path: record for record in manifest.records}
            for change in plan.changes:
                records[change.path] = self._record(change, records.get(change.path))
            new = [each for each in plan.folders if not each.path.exists() and each not in manifest.folders]
            pending = tuple(each.path for each in plan.changes)
            self._save(Manifest((*manifest.folders, *new), tuple(records.values()), pending))
            self._finish()

    def finish(self) -> None:
        """Write what an interrupted `write` has not come to. Raises JournalRefused and OSError."""
        with self._locked():
            self._finish()

    def _record(self, change: Change, known: Record | None) -> Record:
        """What there is now is what undoing restores, unless init itself has written it."""
        now = _content(change.path)
        after = _hash(change.content)
        self._keep(after, change.content)
        if known is not None and now is not None and _hash(now) == known.after:
            return replace(known, after=after, line=change.line)
        state = change.path.stat() if now is not None else None
        if now is not None:
            self._keep(_hash(now), now)
        return Record(
            path=change.path,
            before=_hash(now) if now is not None else None,
            after=after,
            mode=stat.S_IMODE(state.st_mode) if state else change.mode,
            user=state.st_uid if state else change.owner.user,
            group=state.st_gid if state else change.owner.group,
            line=change.line,
            needed_by=change.needed_by,
        )

    def _finish(self) -> None:
        manifest = self._read()
        pending = [each for each in manifest.records if each.path in manifest.pending]
        changed = [each.path for each in pending if _state(each.path) not in {each.before, each.after}]
        if changed:
            raise JournalRefused(
                "Somebody has changed these since an interrupted init, which can't be finished over that:\n"
                + "".join(f"  {path}\n" for path in changed)
                + "`call-bridge init --undo --keep-changed` takes the rest back; then begin anew."
            )
        for folder in manifest.folders:
            _make_folder(folder)
        for record in pending:
            if _state(record.path) != record.after:
                _replace(record, self._kept(record.after))
        self._save(replace(manifest, pending=()))
        self._forget(each.before for each in manifest.records)

    # ------------------------------------------------------------------ undoing

    def undo(self, *, keep_changed: bool) -> Undone:
        """Put every file back as it was. Raises JournalRefused, with nothing touched, and OSError."""
        if not self._manifest.exists():
            raise JournalRefused("There is nothing to undo: init has written nothing here.")
        with self._locked():
            manifest = self._read()
            records = manifest.records[::-1]  # includes first: none is left that leads nowhere
            changed = [each for each in records if _is_changed(each)]
            if changed and not keep_changed:
                raise JournalRefused(self._how_to_go_on(changed))
            restored = [each.path for each in records if self._undo(each, each in changed)]
            kept = [each.path for each in records if each in changed or _is_needed(each)]
            for folder in manifest.folders[::-1]:
                with suppress(OSError):  # not empty: what is in it is not init's
                    folder.path.rmdir()
            _remove(self._folder)
        return Undone(tuple(restored), tuple(path for path in kept if path not in restored))

    def _undo(self, record: Record, changed: bool) -> bool:
        """Whether there was anything to do."""
        _coming(record.path).unlink(missing_ok=True)
        now = _content(record.path)
        if now is None or _hash(now) == record.before or _is_needed(record):
            return False
        if changed and (record.line is None or record.before is None):
            return False
        if changed and record.line is not None:
            _replace(record, _without(record.line, now), of_file=True)
        elif _hash(now) != record.after:  # the line was taken out by hand
            return False
        elif record.before is None:
            record.path.unlink()
        else:
            _replace(record, self._kept(record.before))
        return True

    def _how_to_go_on(self, changed: Iterable[Record]) -> str:
        lines = ["These files were changed since init wrote them, so nothing was undone:"]
        for record in changed:
            lines.append(f"  {record.path}")
            if record.line is not None and record.before is not None:
                lines.append(f"    what was there before: diff {self._folder / record.before} {record.path}")
        lines.append(
            "`call-bridge init --undo --keep-changed` undoes the rest, takes init's own line out of those "
            "that were there before, and leaves the others alone. Or copy them, delete them, and undo."
        )
        return "\n".join(lines)

    # ------------------------------------------------------------------ the folder

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=_OWN_FOLDER, parents=True, exist_ok=True)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalRefused("Another init is at work here: wait for its end.") from None
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> Manifest:
        """Raises JournalRefused."""
        try:
            return Manifest.load(self._manifest.read_bytes(), self._root)
        except FileNotFoundError:
            return Manifest()
        except (ValueError, TypeError, KeyError):
            raise JournalRefused(
                f"{self._manifest} is not one that this version of call-bridge has written. The files as "
                "they were before lie beside it, each named by its SHA-256."
            ) from None

    def _save(self, manifest: Manifest) -> None:
        _write_new(self._manifest, manifest.dump(self._root), PRIVATE, None)

    def _keep(self, name: str, content: bytes) -> None:
        _write_new(self._folder / name, content, PRIVATE, None)

    def _kept(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def _forget(self, still_needed: Iterable[str | None]) -> None:
        """What was written is no longer kept a second time; secrets are among it."""
        needed = {self._manifest.name, *still_needed}
        for path in self._folder.iterdir():
            if path.name not in needed:
                path.unlink()


# --- Files --------------------------------------------------------------------------------------------


def _is_changed(record: Record) -> bool:
    """By somebody else, in a way that undoing would lose."""
    now = _content(record.path)
    if now is None or _hash(now) in {record.before, record.after}:
        return False
    return record.line is None or record.line.encode() in now.splitlines()


def _is_needed(record: Record) -> bool:
    return record.needed_by is not None and record.needed_by.exists() and record.path.exists()


def _state(path: Path) -> str | None:
    now = _content(path)
    return None if now is None else _hash(now)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _without(line: str, content: bytes) -> bytes:
    kept = [each for each in content.splitlines(keepends=True) if each.strip() != line.encode()]
    return b"".join(kept)


def _make_folder(folder: Folder) -> None:
    if not folder.path.exists():
        folder.path.mkdir(parents=True)
        folder.path.chmod(folder.mode)
        _give(folder.path, folder.owner.user, folder.owner.group)


def _replace(record: Record, content: bytes, *, of_file: bool = False) -> None:
    """At one stroke. Mode and owner are the record's, or, with `of_file`, those that the file has by now."""
    state = record.path.stat() if of_file else None
    mode = stat.S_IMODE(state.st_mode) if state else record.mode
    owner = Owner(state.st_uid, state.st_gid) if state else Owner(record.user, record.group)
    _write_new(record.path, content, mode, owner)


def _remove(folder: Path) -> None:
    """One that something is mounted on, as a container's volume is, can only be emptied."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        if error.errno != errno.EBUSY or any(folder.iterdir()):
            raise


def _coming(path: Path) -> Path:
    """Where a file is written before it takes its place. Globs in Asterisk's includes don't match it."""
    return path.with_name(f".{path.name}{_MARK}")


def _write_new(path: Path, content: bytes, mode: int, owner: Owner | None) -> None:
    """Put a complete file in the place of `path`, durably. What a kill leaves goes with the next try."""
    coming = _coming(path)
    coming.unlink(missing_ok=True)
    descriptor = os.open(coming, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if owner is not None:
                _give(file.fileno(), owner.user, owner.group)
            _keep_attributes(path, file.fileno())
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        coming.replace(path)
    except BaseException:
        coming.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _give(file: int | Path, user: int, group: int) -> None:
    """Only root gives files away; on a copy of a tree that somebody else tries, they are theirs."""
    if os.geteuid() == 0:
        os.chown(file, user, group)


def _keep_attributes(old: Path, descriptor: int) -> None:
    """SELinux's label among them."""
    with suppress(OSError):
        for name in os.listxattr(old):
            os.setxattr(descriptor, name, os.getxattr(old, name))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
