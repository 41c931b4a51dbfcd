"""Every page, as everybody: compared with the table of who may see what."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from kept import expect_no_number, kept_by
from left_messages import left
from pages import PAGES, Served, Who
from stage import MANAGER, OTHER_MANAGER, OWNER, SUPERVISOR, Seat, Stage, open_stage
from wire import Wire

from bridge.desk import csrf
from bridge.desk.app import make_app
from bridge.desk.settings import DeskSettings
from labkit.deskpeople import taken

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = ("+447700900511", "+447700900512", "+447700900599")
NAME, SUMMARY, NOTE = "Zanzibarova", "quagga", "okapi"
HERS = (NAME, SUMMARY, NOTE)
GUEST = "guest"
EVERYBODY = (GUEST, OTHER_MANAGER, MANAGER, SUPERVISOR, OWNER)
SERVED = {
    Who.ANYBODY: EVERYBODY,
    Who.SIGNED_IN: (OTHER_MANAGER, MANAGER, SUPERVISOR, OWNER),
    Who.HER_MANAGER: (MANAGER, SUPERVISOR, OWNER),
    Who.SUPERVISORS: (SUPERVISOR, OWNER),
    Who.OWNERS: (OWNER,),
}


@dataclass(frozen=True)
class House:
    """The stage, a seat for each who has signed in, and ids of what is one manager's."""

    stage: Stage
    seats: dict[str, Seat]
    places: dict[str, str]

    def path_of(self, page: Served) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self.places[found[1]], page.path)


def write_orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        writer.writerow(["4001", f"Ada {NAME}", NUMBERS[0], f"One {SUMMARY}", MANAGER])
        writer.writerow(["4002", f"Eva {NAME}", NUMBERS[1], f"Two {SUMMARY}s", MANAGER])
        writer.writerow(["4003", "Own Customer", "+447700900513", "His own", OTHER_MANAGER])
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    settings = {
        "desk": {
            "disclosure": True,
            "number_links": True,
            "reading": {"cards_per_minute": 500, "cards_per_hour": 5000},
        },
        "texts": {"enabled": True, "url": "https://127.0.0.1:1/"},  # where none is sent to
    }
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(
            open_stage(folder, orders=write_orders(folder / "orders.csv"), settings=settings)
        )
        seats = {
            extension: await stack.enter_async_context(stage.seat(extension))
            for extension in EVERYBODY
            if extension != GUEST
        }
        yield House(stage, seats, await her_places(stage, seats))


async def her_places(stage: Stage, seats: dict[str, Seat]) -> dict[str, str]:
    """What stands in addresses, of what is the first manager's."""
    api, hers, watching = stage.api, seats[MANAGER].token, seats[SUPERVISOR].token
    text = {"text": f"Has an {NOTE}. {NUMBERS[2]}"}
    taken(await api.ask("PUT", "/v1/orders/4001/notes", text, token=hers))
    outcome = {"outcome": "no-answer"}
    outcome_id = taken(await api.ask("POST", "/v1/orders/4001/outcomes", outcome, token=hers))["id"]
    call_id = taken(await api.ask("POST", "/v1/orders/4002/calls", {}, token=hers))["id"]
    card = taken(await api.ask("GET", "/v1/orders/4001", token=hers))
    alarms = taken(await api.ask("GET", "/v1/alarms", token=watching))["alarms"]
    sessions = taken(await api.ask("GET", "/v1/sessions", token=hers))["sessions"]
    return {
        "code": "4001",
        "extension": MANAGER,
        "outcome_id": str(outcome_id),
        "call_id": call_id,
        "contact_id": str(card["contacts"][0]["id"]),
        "alarm_id": str(alarms[0]["id"]),
        "session_id": sessions[0]["id"],
        "token": "z" * 45,
        "digest": "0" * 12,
        "name": "desk.css",
        "message_id": await left(stage, "4001"),
        "strangers_message_id": await left(stage, None),
    }


def each_page(method: str, *, but: Callable[[Served], bool] = lambda _: False) -> pytest.MarkDecorator:
    pages = [page for page in PAGES if page.method == method and not but(page)]
    return pytest.mark.parametrize("page", pages, ids=str)


async def test_everything_that_is_served_is_in_the_table() -> None:
    settings = DeskSettings(
        socket=Path("/nowhere"), timezone=ZoneInfo("UTC"), language="en", origin="", host="127.0.0.1", port=1
    )
    wrapped: Any = make_app(settings)
    served = {
        (method.upper(), path)
        for path, methods in wrapped._app.openapi()["paths"].items()
        for method in methods
    }
    assert {(page.method, page.path) for page in PAGES} == served


