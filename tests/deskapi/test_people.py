"""What supervisors and owners do: who may, what comes of it, and that it is all of it or nothing."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import pytest
from decided import refuse_call
from desk_orders import add_customers, customers_of, execute
from desk_shop import DAY_MS, MINUTE_MS, DeskShop, Person
from fastapi.routing import APIRoute
from sqlalchemy import text

from bridge.api.desk import disclosure, limits, people
from bridge.rules import Role
from bridge.store.alarms import AlarmKind, add_alarm
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.errors import LastOwner
from bridge.store.managers import add_manager
from bridge.store.people import Actor, Leaving, let_go, set_enabled
from bridge.store.records import NewCall
from bridge.switchboard.board import CallView


@dataclass(frozen=True)
class Staff:
    owner: Person
    supervisor: Person
    anna: Person
    boris: Person


@pytest.fixture
async def staff(shop: DeskShop) -> Staff:
    return Staff(
        owner=await shop.hire("100", "Olga", Role.OWNER),
        supervisor=await shop.hire("110", "Sven", Role.SUPERVISOR),
        anna=await shop.hire("101", "Anna"),
        boris=await shop.hire("102", "Boris"),
    )


# --- who may ---

NEW = {"name": "Clara", "extension": "103"}
REASON = "the customer asked us to check it"

# Each route, a body that fits it, the lowest role that it exists for, and what that role is answered here.
ROUTES: list[tuple[str, str, Any, Role, int]] = [
    ("GET", "/v1/wall", None, Role.SUPERVISOR, 200),
    ("GET", "/v1/managers", None, Role.SUPERVISOR, 200),
    ("GET", "/v1/managers/101/report", None, Role.SUPERVISOR, 200),
    ("POST", "/v1/managers/101/leave", {"kind": "departure"}, Role.SUPERVISOR, 200),
    ("POST", "/v1/orders/1001/assignment", {"extension": "102"}, Role.SUPERVISOR, 204),
    ("POST", "/v1/orders/1001/contacts/1", {"never": True}, Role.SUPERVISOR, 204),
    ("GET", "/v1/results", None, Role.SUPERVISOR, 200),
    ("GET", "/v1/alarms", None, Role.SUPERVISOR, 200),
    ("POST", "/v1/alarms/1/seen", None, Role.SUPERVISOR, 204),
    ("GET", "/v1/audit", None, Role.SUPERVISOR, 200),
    ("GET", "/v1/proposals", None, Role.SUPERVISOR, 200),
    ("POST", "/v1/proposals/2", {"accept": True}, Role.SUPERVISOR, 204),
    ("POST", "/v1/managers", NEW, Role.OWNER, 201),
    ("POST", "/v1/managers/101/enabled", {"enabled": True}, Role.OWNER, 204),
    ("POST", "/v1/managers/101/invitations", None, Role.OWNER, 201),
    ("GET", "/v1/managers/101/rules", None, Role.OWNER, 200),
    ("PUT", "/v1/managers/101/limits", {"calls_per_day": 3}, Role.OWNER, 200),
    ("POST", "/v1/managers/102/extension", {"extension": "150"}, Role.OWNER, 200),
    (
        "POST",
        "/v1/orders/1001/disclosures",
        {"contact_id": 1, "reason": REASON, "code": "000000"},
        Role.OWNER,
        403,
    ),
]
RANKS = [Role.MANAGER, Role.SUPERVISOR, Role.OWNER]


@pytest.fixture
async def something_everywhere(shop: DeskShop, staff: Staff) -> None:
    """So that no route answers 404 for want of what it is about."""
    await add_customers(shop, [1, 2], staff.anna.manager)
    await propose(shop, 2, staff.anna)
    await add_alarm(shop.database, AlarmKind.READING_FAST, manager_id=None, order_code=None, detail="")


async def propose(shop: DeskShop, contact_id: int, by: Person) -> None:
    await execute(
        shop,
        "UPDATE contacts SET proposed_by = :by, proposed_ms = :at WHERE id = :id",
        by=by.manager.id,
        at=shop.now_ms,
        id=contact_id,
    )


@pytest.mark.parametrize("role", RANKS)
@pytest.mark.usefixtures("something_everywhere")
async def test_a_route_exists_for_its_roles_alone(shop: DeskShop, staff: Staff, role: Role) -> None:
    person = {Role.MANAGER: staff.boris, Role.SUPERVISOR: staff.supervisor, Role.OWNER: staff.owner}[role]
    for method, path, body, lowest, status in ROUTES:
        answer = await shop.ask(method, path, body, of=person)
        if RANKS.index(role) >= RANKS.index(lowest):
            assert answer.status == status, (path, answer.body)
        else:
            assert (answer.status, answer.reason) == (404, "not-found"), path


@pytest.mark.usefixtures("something_everywhere")
async def test_nothing_is_done_for_somebody_who_has_not_signed_in(shop: DeskShop) -> None:
    before = (await shop.audit(), await customers_of(shop))
    for method, path, body, _, _ in ROUTES:
        for token in (None, "a" * 45):
            answer = await shop.ask(method, path, body, of=token)
            assert (answer.status, answer.reason) == (401, "signed-out"), path
    assert (await shop.audit(), await customers_of(shop)) == before


async def test_nothing_is_done_for_an_owner_without_the_second_factor(shop: DeskShop, staff: Staff) -> None:
    new = await add_manager(shop.database, "Pavel", "105", Role.OWNER.value, actor="cli:test")
    await shop.ask("POST", "/v1/managers/105/invitations", of=staff.owner)
    token = await shop.session(new)
    for method, path, body, _, _ in ROUTES:
        answer = await shop.ask(method, path, body, of=token)
        assert (answer.status, answer.reason) == (403, "must-enrol"), path


def test_the_table_has_every_route() -> None:
    served = {
        (method, route.path)
        for router in (people.router, limits.router, disclosure.router)
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    tried = {(method, path) for method, path, *_ in ROUTES}
    assert {
        (method, template)
        for method, template in served
        if not any(method == other and matches(template, path) for other, path in tried)
    } == set()
    assert len(served) == len(ROUTES)


def matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


# --- acting on others ---


@pytest.mark.parametrize("kind", ["absence", "departure"])
async def test_a_supervisor_does_not_act_on_an_owner(shop: DeskShop, staff: Staff, kind: str) -> None:
    refused = await shop.ask("POST", "/v1/managers/100/leave", {"kind": kind}, of=staff.supervisor)
    assert (refused.status, refused.reason) == (403, "owners-only")
    assert (await shop.ask("GET", "/v1/me", of=staff.owner)).status == 200


async def test_nobody_disables_themselves(shop: DeskShop, staff: Staff) -> None:
    for path, body, person in (
        ("/v1/managers/100/enabled", {"enabled": False}, staff.owner),
        ("/v1/managers/100/leave", {"kind": "departure"}, staff.owner),
        ("/v1/managers/110/leave", {"kind": "departure"}, staff.supervisor),
    ):
        refused = await shop.ask("POST", path, body, of=person)
        assert (refused.status, refused.reason) == (409, "yourself")


async def test_the_last_owner_stays_whoever_asks_and_however_fast(shop: DeskShop, staff: Staff) -> None:
    second = await shop.hire("109", "Pavel", Role.OWNER)
    answers = await asyncio.gather(
        shop.ask("POST", "/v1/managers/100/enabled", {"enabled": False}, of=second),
        shop.ask("POST", "/v1/managers/109/leave", {"kind": "departure"}, of=staff.owner),
    )
    lines = (await shop.ask("GET", "/v1/managers", of=staff.supervisor)).body["managers"]
    assert [each["disabled"] for each in lines if each["role"] == "owner"].count(False) == 1
    assert sorted(answer.status for answer in answers)[0] in (200, 204)
    assert {answer.reason for answer in answers if answer.status > 204} <= {"last-owner", "signed-out"}


async def test_an_owner_who_is_the_last_can_not_be_disabled_by_one_who_was(
    shop: DeskShop, staff: Staff
) -> None:
    """As above, for sure: the other's session is over, so nobody may ask; and the store refuses too."""
    actor = Actor("desk:999", Role.OWNER)
    with pytest.raises(LastOwner):
        await set_enabled(shop.database, "100", enabled=False, actor=actor, now_ms=shop.now_ms)
    with pytest.raises(LastOwner):
        await let_go(shop.database, Leaving("100", None, for_good=True), actor, shop.now_ms)
    assert (await shop.ask("GET", "/v1/me", of=staff.owner)).status == 200


