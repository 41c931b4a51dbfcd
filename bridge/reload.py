"""A changed configuration comes to a running daemon: the whole of it, or nothing.

What a daemon has opened or announced at its start (the database, its socket, the redirect server, the line to
Asterisk) stays as it is until the next start. A file that changes any of these is not taken in, not even in
its other parts: otherwise the daemon would go by a configuration that was never in any file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.config import Config, ConfigError, Keys, changed_keys, load_config
from bridge.store.database import now_ms
from bridge.vault import Vault, VaultError

log = structlog.get_logger()

CHANGES_WHILE_RUNNING: Final = frozenset(
    {"shop", "keys", "webhooks", "shops", "calls", "rules", "desk", "log"}
)
"""The sections that a reload takes over. All others are for the next start,"""

KEYS_THAT_CHANGE_WHILE_RUNNING: Final = frozenset(
    {("agi", "peers"), ("callbacks", "hours"), ("callbacks", "holidays"), ("callbacks", "open_days")}
)
"""but for these of their keys, and what is below them."""


@dataclass(frozen=True, slots=True)
class Reload:
    """What became of the last one. `problems`: the faults that were found, each with its line.

    `restart_for`: keys, dotted, that have changed and change at a restart alone. It is loaded where both are
    empty. `at_ms` is milliseconds since the epoch, UTC.
    """

    at_ms: int
    problems: tuple[str, ...] = ()
    restart_for: tuple[str, ...] = ()

    @property
    def loaded(self) -> bool:
        return not self.problems and not self.restart_for


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What tells one state of a file from another without reading it."""

    changed_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> _Stamp | None:
        try:
            state = path.stat()
        except OSError:
            return None
        return cls(state.st_mtime_ns, state.st_size, state.st_ino)


class RunningConfig:
    """The configuration in use, and the file that it came from."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises ConfigError."""
        self.path = path.absolute()
        self.last_reload: Reload | None = None
        self._stamp = _Stamp.of(path)
        self.config = load_config(path)
        self.loaded_ms = now_ms()

    @property
    def changed_on_disk(self) -> bool:
        """Whether the file is another than the one in use."""
        return _Stamp.of(self.path) != self._stamp

    async def reload(
        self,
        unlock: Callable[[Keys], Awaitable[Vault]],
        take_over: Callable[[Config, Vault], None],
    ) -> Reload:
        """Read the file and the keys again. `take_over` is called if all of it can be used, and may not fail.

        `unlock` raises VaultError for keys that can't be used.
        """
        stamp = _Stamp.of(self.path)
        self.last_reload = await self._reload(stamp, unlock, take_over)
        _tell(self.last_reload, self.path)
        return self.last_reload

    async def _reload(
        self,
        stamp: _Stamp | None,
        unlock: Callable[[Keys], Awaitable[Vault]],
        take_over: Callable[[Config, Vault], None],
    ) -> Reload:
        try:
            # In a thread: the loop would stand still for as long as YAML takes.
            config = await asyncio.to_thread(load_config, self.path)
        except ConfigError as error:
            return Reload(now_ms(), problems=tuple(map(str, error.problems)))
        restart_for = tuple(
            ".".join(key) for key in changed_keys(self.config, config) if not _changes_while_running(key)
        )
        if restart_for:
            return Reload(now_ms(), restart_for=restart_for)
        try:
            vault = await unlock(config.keys)
        except VaultError as error:
            return Reload(now_ms(), problems=(f"{self.path.name}: keys: {error}",))
        except SQLAlchemyError as error:
            fault = f"the database does not say whether they are its own ({type(error).__name__})"
            return Reload(now_ms(), problems=(f"{self.path.name}: keys: {fault}",))
        take_over(config, vault)
        self.config, self._stamp, self.loaded_ms = config, stamp, now_ms()
        return Reload(self.loaded_ms)


def _changes_while_running(key: tuple[str, ...]) -> bool:
    if key[0] in CHANGES_WHILE_RUNNING:
        return True
    return any(key[:length] in KEYS_THAT_CHANGE_WHILE_RUNNING for length in range(1, len(key) + 1))


def _tell(reload: Reload, path: Path) -> None:
    for problem in reload.problems:
        log.error("the configuration is not loaded, the old one stays in use", reason=problem)
    if reload.restart_for:
        log.error(
            "the configuration is not loaded: it changes what only a restart can change",
            keys=", ".join(reload.restart_for),
        )
    if reload.loaded:
        log.info("the configuration is loaded", path=str(path))
