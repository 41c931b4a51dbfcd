"""Who asks for a page, and how the page is told to them: what each page's function is given."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from bridge.api.desk.shapes import Me
from bridge.desk import cookies, csrf, words
from bridge.desk.assets import Assets
from bridge.desk.client import Daemon, DeskProblem, SignedInApi
from bridge.desk.language import LOCALES, catalogue, preferred
from bridge.desk.rendering import Renderer
from bridge.desk.settings import DeskSettings
from bridge.desk.streams import Streams
from bridge.desk.times import Clock, now_ms
from bridge.rules import Role

UNATTENDED: Final = "Unattended"
"""The header of what a page asks for by itself."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the process has, for all who ask."""

    settings: DeskSettings
    daemon: Daemon
    assets: Assets
    renderer: Renderer
    streams: Streams


class Moved(Exception):
    """The answer is another page."""

    def __init__(self, to: str) -> None:
        super().__init__(to)
        self.to = to


class Guest:
    """A browser, signed in or not."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.desk: Desk = request.app.state.desk

    @property
    def session(self) -> str | None:
        """The token of the browser's session, which may be one that is over."""
        return self.request.cookies.get(cookies.SESSION) or None

    @property
    def language(self) -> str:
        chosen = self.request.cookies.get(cookies.LANGUAGE, "")
        if chosen in LOCALES:
            return chosen
        accepted = self.request.headers.get("accept-language", "")
        return preferred(accepted, otherwise=self.desk.settings.language)

    @property
    def clock(self) -> Clock:
        return Clock(self.desk.settings.timezone, LOCALES[self.language], now_ms())

    @property
    def by_htmx(self) -> bool:
        """Whether a part of a page is wanted, and not a page."""
        return "hx-request" in self.request.headers

    @property
    def is_unattended(self) -> bool:
        """Whether a page asks by itself, and not its reader: for what it shows anew, and for its pictures."""
        wanted = self.request.headers.get("sec-fetch-dest") == "image" or self.request.url.path == "/events"
        return wanted or UNATTENDED in self.request.headers

    def text(self, text: str) -> str:
        """A marked text, in the reader's language."""
        return catalogue(self.language).gettext(text)

    def told(self, problem: DeskProblem) -> str:
        """Why something is refused, in the reader's language."""
        return self.text(words.words_of(problem.reason, problem.status))

    def render(self, template: str, **values: Any) -> str:
        return self.desk.renderer.render(template, self.language, self._values() | values)

    def page(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
        return HTMLResponse(self.render(template, status=int(status), **values), status)

    def go(self, to: str) -> Response:
        """Have the browser open another page of ours."""
        if self.by_htmx:
            return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": to})
        return RedirectResponse(to, HTTPStatus.SEE_OTHER)

    @property
    def address(self) -> str:
        """The browser's, as far as it is known here."""
        return self.request.client.host if self.request.client else ""

    @property
    def agent(self) -> str:
        return self.request.headers.get("user-agent", "")[:256]

    def _values(self) -> dict[str, Any]:
        url = self.request.url
        return {
            "me": None,
            "csrf_token": "",
            "language": self.language,
            "theme": cookies.theme(self.request),
            "keys_wanted": cookies.keys_wanted(self.request),
            "clock": self.clock,
            "here": url.path + (f"?{url.query}" if url.query else ""),
            "path": url.path,
        }


class Visitor(Guest):
    """Somebody who has signed in. `form` is what they have posted, once its token was found right."""

    def __init__(self, request: Request, api: SignedInApi, me: Me) -> None:
        super().__init__(request)
        self.api = api
        self.me = me
        self.form = FormData()

    @property
    def language(self) -> str:
        return self.me.language if self.me.language in LOCALES else super().language

    @property
    def supervises(self) -> bool:
        return self.me.role in (Role.SUPERVISOR, Role.OWNER)

    def typed(self, name: str) -> str:
        """A field of the form, without the spaces around it; empty where it is not there."""
        return typed(self.form, name)

    def typed_id(self, name: str) -> int | None:
        """A field that holds one of the daemon's ids; None where it is empty. Raises DeskProblem."""
        text = self.typed(name)
        if text and not (text.isascii() and text.isdecimal()):
            raise DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable")
        return int(text) if text else None

    def _values(self) -> dict[str, Any]:
        known = {"me": self.me, "csrf_token": csrf.token_of(self.api.token), "supervises": self.supervises}
        return super()._values() | known


def typed(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return "" if isinstance(value, UploadFile) else value.strip()


def local_path(text: str) -> str:
    """A path of the desk's own to go back to; the first page where the text is none."""
    # Browsers take "//host" and "/\host" for other sites.
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_ours else "/"


def sign_in_path(guest: Guest) -> str:
    """Where to sign in, and to come back from."""
    request = guest.request
    if request.method != "GET" or guest.by_htmx:
        return "/sign-in"
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/sign-in" if path == "/" else f"/sign-in?return={quote(path)}"


async def guest(request: Request) -> Guest:
    return Guest(request)


async def _signed_in(request: Request) -> Visitor:
    """Whoever is at the browser. The daemon answers 401 where nobody is."""
    here = Guest(request)
    if here.session is None:
        raise DeskProblem(HTTPStatus.UNAUTHORIZED, "signed-out")
    api = here.desk.daemon.named(here.session, unattended=here.is_unattended)
    return Visitor(request, api, await api.me())


async def _reading(request: Request) -> Visitor:
    visitor = await _signed_in(request)
    if visitor.me.must_enrol:
        raise Moved("/account/second-factor")
    return visitor


async def _posting(request: Request) -> Visitor:
    return await _with_form(await _reading(request))


async def _enrolling(request: Request) -> Visitor:
    """Also somebody who is served nothing else before they have a second factor."""
    visitor = await _signed_in(request)
    return visitor if request.method == "GET" else await _with_form(visitor)


async def _with_form(visitor: Visitor) -> Visitor:
    visitor.form = await visitor.request.form(max_files=0, max_fields=20)
    token = visitor.request.headers.get(csrf.HEADER) or visitor.typed(csrf.FIELD)
    if not csrf.is_token_of(visitor.api.token, token):
        raise DeskProblem(HTTPStatus.FORBIDDEN, "not-from-the-desk")
    return visitor


def _only(visitor: Visitor, *roles: Role) -> Visitor:
    """The daemon refuses as well; whoever may not know a page is told that there is none."""
    if visitor.me.role not in roles:
        raise DeskProblem(HTTPStatus.NOT_FOUND, "not-found")
    return visitor


async def _watching(request: Request) -> Visitor:
    return _only(await _reading(request), Role.SUPERVISOR, Role.OWNER)


async def _deciding(request: Request) -> Visitor:
    return _only(await _posting(request), Role.SUPERVISOR, Role.OWNER)


async def _owning(request: Request) -> Visitor:
    return _only(await _reading(request), Role.OWNER)


async def _ruling(request: Request) -> Visitor:
    return _only(await _posting(request), Role.OWNER)


AnyGuest = Annotated[Guest, Depends(guest)]
Reading = Annotated[Visitor, Depends(_reading)]
"""A page for everybody who has signed in."""
Posting = Annotated[Visitor, Depends(_posting)]
"""A form of such a page."""
Enrolling = Annotated[Visitor, Depends(_enrolling)]
Watching = Annotated[Visitor, Depends(_watching)]
"""A page for supervisors and owners."""
Deciding = Annotated[Visitor, Depends(_deciding)]
"""A form of theirs."""
Owning = Annotated[Visitor, Depends(_owning)]
"""A page for owners."""
Ruling = Annotated[Visitor, Depends(_ruling)]
"""A form of theirs."""
