"""The desk's cookies. Each is bound to the host alone, and to TLS, by its name (RFC 6265bis, 4.1.3.2)."""

from __future__ import annotations

from typing import Final, Literal

from fastapi import Request, Response

SESSION: Final = "__Host-desk"
THEME: Final = "__Host-desk-theme"
LANGUAGE: Final = "__Host-desk-language"
KEYS: Final = "__Host-desk-keys"

THEMES: Final = ("auto", "light", "dark")
_YEAR: Final = 365 * 24 * 3600

_SameSite = Literal["strict"]
_STRICT: Final[_SameSite] = "strict"


def give_session(response: Response, token: str) -> None:
    """Sign a browser in, for as long as it is open and the daemon lets the session live."""
    response.set_cookie(SESSION, token, path="/", secure=True, httponly=True, samesite=_STRICT)


def take_session(response: Response) -> None:
    response.delete_cookie(SESSION, path="/", secure=True, httponly=True, samesite=_STRICT)


def remember(response: Response, name: str, value: str) -> None:
    """Keep one of the looks that people choose, on this browser, for a year."""
    response.set_cookie(name, value, max_age=_YEAR, path="/", secure=True, httponly=True, samesite=_STRICT)


def theme(request: Request) -> str:
    """One of THEMES."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in THEMES else THEMES[0]


def keys_wanted(request: Request) -> bool:
    """Whether single letters do things: people who speak to their computer switch that off (WCAG 2.1.4)."""
    return request.cookies.get(KEYS) != "off"
