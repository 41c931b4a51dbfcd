"""Nothing changes by a request that does not come from the desk's own page of that session."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from example_daemon import SESSION, ExampleDaemon, as_role
from fastapi.routing import APIRoute
from served import Browser, served_desk

from bridge.api.desk.shapes import INVITATION_PATH
from bridge.desk import csrf
from bridge.desk.app import PAGES
from bridge.rules import Role

WITHOUT_SESSION = {
    *("/sign-in", "/sign-in/code", "/sign-in/language", INVITATION_PATH),
    *("/number/{token}", "/number/{token}/do-not-call", "/theme", "/keys"),
}
"""Forms of guests, of a customer with a link, and of looks: no session has a token for them, or need have."""


def forms() -> list[str]:
    routes = [route for page in PAGES for route in page.router.routes if isinstance(route, APIRoute)]
    assert {method for route in routes for method in route.methods} == {"GET", "POST"}
    return sorted(route.path for route in routes if "POST" in route.methods)


def example(path: str) -> str:
    return re.sub(r"\{[a-z_]+\}", "7", path)


def changes(daemon: ExampleDaemon) -> list[tuple[str, str, object]]:
    return [each for each in daemon.asked if each[0] != "GET"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_no_form_is_taken_from_elsewhere(site: str, tmp_path: Path) -> None:
    daemon = as_role(Role.OWNER)
    async with served_desk(daemon, tmp_path) as desk:
        for path in forms():
            page = await desk.post(example(path), **{"Sec-Fetch-Site": site})
            assert page.status == 403, path
    assert daemon.asked == []


async def test_an_older_browser_is_known_by_its_origin(desk: Browser, daemon: ExampleDaemon) -> None:
    data = {csrf.FIELD: csrf.token_of(SESSION)}
    for headers in ({}, {"Origin": "https://elsewhere.example"}, {"Origin": "null"}):
        assert (await desk.ask("POST", "/next", data=data, **headers)).status == 403
    assert changes(daemon) == []
    assert (await desk.ask("POST", "/next", data=data, Origin=desk.origin)).status == 303


@pytest.mark.parametrize("token", ["", "wrong", csrf.token_of("another session"), SESSION])
async def test_no_form_is_taken_without_the_sessions_own_token(token: str, tmp_path: Path) -> None:
    daemon = as_role(Role.OWNER)
    async with served_desk(daemon, tmp_path) as desk:
        for path in set(forms()) - WITHOUT_SESSION:
            page = await desk.post(example(path), {csrf.FIELD: token})
            assert page.status == 403, path
            assert "This page is too old." in page.text, path
    assert changes(daemon) == []


async def test_htmx_sends_the_token_in_a_header(desk: Browser, daemon: ExampleDaemon) -> None:
    page = (await desk.get("/")).text
    (token,) = re.findall(rf'hx-headers=\'{{"{csrf.HEADER}": "([0-9a-f]+)"', page)
    sent = await desk.ask(
        "POST", "/next", **{csrf.HEADER: token, "Sec-Fetch-Site": "same-origin", "HX-Request": "true"}
    )
    assert sent.status == 200
    assert changes(daemon) == [("POST", "/v1/queue/next", None)]


async def test_the_token_tells_nothing_of_the_session(desk: Browser) -> None:
    assert SESSION not in (await desk.get("/")).text