async def test_who_is_disabled_is_out_and_back_when_enabled_but_signed_out(
    shop: DeskShop, staff: Staff
) -> None:
    disabled = await shop.ask("POST", "/v1/managers/101/enabled", {"enabled": False}, of=staff.owner)
    assert disabled.status == 204
    assert (await shop.ask("GET", "/v1/me", of=staff.anna)).status == 401
    await shop.ask("POST", "/v1/managers/101/enabled", {"enabled": True}, of=staff.owner)
    assert (await shop.ask("GET", "/v1/me", of=staff.anna)).status == 401
    again = await shop.session(staff.anna.manager)
    assert (await shop.ask("GET", "/v1/me", of=again)).status == 200
    assert [row[:3] for row in await shop.audit()][-3:-1] == [
        ("desk:100", "manager-disable", "101"),
        ("desk:100", "manager-enable", "101"),
    ]


async def test_a_new_manager_comes_by_a_link(shop: DeskShop, staff: Staff) -> None:
    added = await shop.ask("POST", "/v1/managers", NEW | {"role": "supervisor"}, of=staff.owner)
    assert (added.status, added.body["role"], added.body["has_password"]) == (201, "supervisor", False)
    taken = await shop.ask("POST", "/v1/managers", NEW, of=staff.owner)
    assert (taken.status, taken.reason) == (409, "extension-taken")
    invited = await shop.ask("POST", "/v1/managers/103/invitations", of=staff.owner)
    assert invited.body["ends_ms"] == shop.now_ms + DAY_MS
    token = invited.body["path"].removeprefix("/invitations/")
    told = await shop.ask("GET", f"/v1/invitations/{token}")
    assert (told.body["name"], told.body["login"]) == ("Clara", "103")
    assert token not in str(await shop.audit())


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/managers/999/report", None),
        ("POST", "/v1/managers/999/leave", {"kind": "absence"}),
        ("POST", "/v1/managers/101/leave", {"kind": "absence", "to": "999"}),
        ("POST", "/v1/orders/1/assignment", {"extension": "101"}),
        ("POST", "/v1/orders/1/contacts/1", {"never": True}),
        ("POST", "/v1/orders/1001/contacts/7", {"never": True}),
        ("POST", "/v1/alarms/7/seen", None),
        ("POST", "/v1/proposals/7", {"accept": True}),
        ("POST", "/v1/managers/999/enabled", {"enabled": True}),
        ("POST", "/v1/managers/999/invitations", None),
    ],
)
async def test_what_does_not_exist_is_not_found(
    shop: DeskShop, staff: Staff, method: str, path: str, body: Any
) -> None:
    answer = await shop.ask(method, path, body, of=staff.owner)
    assert (answer.status, answer.reason) == (404, "not-found")


