"""Whoever changes a request by hand gets nothing of somebody else's, and changes nothing of it either.

Boris, another manager, knows every id that is Anna's, and asks a real daemon for all that it serves.
"""

from __future__ import annotations

import asyncio
import csv
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import pytest_asyncio
from forgery import NOBODYS, REQUESTS, Ids, Request, Whose, not_of, of
from shop import carrier_of, until, until_async

from bridge.api.desk.app import make_desk_app
from bridge.proof.scan import Scanner
from bridge.rules import Role
from labkit import ports
from labkit.deskapi import Answer, DeskApi, bearer
from labkit.deskpeople import BROWSER, admit, invitation, sign_in, taken
from labkit.deskphone import AnsweringPhone
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANNA, BORIS, SUPERVISOR, OWNER, NEWCOMER = "101", "102", "103", "104", "105"
NUMBERS = ("+447700900311", "+447700900312", "+447700900399")
NAME, SUMMARY, NOTE = "Zanzibarova", "quagga", "okapi"
CANARIES = (NAME, SUMMARY, NOTE)
"""Words that stand in what is Anna's alone: no answer to Boris has one."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

each = pytest.mark.parametrize


def ids_of(requests: list[Request]) -> list[str]:
    return [f"{request.method} {request.path}" for request in requests]


def each_request(requests: list[Request]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("request_", requests, ids=ids_of(requests))


@dataclass(frozen=True)
class Forgers:
    """A shop, and the tokens of those who sign in: by extension. `annas` is all that Boris must not get at.

    `own_code` is an order of his own. `no_session` are tokens that open nothing: by what is wrong with them.
    """

    lab: Lab
    api: DeskApi
    tokens: dict[str, str]
    annas: Ids
    own_code: str
    no_session: dict[str, str | None]

    async def forged(self, request: Request, ids: Ids, token: str | None, **more: Any) -> Answer:
        path, body = request.asks(ids)
        return await self.api.ask(request.method, path, body, token=token, **more)


def expect_nothing_of_annas(answer: Answer) -> None:
    said = answer.bytes_on_the_wire.decode().lower()
    assert [word for word in CANARIES if word.lower() in said] == []
    assert [finding.form for number in NUMBERS for finding in Scanner(number, "GB").scan(said.encode())] == []


# --- the shop ---


def write_orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        writer.writerow(["7001", f"Ada {NAME}", NUMBERS[0], f"One {SUMMARY}", ANNA])
        writer.writerow(["7002", f"Eva {NAME}", NUMBERS[1], f"Two {SUMMARY}s", ANNA])
        writer.writerow(["7003", "Own Customer", "+447700900313", "His own", BORIS])
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def forgers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Forgers]:
    folder = tmp_path_factory.mktemp("forged")
    carrier_address = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = await asyncio.to_thread(
        Lab.up,
        folder,
        managers=5,
        roles={SUPERVISOR: Role.SUPERVISOR, OWNER: Role.OWNER},
        carrier=carrier_address,
        orders=write_orders(folder / "orders.csv"),
        settings={
            "desk": {"number_links": True},
            "texts": {"enabled": True, "url": "https://127.0.0.1:1/"},  # where none is sent to
        },
    )
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(carrier_of(lab))
            for extension in (ANNA, BORIS):
                password = lab.managers[extension].password
                phone = AnsweringPhone(extension, password, server=lab.sip_address)
                await stack.enter_async_context(phone)
                await phone.register()
            api = await stack.enter_async_context(DeskApi(lab.desk_socket))
            people = {who: await admit(lab, api, who) for who in (ANNA, BORIS, SUPERVISOR, OWNER)}
            tokens = {who: await sign_in(api, person) for who, person in people.items()}
            yield Forgers(
                lab,
                api,
                tokens,
                annas=await annas_day(lab, api, tokens[ANNA], tokens[SUPERVISOR]),
                own_code="7003",
                no_session=await unusable(lab, api, tokens[OWNER], people),
            )
    finally:
        await asyncio.to_thread(lab.down)


async def annas_day(lab: Lab, api: DeskApi, anna: str, supervisor: str) -> Ids:
    """One of everything that a manager leaves behind, and a call that goes on."""
    text = f"A word about the {NOTE}: {NUMBERS[2]}"
    note = taken(await api.ask("PUT", "/v1/orders/7001/notes", {"text": text}, token=anna))["note"]
    past = await talk(api, anna, "7001")
    taken(await api.ask("DELETE", f"/v1/calls/{past}", token=anna))
    await until_async(lambda: is_over(api, anna), "the end of the first call")
    outcome = {"outcome": "left-message", "call_id": past}
    outcome_id = taken(await api.ask("POST", "/v1/orders/7001/outcomes", outcome, token=anna))["id"]
    card = taken(await api.ask("GET", "/v1/orders/7001", token=anna))
    alarms = taken(await api.ask("GET", "/v1/alarms", token=supervisor))["alarms"]
    proposals = taken(await api.ask("GET", "/v1/proposals", token=supervisor))["proposals"]
    sessions = taken(await api.ask("GET", "/v1/sessions", token=anna))["sessions"]
    return Ids(
        code="7001",
        extension=ANNA,
        contact=card["contacts"][0]["id"],
        note=note["id"],
        outcome=outcome_id,
        past_call=past,
        live_call=await talk(api, anna, "7002"),
        session=sessions[0]["id"],
        alarm=alarms[0]["id"],
        proposal=proposals[0]["contact_id"],
        message=left_message(lab, "7001"),
    )


def left_message(lab: Lab, code: str) -> str:
    """The id of a message; what is sealed in it nobody gets to see here, opened or not."""
    with closing(sqlite3.connect(lab.database_path)) as database, database:
        database.execute(
            "INSERT INTO voice_messages (id, customer_id, order_code, at_ms, seconds, sealed)"
            " SELECT ?, customer_id, code, created_ms, 23, ? FROM orders WHERE code = ?",
            ("q" * 20, NOTE.encode(), code),
        )
    return "q" * 20


async def talk(api: DeskApi, token: str, code: str) -> str:
    """The id of a call in which both talk."""
    call_id: str = taken(await api.ask("POST", f"/v1/orders/{code}/calls", {}, token=token))["id"]

    async def talking() -> bool:
        return await state_of_call(api, token) == "talking"

    await until_async(talking, "a conversation", within=20)
    return call_id


async def state_of_call(api: DeskApi, token: str) -> str | None:
    call = taken(await api.ask("GET", "/v1/calls/mine", token=token))["call"]
    return call["state"] if call else None


async def is_over(api: DeskApi, token: str) -> bool:
    return await state_of_call(api, token) in (None, "ended")


async def unusable(lab: Lab, api: DeskApi, owner: str, people: dict[str, Any]) -> dict[str, str | None]:
    ended = await sign_in(api, people[BORIS])
    taken(await api.ask("POST", "/v1/sign-out", token=ended))
    password_alone = {"login": OWNER, "password": people[OWNER].password, **BROWSER}
    half = taken(await api.ask("POST", "/v1/sign-in", password_alone))["token"]
    link = (await invitation(lab, NEWCOMER)).rpartition("/")[2]
    return {
        "none": None,
        "empty": "",
        "never given": "z" * len(owner),
        "altered": owner[:-1] + ("a" if owner[-1] != "a" else "b"),
        "cut": owner[:-1],
        "in other letters": owner.swapcase(),
        "signed out": ended,
        "password alone": half,
        "a link": link,
    }


@contextmanager
def untouched(forgers: Forgers) -> Iterator[None]:
    """What is Anna's, and what everybody may do, is afterwards what it was."""
    before = all_that_counts(forgers.lab)
    yield
    assert all_that_counts(forgers.lab) == before


