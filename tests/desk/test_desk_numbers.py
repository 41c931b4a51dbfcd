"""Numbers on their way in, at the desk: asked for in a call, and typed by a supervisor."""

from __future__ import annotations

from pathlib import Path

import examples
import pytest
from example_daemon import ExampleDaemon, as_role
from served import Browser, served_desk

from bridge.desk import words
from bridge.rules import Role

HTMX = {"HX-Request": "true"}
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(
    "capture", [None, "asking", "saved", "not-valid", "not-saved", "cancelled", "new-word"]
)
async def test_the_call_bar_tells_how_a_capture_stands(
    desk: Browser, daemon: ExampleDaemon, capture: str | None
) -> None:
    daemon.call = examples.call(capture=capture)
    bar = (await desk.get("/call", **HTMX)).text
    told = [text for text in words.CAPTURES.values() if text in bar]
    assert told == ([] if capture is None else [words.CAPTURES.get(capture, words.CAPTURES["asking"])])
    assert ('action="/calls/mnpq/capture"' in bar) == (capture != "asking")
    assert ('action="/calls/mnpq/capture/end"' in bar) == (capture == "asking")


async def test_a_number_is_asked_for_in_a_conversation_alone(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.call = examples.call("ringing-customer")
    assert "capture" not in (await desk.get("/call", **HTMX)).text


async def test_both_buttons_ask_the_daemon_and_the_stream_tells_the_rest(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    for path in ("/calls/mnpq/capture", "/calls/mnpq/capture/end"):
        assert (await desk.post(path, **HTMX)).status == 204
    asked = [(method, path) for method, path, _ in daemon.asked if path.endswith("/capture")]
    assert asked == [("POST", "/v1/calls/mnpq/capture"), ("DELETE", "/v1/calls/mnpq/capture")]


async def test_a_supervisor_types_a_number_that_no_page_shows(tmp_path: Path) -> None:
    daemon = as_role(Role.SUPERVISOR)
    async with served_desk(daemon, tmp_path) as desk:
        assert 'action="/orders/1042/contacts"' in (await desk.get("/orders/1042")).text
        assert "Add a number of Margaret Ashworth" in (await desk.get("/orders/1042/contacts")).text
        saved = await desk.post("/orders/1042/contacts", {"number": examples.NUMBER})
        assert (saved.status, saved.headers["Location"]) == (303, "/orders/1042")
        assert daemon.asked[-1] == ("POST", "/v1/orders/1042/contacts", {"number": examples.NUMBER})
        for typed in (examples.NUMBER, "9" * 65):
            daemon.problem = (422, "not-a-number")
            refused = await desk.post("/orders/1042/contacts", {"number": typed})
            assert refused.status == 422
            assert typed not in refused.text


async def test_to_managers_there_is_no_such_page(desk: Browser) -> None:
    assert '/orders/1042/contacts"' not in (await desk.get("/orders/1042")).text
    assert (await desk.get("/orders/1042/contacts")).status == 404
    assert (await desk.post("/orders/1042/contacts", {"number": examples.NUMBER})).status == 404


# --- links ---

LINK = "/number/bcdfghjklmnpqrst"


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_customers_page_takes_a_number_and_shows_none(
    desk: Browser, daemon: ExampleDaemon, language: str
) -> None:
    page = await desk.get(LINK, signed_in=False, **{"Accept-Language": language})
    assert page.status == 200
    assert f'<html lang="{language}"' in page.text
    assert daemon.asked == [], "the page is the same for every link: nothing is looked up for it"
    saved = await desk.ask("POST", LINK, signed_in=False, data={"number": examples.NUMBER}, **SAME_SITE)
    assert saved.status == 200
    assert examples.NUMBER not in saved.text
    method, path, body = daemon.asked[-1]
    assert (method, path, body["number"]) == ("POST", "/v1/number-links/bcdfghjklmnpqrst", examples.NUMBER)
    assert body["address"] == "127.0.0.1"


async def test_the_customers_page_stops_calls_after_a_second_thought(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    page = await desk.get(LINK, signed_in=False)
    assert "<summary>I don't want to be called</summary>" in page.text
    assert f'action="{LINK}/do-not-call"' in page.text
    stopped = await desk.ask("POST", f"{LINK}/do-not-call", signed_in=False, data={}, **SAME_SITE)
    assert (stopped.status, "You are called no more" in stopped.text) == (200, True)
    asked = ("POST", "/v1/number-links/bcdfghjklmnpqrst/do-not-call", {"address": "127.0.0.1"})
    assert daemon.asked == [asked]


async def test_a_link_that_stops_nothing_is_told_as_any_other(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.problem = (404, "not-found")
    page = await desk.ask("POST", f"{LINK}/do-not-call", signed_in=False, data={}, **SAME_SITE)
    assert (page.status, "This link does not work" in page.text) == (404, True)
    daemon.problem = (429, "too-many-tries")
    page = await desk.ask("POST", f"{LINK}/do-not-call", signed_in=False, data={}, **SAME_SITE)
    assert (page.status, f'action="{LINK}"' in page.text) == (429, True), "and the form is the link's own"


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ((404, "not-found"), "This link does not work"),
        ((422, "not-a-number"), "This can&#39;t be dialled."),
        ((429, "too-many-tries"), "Too many tries."),
        ((503, "sealed"), "This can&#39;t be done now"),
    ],
)
async def test_what_goes_wrong_is_told_without_what_was_typed(
    desk: Browser, daemon: ExampleDaemon, problem: tuple[int, str], told: str
) -> None:
    daemon.problem = problem
    page = await desk.ask("POST", LINK, signed_in=False, data={"number": examples.NUMBER}, **SAME_SITE)
    assert page.status == problem[0]
    assert told in page.text
    assert examples.NUMBER not in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_another_sites_form_gives_no_number(desk: Browser, daemon: ExampleDaemon) -> None:
    sent = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    page = await desk.ask("POST", LINK, signed_in=False, data={"number": examples.NUMBER}, **sent)
    assert page.status == 403
    assert daemon.asked == []


async def test_a_manager_is_shown_the_link_once_where_links_are_made(tmp_path: Path) -> None:
    daemon = ExampleDaemon(me=examples.me(number_links=True))
    async with served_desk(daemon, tmp_path) as desk:
        assert 'action="/orders/1042/number-links"' in (await desk.get("/orders/1042")).text
        page = await desk.post("/orders/1042/number-links")
        assert f"{desk.origin}/number/once" in page.text
        assert 'class="qr"' in page.text


async def test_else_there_is_no_button(desk: Browser) -> None:
    assert "number-links" not in (await desk.get("/orders/1042")).text


# --- when a number is called ---

HABITS = "/orders/1042/contacts/7/habits"


async def test_a_manager_says_when_a_number_is_called_and_in_which_language(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    assert HABITS in (await desk.get("/orders/1042")).text
    page = await desk.get(HABITS)
    assert (page.status, "Order 1042" in page.text) == (200, True)
    typed = {"from": "18:00", "until": "21:00", "language": "ru"}
    saved = await desk.post(HABITS, typed)
    assert (saved.status, saved.headers["Location"]) == (303, "/orders/1042")
    asked = {"hours": "18:00-21:00", "language": "ru"}
    assert daemon.asked[-1] == ("PUT", "/v1/orders/1042/contacts/7/habits", asked)
    await desk.post(HABITS, {})
    assert daemon.asked[-1][2] == {"hours": None, "language": None}


async def test_hours_that_are_none_are_shown_again_with_what_is_wrong(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    page = await desk.post(HABITS, {"from": "18:00", "until": "", "language": "ru"})
    assert page.status == 422
    assert "Give both hours" in page.text
    assert 'value="18:00"' in page.text
    assert (await desk.get("/orders/1042/contacts/999/habits")).status == 404


async def test_an_order_shows_when_its_numbers_are_called(desk: Browser, daemon: ExampleDaemon) -> None:
    card = examples.card()
    first = card.contacts[0].model_copy(update={"hours": "18:00-21:00", "language": "ru"})
    daemon.card = card.model_copy(update={"contacts": [first, *card.contacts[1:]]})
    page = await desk.get("/orders/1042")
    assert "called 18:00-21:00" in page.text
    assert "Русский" in page.text


# --- messages of those whom nobody knew ---


async def test_a_supervisor_hears_strangers_messages_and_gives_them_to_orders(tmp_path: Path) -> None:
    daemon = as_role(Role.SUPERVISOR)
    async with served_desk(daemon, tmp_path) as desk:
        page = await desk.get("/messages")
        assert "Caller 7" in page.text
        assert 'src="/messages/pqrstvwxzb"' in page.text
        assert page.text.count("not heard yet") == 1
        sound = await desk.get("/messages/pqrstvwxzb")
        assert (sound.status, sound.headers["Content-Type"]) == (200, "audio/wav")
        given = await desk.post("/messages/pqrstvwxzb", {"order": "1042"})
        assert (given.status, given.headers["Location"]) == (303, "/orders/1042")
        assert daemon.asked[-1] == ("POST", "/v1/messages/pqrstvwxzb", {"order": "1042"})
        for typed in ("9999", "harriet"):
            daemon.problem = (404, "no-such-order") if typed == "9999" else None
            refused = await desk.post("/messages/pqrstvwxzb", {"order": typed})
            assert refused.status == 404


async def test_managers_have_no_page_of_strangers_messages(desk: Browser) -> None:
    assert 'href="/messages"' not in (await desk.get("/")).text
    assert (await desk.get("/messages")).status == 404
