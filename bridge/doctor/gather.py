"""Collects the facts: files, the database, the keys, Asterisk and the daemon as they run, the machine.

Nothing is changed. What can't be had is a fact too, with its reason.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bridge.api.client import ApiClient
from bridge.api.errors import ApiProblem, ApiUnavailable
from bridge.asterisk.ari import AriClient, AriError
from bridge.config import Config, ConfigError, ConfigProblem, load_config
from bridge.doctor.conf import Conf, read_conf
from bridge.doctor.model import (
    AriFacts,
    DaemonState,
    Facts,
    FileState,
    LogChannel,
    Machine,
    OperatorState,
)
from bridge.doctor.operator import ask_operator
from bridge.doctor.pjsip import endpoints_of_interest
from bridge.doctor.places import (
    CONF_FILES,
    CREDENTIAL_STORE,
    OTHER_DIALPLANS,
    directory,
    log_files,
    recordings,
)
from bridge.doctor.records import read_records
from bridge.store.database import Database
from bridge.store.errors import DatabaseUnusable
from bridge.store.key_checks import known_checks
from bridge.store.managers import list_managers
from bridge.vault import KeyFile, KeyRing, KeyUnusable, Vault, VaultError, read_key_ring

_UNIT_FOLDERS: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_UNITS: Final = ("asterisk.service", "call-bridge.service")
# Where distributions put them, for an asterisk.conf that leaves it to what was compiled in.
_MODULES: Final = ("usr/lib/asterisk/modules/*.so", "usr/lib/*/asterisk/modules/*.so")
_APPLICATION: Final = "call-bridge-doctor"  # of the ARI client's; nothing is registered under it


def gather(etc: Path, config_path: Path, *, running: bool) -> Facts:
    """All facts. With `running` Asterisk and the daemon are asked as well; else only files are read."""
    confs, unreadable = _confs(etc)
    config, problems, lines = _config(config_path)
    managers, database_trouble, known = None, None, dict[str, bytes]()
    password = _ari_password(config)
    if config is not None:
        managers, database_trouble, known = asyncio.run(_database(config.store.path))
    ring, keys_trouble = _key_ring(config)
    keys_wrong = _wrong_keys(ring, known)
    records = None
    if config is not None and database_trouble is None:
        records = asyncio.run(read_records(config.store.path, None if keys_wrong else ring))
    ari: AriFacts | None = None
    daemon: DaemonState | None = None
    operator: OperatorState | None = None
    ari_trouble = daemon_trouble = None
    if running and config is not None:
        wanted = endpoints_of_interest(confs.get("pjsip.conf"), config, managers)
        ari, ari_trouble = asyncio.run(_ask_asterisk(config, password, wanted))
        daemon, daemon_trouble = asyncio.run(_ask_daemon(config.api.socket))
        if config.texts.enabled and config.texts.url is not None:
            operator = asyncio.run(ask_operator(config.texts.url, config.texts.private_networks))
    return Facts(
        etc=etc,
        confs=confs,
        unreadable=unreadable,
        files=_file_states(_files(etc, confs, config, config_path)),
        installed=_installed(confs.get("asterisk.conf")),
        config_path=config_path,
        config=config,
        config_lines=lines,
        config_problems=problems,
        managers=managers,
        database_trouble=database_trouble,
        keys_trouble=keys_trouble,
        keys_wrong=keys_wrong,
        records=records,
        ari_password=password,
        ari=ari,
        ari_trouble=ari_trouble,
        daemon=daemon,
        daemon_trouble=daemon_trouble,
        machine=_machine(confs.get("asterisk.conf"), config),
        texts_token_trouble=_texts_token_trouble(config),
        operator=operator,
    )


# --- Files --------------------------------------------------------------------------------------------


def _confs(etc: Path) -> tuple[dict[str, Conf], dict[Path, str]]:
    confs: dict[str, Conf] = {}
    unreadable: dict[Path, str] = {}
    for name in CONF_FILES:
        try:
            conf = read_conf(etc / name, etc)
        except OSError as error:
            unreadable[etc / name] = error.strerror or type(error).__name__
            continue
        if conf is not None:
            confs[name] = conf
    return confs, unreadable


def _config(path: Path) -> tuple[Config | None, tuple[ConfigProblem, ...], tuple[str, ...]]:
    try:
        lines = tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        lines = ()
    try:
        return load_config(path), (), lines
    except ConfigError as error:
        return None, tuple(error.problems), lines


def _files(etc: Path, confs: Mapping[str, Conf], config: Config | None, config_path: Path) -> Iterator[Path]:
    yield from (etc, config_path)
    for conf in confs.values():
        yield from conf.files
    yield from (etc / name for name in OTHER_DIALPLANS)
    for path in log_files(confs.get("asterisk.conf"), confs.get("logger.conf")):
        yield from (path, path.parent)
    yield recordings(confs.get("asterisk.conf"))
    if config is not None:
        yield from (config.asterisk.ari_password_file, config.store.path, config.store.path.parent)
        yield config.api.socket
        if config.keys.file is not None:
            yield config.keys.file
        if config.keys.credential is not None:
            yield CREDENTIAL_STORE / config.keys.credential
        if config.texts.token_file is not None:
            yield config.texts.token_file
        if config.texts.token_credential is not None:
            yield CREDENTIAL_STORE / config.texts.token_credential


def _file_states(paths: Iterable[Path]) -> dict[Path, FileState]:
    states = {}
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            continue
        states[path] = FileState(stat.S_IMODE(state.st_mode), state.st_uid)
    return states


def _installed(asterisk_conf: Conf | None) -> frozenset[str]:
    setting = asterisk_conf.last("directories", "astmoddir") if asterisk_conf else None
    patterns = [f"{setting.value}/*.so"] if setting else _MODULES
    return frozenset(path.stem for pattern in patterns for path in Path("/").glob(pattern.lstrip("/")))


def _ari_password(config: Config | None) -> str | None:
    if config is None:
        return None
    try:
        return config.asterisk.ari_password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _texts_token_trouble(config: Config | None) -> str | None:
    """Why the operator's token is none; a credential exists in the daemon's process alone."""
    if config is None or not config.texts.enabled or config.texts.token_file is None:
        return None
    try:
        token = config.texts.token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        return f"can't be read ({type(error).__name__})"
    return None if token else "is empty"


# --- The database and the keys ------------------------------------------------------------------------


async def _database(path: Path) -> tuple[tuple[str, ...] | None, str | None, dict[str, bytes]]:
    """The managers' extensions, or why they can't be had; and the check values of the keys."""
    try:
        async with await Database.open(path) as db:
            managers = tuple(each.extension for each in await list_managers(db) if not each.disabled)
            return managers, None, await known_checks(db)
    except DatabaseUnusable as error:
        return None, str(error), {}


def _key_ring(config: Config | None) -> tuple[KeyRing | None, str | None]:
    """The ring of a key file, or why it can't be used.

    A credential and a variable exist in the daemon's process alone: only the daemon can tell of those.
    """
    if config is None or config.keys.file is None:
        return None, None
    try:
        return _read_ring(config.keys.file), None
    except VaultError as error:
        return None, str(error)


def _wrong_keys(ring: KeyRing | None, known: Mapping[str, bytes]) -> tuple[str, ...]:
    """The keys of the database that the ring lacks, or has otherwise."""
    if ring is None:
        return ()
    checks = Vault(ring).key_check()
    return tuple(name for name, value in known.items() if checks.get(name) != value)


def _read_ring(path: Path) -> KeyRing:
    """As the daemon reads it. Root, who asks for the daemon's user, may meet a file that isn't root's."""
    try:
        return read_key_ring(KeyFile(path))
    except KeyUnusable:
        state = path.stat()
        if os.geteuid() == 0 and state.st_uid != 0 and not state.st_mode & 0o077:
            return KeyRing.load(path.read_text(encoding="ascii", errors="replace"))
        raise


