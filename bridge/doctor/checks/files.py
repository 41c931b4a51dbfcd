"""Checks of files: who can read secrets, and who can change what Asterisk and the daemon believe."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from bridge.doctor.conf import Place
from bridge.doctor.model import Check, Facts, Gravity, Spot
from bridge.doctor.places import CREDENTIAL_STORE, OTHER_DIALPLANS, log_files

_SECRET_NAMES: Final = frozenset({"password", "secret", "md5_cred", "oauth_secret", "refresh_token"})
_OTHERS_READ: Final = stat.S_IROTH
_OTHERS_WRITE: Final = stat.S_IWOTH
_NOT_OWNER: Final = stat.S_IRWXG | stat.S_IRWXO


def _asterisk_files(facts: Facts) -> list[Path]:
    read = [path for conf in facts.confs.values() for path in conf.files]
    return list(dict.fromkeys([*read, *(facts.etc / name for name in OTHER_DIALPLANS)]))


def _secret_files(facts: Facts) -> list[Path]:
    settings = (
        setting
        for conf in facts.confs.values()
        for section in conf.sections
        for setting in section.settings
        if setting.name.lower() in _SECRET_NAMES and setting.value
    )
    return list(dict.fromkeys(setting.place.path for setting in settings))


def _open(facts: Facts, paths: Iterable[Path], bits: int, what: str, cure: str) -> Iterator[Spot]:
    for path in paths:
        state = facts.files.get(path)
        if state is not None and state.mode & bits:
            yield Spot(Place(path), f"{what} (mode {state.mode:04o}): chmod {cure} {path}")


def _secrets(facts: Facts) -> Iterator[Spot]:
    yield from _open(facts, _secret_files(facts), _OTHERS_READ, "every user can read this password", "o-rwx")


def _writable(facts: Facts) -> Iterator[Spot]:
    paths = [facts.etc, *_asterisk_files(facts)]
    yield from _open(facts, paths, _OTHERS_WRITE, "every user can change it", "o-w")


def _config(facts: Facts) -> Iterator[Spot]:
    yield from _open(facts, [facts.config_path], _OTHERS_WRITE | stat.S_IWGRP, "others can change it", "go-w")


def _ari_password(facts: Facts) -> Iterator[Spot]:
    if facts.config is None:
        return
    path = facts.config.asterisk.ari_password_file
    if facts.ari_password is None:
        yield Spot(facts.config_place("ari_password_file"), "the file of ARI's password can't be read")
    elif not facts.ari_password:
        yield Spot(Place(path), "the file of ARI's password is empty")
    else:
        yield from _open(facts, [path], _NOT_OWNER, "other users can read it", "0600")


def _socket(facts: Facts) -> Iterator[Spot]:
    if facts.config is not None:
        yield from _open(
            facts, [facts.config.api.socket], stat.S_IRWXO, "every user can place calls", "o-rwx"
        )


def _store_folder(facts: Facts) -> Iterator[Spot]:
    if facts.config is not None:
        folder = facts.config.store.path.parent
        yield from _open(facts, [folder], stat.S_IRWXO, "every user can enter the database's folder", "o-rwx")


def _logs(facts: Facts) -> Iterator[Spot]:
    """Asterisk makes its logs readable for all where the umask lets it: what counts then is the folder."""
    for path in log_files(facts.confs.get("asterisk.conf"), facts.confs.get("logger.conf")):
        folder = facts.files.get(path.parent)
        if folder is None or folder.mode & stat.S_IXOTH:
            yield from _open(facts, [path], _OTHERS_READ, "every user can read this log", "o-rwx")


def _owner(facts: Facts) -> Iterator[Spot]:
    """Root's files and those of the folder's owner are in good hands."""
    folder = facts.files.get(facts.etc)
    for path in _asterisk_files(facts):
        state = facts.files.get(path)
        if folder is not None and state is not None and state.owner not in {0, folder.owner}:
            yield Spot(Place(path), f"it belongs to user {state.owner}, who may change it")


def _daemon_owner(facts: Facts) -> Iterator[Spot]:
    """The daemon's user is whose the database is."""
    config = facts.config
    database = facts.files.get(config.store.path) if config else None
    if config is None or database is None:
        return
    for path in (config.keys.file, config.asterisk.ari_password_file):
        state = facts.files.get(path) if path else None
        if path is not None and state is not None and state.owner not in {0, database.owner}:
            yield Spot(
                Place(path), f"it belongs to user {state.owner}, the database to user {database.owner}"
            )


def _credential(facts: Facts) -> Iterator[Spot]:
    if facts.config is not None and facts.config.keys.credential is not None:
        path = CREDENTIAL_STORE / facts.config.keys.credential
        yield from _open(facts, [path], _NOT_OWNER, "other users can read the keys", "0600")


