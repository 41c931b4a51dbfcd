"""A lab's files without its processes: what the doctor looks at, to be broken and looked at again."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from bridge.doctor.checks.modules import NEEDED
from bridge.doctor.gather import gather
from bridge.doctor.model import (
    AriFacts,
    DaemonState,
    Facts,
    FileState,
    LogChannel,
    Machine,
    OperatorState,
)
from bridge.rules.dialling import Role
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.key_checks import verify_keys
from bridge.store.managers import add_manager
from bridge.vault import KeyRing, Vault, write_key_file
from labkit import daemonfiles
from labkit.lab import Lab
from labkit.places import DIALPLAN

HEALTHY_MACHINE = Machine(
    core_limit=0,
    core_pattern="core",
    units={},
    free_bytes=10_000_000_000,
    read_at=datetime(2026, 7, 1, tzinfo=UTC),
)
HEALTHY_ARI = AriFacts(
    version="22.10.1",
    modules=frozenset(NEEDED),
    logs=(LogChannel("messages.log", frozenset({"warning", "error"})),),
    endpoints={},
    clock_ahead=0.0,
)


@dataclass
class Shop:
    """A shop's files, all below `folder`, and what its Asterisk, daemon and machine would answer."""

    folder: Path
    asterisk: AriFacts = HEALTHY_ARI
    ari_trouble: str | None = None
    daemon: DaemonState | None = DaemonState(sealed=False, link=True)  # noqa: RUF009 - it is frozen
    daemon_trouble: str | None = None
    machine: Machine = HEALTHY_MACHINE
    operator: OperatorState | None = None
    """What would come of a connection to the operator of text messages."""
    owners: dict[str, int] = field(default_factory=dict)
    """Users whom files, by path below `folder`, shall seem to belong to: only root could give them away."""
    elsewhere: dict[Path, FileState] = field(default_factory=dict)
    """Files outside of `folder` that shall seem to be there."""

    @property
    def etc(self) -> Path:
        return self.folder / "etc" / "asterisk"

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"

    def facts(self) -> Facts:
        facts = gather(self.etc, self.config_path, running=False)
        states = {**facts.files, **self.elsewhere}
        for path, owner in self.owners.items():
            states[self.folder / path] = replace(states[self.folder / path], owner=owner)
        return replace(
            facts,
            files=states,
            ari=None if self.ari_trouble else self.asterisk,
            ari_trouble=self.ari_trouble,
            daemon=self.daemon,
            daemon_trouble=self.daemon_trouble,
            machine=self.machine,
            operator=self.operator,
        )

    def copy(self, folder: Path) -> Shop:
        """The same shop elsewhere, its files pointing to each other there."""
        shutil.copytree(self.folder, folder)
        for path in (*folder.rglob("*.conf"), folder / "config.yaml"):
            rewrite(path, lambda text: text.replace(str(self.folder), str(folder)))
        return replace(self, folder=folder, owners={}, elsewhere={})


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Change a file's text and nothing else of it; a change that changes nothing is a mistake of the test."""
    path.write_text(change(path.read_text()))


def substitute(path: Path, pattern: str, replacement: str) -> None:
    """Replace the pattern's first match. Raises AssertionError where there is none."""
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1, f"{path.name} has nothing like {pattern}"
    path.write_text(text)


def make_shop(folder: Path) -> Shop:
    """A lab's files, with copies of the shipped ones that may be broken."""
    lab = Lab.create(folder)
    shutil.copytree(DIALPLAN, folder / "dialplan")
    for path in lab.asterisk.etc.glob("*.conf"):
        rewrite(path, lambda text: text.replace(str(DIALPLAN), str(folder / "dialplan")))
    daemonfiles.write(lab.record, lab.record.var / "call-bridge.sock")
    asyncio.run(_make_database(lab))
    shutil.rmtree(lab.record.run_folder)
    return Shop(folder)


async def _make_database(lab: Lab) -> None:
    ring = KeyRing.new()
    write_key_file(lab.record.secrets / "keys", ring)
    async with await Database.open(lab.database_path, migrate=True) as database:
        await verify_keys(database, Vault(ring).key_check())
        database.sign_audit_with(Vault(ring).audit_signer)
        for extension, manager in lab.managers.items():
            await add_manager(database, manager.name, extension, Role.MANAGER, actor="cli:alice")
        await record_backup(database, HEALTHY_MACHINE.read_at)


async def record_backup(database: Database, at: datetime) -> None:
    async with database.write() as connection:
        entry = AuditEntry(round(at.timestamp() * 1000), "cli:alice", "backup", "copy.db")
        await write_entry(connection, entry)