# --- What runs ----------------------------------------------------------------------------------------


async def _ask_asterisk(
    config: Config, password: str | None, endpoints: Iterable[str]
) -> tuple[AriFacts | None, str | None]:
    if not password:
        return None, "the password in asterisk.ari_password_file can't be read"
    try:
        async with AriClient(
            config.asterisk.ari_url, config.asterisk.ari_user, password, app=_APPLICATION
        ) as client:
            return await _ari_facts(client, endpoints), None
    except AriError as error:
        return None, f"{error}"


async def _ari_facts(client: AriClient, endpoints: Iterable[str]) -> AriFacts:
    info = await client.asterisk.info()
    theirs = await client.asterisk.ping()
    ahead = (theirs - datetime.now(UTC)).total_seconds()
    return AriFacts(
        version=info.version,
        modules=await client.query("asterisk.modules", "GET", "asterisk", "modules", read=_running_modules),
        logs=await client.query("asterisk.logging", "GET", "asterisk", "logging", read=_log_channels),
        endpoints={name: await _live_endpoint(client, name) for name in endpoints},
        clock_ahead=ahead,
    )


async def _live_endpoint(client: AriClient, name: str) -> Mapping[str, str]:
    """What pjsip has the endpoint set to; nothing where it has none, or this user may not ask."""
    path = ("asterisk", "config", "dynamic", "res_pjsip", "endpoint", name)
    try:
        return await client.query("asterisk.config", "GET", *path, read=_attributes)
    except AriError:
        return {}