# A stream does not end: test_the_stream_is_for_those_who_have_signed_in has it.
@each_page("GET", but=lambda page: page.path == "/events")
async def test_a_page_is_seen_by_those_whom_it_is_for(house: House, page: Served) -> None:
    path = house.path_of(page)
    for who, seat in house.seats.items():
        status = await seat.open(path)
        unknown = {"/invitations/{token}", "/phone/account/{token}", "/static/{digest}/{name}"}
        wanted = 200 if who in SERVED[page.who] and page.path not in unknown else 404
        assert status == wanted, who


@each_page("GET")
async def test_who_has_not_signed_in_is_sent_to_do_it(house: House, page: Served) -> None:
    async with Wire(house.stage.lab.record.desk_port) as wire:
        context = await house.stage.browser.new_context()
        response = await context.request.get(wire.url + house.path_of(page), max_redirects=0)
        if page.who is Who.ANYBODY:
            assert response.status in (200, 303, 404)
        else:
            assert response.status == 303
            assert response.headers["location"].startswith("/sign-in")
        await context.close()
        said = b"".join(wire.received).decode().lower()
        assert [word for word in HERS if word.lower() in said] == []


@each_page("POST", but=lambda page: page.who is Who.ANYBODY)
async def test_a_form_is_taken_from_those_whom_it_is_for(house: House, page: Served) -> None:
    """Refused before anything else is looked at: without a session, and without the token of its page."""
    path = house.path_of(page)
    for who in (OTHER_MANAGER, SUPERVISOR):
        assert await posted(house.seats[who], path, page, token=False) == 403, who
        if who not in SERVED[page.who]:
            assert await posted(house.seats[who], path, page) == page.refusal, who
    async with Wire(house.stage.lab.record.desk_port) as wire:
        context = await house.stage.browser.new_context()
        answer = await context.request.post(
            wire.url + path, form=dict(page.form), headers={"Origin": origin(house)}, max_redirects=0
        )
        assert answer.status == 303
        assert answer.headers["location"].startswith("/sign-in")
        await context.close()


async def posted(seat: Seat, path: str, page: Served, *, token: bool = True) -> int:
    form = {**page.form, **({csrf.FIELD: csrf.token_of(seat.token)} if token else {})}
    # As the browser's own pages post: from the page, so that the browser says where it comes from.
    status: int = await seat.page.evaluate(
        "async ([path, form]) => (await fetch(path, {method: 'POST', body: new URLSearchParams(form),"
        " redirect: 'manual'})).status",
        [path, form],
    )
    return status


def origin(house: House) -> str:
    return house.stage.lab.desk_url


async def test_hanging_up_her_call_does_nothing_to_it(house: House) -> None:
    """The answer is no refusal, so it is looked at whether the call goes on."""
    hers = house.seats[MANAGER].token
    call = taken(await house.stage.api.ask("GET", "/v1/calls/mine", token=hers))["call"]
    assert (call["id"], call["state"]) == (house.places["call_id"], "talking")


async def test_a_form_that_another_site_posts_is_refused(house: House) -> None:
    seat = house.seats[MANAGER]
    form = {csrf.FIELD: csrf.token_of(seat.token), "outcome": "do-not-call"}
    for headers in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        answer = await seat.context.request.post(
            f"{seat.wire.url}/orders/4001/outcomes", form=form, headers=headers, max_redirects=0
        )
        assert answer.status == 403, headers


async def test_the_stream_is_for_those_who_have_signed_in(house: House) -> None:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.stage.lab.record.desk_port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: desk\r\nAccept: text/event-stream\r\n\r\n")
        assert b" 401 " in await reader.readline()
        writer.close()


async def test_nothing_of_hers_reached_the_other_managers_browser(house: House) -> None:
    """After all pages were asked for by both; hers and the supervisor's are the control."""
    for who, has_it in ((OTHER_MANAGER, False), (MANAGER, True), (SUPERVISOR, True)):
        await house.seats[who].open("/")
        await house.seats[who].open("/orders/4001")
        kept = b"".join((await kept_by(house.seats[who])).values()).decode(errors="replace").lower()
        assert all(word.lower() in kept for word in HERS) is has_it, who
        assert any(word.lower() in kept for word in HERS) is has_it, who


async def test_no_number_reached_any_browser(house: House) -> None:
    for seat in house.seats.values():
        await expect_no_number(seat, NUMBERS)
