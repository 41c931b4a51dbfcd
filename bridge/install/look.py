"""Reads what is there: Asterisk's files, the daemon's, users and units. Nothing is changed.

All places lie below a root, `/` or a copy of a configuration tree.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from babel.core import get_global

from bridge.config import Config, load_config
from bridge.doctor.conf import Conf, is_generated, read_conf
from bridge.install.errors import CannotPlan
from bridge.install.found import Found, Owner, Places
from bridge.install.plan import DIALPLAN, TEMPLATES, place_of_include
from bridge.install.shipped import UNITS, shared_files

CONF_FILES: Final = ("extensions.conf", "pjsip.conf", "ari.conf", "http.conf")
DAEMON_USER: Final = "call-bridge"
_OF_PACKAGES: Final = ("usr/lib/systemd/system", "lib/systemd/system")
_PROGRAM: Final = Path("/opt/call-bridge/bin/call-bridge")


def look(root: Path, etc: Path, config_path: Path) -> Found:
    """`etc` and `config_path` are as within the root. Raises CannotPlan, ConfigError and OSError."""
    place_of_etc, place_of_config = _below(root, etc), _below(root, config_path)
    if not place_of_etc.is_dir():
        raise CannotPlan(
            f"There is no configuration of Asterisk at {place_of_etc}: name its folder with --asterisk-etc."
        )
    config = load_config(place_of_config) if place_of_config.exists() else None
    places = _places(root, place_of_etc, place_of_config, config)
    users = _users(root)
    is_there = root == Path("/")
    if is_there and DAEMON_USER not in users:
        raise CannotPlan(
            f"There is no user {DAEMON_USER} for the daemon. Make it, and run this again:\n"
            f"  useradd --system --home-dir {places.state} --shell /usr/sbin/nologin {DAEMON_USER}"
        )
    confs = _confs(places.etc, CONF_FILES if places.ami_secret is None else (*CONF_FILES, "manager.conf"))
    this = Owner(os.geteuid(), os.getegid())
    found = Found(
        places=places,
        confs=confs,
        generated=frozenset(path for conf in confs.values() for path in conf.files if is_generated(path)),
        files={},
        shipped=_shipped(),
        config=config,
        units_elsewhere=frozenset(
            path.name for folder in _OF_PACKAGES for path in (root / folder).glob("call-bridge*")
        ),
        program=_program() if is_there else _PROGRAM,
        asterisk=_asterisk(places.etc, users, this),
        daemon=users.get(DAEMON_USER, this),
        root=this,
    )
    return _with_files(found)


def _places(root: Path, etc: Path, config_path: Path, config: Config | None) -> Places:
    state = _below(root, Path("/var/lib/call-bridge"))
    keys: Path | None = _below(root, Path("/var/lib/call-bridge-keys/keys"))
    if config is not None:
        keys = _below(root, config.keys.file) if config.keys.file else None
    return Places(
        root=root,
        etc=etc,
        config=config_path,
        state=state,
        database=_below(root, config.store.path) if config else state / "call-bridge.db",
        ari_password=_below(root, config.asterisk.ari_password_file) if config else state / "ari-password",
        ami_secret=_ami_secret(root, config),
        keys=keys,
        units=_below(root, Path("/etc/systemd/system")),
    )


def _ami_secret(root: Path, config: Config | None) -> Path | None:
    ami = config.ami if config else None
    return _below(root, ami.secret_file) if ami and ami.enabled and ami.secret_file else None


def _below(root: Path, place: Path) -> Path:
    """The place within the root; one that is there already, as those of a relative path are, stays."""
    return place if place.is_relative_to(root) else root / place.relative_to(place.anchor)


def _confs(etc: Path, names: Iterable[str]) -> dict[str, Conf]:
    read = ((name, read_conf(etc / name, etc)) for name in names)
    return {name: conf for name, conf in read if conf is not None}


def _shipped() -> dict[str, bytes]:
    shared = shared_files()
    files = {f"dialplan/{name}": (shared / "dialplan" / name).read_bytes() for name in (DIALPLAN, *TEMPLATES)}
    files["config.yaml"] = (shared / "config.yaml").read_bytes()
    return files | {f"units/{path.name}": path.read_bytes() for path in sorted(UNITS.iterdir())}


def _program() -> Path:
    """The command beside the Python that runs this."""
    beside = Path(sys.prefix) / "bin" / _PROGRAM.name
    return beside if beside.exists() else _PROGRAM


def _users(root: Path) -> dict[str, Owner]:
    try:
        lines = (root / "etc/passwd").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    fields = (line.split(":") for line in lines)
    return {
        each[0]: Owner(int(each[2]), int(each[3])) for each in fields if len(each) > 4 and each[2].isdecimal()
    }


def _asterisk(etc: Path, users: dict[str, Owner], this: Owner) -> Owner:
    """The user whom Asterisk runs as: whom asterisk.conf names, or packages make; else the folder's group."""
    conf = read_conf(etc / "asterisk.conf", etc)
    setting = conf.last("options", "runuser") if conf else None
    folder = etc.stat()
    known = users.get(setting.value if setting else "asterisk")
    return known or Owner(this.user, folder.st_gid)


def _with_files(found: Found) -> Found:
    """The snapshot with each file that a plan may touch. Raises CannotPlan where one can't be replaced."""
    files: dict[Path, bytes | None] = {}
    for path in _touchable(found):
        if path.is_symlink():
            raise CannotPlan(
                f"{path} is a symbolic link, and init changes no file elsewhere: put the file itself there."
            )
        files[path] = path.read_bytes() if path.exists() else None
    return replace(found, files=files)


def _touchable(found: Found) -> Iterator[Path]:
    places = found.places
    yield places.config
    yield places.ari_password
    if places.keys is not None:
        yield places.keys
    if places.ami_secret is not None:
        yield places.ami_secret
        yield place_of_include(found, "manager.conf")
    for name in found.shipped:
        if name.startswith("units/"):
            yield places.units / Path(name).name
    for name in CONF_FILES:
        yield place_of_include(found, name)
    if places.ours.is_dir():
        yield from sorted(places.ours.iterdir())


def time_zone(root: Path) -> str | None:
    """As Debian writes it down, or as systemd does: /etc/localtime leads to it."""
    try:
        return (root / "etc/timezone").read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        pass
    try:
        target = str((root / "etc/localtime").readlink())
    except OSError:
        return None
    return target.partition("/zoneinfo/")[2] or None


def country_of(time_zone_name: str | None) -> str | None:
    """The country that the zone is in, where it is in one."""
    known = get_global("zone_territories").get(time_zone_name or "")
    return known if known and known.isalpha() and known not in {"ZZ", "001"} else None
