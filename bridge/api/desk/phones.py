"""Managers' phones, set up from the desk: a one-time link of one's own, and the account that it is good for.

The SIP password is in that one answer and in no other, nor in any log, address or line of the audit.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Response

from bridge.api.desk import shapes
from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.door import ThePhonesDoor
from bridge.api.desk.opening import broken_seals_told, vault_of
from bridge.api.desk.reader import SignedIn, nothing_here
from bridge.api.problems import Problem
from bridge.config import DeskPhones
from bridge.rules.signing_in import place_of
from bridge.store import phones
from bridge.store.audit import AuditEntry
from bridge.store.sessions import new_token

router = APIRouter()

_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}
"""Where none is said (RFC 3261, 19.1.2)."""


@router.get("/v1/phone")
async def phone(reader: SignedIn, daemon: TheDaemon) -> shapes.Phone:
    return shapes.Phone(ready=await phones.has_password(daemon.database, reader.manager_id))


@router.post("/v1/phone/links", status_code=HTTPStatus.CREATED)
async def make_phone_link(
    asked: shapes.LinkPhone, reader: SignedIn, daemon: TheDaemon, now_ms: NowMs
) -> shapes.NewPhoneLink:
    """One's own: whoever has it is this extension to the PBX."""
    _expect_on(daemon)
    token = new_token()
    entry = AuditEntry(now_ms, reader.actor, "phone-link", reader.extension, f"kind={asked.app}")
    ends_ms = await phones.make_link(
        daemon.database, token, asked.app, manager_id=reader.manager_id, entry=entry
    )
    if ends_ms is None:
        raise _no_password()
    return shapes.NewPhoneLink(path=shapes.PHONE_LINK_PATH.format(token=token), ends_ms=ends_ms)


@router.post("/v1/phone/browser")
async def browser_phone(
    reader: SignedIn, response: Response, daemon: TheDaemon, now_ms: NowMs
) -> shapes.BrowserPhone:
    """One's own, for the page to register with; it keeps the password for as long as it is open."""
    response.headers["Cache-Control"] = "no-store"
    websocket = daemon.config.desk.phones.websocket
    if websocket is None:
        raise Problem(HTTPStatus.FORBIDDEN, "phones-off", "desk.phones.websocket is null in config.yaml.")
    entry = AuditEntry(now_ms, reader.actor, "phone-browser", reader.extension)
    with broken_seals_told():
        password = await phones.open_password(
            daemon.database, vault_of(daemon).program_secrets, manager_id=reader.manager_id, entry=entry
        )
    if password is None:
        raise _no_password()
    return shapes.BrowserPhone(
        user=_user(daemon, reader.extension),
        host=urlsplit(websocket).hostname or "",
        password=password,
        websocket=websocket,
    )


@router.post("/v1/phone-links/{token}")
async def use_phone_link(
    token: str,
    asked: shapes.UsePhoneLink,
    response: Response,
    daemon: TheDaemon,
    door: ThePhonesDoor,
    now_ms: NowMs,
) -> shapes.PhoneAccount:
    """The phone's own, which nobody has signed in on. Unknown, used and late links are answered alike."""
    response.headers["Cache-Control"] = "no-store"
    with door.knock(asked.address, asked.address, now_ms):  # there is no login: each address is its own
        account = None
        if daemon.config.desk.phones.server is not None:
            vault, address = vault_of(daemon), place_of(asked.address)
            with broken_seals_told():
                account = await phones.use_link(
                    daemon.database, vault.program_secrets, token, address=address, now_ms=now_ms
                )
        if account is None:
            await door.refuse(daemon, asked.address, asked.address, None, "phone-link-failed", now_ms)
            raise nothing_here()
    door.welcome(asked.address, asked.address)
    return _told(daemon, account)


def _told(daemon: DeskDaemon, account: phones.PhoneAccount) -> shapes.PhoneAccount:
    config = daemon.config
    host, port = _address(_expect_on(daemon), config.desk.phones)
    return shapes.PhoneAccount(
        app=account.app,
        shop=config.shop.name,
        extension=account.extension,
        user=_user(daemon, account.extension),
        password=account.password,
        host=host,
        port=port,
        transport=config.desk.phones.transport,
        srtp=config.desk.phones.srtp,
    )


def _user(daemon: DeskDaemon, extension: str) -> str:
    return daemon.config.managers.endpoint.removeprefix("PJSIP/").replace("{extension}", extension)


def _no_password() -> Problem:
    return Problem(
        HTTPStatus.CONFLICT, "no-phone-password", "`call-bridge managers phone` has handed none over."
    )


def _expect_on(daemon: DeskDaemon) -> str:
    """Where phones reach the PBX. Raises Problem (403 phones-off)."""
    server = daemon.config.desk.phones.server
    if server is None:
        raise Problem(HTTPStatus.FORBIDDEN, "phones-off", "desk.phones.server is null in config.yaml.")
    return server


def _address(server: str, how: DeskPhones) -> tuple[str, int]:
    host, _, port = server.partition(":")
    return host, int(port) if port else _PORTS[how.transport]
