"""Checks of messages that customers leave, where `callbacks.voicemail` is true: whether one can be taken.

And who could listen to it for as long as it is a file of Asterisk's.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from bridge.doctor.checks.exposure import is_loopback
from bridge.doctor.checks.modules import loads_all, missing_lines, planned
from bridge.doctor.conf import Place
from bridge.doctor.model import Check, Facts, FileState, Gravity, Spot
from bridge.doctor.places import recordings

NEEDED: Final = ("res_stasis_recording", "res_ari_recordings", "format_wav")
_USE: Final = stat.S_IWUSR | stat.S_IXUSR
_GROUP_USE: Final = stat.S_IWGRP | stat.S_IXGRP
_OTHERS_USE: Final = stat.S_IWOTH | stat.S_IXOTH


def _takes_messages(facts: Facts) -> bool:
    return facts.config is not None and facts.config.callbacks.voicemail


def _folder(facts: Facts) -> tuple[Place, FileState | None] | None:
    """Asterisk's folder of recordings; None where it isn't used, or on another machine."""
    config = facts.config
    if config is None or not _takes_messages(facts):
        return None
    if not is_loopback(urlsplit(config.asterisk.ari_url).netloc):
        return None
    path = recordings(facts.confs.get("asterisk.conf"))
    return Place(path), facts.files.get(path)


def _missing(facts: Facts) -> Iterator[Spot]:
    match _folder(facts):
        case (place, None):
            yield Spot(place, "Asterisk's folder of recordings is not there, or can't be seen")


def _closed(facts: Facts) -> Iterator[Spot]:
    user = facts.machine.asterisk_user
    match _folder(facts):
        case (place, FileState() as state) if user and not _may_use(state, user):
            yield Spot(place, f"Asterisk runs as user {user}, who can't write here")


def _may_use(state: FileState, user: int) -> bool:
    """Of a group it isn't known who is in it: whoever let it write here will have thought of somebody."""
    if state.owner == user:
        return state.mode & _USE == _USE
    return state.mode & _GROUP_USE == _GROUP_USE or state.mode & _OTHERS_USE == _OTHERS_USE


def _open(facts: Facts) -> Iterator[Spot]:
    match _folder(facts):
        case (place, FileState(mode=mode)) if mode & stat.S_IRWXO:
            yield Spot(place, f"every user can enter it (mode {mode:04o}): chmod o-rwx {place.path}")


def _not_loaded(facts: Facts) -> Iterator[Spot]:
    # Where everything is loaded and the folder of the modules can't be seen, nothing can be said.
    if not _takes_messages(facts) or (loads_all(facts) and not facts.installed):
        return
    there = planned(facts)
    missing = [module for module in NEEDED if module not in there]
    if missing:
        yield missing_lines(facts, missing)


def _not_running(facts: Facts) -> Iterator[Spot]:
    if not _takes_messages(facts) or facts.ari is None:
        return
    there = planned(facts)
    missing = [module for module in NEEDED if module in there and module not in facts.ari.modules]
    if missing:
        yield Spot(None, f"not running: {', '.join(missing)}")


CHECKS = (
    Check(
        "voicemail-folder",
        Gravity.WARNING,
        "No message is taken: Asterisk has no folder to record into.",
        "`install -d -o asterisk -g asterisk -m 0700` it, with Asterisk's own user.",
        _missing,
    ),
    Check(
        "voicemail-folder-closed",
        Gravity.WARNING,
        "No message is taken: Asterisk can't write into its folder of recordings.",
        "`chown` the folder to Asterisk's user, and `chmod 0700`.",
        _closed,
    ),
    Check(
        "voicemail-folder-open",
        Gravity.WARNING,
        "Every user of this machine can listen to what a customer says, until it is fetched and sealed.",
        "`chmod 0700` on the folder, owner Asterisk's user.",
        _open,
    ),
    Check(
        "voicemail-modules",
        Gravity.WARNING,
        "No message is taken: a module is not loaded that records, or that hands a recording out.",
        "Write a `load` line for each of them, and restart Asterisk.",
        _not_loaded,
    ),
    Check(
        "voicemail-not-running",
        Gravity.WARNING,
        "No message is taken: a module that modules.conf asks for does not run.",
        "See Asterisk's log for why, or restart Asterisk if modules.conf was changed since it began.",
        _not_running,
    ),
)
