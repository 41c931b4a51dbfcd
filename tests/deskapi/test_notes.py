"""Notes: a number in one is taken out before it is stored, sealed, and told to those who are to know."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from sqlalchemy import select
from work_shop import Shop

from bridge.proof.scan import Scanner
from bridge.store.alarms import newest_alarms
from bridge.store.schema import contacts
from bridge.vault import read_number

NUMBER = "+447700900456"
SPELLED = "oh double seven double oh nine double oh four five six"


@pytest.fixture
async def order(work: Shop) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)


async def save(work: Shop, text: str, note_id: int | None = None, of: Any = None) -> dict[str, Any]:
    body = {"text": text, "note_id": note_id}
    answer = await work.ask(of or work.anna, "PUT", "/v1/orders/1042/notes", body)
    assert answer.status == 200, answer.body
    return dict(answer.body)


async def texts(work: Shop) -> list[str]:
    """Oldest first."""
    return [note["text"] for note in reversed((await work.card(work.anna, "1042"))["notes"])]


async def proposed(work: Shop) -> list[Any]:
    async with work.desk.database.read() as connection:
        query = select(contacts).where(contacts.c.proposed_ms.is_not(None)).order_by(contacts.c.id)
        return list((await connection.execute(query)).all())


async def alarms(work: Shop) -> list[tuple[Any, ...]]:
    found = await newest_alarms(work.desk.database, 100)
    return sorted((alarm.kind, alarm.extension, alarm.order_code) for alarm in found)


@pytest.mark.usefixtures("order")
async def test_a_note_without_either_is_stored_as_it_is(work: Shop) -> None:
    saved = await save(work, "Wants delivery 24.11.2026 at 15:00, order 1042, £1,250.00")
    assert saved["found"] == []
    assert saved["note"]["mine"]
    changed = await save(work, "Wants it on Friday", saved["note"]["id"])
    assert changed["note"]["id"] == saved["note"]["id"]
    assert await texts(work) == ["Wants it on Friday"]
    assert await alarms(work) == []


@pytest.mark.parametrize("written", ["07700 900456", "0-7-7-0-0-9-0-0-4-5-6", SPELLED, "+44 (0)7700 900456"])
@pytest.mark.usefixtures("order")
async def test_a_number_is_taken_out_sealed_and_told(work: Shop, written: str) -> None:
    saved = await save(work, f"Ring {written} after six")
    assert saved["note"]["text"] == "Ring [number removed] after six"
    assert saved["found"] == [{"kind": "phone", "kept": True}]
    assert await alarms(work) == [("note-number", "101", "1042")]
    (contact,) = await proposed(work)
    assert (contact.line_type, contact.region, contact.proposed_by) == ("mobile", "GB", work.anna.manager.id)
    assert opened(work, contact) == read_number(NUMBER, "GB").number
    assert ("desk:101", "contact-propose", "order 1042", f"contact {contact.id}") in await work.desk.audit()


def opened(work: Shop, contact: Any) -> Any:
    with sqlite3.connect(work.desk.folder / "shop.db") as database:
        (data_key,) = database.execute(
            "SELECT data_key FROM customers WHERE id = ?", (contact.customer_id,)
        ).fetchone()
    database.close()
    assert work.desk.vault is not None
    return work.desk.vault.open(
        contact.sealed,
        customer_id=contact.customer_id,
        contact_id=contact.id,
        kind="phone",
        data_key=data_key,
    )


@pytest.mark.usefixtures("order")
async def test_a_proposed_number_is_shown_as_such_and_not_dialled(work: Shop) -> None:
    await save(work, "or 07700 900456")
    card = await work.card(work.anna, "1042")
    shown = [(each["proposed"], each["dialled_next"]) for each in card["contacts"]]
    assert shown == [(False, True), (True, False)]
    chosen = {"contact_id": card["contacts"][1]["id"]}
    answer = await work.ask(work.anna, "POST", "/v1/orders/1042/calls", chosen)
    assert (answer.status, answer.reason) == (403, "not_yours")
    await work.say(work.anna, "1042", "wrong-number")
    assert not (await work.row(work.anna, "1042"))["reachable"]


@pytest.mark.usefixtures("order")
async def test_what_the_customer_has_already_and_what_is_no_number_are_only_taken_out(work: Shop) -> None:
    saved = await save(work, "07700 900123, tel 555 0123, anna@example.com")
    assert saved["note"]["text"] == "[number removed], tel [number removed], [email removed]"
    assert [each["kept"] for each in saved["found"]] == [False, False, False]
    assert await proposed(work) == []
    assert await alarms(work) == [("note-email", "101", "1042"), ("note-number", "101", "1042")]


@pytest.mark.usefixtures("order")
async def test_a_number_typed_over_two_savings_is_found(work: Shop) -> None:
    first = await save(work, "07700 90")
    assert first["found"] == []
    second = await save(work, "07700 900456", first["note"]["id"])
    assert second["found"] == [{"kind": "phone", "kept": True}]
    assert await texts(work) == ["[number removed]"]


@pytest.mark.usefixtures("order")
async def test_digits_that_are_still_being_typed_are_not_stored_before_they_are_finished(work: Shop) -> None:
    async def typing(text: str, *, finished: bool) -> dict[str, Any]:
        body = {"text": text, "note_id": first["note"]["id"], "finished": finished}
        return dict((await work.ask(work.anna, "PUT", "/v1/orders/1042/notes", body)).body)

    first = await save(work, "Ring")
    half = await typing("Ring +49 151 23", finished=False)
    assert (half["note"]["text"], half["held"]) == ("Ring ", len("+49 151 23"))
    assert await texts(work) == ["Ring "]
    whole = await typing("Ring 07700 900456", finished=True)
    assert (whole["note"]["text"], whole["held"]) == ("Ring [number removed]", 0)
    assert whole["found"] == [{"kind": "phone", "kept": True}]


@pytest.mark.usefixtures("order")
async def test_a_number_typed_over_two_notes_is_found_in_both(work: Shop) -> None:
    await save(work, "Wants a lamp. 07700")
    saved = await save(work, "900456 is the rest")
    assert saved["found"] == [{"kind": "phone", "kept": True}]
    assert await texts(work) == ["Wants a lamp. [number removed]", " is the rest"]
    third = await save(work, "07700")
    await save(work, "nothing", third["note"]["id"])
    last = await save(work, "900457")
    assert last["found"] == []
    again = await save(work, "07700", third["note"]["id"])
    assert again["found"] == [{"kind": "phone", "kept": True}]


@pytest.mark.usefixtures("order")
async def test_a_page_that_saves_the_same_text_again_and_again_raises_one_alarm(work: Shop) -> None:
    saved = await save(work, "07700 900456")
    for _ in range(5):
        work.desk.pass_time(5000)
        saved = await save(work, "07700 900456", saved["note"]["id"])
        assert saved["found"] == [{"kind": "phone", "kept": True}]
    assert len(await proposed(work)) == 1
    assert await alarms(work) == [("note-number", "101", "1042")]


@pytest.mark.usefixtures("order")
async def test_without_keys_a_number_is_taken_out_all_the_same(work: Shop) -> None:
    work.desk.vault = None
    saved = await save(work, "07700 900456")
    assert (saved["note"]["text"], saved["found"]) == ("[number removed]", [{"kind": "phone", "kept": False}])


@pytest.mark.usefixtures("order")
async def test_anothers_note_is_seen_and_not_changed(work: Shop) -> None:
    annas = (await save(work, "Wants a lamp"))["note"]["id"]
    body = {"text": "mine", "note_id": annas}
    answer = await work.ask(work.clara, "PUT", "/v1/orders/1042/notes", body)
    assert (answer.status, answer.reason) == (404, "not-found")
    (seen,) = (await work.card(work.clara, "1042"))["notes"]
    assert (seen["text"], seen["manager_name"], seen["mine"]) == ("Wants a lamp", "Anna", False)


@pytest.mark.usefixtures("order")
async def test_an_import_fills_the_second_number_and_leaves_a_proposed_one_alone(work: Shop) -> None:
    await save(work, "07700 900456")
    await work.order("1042", "Harriet Vane", "+447700900123", None, phone2="+447700900789")
    (contact,) = await proposed(work)
    assert contact.standing == "usable"


@pytest.mark.usefixtures("order")
async def test_what_was_typed_is_in_no_log_audit_alarm_or_file(
    work: Shop, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    answers = [await save(work, f"Ring {NUMBER} or {SPELLED}"), await work.card(work.anna, "1042")]
    async with work.desk.database.write() as connection:
        await connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON notes BEGIN SELECT raise(FAIL, 'disk full'); END"
        )
    answer = await work.ask(work.anna, "PUT", "/v1/orders/1042/notes", {"text": f"Ring {NUMBER}"})
    assert answer.status == 503
    too_long = {"text": NUMBER * 400}
    assert (await work.ask(work.anna, "PUT", "/v1/orders/1042/notes", too_long)).status == 422
    scanner = Scanner(NUMBER, "GB")
    said = json.dumps([*answers, answer.body]) + "".join(capfd.readouterr()) + caplog.text
    assert scanner.scan(said.encode()) == []
    for file in work.desk.folder.glob("shop.db*"):
        assert scanner.scan(file.read_bytes()) == [], file.name
