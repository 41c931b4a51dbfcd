"""A manager's whole shift at the desk, by keyboard alone."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from kept import expect_no_number, hidden_in
from playwright.async_api import Page, expect
from shop import records
from stage import MANAGER, OPEN_ORDER, Seat, Stage, open_stage

from bridge.proof.sip.carrier import Behaviour, answer, refuse, ring_for_ever

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = {"confirmed": "1", "no-answer": "3", "left-message": "4", "wrong-number": "5", "refused": "6"}
FIRST_CODE = 3001
ORDERS_OF_SHIFT = 20


@dataclass(frozen=True)
class Customer:
    """Somebody who is called: what their telephone does, and what the manager says came of it."""

    code: str
    name: str
    number: str
    behaviour: Behaviour
    result: str
    outcome: str


def customers() -> list[Customer]:
    """Twenty of them: most answer, three are busy, two let it ring, one number does not exist."""
    does = {
        3: (refuse(486), "busy", "no-answer"),
        7: (ring_for_ever(), "no-answer", "no-answer"),
        9: (refuse(486), "busy", "left-message"),
        12: (refuse(404), "invalid-number", "wrong-number"),
        15: (ring_for_ever(), "no-answer", "no-answer"),
        18: (refuse(486), "busy", "no-answer"),
    }
    said = ("confirmed", "refused", "confirmed", "confirmed")
    return [
        Customer(
            str(FIRST_CODE + index),
            f"Customer {chr(65 + index)}",
            f"+4477009004{index:02d}",
            *does.get(index, (answer(after=0.1), "talked", said[index % 4])),
        )
        for index in range(ORDERS_OF_SHIFT)
    ]


def write_orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        for customer in customers():
            writer.writerow([customer.code, customer.name, customer.number, "One lamp", MANAGER])
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("shift")
    settings = {
        "desk": {
            "next_after_seconds": 1,
            "second_factor": [],
            "reading": {"cards_per_minute": 500, "cards_per_hour": 5000},
        },
        "calls": {"ring_seconds": 5},
        "rules": {"limits": {"per_hour": 500}},
    }
    async with open_stage(folder, orders=write_orders(folder / "orders.csv"), settings=settings) as stage:
        for customer in customers():
            stage.carrier.when(customer.number, customer.behaviour)
        yield stage


async def work_through(seat: Seat, expected: dict[str, Customer]) -> list[str]:
    """From the first key to "nothing to call": the codes, in the order in which they came up."""
    page, done = seat.page, []
    await page.keyboard.press("n")
    while len(done) < len(expected):
        await expect(page.locator(OPEN_ORDER)).to_be_visible()
        code = await page.locator(OPEN_ORDER).get_attribute("data-order")
        assert code is not None
        await call_and_record(page, expected[code])
        done.append(code)
        if len(done) < len(expected):
            # The next one comes by itself, after the countdown.
            await expect(page.locator(f"{OPEN_ORDER}:not([data-order='{code}'])")).to_be_visible()
    return done


async def call_and_record(page: Page, customer: Customer) -> None:
    await expect(page.locator("#order-title")).to_have_text(customer.name)
    await page.keyboard.press("c")
    if customer.result == "talked":
        await expect(page.locator("#call .state-talking")).to_be_visible()
        await page.keyboard.press("e")
        await page.keyboard.type(f"Spoke to {customer.name}.")
        await expect(page.locator("#note-state")).to_contain_text("Saved")
        await page.keyboard.press("Escape")
        await page.keyboard.press("h")
    await expect(page.locator("#call .over")).to_be_visible()
    await page.keyboard.press(KEYS[customer.outcome])
    await expect(page.locator(f"#recorded-{customer.code}")).to_be_visible()


async def test_a_shift_of_twenty_orders_by_keyboard_alone(stage: Stage) -> None:
    planned = {customer.code: customer for customer in customers()}
    async with stage.seat(MANAGER) as seat:
        await seat.open("/")
        done = await work_through(seat, planned)
        await seat.page.keyboard.press("n")
        await expect(seat.page.locator("#notice")).to_contain_text("Nothing is to be called now.")
        numbers = [customer.number for customer in customers()]
        await expect_no_number(seat, numbers)
        await expect_planted_number_is_found(seat, numbers[0])
    assert sorted(done) == sorted(planned)
    assert outcomes(stage) == {code: customer.outcome for code, customer in planned.items()}
    assert {record.order: record.result for record in records(stage.lab)} == {
        code: customer.result for code, customer in planned.items()
    }
    assert notes(stage) == {
        code: f"Spoke to {customer.name}."
        for code, customer in planned.items()
        if customer.result == "talked"
    }


async def expect_planted_number_is_found(seat: Seat, number: str) -> None:
    """The control: what has no number in it is searched where one is, and then it is found."""
    digits = number.removeprefix("+44")
    await seat.page.evaluate(
        "number => localStorage.setItem('planted', number)", f"0{digits[:4]} {digits[4:]}"
    )
    assert await hidden_in(seat, [number])


def outcomes(stage: Stage) -> dict[str, str]:
    return _asked(stage, "SELECT order_code, outcome FROM outcomes WHERE by_result = 0 AND undone_ms IS NULL")


def notes(stage: Stage) -> dict[str, str]:
    return _asked(stage, "SELECT order_code, text FROM notes")


def _asked(stage: Stage, query: str) -> dict[str, str]:
    with closing(sqlite3.connect(f"file:{stage.lab.database_path}?mode=ro", uri=True)) as database:
        rows = database.execute(query).fetchall()
    assert len(dict(rows)) == len(rows), "one for each order"
    return dict(rows)