def all_that_counts(lab: Lab) -> dict[str, list[Any]]:
    queries = {
        **{table: f"SELECT * FROM {table}" for table in ("customers", "contacts", "orders", "assignments")},
        **{
            table: f"SELECT * FROM {table}"
            for table in ("notes", "outcomes", "card_reads", "invitations", "voice_messages")
        },
        "managers": "SELECT id, name, extension, role, disabled_ms FROM managers",
        "accounts": "SELECT manager_id, login, password_hash, totp_since_ms FROM accounts",
        "her sessions": f"SELECT id FROM sessions JOIN managers ON managers.id = manager_id"
        f" WHERE extension = '{ANNA}'".replace("SELECT id", "SELECT sessions.id"),
        "her alarms": "SELECT id, seen_ms FROM alarms WHERE order_code IS NOT NULL",
    }
    with closing(sqlite3.connect(f"file:{lab.database_path}?mode=ro", uri=True)) as database:
        return {name: sorted(map(repr, database.execute(query))) for name, query in queries.items()}


# --- the table ---


async def test_every_request_that_is_served_is_in_the_table() -> None:
    served = {
        (method.upper(), nameless(path))
        for path, methods in make_desk_app(Mock()).openapi()["paths"].items()
        for method in methods
    }
    assert {(request.method, nameless(request.path)) for request in REQUESTS} == served


