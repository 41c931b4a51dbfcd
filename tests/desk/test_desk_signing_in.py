"""In and out: cookies, the way back, and what is told of a login that was wrong."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from example_daemon import SESSION, ExampleDaemon
from served import Browser, Page

from bridge.api.desk.shapes import INVITATION_PATH
from bridge.desk.cookies import KEYS, LANGUAGE, THEME
from bridge.desk.cookies import SESSION as COOKIE

INVITATION = INVITATION_PATH.format(token="token")
LOGIN = {"login": "101", "password": "correct horse"}


def cookie(page: Page, name: str = COOKIE) -> dict[str, str]:
    """The attributes with which a cookie was set, its value among them."""
    for header in page.headers.getall("Set-Cookie"):
        for found, morsel in SimpleCookie(header).items():
            if found == name:
                return {"value": morsel.value, **{key: str(value) for key, value in morsel.items() if value}}
    raise AssertionError(name)


async def test_the_sessions_cookie_is_for_this_host_over_tls_and_for_no_script(desk: Browser) -> None:
    given = cookie(await desk.post("/sign-in", LOGIN))
    assert given == {
        "value": SESSION, "path": "/", "secure": "True", "httponly": "True", "samesite": "strict",
    }  # fmt: skip
    assert COOKIE.startswith("__Host-")


async def test_signing_out_ends_the_session_and_empties_the_browser(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    page = await desk.post("/sign-out")
    assert cookie(page)["max-age"] == "0"
    assert page.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert ("POST", "/v1/sign-out", None) in daemon.asked


async def test_the_daemon_is_told_of_the_browser(desk: Browser, daemon: ExampleDaemon) -> None:
    await desk.post("/sign-in", LOGIN, **{"User-Agent": "Mozilla"})
    (asked,) = [body for _, path, body in daemon.asked if path == "/v1/sign-in"]
    assert asked == {**LOGIN, "address": "127.0.0.1", "agent": "Mozilla"}


async def test_whoever_is_not_signed_in_is_brought_back_to_where_they_wanted(desk: Browser) -> None:
    page = await desk.get("/orders/1042?filter=later", signed_in=False)
    assert (page.status, page.headers["Location"]) == (303, "/sign-in?return=/orders/1042%3Ffilter%3Dlater")
    signed_in = await desk.post("/sign-in", {**LOGIN, "return": "/orders/1042?filter=later"})
    assert (signed_in.status, signed_in.headers["Location"]) == (303, "/orders/1042?filter=later")


@pytest.mark.parametrize(
    "elsewhere",
    ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:x", "/\n/x"],
)
async def test_the_way_back_never_leads_elsewhere(desk: Browser, elsewhere: str) -> None:
    page = await desk.post("/sign-in", {**LOGIN, "return": elsewhere})
    assert page.headers["Location"] == "/"


async def test_a_session_that_is_over_leads_to_signing_in(desk: Browser) -> None:
    over = {"Cookie": f"{COOKIE}=over"}
    page = await desk.get("/", signed_in=False, **over)
    assert (page.status, page.headers["Location"]) == (303, "/sign-in")
    assert cookie(page)["max-age"] == "0"
    part = await desk.get("/queue", signed_in=False, **over, **{"HX-Request": "true"})
    assert (part.status, part.headers["HX-Redirect"]) == (401, "/sign-in")
    assert (await desk.get("/events", signed_in=False, Accept="text/event-stream", **over)).status == 401


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (401, "wrong-login", "This extension and password do not belong together."),
        (429, "too-many-tries", "Too many tries. Wait a little, then try again."),
        (503, "busy", "Too many people are signing in. Try again in a moment."),
    ],
)
async def test_a_refusal_is_told_in_the_form_and_the_password_is_not(
    desk: Browser, daemon: ExampleDaemon, status: int, reason: str, words: str
) -> None:
    daemon.problem = (status, reason)
    page = await desk.post("/sign-in", LOGIN)
    assert page.status == status
    assert words in page.text
    assert LOGIN["password"] not in page.text
    assert ("Retry-After" in page.headers) == (status == 429)


async def test_a_second_factor_is_asked_for_on_the_way(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.second_factor_wanted = True
    first = await desk.post("/sign-in", {**LOGIN, "return": "/wall"})
    assert first.headers["Location"] == "/sign-in/code?return=/wall"
    second = await desk.post("/sign-in/code", {"code": "123 456", "return": "/wall"})
    assert second.headers["Location"] == "/wall"
    assert ("POST", "/v1/second-factor", {"code": "123456"}) in daemon.asked


async def test_a_code_of_other_than_digits_is_refused_in_words(desk: Browser) -> None:
    assert (await desk.post("/sign-in/code", {"code": "abcdef"})).status == 422


async def test_an_invitation_sets_a_password_and_signs_in(desk: Browser, daemon: ExampleDaemon) -> None:
    assert "Welcome, Olga Petrova" in (await desk.get(INVITATION, signed_in=False)).text
    page = await desk.post(INVITATION, {"password": "a long one"})
    assert (page.status, page.headers["Location"]) == (303, "/")
    assert cookie(page)["value"] == SESSION


async def test_looks_are_kept_on_the_browser(desk: Browser) -> None:
    assert cookie(await desk.post("/theme", {"theme": "dark"}), THEME)["value"] == "dark"
    assert cookie(await desk.post("/keys", {"keys": "off"}), KEYS)["value"] == "off"
    assert cookie(await desk.post("/sign-in/language", {"language": "ru"}), LANGUAGE)["value"] == "ru"
    assert 'data-theme="dark"' in (await desk.get("/", Cookie=f"{THEME}=dark")).text
    assert 'data-keys="off"' in (await desk.get("/", Cookie=f"{KEYS}=off")).text
    assert "Set-Cookie" not in (await desk.post("/theme", {"theme": "loud"})).headers


async def test_a_guest_is_spoken_to_in_a_language_of_theirs(desk: Browser) -> None:
    russian = await desk.get("/sign-in", signed_in=False, **{"Accept-Language": "de, ru;q=0.8, en;q=0.3"})
    assert '<html lang="ru"' in russian.text
    neither = await desk.get("/sign-in", signed_in=False, **{"Accept-Language": "de, fr;q=x"})
    assert '<html lang="en"' in neither.text
