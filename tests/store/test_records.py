"""Calls on record, and the facts that decide whether one may be placed."""

from __future__ import annotations

import sqlite3

import pytest
from audit_rows import since_managers_were_added
from decided import refuse_call
from sqlalchemy.exc import IntegrityError, OperationalError

from bridge.store.audit import AuditEntry
from bridge.store.cards import card
from bridge.store.database import Database
from bridge.store.managers import Manager
from bridge.store.orders import assign_customer, show_order
from bridge.store.records import (
    DAY_MS,
    HOUR_MS,
    Answered,
    Decision,
    DialFacts,
    Dialled,
    Finished,
    NewCall,
    OrderRef,
    SealedContact,
    begin_call,
    decide_call,
    dial_facts,
    note,
    open_calls,
    recent_calls,
)

NOW = 1_800_000_000_000

pytestmark = pytest.mark.usefixtures("orders")


def call(id_: str, *, started_ms: int = NOW, manager_id: int | None = 1, code: str = "1042") -> NewCall:
    return NewCall(id_, "dial-order", code, manager_id, None, None, started_ms)


def entry(act: str = "call") -> AuditEntry:
    return AuditEntry(NOW, "101", act, "order 1042")


async def run(db: Database, statement: str, *values: object) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql(statement, values)


async def test_the_facts_of_a_dialled_order(db: Database, managers: tuple[Manager, Manager]) -> None:
    facts = await dial_facts(db, Dialled("101", "1042", NOW))
    assert facts.manager == managers[0]
    assert facts.order == OrderRef("1042", 1, "open")
    assert facts.assigned_manager_id == managers[0].id
    assert facts.contact == SealedContact(1, 1, "phone", None, b"sealed-1", b"wrapped", "GB", "mobile")
    assert (facts.calls_last_hour, facts.calls_last_day) == (0, 0)


async def test_leading_zeros_of_a_code_matter(db: Database) -> None:
    assert (await dial_facts(db, Dialled("101", "42", NOW))).order is None
    assert (await dial_facts(db, Dialled("101", "0042", NOW))).order == OrderRef("0042", 1, "open")


@pytest.mark.parametrize(("extension", "code"), [("101", "9999"), ("999", "1042"), ("999", "9999")])
async def test_an_unknown_code_or_extension_takes_the_same_single_statement(
    db: Database, extension: str, code: str
) -> None:
    statements: list[str] = []

    connection = db._lookups._connection
    await connection.set_trace_callback(statements.append)
    known = await dial_facts(db, Dialled("101", "1042", NOW))
    unknown = await dial_facts(db, Dialled(extension, code, NOW))
    assert len(statements) == 2
    assert statements[0].replace("'101'", f"'{extension}'").replace("'1042'", f"'{code}'") == statements[1]
    assert (unknown.manager is None) == (extension == "999")
    assert (unknown.order is None) == (code == "9999")
    assert known.order is not None


@pytest.mark.parametrize(
    ("standings", "dialled"),
    [
        (("usable", "usable"), 1),
        (("suspect", "usable"), 2),
        (("suspect", "suspect"), 1),
        (("wrong", "suspect"), 2),
        (("wrong", "wrong"), None),
    ],
)
async def test_the_contact_most_likely_right_is_dialled(
    db: Database, standings: tuple[str, str], dialled: int | None
) -> None:
    for contact_id, standing in enumerate(standings, 1):
        await run(db, "UPDATE contacts SET standing = ? WHERE id = ?", standing, contact_id)
    contact = (await dial_facts(db, Dialled("101", "1042", NOW))).contact
    assert (contact.contact_id if contact else None) == dialled


@pytest.mark.parametrize(
    ("standings", "place", "dialled"),
    [
        (("usable", "usable"), 1, 1),
        (("usable", "usable"), 2, 2),
        (("usable", "usable"), 3, None),
        (("suspect", "usable"), 1, 2),
        (("suspect", "usable"), 2, 1),
        (("wrong", "usable"), 2, None),
    ],
)
async def test_a_contact_is_dialled_by_the_place_that_lists_show(
    db: Database, standings: tuple[str, str], place: int, dialled: int | None
) -> None:
    for contact_id, standing in enumerate(standings, 1):
        await run(db, "UPDATE contacts SET standing = ? WHERE id = ?", standing, contact_id)
    contact = (await dial_facts(db, Dialled("101", "1042", NOW, place=place))).contact
    assert (contact.contact_id if contact else None) == dialled
    shown = {each.place: each.contact_id for each in (await show_order(db, "1042")).contacts}
    on_the_card = {each.place: each.id for each in (await card(db, "1042", sees=None)).contacts}
    assert shown.get(place) == on_the_card.get(place) == dialled


@pytest.mark.parametrize(
    ("hours", "minute", "dialled", "within"),
    [
        (((None, None), (None, None)), 0, 1, True),
        (((1080, 1260), (None, None)), 1079, 2, True),
        (((1080, 1260), (None, None)), 1080, 1, True),
        (((1080, 1260), (None, None)), 1259, 1, True),
        (((1080, 1260), (None, None)), 1260, 2, True),
        (((1320, 360), (None, None)), 1400, 1, True),
        (((1320, 360), (None, None)), 359, 1, True),
        (((1320, 360), (None, None)), 360, 2, True),
        (((540, 600), (600, 660)), 620, 2, True),
        (((540, 600), (600, 660)), 700, 1, False),
        (((540, 600), (600, 660)), None, 1, True),
    ],
)
async def test_of_several_contacts_one_is_dialled_that_may_be_called_at_this_hour(
    db: Database,
    hours: tuple[tuple[int | None, int | None], ...],
    minute: int | None,
    dialled: int,
    within: bool,
) -> None:
    for contact_id, (start, end) in enumerate(hours, 1):
        await run(
            db, "UPDATE contacts SET call_from = ?, call_until = ? WHERE id = ?", start, end, contact_id
        )
    facts = await dial_facts(db, Dialled("101", "1042", NOW, minute=minute))
    assert facts.contact is not None
    assert (facts.contact.contact_id, facts.contact_within_hours) == (dialled, within)


