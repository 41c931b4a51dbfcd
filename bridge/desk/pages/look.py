"""How pages look on this browser, and the files that make them look so."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import Response

from bridge.desk import cookies
from bridge.desk.client import DeskProblem
from bridge.desk.language import LOCALES
from bridge.desk.visitor import AnyGuest, Enrolling, Reading, local_path, typed

router = APIRouter()

_FOREVER = "public, max-age=31536000, immutable"


@router.get("/static/{digest}/{name:path}")
async def asset(guest: AnyGuest, digest: str, name: str) -> Response:
    found = guest.desk.assets.get(name)
    if found is None or found.digest != digest:
        raise DeskProblem(HTTPStatus.NOT_FOUND, "not-found")
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": _FOREVER})


@router.get("/watermark.svg")
async def watermark(visitor: Reading) -> Response:
    """The reader's name and the time: a photo of the screen tells who took it, and when."""
    return Response(visitor.render("watermark.svg"), media_type="image/svg+xml")


@router.post("/theme")
async def choose_theme(guest: AnyGuest) -> Response:
    form = await guest.request.form(max_files=0, max_fields=20)
    response = guest.go(local_path(typed(form, "return")))
    if (theme := typed(form, "theme")) in cookies.THEMES:
        cookies.remember(response, cookies.THEME, theme)
    return response


@router.post("/keys")
async def choose_keys(guest: AnyGuest) -> Response:
    form = await guest.request.form(max_files=0, max_fields=20)
    response = guest.go(local_path(typed(form, "return")))
    cookies.remember(response, cookies.KEYS, "off" if typed(form, "keys") == "off" else "on")
    return response


@router.post("/language")
async def choose_language(visitor: Enrolling) -> Response:
    """Of the person, on every browser of theirs."""
    response = visitor.go(local_path(visitor.typed("return")))
    if (language := visitor.typed("language")) in LOCALES:
        await visitor.api.set_language(language)
        cookies.remember(response, cookies.LANGUAGE, language)
    return response


@router.post("/sign-in/language")
async def choose_language_before_signing_in(guest: AnyGuest) -> Response:
    form = await guest.request.form(max_files=0, max_fields=20)
    response = guest.go(local_path(typed(form, "return")))
    if (language := typed(form, "language")) in LOCALES:
        cookies.remember(response, cookies.LANGUAGE, language)
    return response