def _running_modules(answer: Any) -> frozenset[str]:
    return frozenset(
        str(module["name"]).removesuffix(".so") for module in answer if module["status"] == "Running"
    )


def _log_channels(answer: Any) -> tuple[LogChannel, ...]:
    return tuple(
        LogChannel(Path(str(each["channel"])).name, frozenset(str(each["configuration"]).lower().split()))
        for each in answer
        if each["status"] == "Enabled"
    )


def _attributes(answer: Any) -> dict[str, str]:
    return {str(each["attribute"]): str(each["value"]) for each in answer}


async def _ask_daemon(socket: Path) -> tuple[DaemonState | None, str | None]:
    try:
        async with ApiClient(socket) as api:
            now = await api.status()
    except ApiUnavailable as error:
        return None, str(error)
    except ApiProblem:
        return None, f"{socket}: an older daemon answers here; restart it after an update."
    return DaemonState(now.sealed, now.link, config_changed=now.config.changed_on_disk), None


# --- The machine --------------------------------------------------------------------------------------


def _machine(asterisk_conf: Conf | None, config: Config | None) -> Machine:
    return Machine(
        core_limit=_core_limit(asterisk_conf),
        core_pattern=_text(Path("/proc/sys/kernel/core_pattern")).strip(),
        units=_units(),
        free_bytes=_free_bytes(config),
        read_at=datetime.now(UTC),
        asterisk_user=_asterisk_user(asterisk_conf),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _core_limit(asterisk_conf: Conf | None) -> int | None:
    """Of the running Asterisk (proc_pid_limits(5))."""
    process = _process(asterisk_conf)
    if process is None:
        return None
    for line in _text(process / "limits").splitlines():
        if line.startswith("Max core file size"):
            soft = line.removeprefix("Max core file size").split()[0]
            return -1 if soft == "unlimited" else int(soft)
    return None


def _process(asterisk_conf: Conf | None) -> Path | None:
    """That whose id Asterisk left in its run folder."""
    pid = _text(directory(asterisk_conf, "astrundir", "/var/run/asterisk") / "asterisk.pid").strip()
    return Path("/proc") / pid if pid.isdigit() else None


def _asterisk_user(asterisk_conf: Conf | None) -> int | None:
    process = _process(asterisk_conf)
    try:
        return None if process is None else process.stat().st_uid
    except OSError:
        return None


def _units() -> dict[Path, dict[str, str]]:
    """Each unit where systemd would find it first, with its settings and those of its drop-ins."""
    units = {}
    for name in _UNITS:
        for folder in map(Path, _UNIT_FOLDERS):
            if (folder / name).is_file():
                units[folder / name] = _unit_settings(name, folder / name)
                break
    return units


def _unit_settings(name: str, unit: Path) -> dict[str, str]:
    """The last of each, in systemd's order: the unit, then its drop-ins by file name (systemd.unit(5))."""
    drop_ins = {
        path.name: path
        for folder in reversed(_UNIT_FOLDERS)
        for path in Path(folder, f"{name}.d").glob("*.conf")
    }
    settings = {}
    for path in (unit, *(drop_ins[key] for key in sorted(drop_ins))):
        for line in _text(path).splitlines():
            setting, equals, value = line.partition("=")
            if equals and not line.startswith(("#", ";")):
                settings[setting.strip()] = value.strip()
    return settings


def _free_bytes(config: Config | None) -> int | None:
    if config is None:
        return None
    try:
        return shutil.disk_usage(config.store.path.parent).free
    except OSError:
        return None
