"""One's own phone: a one-time link that sets it up, and what is behind it.

The program that opens the link has not signed in. The password is in what it is answered, once.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import ValidationError

from bridge.api.desk.shapes import PHONE_LINK_PATH, LinkPhone, PhoneAccount, UsePhoneLink
from bridge.desk import softphones, words
from bridge.desk.client import DeskProblem
from bridge.desk.qr import qr_code
from bridge.desk.visitor import AnyGuest, Guest, Posting, Reading
from bridge.rules.softphones import PhoneApp

router = APIRouter()


@router.get("/phone")
async def page(visitor: Reading) -> HTMLResponse:
    ready = visitor.me.phones and (await visitor.api.phone()).ready
    why_not = words.REASONS["no-phone-password" if visitor.me.phones else "phones-off"]
    return visitor.page("phone.html", ready=ready, why_not=why_not)


@router.post("/phone/links")
async def make(visitor: Posting) -> HTMLResponse:
    try:
        wanted = LinkPhone.model_validate({"app": visitor.typed("app")})
    except ValidationError:
        raise DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable") from None
    made = await visitor.api.link_phone(wanted)
    link = visitor.desk.settings.origin + made.path
    return visitor.page("phone_link.html", app=wanted.app, link=link, ends_ms=made.ends_ms, qr=qr_code(link))


@router.post("/phone/browser")
async def in_the_page(visitor: Posting) -> JSONResponse:
    """Asked for by the page's script, which registers with it."""
    return JSONResponse((await visitor.api.browser_phone()).model_dump())


@router.get(PHONE_LINK_PATH)
async def fetch(guest: AnyGuest, token: str) -> Response:
    """Fetched is used up. Programs send no form, so that it is by GET."""
    try:
        account = await guest.desk.daemon.use_phone_link(token, UsePhoneLink(address=guest.address))
    except DeskProblem as problem:
        if problem.status == HTTPStatus.NOT_FOUND:
            return guest.page("phone_account.html", HTTPStatus.NOT_FOUND, account=None)
        raise
    return _told(guest, account)


def _told(guest: Guest, account: PhoneAccount) -> Response:
    match account.app:
        case PhoneApp.LINPHONE:
            return Response(softphones.linphone(account), media_type="application/xml")
        case PhoneApp.ZOIPER:
            return Response(softphones.zoiper(account), media_type="application/xml")
        case PhoneApp.BY_HAND:
            return guest.page("phone_account.html", account=account)
