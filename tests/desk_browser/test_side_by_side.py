"""Two people who may both call the same customers never have one of them at the same time."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from stage import MANAGER, OPEN_ORDER, SUPERVISOR, Seat, Stage, open_stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = 5
FIRST_CODE = 6001


def write_orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        for index in range(2 * ROUNDS + 1):
            number = f"+4477009007{index:02d}"
            writer.writerow([FIRST_CODE + index, f"Customer {index}", number, "A lamp", MANAGER])
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("side-by-side")
    settings = {
        "desk": {"next_after_seconds": 0, "reading": {"cards_per_minute": 500, "cards_per_hour": 5000}}
    }
    async with open_stage(folder, orders=write_orders(folder / "orders.csv"), settings=settings) as stage:
        yield stage


async def take_next(seat: Seat, before: str) -> str:
    """Press the key for the next order; its code, once it is shown."""
    await seat.page.keyboard.press("n")
    shown = seat.page.locator(f"{OPEN_ORDER}:not([data-order='{before}'])")
    await expect(shown).to_be_visible()
    code = await shown.get_attribute("data-order")
    assert code is not None
    return code


async def record(seat: Seat, code: str) -> None:
    await seat.page.keyboard.press("1")
    await expect(seat.page.locator(f"#recorded-{code}")).to_be_visible()


async def test_next_gives_nobody_what_somebody_else_was_given(stage: Stage) -> None:
    """Both press the key in the same moment, again and again."""
    given: list[str] = []
    async with stage.seat(MANAGER) as one, stage.seat(SUPERVISOR) as other:
        await asyncio.gather(one.open("/"), other.open("/"))
        codes = ("", "")
        for _ in range(ROUNDS):
            codes = await asyncio.gather(take_next(one, codes[0]), take_next(other, codes[1]))
            given += codes
            await asyncio.gather(record(one, codes[0]), record(other, codes[1]))
    assert len(set(given)) == 2 * ROUNDS


async def test_who_is_in_a_call_is_shown_as_busy_and_is_not_called_by_another(stage: Stage) -> None:
    code = str(FIRST_CODE + 2 * ROUNDS)
    async with stage.seat(MANAGER) as one, stage.seat(SUPERVISOR) as other:
        await one.open(f"/orders/{code}")
        await one.page.keyboard.press("c")
        await expect(one.page.locator("#call .state-talking")).to_be_visible()
        await expect(one.page.locator("#on-it")).to_be_visible()
        await expect(one.page.locator(f".row.yours #row-{code}")).to_contain_text("You are on it now.")
        await other.open(f"/orders/{code}?filter=all")
        await expect(other.page.locator(f".row.busy #row-{code}")).to_contain_text("Somebody is on it now.")
        await expect(other.page.locator(".order-head")).to_contain_text("Somebody is on it now.")
        await expect(other.page.locator("#on-it")).to_be_hidden()
        await other.page.keyboard.press("c")
        await expect(other.page.locator("#notice")).not_to_be_empty()
        await expect(other.page.locator("#call .live")).to_have_count(0)
        await expect(one.page.locator("#call .state-talking")).to_be_visible()
        await one.page.keyboard.press("h")
        await expect(one.page.locator("#call .over")).to_be_visible()
        await expect(one.page.locator("#on-it")).to_be_hidden()
        await expect(one.page.locator(".row.yours")).to_have_count(0)
        assert len(stage.carrier.incoming_calls) == 1
