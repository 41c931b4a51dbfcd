"""Answers to requests that may be sent again: kept for a day, so that what was done is not done twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.database import Database
from bridge.store.schema import api_answers

KEPT_MS: Final = 24 * 3_600_000
MOST_OF_A_TOKEN: Final = 20_000
"""Beyond so many, requests with new keys are refused: one that was done must not be forgotten for others."""


@dataclass(frozen=True, slots=True)
class Request:
    """Which request of which token: by keyed hashes of its key and of all that it says."""

    token_id: int
    key_hash: bytes
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """`status` is None where there is none: it is being done, or the daemon ended meanwhile."""

    request_hash: bytes
    status: int | None
    headers: str
    body: str


class TooManyAnswers(Exception):
    """So many are kept for this token that no other can be."""


_FIND: Final = select(
    api_answers.c.request_hash, api_answers.c.status, api_answers.c.headers, api_answers.c.body
).where(api_answers.c.token_id == bindparam("token_id"), api_answers.c.key_hash == bindparam("key_hash"))
_FORGET_OLD: Final = delete(api_answers).where(api_answers.c.begun_ms <= bindparam("before_ms"))
_COUNT: Final = (
    select(func.count()).select_from(api_answers).where(api_answers.c.token_id == bindparam("token_id"))
)
_BEGIN: Final = insert(api_answers)
_of_request: Final = (
    api_answers.c.token_id == bindparam("of_token"),
    api_answers.c.key_hash == bindparam("of_key"),
)
_KEEP: Final = (
    update(api_answers)
    .where(*_of_request)
    .values({name: bindparam(f"new_{name}") for name in ("status", "headers", "body", "customer_id")})
)
_FORGET: Final = delete(api_answers).where(*_of_request)
_FORGET_CUSTOMER: Final = delete(api_answers).where(api_answers.c.customer_id == bindparam("erased_id"))


async def begin_request(db: Database, request: Request, now_ms: int) -> KeptAnswer | None:
    """What is kept of a request of this key; None where it is the first, which then is on disk.

    Raises TooManyAnswers.
    """
    of_token = {"token_id": request.token_id}
    async with db.write() as connection:
        await connection.execute(_FORGET_OLD, {"before_ms": now_ms - KEPT_MS})
        row = (await connection.execute(_FIND, of_token | {"key_hash": request.key_hash})).one_or_none()
        if row is not None:
            return _as_answer(row)
        if (await connection.execute(_COUNT, of_token)).scalar_one() >= MOST_OF_A_TOKEN:
            raise TooManyAnswers
        await connection.execute(
            _BEGIN,
            of_token
            | {
                "key_hash": request.key_hash,
                "request_hash": request.request_hash,
                "begun_ms": now_ms,
            },
        )
    return None


async def keep_answer(
    db: Database, request: Request, status: int, headers: str, body: str, customer_id: int | None
) -> None:
    """`customer_id`: whose name is in it, if anybody's."""
    async with db.write() as connection:
        await connection.execute(
            _KEEP,
            _key(request)
            | {
                "new_status": status,
                "new_headers": headers,
                "new_body": body,
                "new_customer_id": customer_id,
            },
        )


async def forget_request(db: Database, request: Request) -> None:
    """Nothing was done for it: it may be sent again."""
    async with db.write() as connection:
        await connection.execute(_FORGET, _key(request))


async def forget_answers_about(connection: AsyncConnection, customer_id: int) -> None:
    """In the caller's transaction: an erased customer's name goes from here, too."""
    await connection.execute(_FORGET_CUSTOMER, {"erased_id": customer_id})


def _key(request: Request) -> dict[str, Any]:
    return {"of_token": request.token_id, "of_key": request.key_hash}


def _as_answer(row: Sequence[Any]) -> KeptAnswer:
    return KeptAnswer(*row)