# --- leaving ---


async def test_a_departure_spreads_the_customers_evenly_and_ends_everything(
    shop: DeskShop, staff: Staff
) -> None:
    await shop.hire("103", "Clara")
    await add_customers(shop, range(1, 8), staff.anna.manager)
    await add_customers(shop, [8], staff.boris.manager)
    await shop.session(staff.anna.manager)
    left = await shop.ask("POST", "/v1/managers/101/leave", {"kind": "departure"}, of=staff.supervisor)
    assert left.body == {"kind": "departure", "customers_moved": 7, "sessions_ended": 2}
    assert {ext: len(ids) for ext, ids in (await customers_of(shop)).items()} == {"103": 4, "102": 4}
    assert (await shop.ask("GET", "/v1/me", of=staff.anna)).status == 401
    line = await line_of(shop, staff, "101")
    assert (line["disabled"], line["customers"]) == (True, 0)
    assert (await shop.audit())[-1] == (
        "desk:110",
        "departure",
        "101",
        "to=all, customers moved: 7, sessions ended: 2",
    )


async def line_of(shop: DeskShop, staff: Staff, extension: str) -> dict[str, Any]:
    lines = (await shop.ask("GET", "/v1/managers", of=staff.supervisor)).body["managers"]
    return next(each for each in lines if each["extension"] == extension)


async def test_an_absence_hands_over_to_one_and_leaves_the_rest_as_it_is(
    shop: DeskShop, staff: Staff
) -> None:
    await add_customers(shop, range(1, 4), staff.anna.manager)
    body = {"kind": "absence", "to": "102"}
    left = await shop.ask("POST", "/v1/managers/101/leave", body, of=staff.supervisor)
    assert left.body == {"kind": "absence", "customers_moved": 3, "sessions_ended": 0}
    assert await customers_of(shop) == {"102": [1, 2, 3]}
    assert (await shop.ask("GET", "/v1/me", of=staff.anna)).status == 200
    assert not (await line_of(shop, staff, "101"))["disabled"]