def _keys_beside_database(facts: Facts) -> Iterator[Spot]:
    config = facts.config
    if (
        config is not None
        and config.keys.file is not None
        and config.keys.file.parent == config.store.path.parent
    ):
        yield Spot(facts.config_place("keys"), "the keys are in the database's folder")


def _keys_in_environment(facts: Facts) -> Iterator[Spot]:
    if facts.config is not None and facts.config.keys.environment is not None:
        yield Spot(facts.config_place("environment"), "the keys come from an environment variable")


def _unreadable(facts: Facts) -> Iterator[Spot]:
    for path, reason in facts.unreadable.items():
        yield Spot(Place(path), f"it can't be read: {reason}")


def _no_folder(facts: Facts) -> Iterator[Spot]:
    if not facts.confs and not facts.unreadable:
        yield Spot(Place(facts.etc), "no configuration of Asterisk is there")


def _troubles(facts: Facts) -> Iterator[Spot]:
    for conf in facts.confs.values():
        for trouble in conf.troubles:
            yield Spot(trouble.place, trouble.text)


SIGHT = (
    Check(
        "file-unreadable",
        Gravity.CRITICAL,
        "A file could not be looked at, so nothing is known of what is in it.",
        "Run the doctor as root, or as Asterisk's user.",
        _unreadable,
    ),
    Check(
        "file-no-configuration",
        Gravity.CRITICAL,
        "There is nothing to look at.",
        "Name Asterisk's configuration folder with `--asterisk-etc`.",
        _no_folder,
    ),
)

CHECKS = (
    *SIGHT,
    Check(
        "file-secrets",
        Gravity.CRITICAL,
        "Every user of this machine can read a password of Asterisk's.",
        "Close the file to others: `chmod o-rwx`, owner and group Asterisk's.",
        _secrets,
    ),
    Check(
        "file-writable",
        Gravity.CRITICAL,
        "Every user of this machine can change what Asterisk does.",
        "Close the file to others: `chmod o-w`.",
        _writable,
    ),
    Check(
        "file-config",
        Gravity.CRITICAL,
        "Others than its owner can change the daemon's configuration, and so where numbers go.",
        "`chmod go-w` on config.yaml.",
        _config,
    ),
    Check(
        "file-ari-password",
        Gravity.CRITICAL,
        "The daemon refuses to start: the file of ARI's password is missing, empty or open to other users.",
        "Write the password there, and `chmod 0600`, owner the daemon's user.",
        _ari_password,
    ),
    Check(
        "file-socket",
        Gravity.CRITICAL,
        "Every user of this machine can place calls.",
        "`chmod o-rwx` on the socket; the daemon makes it so that its user and group alone may use it.",
        _socket,
    ),
    Check(
        "file-store-folder",
        Gravity.WARNING,
        "Every user of this machine can enter the folder of the database.",
        "`chmod o-rwx` on the folder.",
        _store_folder,
    ),
    Check(
        "file-log",
        Gravity.WARNING,
        "Every user of this machine can read Asterisk's log.",
        "`chmod o-rwx` on the log; `umask` and logrotate's `create` decide about the next one.",
        _logs,
    ),
    Check(
        "file-syntax",
        Gravity.WARNING,
        "Asterisk ignores or can't read this part of the file.",
        "Correct the line.",
        _troubles,
    ),
    Check(
        "file-owner",
        Gravity.WARNING,
        "A user who is neither root nor Asterisk's can change what Asterisk does.",
        "`chown` the file to the owner of the configuration folder.",
        _owner,
    ),
    Check(
        "file-daemon-owner",
        Gravity.CRITICAL,
        "The daemon's secrets and its database belong to different users, so it can't use them all.",
        "`chown` them all to the daemon's user.",
        _daemon_owner,
    ),
    Check(
        "file-credential",
        Gravity.CRITICAL,
        "Whoever reads the keys, and gets hold of the database, has every number.",
        "Close the file to other users, and better let `systemd-creds encrypt` write it encrypted.",
        _credential,
    ),
    Check(
        "keys-beside-database",
        Gravity.WARNING,
        "Whoever copies this folder, a backup for one, has the numbers and the keys that open them.",
        "Keep the keys elsewhere, at best as a systemd credential.",
        _keys_beside_database,
    ),
    Check(
        "keys-environment",
        Gravity.NOTICE,
        "Child processes and whoever may read /proc/PID/environ have the keys.",
        "Use a systemd credential, `keys: credential:` of config.yaml.",
        _keys_in_environment,
    ),
)