def nameless(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


# --- without a session ---


@each_request(not_of(Whose.ANYBODY))
async def test_without_an_open_session_nothing_is_served(forgers: Forgers, request_: Request) -> None:
    with untouched(forgers):
        for wrong, token in forgers.no_session.items():
            answer = await forgers.forged(request_, forgers.annas, token)
            assert (answer.status, answer.reason) == (401, "signed-out"), wrong
            expect_nothing_of_annas(answer)


@each_request(of(Whose.ANYBODY))
async def test_at_the_door_nothing_is_learned(forgers: Forgers, request_: Request) -> None:
    with untouched(forgers):
        hers = await forgers.forged(request_, forgers.annas, None)
        nobodys = await forgers.forged(request_, NOBODYS, None)
    assert hers.status in (401, 404)
    assert hers.body == nobodys.body
    expect_nothing_of_annas(hers)


# --- as somebody else ---


@each_request(of(Whose.THE_CUSTOMERS_MANAGER))
async def test_what_is_another_managers_is_as_what_never_was(forgers: Forgers, request_: Request) -> None:
    with untouched(forgers):
        hers = await forgers.forged(request_, forgers.annas, forgers.tokens[BORIS])
        nobodys = await forgers.forged(request_, NOBODYS, forgers.tokens[BORIS])
    assert (hers.status, hers.reason) == (404, "not-found")
    assert hers.body == nobodys.body
    expect_nothing_of_annas(hers)


TAKE_NO_ID = ("/v1/sign-out", "/v1/events", "/v1/password", "/v1/second-factor/new")


@each_request([request for request in of(Whose.ONESELF) if request.path not in TAKE_NO_ID])
async def test_requests_about_oneself_are_about_nobody_else(forgers: Forgers, request_: Request) -> None:
    with untouched(forgers):
        expect_nothing_of_annas(await forgers.forged(request_, forgers.annas, forgers.tokens[BORIS]))


MIXED = {
    "a contact of hers, to be dialled": ("POST", "/v1/orders/{own}/calls", {"contact_id": "contact"}),
    "her note, to be written over": (
        "PUT",
        "/v1/orders/{own}/notes",
        {"note_id": "note", "text": "forged"},
    ),
    "her call, as what an outcome came of": (
        "POST",
        "/v1/orders/{own}/outcomes",
        {"outcome": "confirmed", "call_id": "past_call"},
    ),
    "her live call, as what an outcome came of": (
        "POST",
        "/v1/orders/{own}/outcomes",
        {"outcome": "confirmed", "call_id": "live_call"},
    ),
}


@each("mixed", MIXED)
async def test_hers_is_not_taken_in_a_request_about_his_own(forgers: Forgers, mixed: str) -> None:
    method, path, wanted = MIXED[mixed]
    body = {name: getattr(forgers.annas, str(value), value) for name, value in wanted.items()}
    with untouched(forgers):
        answer = await forgers.api.ask(
            method, path.format(own=forgers.own_code), body, token=forgers.tokens[BORIS]
        )
    assert answer.status in (403, 404, 409, 422)
    expect_nothing_of_annas(answer)


@each_request(of(Whose.SUPERVISORS, Whose.OWNERS))
async def test_to_managers_there_are_no_pages_of_supervisors(forgers: Forgers, request_: Request) -> None:
    with untouched(forgers):
        answer = await forgers.forged(request_, forgers.annas, forgers.tokens[BORIS])
    assert (answer.status, answer.reason) == (404, "not-found")
    expect_nothing_of_annas(answer)


@each_request(of(Whose.OWNERS))
async def test_to_supervisors_there_are_no_pages_of_owners(forgers: Forgers, request_: Request) -> None:
    with untouched(forgers):
        answer = await forgers.forged(request_, forgers.annas, forgers.tokens[SUPERVISOR])
    assert (answer.status, answer.reason) == (404, "not-found")


CLAIMS = {
    "a role in a header": {"headers": {"X-Role": "owner", "X-Extension": ANNA, "X-Forwarded-User": ANNA}},
    "another method in a header": {"headers": {"X-HTTP-Method-Override": "GET", "X-Method": "GET"}},
    "her session in a cookie": {"headers": {"Cookie": "__Host-desk=z; session=z; role=owner"}},
}


@each("claim", CLAIMS)
@each_request(of(Whose.THE_CUSTOMERS_MANAGER, Whose.SUPERVISORS, Whose.OWNERS))
async def test_what_a_request_claims_to_be_does_not_count(
    forgers: Forgers, request_: Request, claim: str
) -> None:
    with untouched(forgers):
        answer = await forgers.forged(request_, forgers.annas, forgers.tokens[BORIS], **CLAIMS[claim])
    assert (answer.status, answer.reason) == (404, "not-found")
    expect_nothing_of_annas(answer)


@each_request([request for request in REQUESTS if request.body is not None])
async def test_fields_that_nobody_asked_for_are_refused(forgers: Forgers, request_: Request) -> None:
    path, body = request_.asks(forgers.annas)
    more = {**(body or {}), "manager_id": 1, "extension_of": ANNA, "role": "owner"}
    with untouched(forgers):
        answer = await forgers.api.ask(request_.method, path, more, token=forgers.tokens[BORIS])
    assert answer.status in (404, 422)
    expect_nothing_of_annas(answer)


@each("path", sorted({request.path for request in REQUESTS}))
async def test_a_method_that_is_not_served_gets_nothing(forgers: Forgers, path: str) -> None:
    served = {request.method for request in REQUESTS if request.path == path}
    with untouched(forgers):
        for method in set(METHODS) - served:
            request_ = Request(method, path, Whose.ONESELF, body=None if method == "TRACE" else {})
            answer = await forgers.forged(request_, forgers.annas, forgers.tokens[BORIS])
            assert answer.status in (404, 405), method
            expect_nothing_of_annas(answer)


# --- lists ---

SEARCHES = ("", NAME, NAME.lower(), SUMMARY, NOTE, "7001", "700", "%", "_", "*", "' OR 1=1 --", '"', "\\")


@each("filter_", ["to-call", "due", "new", "no-answer", "later", "done", "all", "everybody"])
async def test_no_list_and_no_search_has_another_managers_customers(forgers: Forgers, filter_: str) -> None:
    for search in SEARCHES:
        query = {"filter": filter_, "q": search, "limit": "100"}
        async with forgers.api.http.get(
            "/v1/queue", params=query, headers=bearer(forgers.tokens[BORIS])
        ) as got:
            answer = Answer(got.status, got.headers, await got.read())
        if answer.status == 200:
            rows = answer.said["rows"]
            assert {row["code"] for row in rows} <= {forgers.own_code}
            assert sum(answer.said["counts"].values()) <= 1
        # What was searched for may be said back in a problem, but nothing else.
        expect_nothing_of_annas(
            Answer(answer.status, answer.headers, answer.body.replace(search.encode(), b""))
            if search and answer.status != 200
            else answer
        )


async def test_her_place_in_a_list_leads_him_nowhere(forgers: Forgers) -> None:
    first = taken(
        await forgers.api.ask("GET", "/v1/queue?filter=all&limit=1", token=forgers.tokens[SUPERVISOR])
    )
    assert first["cursor"], "there is a second page to be forged"
    path = f"/v1/queue?filter=all&limit=1&cursor={first['cursor']}"
    expect_nothing_of_annas(await forgers.api.ask("GET", path, token=forgers.tokens[BORIS]))


async def test_next_never_takes_another_managers_customer(forgers: Forgers) -> None:
    for _ in range(3):
        answer = await forgers.api.ask("POST", "/v1/queue/next", token=forgers.tokens[BORIS])
        assert answer.status == 404 or answer.said["code"] == forgers.own_code
        expect_nothing_of_annas(answer)


async def test_events_of_another_managers_call_reach_nobody_else(forgers: Forgers) -> None:
    received = bytearray()
    headers = bearer(forgers.tokens[BORIS])
    async with forgers.api.http.get("/v1/events", headers=headers, timeout=None) as stream:
        assert stream.status == 200

        async def listen() -> None:
            async for chunk in stream.content.iter_any():
                received.extend(chunk)

        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            anna = forgers.tokens[ANNA]
            taken(await forgers.api.ask("DELETE", f"/v1/calls/{forgers.annas.live_call}", token=anna))
            await until_async(lambda: is_over(forgers.api, anna), "the end of her call")
            own = f"/v1/orders/{forgers.own_code}/calls"
            taken(await forgers.api.ask("POST", own, {}, token=forgers.tokens[BORIS]))
            await until(lambda: b"Own Customer" in received, "an event of his own call")
            listening.cancel()
    expect_nothing_of_annas(Answer(200, {}, bytes(received)))


async def test_those_who_may_see_her_customers_do_see_them(forgers: Forgers) -> None:
    """The control: the words that the other tests search for are there to be found."""
    for who in (ANNA, SUPERVISOR, OWNER):
        card = await forgers.api.ask("GET", "/v1/orders/7001", token=forgers.tokens[who])
        assert all(word.lower() in card.body.decode().lower() for word in CANARIES), who