async def test_a_departure_is_all_of_it_or_nothing(
    shop: DeskShop, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last thing it does, the line of the audit, fails: nothing that came before may stay."""
    await add_customers(shop, range(1, 4), staff.anna.manager)
    before = (await customers_of(shop), await shop.audit())

    async def fail(*_: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("bridge.store.people.write_entry", fail)
        answer = await shop.ask("POST", "/v1/managers/101/leave", {"kind": "departure"}, of=staff.supervisor)
    assert answer.status == 500
    assert (await customers_of(shop), await shop.audit()) == before
    assert (await shop.ask("GET", "/v1/me", of=staff.anna)).status == 200
    assert not (await line_of(shop, staff, "101"))["disabled"]


@pytest.mark.parametrize("to", ["101", None])
async def test_customers_are_not_left_with_nobody(shop: DeskShop, staff: Staff, to: str | None) -> None:
    await add_customers(shop, [1], staff.anna.manager)
    await shop.ask("POST", "/v1/managers/102/enabled", {"enabled": False}, of=staff.owner)
    refused = await shop.ask(
        "POST", "/v1/managers/101/leave", {"kind": "departure", "to": to}, of=staff.supervisor
    )
    assert (refused.status, refused.reason) == (409, "nobody-to-take-over")
    assert await customers_of(shop) == {"101": [1]}


async def test_nobody_who_is_disabled_is_given_customers(shop: DeskShop, staff: Staff) -> None:
    await add_customers(shop, [1], staff.anna.manager)
    await shop.ask("POST", "/v1/managers/102/enabled", {"enabled": False}, of=staff.owner)
    for path, body in (
        ("/v1/managers/101/leave", {"kind": "absence", "to": "102"}),
        ("/v1/orders/1001/assignment", {"extension": "102"}),
    ):
        refused = await shop.ask("POST", path, body, of=staff.supervisor)
        assert (refused.status, refused.reason) == (409, "manager-disabled")


async def test_somebody_who_has_gone_is_still_reported_on(shop: DeskShop, staff: Staff) -> None:
    await shop.ask("POST", "/v1/managers/101/leave", {"kind": "departure"}, of=staff.supervisor)
    report = await shop.ask("GET", "/v1/managers/101/report", of=staff.supervisor)
    assert report.body["manager"]["disabled"] is True
    assert len(report.body["days"]) == 28


async def test_an_order_is_assigned_with_its_customer_on_record(shop: DeskShop, staff: Staff) -> None:
    await add_customers(shop, [1], staff.anna.manager)
    body = {"extension": "102"}
    answer = await shop.ask("POST", "/v1/orders/1001/assignment", body, of=staff.supervisor)
    assert answer.status == 204
    assert await customers_of(shop) == {"102": [1]}
    assert (await shop.audit())[-1] == ("desk:110", "assign", "1001", "extension=102")


# --- what is seen ---


async def test_the_wall_has_names_and_plain_states(shop: DeskShop, staff: Staff) -> None:
    await add_customers(shop, [1], staff.anna.manager)
    shop.switchboard.calls = [
        CallView("bcdf", "click-to-call", "1001", "101", "talking", shop.now_ms, shop.now_ms + 5),
        CallView("ghjk", "dial-order", "1001", "102", "checking", shop.now_ms, None),
    ]
    (call,) = (await shop.ask("GET", "/v1/wall", of=staff.supervisor)).body["calls"]
    assert (call["customer_name"], call["manager_name"], call["state"]) == ("Customer 1", "Anna", "talking")
    assert (await line_of(shop, staff, "101"))["in_call"]


async def test_managers_are_listed_with_what_they_have_to_do(shop: DeskShop, staff: Staff) -> None:
    await add_customers(shop, [1, 2, 3], staff.anna.manager)
    await execute(shop, "UPDATE orders SET why = 'done' WHERE code = '1003'")
    line = await line_of(shop, staff, "101")
    assert (line["customers"], line["orders_to_call"], line["signed_in"]) == (3, 2, True)
    assert (line["has_password"], line["second_factor"]) == (False, False)
    shop.pass_time(20 * MINUTE_MS)
    await shop.ask("GET", "/v1/me", of=staff.supervisor)
    shop.pass_time(20 * MINUTE_MS)
    assert not (await line_of(shop, staff, "101"))["signed_in"]


async def test_results_count_calls_by_day_and_by_manager(shop: DeskShop, staff: Staff) -> None:
    await add_customers(shop, [1], staff.anna.manager)
    today, yesterday = shop.now_ms, shop.now_ms - DAY_MS
    for place, (kind, result, at_ms) in enumerate(
        [
            ("dial-order", "talked", today),
            ("click-to-call", "busy", today),
            ("dial-order", "no-answer", today),
            ("dial-order", "failed", today),
            ("dial-order", "refused", today),
            ("callback", "talked", today),
            ("dial-order", "talked", yesterday),
        ]
    ):
        await execute(
            shop,
            "INSERT INTO calls (id, kind, order_code, manager_id, started_ms, answered_ms, ended_ms, result)"
            " VALUES (:id, :kind, '1001', :manager, :at, :answered, :ended, :result)",
            id=f"call{place}",
            kind=kind,
            manager=staff.anna.manager.id,
            at=at_ms,
            answered=at_ms if result == "talked" else None,
            ended=at_ms + 61_000,
            result=result,
        )
    await execute(
        shop,
        "INSERT INTO outcomes (order_code, manager_id, outcome, at_ms, before, undone_ms)"
        " VALUES ('1001', :m, 'confirmed', :at, '{}', NULL), ('1001', :m, 'refused', :at, '{}', :at)",
        m=staff.anna.manager.id,
        at=today,
    )
    results = (await shop.ask("GET", "/v1/results?days=2", of=staff.supervisor)).body
    assert [
        (day["calls"], day["talked"], day["no_answer"], day["busy"], day["other"]) for day in results["days"]
    ] == [(1, 1, 0, 0, 0), (4, 1, 1, 1, 1)]
    assert results["managers"] == [
        {
            "name": "Anna",
            "extension": "101",
            "calls": 5,
            "talked": 2,
            "talked_seconds": 122,
            "outcomes": {"confirmed": 1},
        }
    ]
    assert (await shop.ask("GET", "/v1/results?days=93", of=staff.supervisor)).status == 422


async def test_a_report_tells_what_was_read_called_and_tried(shop: DeskShop, staff: Staff) -> None:
    anna = staff.anna.manager
    for at_ms in (shop.now_ms, shop.now_ms, shop.now_ms - DAY_MS):
        await execute(
            shop,
            "INSERT INTO card_reads (manager_id, order_code, at_ms) VALUES (:m, '1001', :at)",
            m=anna.id,
            at=at_ms,
        )
    for detail in ("unknown_code", "not_assigned", "outside_hours"):
        refused = NewCall(detail, "dial-order", "9", anna.id, None, None, shop.now_ms - len(detail))
        entry = AuditEntry(refused.started_ms, "extension 101", "refuse", "order 9", detail)
        await refuse_call(shop.database, refused, entry)
    await add_alarm(
        shop.database, AlarmKind.READING_FAST, manager_id=anna.id, order_code=None, detail="21 in a minute"
    )
    report = (await shop.ask("GET", "/v1/managers/101/report", of=staff.supervisor)).body
    assert [day["cards_read"] for day in report["days"]][-2:] == [1, 2]
    assert report["days"][-1]["misses"] == 2
    assert [alarm["detail"] for alarm in report["alarms"]] == ["21 in a minute"]
    other = (await shop.ask("GET", "/v1/managers/102/report", of=staff.supervisor)).body
    assert (other["alarms"], {day["misses"] for day in other["days"]}) == ([], {0})


async def test_an_alarm_is_unseen_until_the_first_has_seen_it(shop: DeskShop, staff: Staff) -> None:
    await add_alarm(shop.database, AlarmKind.LOCKED_OUT, manager_id=None, order_code="1001", detail="x")
    assert (await shop.ask("GET", "/v1/alarms", of=staff.owner)).body["unseen"] == 1
    for person in (staff.supervisor, staff.owner):
        assert (await shop.ask("POST", "/v1/alarms/1/seen", of=person)).status == 204
    told = (await shop.ask("GET", "/v1/alarms", of=staff.owner)).body
    assert told["unseen"] == 0
    (alarm,) = told["alarms"]
    assert (alarm["kind"], alarm["order"], alarm["seen_by"]) == ("locked-out", "1001", "Sven")


async def test_the_audit_is_read_page_by_page_to_its_beginning(shop: DeskShop, staff: Staff) -> None:
    async with shop.database.write() as connection:
        for number in range(250):
            entry = AuditEntry(shop.now_ms, "extension 101", "dial", f"order {number % 2}")
            await write_entry(connection, entry)
    pages, cursor = [], ""
    while cursor is not None:
        page = (await shop.ask("GET", f"/v1/audit?act=dial{cursor}", of=staff.owner)).body
        pages.append([line["id"] for line in page["lines"]])
        cursor = page["cursor"] and f"&cursor={page['cursor']}"
    found = [id_ for page in pages for id_ in page]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 250
    narrowed = (await shop.ask("GET", "/v1/audit?order=1&actor=extension%20101", of=staff.owner)).body
    assert {line["subject"] for line in narrowed["lines"]} == {"order 1"}
    assert (await shop.ask("GET", "/v1/audit?act=nothing", of=staff.owner)).body["lines"] == []


async def test_what_is_seldom_in_the_audit_is_looked_for_piece_by_piece(
    shop: DeskShop, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.audit._LOOKED_THROUGH_AT_ONCE", 3)
    asked, cursor, found = 0, "", []
    while cursor is not None:
        page = (await shop.ask("GET", f"/v1/audit?act=manager-add&order={cursor}", of=staff.owner)).body
        found += page["lines"]
        cursor = page["cursor"] and f"&cursor={page['cursor']}"
        asked += 1
    assert len(found) == 4
    assert asked > 1


# --- proposals ---


async def contacts_of(shop: DeskShop, customer_id: int) -> list[tuple[Any, ...]]:
    query = (
        "SELECT id, standing, position, label, proposed_ms FROM contacts WHERE customer_id = :id ORDER BY 1"
    )
    async with shop.database.read() as connection:
        return [tuple(row) for row in await connection.execute(text(query), {"id": customer_id})]


@pytest.fixture
async def proposal(shop: DeskShop, staff: Staff) -> int:
    """Customer 1 has a second contact, number 2, which Anna found in a note."""
    await add_customers(shop, [1, 2], staff.anna.manager)
    await execute(shop, "UPDATE contacts SET customer_id = 1 WHERE id = 2")
    await propose(shop, 2, staff.anna)
    return 2


async def test_an_accepted_contact_is_dialled_after_all_others(
    shop: DeskShop, staff: Staff, proposal: int
) -> None:
    (told,) = (await shop.ask("GET", "/v1/proposals", of=staff.supervisor)).body["proposals"]
    assert (told["contact_id"], told["order"], told["manager_name"]) == (proposal, "1001", "Anna")
    path = f"/v1/proposals/{proposal}"
    assert (await shop.ask("POST", path, {"accept": True}, of=staff.supervisor)).status == 204
    assert (await contacts_of(shop, 1))[1] == (2, "usable", 2, "given by the customer", None)
    assert (await shop.ask("POST", path, {"accept": False}, of=staff.supervisor)).status == 404
    assert (await shop.audit())[-1] == ("desk:110", "proposal-accept", "contact 2", "")
    assert (await shop.ask("GET", "/v1/proposals", of=staff.supervisor)).body == {"proposals": []}


async def test_a_rejected_contact_is_wrong_for_good(shop: DeskShop, staff: Staff, proposal: int) -> None:
    path = f"/v1/proposals/{proposal}"
    assert (await shop.ask("POST", path, {"accept": False}, of=staff.supervisor)).status == 204
    assert (await contacts_of(shop, 1))[1][1] == "wrong"
    assert (await shop.ask("POST", path, {"accept": True}, of=staff.supervisor)).status == 404
    assert (await shop.ask("GET", "/v1/proposals", of=staff.supervisor)).body == {"proposals": []}


async def test_a_contact_that_nobody_proposed_is_not_to_be_settled(
    shop: DeskShop, staff: Staff, proposal: int
) -> None:
    before = await contacts_of(shop, 1)
    assert (await shop.ask("POST", "/v1/proposals/1", {"accept": False}, of=staff.owner)).status == 404
    assert await contacts_of(shop, 1) == before
