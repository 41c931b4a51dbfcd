"""Tokens of programs that use the API for integrators: each has a name, scopes and an end."""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from bridge.rules.scopes import Scope
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import StoreRefused, TokenNameTaken, UnknownToken
from bridge.store.schema import api_tokens
from bridge.store.sessions import hash_of, new_token

_NAME: Final = re.compile(r"[a-z][a-z-]{0,31}")
"""Without digits: it is on record and in logs, and no number may come there by way of a name."""

_PREFIX: Final = "callbridge-"
"""By which scanners for secrets that have leaked find it."""

_SEEN_AT_MOST_EVERY_MS: Final = 60_000


class InvalidTokenName(StoreRefused):
    def __init__(self) -> None:
        super().__init__("a token's name is 1 to 32 small letters and hyphens, such as shop-crm")


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token without its secret. Times are milliseconds since the epoch, UTC."""

    id: int
    name: str
    scopes: frozenset[Scope]
    created_ms: int
    ends_ms: int
    revoked_ms: int | None
    seen_ms: int | None

    @property
    def actor(self) -> str:
        """As the audit names it."""
        return f"api:{self.name}"

    def is_good(self, now_ms: int) -> bool:
        return self.revoked_ms is None and now_ms < self.ends_ms


_COLUMNS: Final = (
    api_tokens.c.id,
    api_tokens.c.name,
    api_tokens.c.scopes,
    api_tokens.c.created_ms,
    api_tokens.c.ends_ms,
    api_tokens.c.revoked_ms,
    api_tokens.c.seen_ms,
)
_INSERT: Final = insert(api_tokens).returning(*_COLUMNS)
_LIST: Final = select(*_COLUMNS).order_by(api_tokens.c.name, api_tokens.c.id)
_BY_HASH: Final = select(*_COLUMNS, api_tokens.c.token_hash).where(
    api_tokens.c.token_hash == bindparam("token_hash")
)
_REVOKE: Final = (
    update(api_tokens)
    .where(api_tokens.c.name == bindparam("of_name"), api_tokens.c.revoked_ms.is_(None))
    .values(revoked_ms=bindparam("now_ms"))
)
_TOUCH: Final = (
    update(api_tokens).where(api_tokens.c.id == bindparam("token_id")).values(seen_ms=bindparam("now_ms"))
)


async def add_token(
    db: Database, name: str, scopes: Collection[Scope], *, ends_ms: int, actor: str, now_ms: int
) -> tuple[ApiToken, str]:
    """A new token, on record, and its text: that is told this once, and kept nowhere.

    Raises InvalidTokenName, TokenNameTaken.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidTokenName
    text, granted = _PREFIX + new_token(), " ".join(sorted(scopes))
    try:
        async with db.write() as connection:
            added = await connection.execute(
                _INSERT,
                {
                    "name": name,
                    "token_hash": hash_of(text),
                    "scopes": granted,
                    "created_ms": now_ms,
                    "ends_ms": ends_ms,
                },
            )
            await write_entry(connection, AuditEntry(now_ms, actor, "token-add", name, granted))
            return _as_token(added.one()), text
    except IntegrityError:
        taken = TokenNameTaken(name)
    raise taken


async def list_tokens(db: Database) -> list[ApiToken]:
    """All that there are and were."""
    async with db.read() as connection:
        return [_as_token(row) for row in await connection.execute(_LIST)]


async def revoke_token(db: Database, name: str, *, actor: str, now_ms: int) -> None:
    """Let it be good no more, on record. Raises UnknownToken."""
    async with db.write() as connection:
        if (await connection.execute(_REVOKE, {"of_name": name, "now_ms": now_ms})).rowcount == 0:
            raise UnknownToken(name)
        await write_entry(connection, AuditEntry(now_ms, actor, "token-revoke", name))


async def token_of(db: Database, text: str) -> ApiToken | None:
    """The token with this text, good or not."""
    hashed = hash_of(text)
    async with db.read() as connection:
        row = (await connection.execute(_BY_HASH, {"token_hash": hashed})).one_or_none()
    # An index's time depends on the hash, which tells nothing of the text that it is of.
    if row is None or not hmac.compare_digest(row.token_hash, hashed):
        return None
    return _as_token(row[:-1])


async def mark_token_seen(db: Database, token: ApiToken, now_ms: int) -> None:
    """Note that it is in use: once a minute, for a commit takes longer than most of what is asked for."""
    if now_ms - (token.seen_ms or 0) >= _SEEN_AT_MOST_EVERY_MS:
        async with db.write() as connection:
            await connection.execute(_TOUCH, {"token_id": token.id, "now_ms": now_ms})


def _as_token(row: Sequence[Any]) -> ApiToken:
    id_, name, scopes, *times = row
    # A scope of a newer version is none here.
    known = {scope.value for scope in Scope}
    return ApiToken(id_, name, frozenset(Scope(word) for word in scopes.split() if word in known), *times)
