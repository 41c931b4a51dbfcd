"""Sessions: somebody has signed in, at a browser, and has not been away for too long."""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.lanes import Runs
from bridge.store.managers import MANAGER_COLUMNS, Manager, as_manager
from bridge.store.schema import accounts, managers, sessions

_TOKEN_LENGTH: Final = 45
"""Letters of 5.7 bits: 256 bits, and nothing that looks like a phone number to whoever searches for one."""

_ID_LENGTH: Final = 16
_SEEN_AT_MOST_EVERY_MS: Final = 60_000

_MOST_OF_ONE: Final = 20
"""Sessions of one person; beyond, the one that was seen the longest ago ends."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lasts after it was last seen, and in all."""

    idle_ms: int
    longest_ms: int


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    manager_id: int
    complete: bool
    address: str
    agent: str
    created_ms: int
    seen_ms: int

    def is_open(self, lifetime: Lifetime, now_ms: int) -> bool:
        return now_ms - self.seen_ms < lifetime.idle_ms and now_ms - self.created_ms < lifetime.longest_ms


@dataclass(frozen=True, slots=True)
class SessionOwner:
    """A session, whose it is, and whether they have a second factor."""

    session: Session
    manager: Manager
    second_factor: bool


@dataclass(frozen=True, slots=True)
class Browser:
    """Where somebody signs in from, as the desk sees it."""

    address: str
    agent: str


_SESSION: Final = (
    sessions.c.id,
    sessions.c.manager_id,
    sessions.c.complete,
    sessions.c.address,
    sessions.c.agent,
    sessions.c.created_ms,
    sessions.c.seen_ms,
)
_BY_TOKEN: Final = (
    select(*_SESSION, *MANAGER_COLUMNS, accounts.c.totp_since_ms)
    .join_from(sessions, managers, managers.c.id == sessions.c.manager_id)
    .join(accounts, accounts.c.manager_id == sessions.c.manager_id)
    .where(sessions.c.token_hash == bindparam("token_hash"))
)
_OF_MANAGER: Final = (
    select(*_SESSION)
    .where(sessions.c.manager_id == bindparam("manager_id"), sessions.c.complete == 1)
    .order_by(sessions.c.seen_ms.desc())
)
_INSERT: Final = insert(sessions)
_TOUCH: Final = (
    update(sessions).where(sessions.c.id == bindparam("session_id")).values(seen_ms=bindparam("now_ms"))
)
_COMPLETE: Final = (
    update(sessions)
    .where(sessions.c.id == bindparam("session_id"), sessions.c.complete == 0)
    .values(complete=1, token_hash=bindparam("new_hash"), seen_ms=bindparam("now_ms"))
)
_END_ONE: Final = delete(sessions).where(
    sessions.c.id == bindparam("session_id"), sessions.c.manager_id == bindparam("of_manager")
)
_END_ALL: Final = delete(sessions).where(
    sessions.c.manager_id == bindparam("of_manager"), sessions.c.id != bindparam("but")
)
_END_OLD: Final = delete(sessions).where(
    or_(sessions.c.seen_ms <= bindparam("seen_before"), sessions.c.created_ms <= bindparam("created_before"))
)
_END_BEYOND: Final = delete(sessions).where(
    sessions.c.id.in_(
        select(sessions.c.id)
        .where(sessions.c.manager_id == bindparam("of_manager"))
        .order_by(sessions.c.seen_ms.desc())
        .offset(_MOST_OF_ONE)
    )
)


def new_token() -> str:
    return "".join(secrets.choice(string.ascii_letters) for _ in range(_TOKEN_LENGTH))


def hash_of(token: str) -> bytes:
    """As tokens are kept. They have 256 bits of their own, so a plain SHA-256 can't be searched."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


async def begin_session(
    db: Database,
    manager: Manager,
    browser: Browser,
    lifetime: Lifetime,
    *,
    complete: bool,
    entry: AuditEntry,
) -> str:
    """Begin a session, with the audit's entry of it, and return its token. Sessions that are over go.

    `complete`: no second factor is still to come.
    """
    token, now_ms = new_token(), entry.at_ms
    begun = Session(_new_id(), manager.id, complete, browser.address, browser.agent, now_ms, now_ms)
    async with db.write() as connection:
        await connection.execute(
            _END_OLD,
            {"seen_before": now_ms - lifetime.idle_ms, "created_before": now_ms - lifetime.longest_ms},
        )
        await connection.execute(
            _INSERT, asdict(begun) | {"complete": int(complete), "token_hash": hash_of(token)}
        )
        await connection.execute(_END_BEYOND, {"of_manager": manager.id})
        await write_entry(connection, entry)
    return token


async def session_of(db: Database, token: str) -> SessionOwner | None:
    """Whose session a token is of, ended or not."""
    return await db.snapshot_in_one_trip(_owner_of, hash_of(token))


def _owner_of(session: Runs, token_hash: bytes) -> SessionOwner | None:
    row = session.execute(_BY_TOKEN, {"token_hash": token_hash}).fetchone()
    if row is None:
        return None
    return SessionOwner(_as_session(row[:7]), as_manager(row[7:13]), second_factor=row[13] is not None)


async def mark_seen(db: Database, session: Session, now_ms: int) -> None:
    """Note that the session is in use: once a minute, for a commit takes longer than what was asked for."""
    if now_ms - session.seen_ms >= _SEEN_AT_MOST_EVERY_MS:
        async with db.write() as connection:
            await connection.execute(_TOUCH, {"session_id": session.id, "now_ms": now_ms})


async def complete_session(db: Database, session_id: str, entry: AuditEntry) -> str | None:
    """Let the session count, now that the second factor was given, by a new token; on record.

    None where it was completed, or ended, meanwhile.
    """
    token = new_token()
    async with db.write() as connection:
        done = await connection.execute(
            _COMPLETE, {"session_id": session_id, "new_hash": hash_of(token), "now_ms": entry.at_ms}
        )
        if done.rowcount == 0:
            return None
        await write_entry(connection, entry)
    return token


async def open_sessions(db: Database, manager_id: int, lifetime: Lifetime, now_ms: int) -> list[Session]:
    """The sessions of one person that are open, the latest seen first."""
    async with db.read() as connection:
        rows = await connection.execute(_OF_MANAGER, {"manager_id": manager_id})
        found = [_as_session(row) for row in rows]
    return [session for session in found if session.is_open(lifetime, now_ms)]


async def end_session(db: Database, session_id: str, manager_id: int, entry: AuditEntry) -> bool:
    """End one of this person's sessions, on record; False where there is none of this id."""
    async with db.write() as connection:
        ended = await connection.execute(_END_ONE, {"session_id": session_id, "of_manager": manager_id})
        if ended.rowcount == 0:
            return False
        await write_entry(connection, entry)
    return True


async def end_sessions(connection: AsyncConnection, manager_id: int, *, but: str = "") -> int:
    """End all sessions of one person, but for one, in the caller's transaction; returns how many."""
    return (await connection.execute(_END_ALL, {"of_manager": manager_id, "but": but})).rowcount


def _new_id() -> str:
    return "".join(secrets.choice(string.ascii_letters) for _ in range(_ID_LENGTH))


def _as_session(row: Sequence[Any]) -> Session:
    id_, manager_id, complete, *rest = row
    return Session(id_, manager_id, complete == 1, *rest)