async def test_a_contact_that_is_chosen_is_dialled_at_no_other_hours_in_another_ones_place(
    db: Database,
) -> None:
    await run(db, "UPDATE contacts SET call_from = 540, call_until = 600 WHERE id = 1")
    chosen = await dial_facts(db, Dialled("101", "1042", NOW, 1, minute=700))
    assert chosen.contact is not None
    assert (chosen.contact.contact_id, chosen.contact_within_hours) == (1, False)
    second = await dial_facts(db, Dialled("101", "1042", NOW, place=2, minute=700))
    assert second.contact is not None
    assert second.contact.contact_id == 2, "codes of places mean the same at every hour"


async def test_an_erased_customer_has_no_contact_to_dial(db: Database) -> None:
    await run(db, "UPDATE customers SET data_key = NULL")
    facts = await dial_facts(db, Dialled("101", "1042", NOW))
    assert facts.order is not None
    assert facts.contact is None


async def test_placed_calls_of_the_last_hour_and_day_are_counted(db: Database) -> None:
    for id_, age in (
        ("now", 0),
        ("hour", HOUR_MS - 1),
        ("out", HOUR_MS),
        ("day", DAY_MS - 1),
        ("old", DAY_MS),
    ):
        await begin_call(db, call(id_, started_ms=NOW - age), entry())
    await note(db, [Finished("now", NOW + 1, "talked", 16)])
    await refuse_call(db, call("refused"), entry("refuse"))
    await begin_call(db, call("other", manager_id=2), entry())
    facts = await dial_facts(db, Dialled("101", "1042", NOW))
    assert (facts.calls_last_hour, facts.calls_last_day) == (2, 4)


async def test_a_reassigned_customer_is_anothers(db: Database, managers: tuple[Manager, Manager]) -> None:
    await assign_customer(db, "0042", "102", "cli:alice")
    assert (await dial_facts(db, Dialled("101", "1042", NOW))).assigned_manager_id == managers[1].id


async def test_a_call_and_its_audit_entry_are_recorded_together_or_not_at_all(db: Database) -> None:
    await begin_call(db, call("a"), entry())
    with pytest.raises(IntegrityError):
        await begin_call(db, call("a"), entry())
    assert await since_managers_were_added(db) == [entry()]
    async with db.write() as connection:
        await connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with pytest.raises(IntegrityError):
        await begin_call(db, call("b"), entry())
    assert [record.id for record in await recent_calls(db)] == ["a"]


async def test_the_first_word_on_a_call_stands(db: Database) -> None:
    await begin_call(db, call("a"), entry())
    await note(db, [Answered("a", NOW + 1)])
    await note(db, [Answered("a", NOW + 2)])
    await note(db, [Finished("a", NOW + 3, "talked", 16)])
    await note(db, [Finished("a", NOW + 4, "failed", 38)])
    await note(db, [Answered("a", NOW + 5)])
    (record,) = await recent_calls(db)
    assert (record.answered_ms, record.ended_ms) == (NOW + 1, NOW + 3)
    assert (record.result, record.cause) == ("talked", 16)


async def test_a_refused_call_is_over_at_once(db: Database) -> None:
    await refuse_call(db, call("a", manager_id=None, code="9999"), entry("refuse"))
    assert await open_calls(db) == []
    (record,) = await recent_calls(db)
    assert (record.result, record.ended_ms, record.manager_id) == ("refused", NOW, None)
    assert await since_managers_were_added(db) == [entry("refuse")]


async def test_a_successor_finds_the_calls_that_have_not_ended(db: Database) -> None:
    for id_, age in (("ended", 3), ("newer", 1), ("older", 2)):
        await begin_call(db, call(id_, started_ms=NOW - age), entry())
    await note(db, [Finished("ended", NOW, "busy", 17)])
    assert [(open_.id, open_.extension) for open_ in await open_calls(db)] == [
        ("older", "101"),
        ("newer", "101"),
    ]
    assert [record.id for record in await recent_calls(db, 2)] == ["newer", "older"]


async def test_a_decision_is_made_of_the_facts_and_known_before_it_is_on_disk(
    db: Database, orders: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decide(facts: DialFacts) -> Decision:
        assert facts.order is not None
        return Decision(call("a"), entry(), refused=facts.order.code != "1042")

    decision, on_disk = await decide_call(db, Dialled("101", "1042", NOW), decide)
    assert (decision.refused, on_disk.done()) == (False, False)
    await on_disk
    (record,) = await recent_calls(db)
    assert (record.id, record.ended_ms) == ("a", None)
    assert await since_managers_were_added(db) == [entry()]


async def test_a_decision_that_fails_leaves_nothing_and_holds_nobody_up(db: Database) -> None:
    def fail(_facts: DialFacts) -> Decision:
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(OperationalError):
        await decide_call(db, Dialled("101", "1042", NOW), fail)
    assert await recent_calls(db) == []
    await begin_call(db, call("b"), entry())
