"""Who asks: the person behind a request, and what their role may."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

import structlog
from fastapi import Depends, Header

from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.problems import Problem
from bridge.config import Desk
from bridge.rules import Role
from bridge.store.sessions import Lifetime, SessionOwner, mark_seen, session_of

log = structlog.get_logger()

_BEARER: Final = "Bearer "
_LONGEST_TOKEN: Final = 100


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who has signed in, with whatever second factor is wanted of them.

    `must_enrol`: their role needs a second factor, and they have none yet.
    """

    manager_id: int
    name: str
    extension: str
    role: Role
    language: str | None
    session_id: str
    address: str
    second_factor: bool
    must_enrol: bool

    @property
    def actor(self) -> str:
        """As the audit names them."""
        return actor_of(self.extension)

    @property
    def sees_everybody(self) -> bool:
        return self.role is not Role.MANAGER


def actor_of(extension: str) -> str:
    return f"desk:{extension}"


def lifetime_of(desk: Desk) -> Lifetime:
    return Lifetime(idle_ms=desk.idle_minutes * 60_000, longest_ms=desk.longest_hours * 3_600_000)


async def bearer_token(authorization: Annotated[str, Header()] = "") -> str:
    """FastAPI's dependency: the token of a request (RFC 6750, 2.1). Raises Problem (401 signed-out)."""
    token = authorization.removeprefix(_BEARER)
    if token == authorization or not 0 < len(token) <= _LONGEST_TOKEN:
        raise signed_out()
    return token


Token = Annotated[str, Depends(bearer_token)]


def signed_out() -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, "signed-out", "Sign in.")


async def find_reader(daemon: DeskDaemon, token: str, now_ms: int) -> tuple[Reader, SessionOwner] | None:
    """Whoever a token stands for at this moment; None where its session is over, or never was complete.

    It leaves no trace: a stream of events asks with it whether it may go on.
    """
    owner = await session_of(daemon.database, token)
    if owner is None or not owner.session.complete or not is_in_use(daemon, owner, now_ms):
        return None
    return _reader(daemon.config.desk, owner), owner


def is_in_use(daemon: DeskDaemon, owner: SessionOwner, now_ms: int) -> bool:
    """Whether neither session nor person have come to their end."""
    return owner.session.is_open(lifetime_of(daemon.config.desk), now_ms) and not owner.manager.disabled


def _reader(desk: Desk, owner: SessionOwner) -> Reader:
    manager, role = owner.manager, Role(owner.manager.role)
    return Reader(
        manager_id=manager.id,
        name=manager.name,
        extension=manager.extension,
        role=role,
        language=manager.language,
        session_id=owner.session.id,
        address=owner.session.address,
        second_factor=owner.second_factor,
        must_enrol=role in desk.second_factor and not owner.second_factor,
    )


async def entered(
    daemon: TheDaemon, token: Token, now_ms: NowMs, unattended: Annotated[str | None, Header()] = None
) -> Reader:
    """FastAPI's dependency: who has signed in, and may still have to enrol. Raises Problem (401 signed-out).

    A request that the page makes by itself, and not its reader, says so by the header `Unattended`: it does
    not keep a desk signed in that nobody sits at.
    """
    found = await find_reader(daemon, token, now_ms)
    if found is None:
        raise signed_out()
    reader, owner = found
    if unattended is None:
        await mark_seen(daemon.database, owner.session, now_ms)
    return reader


Entered = Annotated[Reader, Depends(entered)]


async def signed_in(reader: Entered) -> Reader:
    """FastAPI's dependency. Raises Problem (401 signed-out; 403 must-enrol)."""
    if reader.must_enrol:
        raise Problem(HTTPStatus.FORBIDDEN, "must-enrol", "Set up a second factor first.")
    return reader


SignedIn = Annotated[Reader, Depends(signed_in)]


async def supervisor(reader: SignedIn) -> Reader:
    """FastAPI's dependency. To managers these pages do not exist: raises Problem (404)."""
    if reader.role is Role.MANAGER:
        raise _not_theirs(reader)
    return reader


async def owner(reader: SignedIn) -> Reader:
    """FastAPI's dependency. Raises Problem (404)."""
    if reader.role is not Role.OWNER:
        raise _not_theirs(reader)
    return reader


def _not_theirs(reader: Reader) -> Problem:
    log.warning("the desk was asked for what is for another role", extension=reader.extension)
    return nothing_here()


def nothing_here() -> Problem:
    """What does not exist, and what is not theirs to know of."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here.")


Supervisor = Annotated[Reader, Depends(supervisor)]
Owner = Annotated[Reader, Depends(owner)]
