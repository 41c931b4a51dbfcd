"""Accounts: who may sign in to the desk, with what, and the one-time links by which they come to it.

A login is the extension: one word less to know, and unique by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import ManagerDisabled, UnknownManager
from bridge.store.managers import MANAGER_COLUMNS, Manager, as_manager
from bridge.store.schema import accounts, invitations, managers
from bridge.store.sessions import end_sessions, hash_of, new_token

INVITATION_MS: Final = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Account:
    """`password_hash` is None until a link was used; `totp_since_ms` until a code of the app was given."""

    manager: Manager
    login: str
    password_hash: str | None
    totp_sealed: bytes | None
    totp_since_ms: int | None

    @property
    def second_factor(self) -> bool:
        return self.totp_since_ms is not None


@dataclass(frozen=True, slots=True)
class Invited:
    """A fresh one-time link: its token in the clear, this once, and when it ends."""

    token: str
    ends_ms: int


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    account: Account
    ends_ms: int


_COLUMNS: Final = (
    *MANAGER_COLUMNS,
    accounts.c.login,
    accounts.c.password_hash,
    accounts.c.totp_sealed,
    accounts.c.totp_since_ms,
)
_BY_LOGIN: Final = (
    select(*_COLUMNS).join_from(accounts, managers).where(accounts.c.login == bindparam("login"))
)
_BY_MANAGER: Final = (
    select(*_COLUMNS).join_from(accounts, managers).where(accounts.c.manager_id == bindparam("manager_id"))
)
_BY_INVITATION: Final = (
    select(*_COLUMNS, invitations.c.ends_ms)
    .join_from(invitations, accounts, accounts.c.manager_id == invitations.c.manager_id)
    .join(managers, managers.c.id == accounts.c.manager_id)
    .where(
        invitations.c.token_hash == bindparam("token_hash"),
        invitations.c.ends_ms > bindparam("now_ms"),
        managers.c.disabled_ms.is_(None),
    )
)
_BY_EXTENSION: Final = select(*MANAGER_COLUMNS).where(managers.c.extension == bindparam("extension"))
_OPEN_ACCOUNT: Final = upsert(accounts).on_conflict_do_update(
    index_elements=[accounts.c.manager_id],
    set_={"password_hash": None, "totp_sealed": None, "totp_since_ms": None},
)
_INVITE: Final = insert(invitations)
_FORGET_INVITATIONS: Final = delete(invitations).where(invitations.c.manager_id == bindparam("of_manager"))
_SET_PASSWORD: Final = (
    update(accounts)
    .where(accounts.c.manager_id == bindparam("of_manager"))
    .values(password_hash=bindparam("new_hash"))
)
_ENROL: Final = (
    update(accounts)
    .where(accounts.c.manager_id == bindparam("of_manager"))
    .values(totp_sealed=bindparam("sealed"), totp_since_ms=None, totp_last_step=0)
)
_CONFIRM: Final = (
    update(accounts)
    .where(accounts.c.manager_id == bindparam("of_manager"), accounts.c.totp_since_ms.is_(None))
    .values(totp_since_ms=bindparam("at_ms"))
)
_TAKE_STEP: Final = (
    update(accounts)
    .where(accounts.c.manager_id == bindparam("of_manager"), accounts.c.totp_last_step < bindparam("step"))
    .values(totp_last_step=bindparam("step"))
)
_SET_LANGUAGE: Final = (
    update(managers).where(managers.c.id == bindparam("of_manager")).values(language=bindparam("spoken"))
)


async def account_by_login(db: Database, login: str) -> Account | None:
    async with db.read() as connection:
        row = (await connection.execute(_BY_LOGIN, {"login": login})).one_or_none()
    return None if row is None else _as_account(row)


async def account_of(db: Database, manager_id: int) -> Account:
    """The account of somebody who has a session, and so has one."""
    async with db.read() as connection:
        return _as_account((await connection.execute(_BY_MANAGER, {"manager_id": manager_id})).one())


# --- one-time links ---


async def invite(db: Database, extension: str, *, actor: str, now_ms: int) -> Invited:
    """A link to set a password with, on record. Raises UnknownManager, ManagerDisabled.

    Whatever they signed in with before is void from now on: password, second factor, sessions, older links.
    """
    async with db.write() as connection:
        row = (await connection.execute(_BY_EXTENSION, {"extension": extension})).one_or_none()
        if row is None:
            raise UnknownManager(extension)
        manager = as_manager(row)
        if manager.disabled:
            raise ManagerDisabled(extension)
        return await _invite(connection, manager, actor, now_ms)


async def _invite(connection: AsyncConnection, manager: Manager, actor: str, now_ms: int) -> Invited:
    await connection.execute(
        _OPEN_ACCOUNT, {"manager_id": manager.id, "login": manager.extension, "created_ms": now_ms}
    )
    await connection.execute(_FORGET_INVITATIONS, {"of_manager": manager.id})
    invited = Invited(new_token(), now_ms + INVITATION_MS)
    await connection.execute(
        _INVITE,
        {
            "token_hash": hash_of(invited.token),
            "manager_id": manager.id,
            "created_ms": now_ms,
            "ends_ms": invited.ends_ms,
        },
    )
    ended = await end_sessions(connection, manager.id)
    detail = f"sessions ended: {ended}"
    await write_entry(connection, AuditEntry(now_ms, actor, "invite", manager.extension, detail))
    return invited


async def open_invitation(db: Database, token: str, now_ms: int) -> OpenInvitation | None:
    """Whom a link is for; None where it was used, has ended, or never was."""
    async with db.read() as connection:
        return await _find_invitation(connection, token, now_ms)


async def accept_invitation(
    db: Database, token: str, password_hash: str, *, actor: str, now_ms: int
) -> Account | None:
    """Use the link up and set the password, on record; None where somebody was faster, or it has ended."""
    async with db.write() as connection:
        found = await _find_invitation(connection, token, now_ms)
        if found is None:
            return None
        manager = found.account.manager
        await connection.execute(_FORGET_INVITATIONS, {"of_manager": manager.id})
        await connection.execute(_SET_PASSWORD, {"of_manager": manager.id, "new_hash": password_hash})
        await write_entry(connection, AuditEntry(now_ms, actor, "invitation-used", manager.extension))
    return found.account


async def _find_invitation(connection: AsyncConnection, token: str, now_ms: int) -> OpenInvitation | None:
    asked = {"token_hash": hash_of(token), "now_ms": now_ms}
    row = (await connection.execute(_BY_INVITATION, asked)).one_or_none()
    return None if row is None else OpenInvitation(_as_account(row), row.ends_ms)


# --- passwords, codes, languages ---


async def change_password(
    db: Database, manager_id: int, password_hash: str, *, but_session: str, actor: str, now_ms: int
) -> None:
    """Set the password and end all sessions but this one, on record."""
    async with db.write() as connection:
        await connection.execute(_SET_PASSWORD, {"of_manager": manager_id, "new_hash": password_hash})
        ended = await end_sessions(connection, manager_id, but=but_session)
        await write_entry(
            connection, AuditEntry(now_ms, actor, "password", "own", f"other sessions ended: {ended}")
        )


async def rehash_password(db: Database, manager_id: int, password_hash: str) -> None:
    """Store the same password under the hash parameters of today."""
    async with db.write() as connection:
        await connection.execute(_SET_PASSWORD, {"of_manager": manager_id, "new_hash": password_hash})


async def begin_enrolment(db: Database, manager_id: int, sealed: bytes, *, actor: str, now_ms: int) -> None:
    """Keep a new second factor's secret, which counts once a code of it was given."""
    async with db.write() as connection:
        await connection.execute(_ENROL, {"of_manager": manager_id, "sealed": sealed})
        await write_entry(connection, AuditEntry(now_ms, actor, "second-factor-new", "own"))


async def confirm_enrolment(
    db: Database, manager_id: int, *, but_session: str, actor: str, now_ms: int
) -> None:
    """From now on signing in takes a code, on record. All sessions but this one began without, and end."""
    async with db.write() as connection:
        await connection.execute(_CONFIRM, {"of_manager": manager_id, "at_ms": now_ms})
        ended = await end_sessions(connection, manager_id, but=but_session)
        detail = f"other sessions ended: {ended}"
        await write_entry(connection, AuditEntry(now_ms, actor, "second-factor-confirmed", "own", detail))


async def take_step(db: Database, manager_id: int, step: int) -> bool:
    """Use up the codes up to this time step; False where that has been done already (RFC 6238, 5.2)."""
    async with db.write() as connection:
        taken = await connection.execute(_TAKE_STEP, {"of_manager": manager_id, "step": step})
    return taken.rowcount == 1


async def set_language(db: Database, manager_id: int, language: str) -> None:
    async with db.write() as connection:
        await connection.execute(_SET_LANGUAGE, {"of_manager": manager_id, "spoken": language})


def _as_account(row: Sequence[Any]) -> Account:
    return Account(as_manager(row[:6]), *row[6:10])
