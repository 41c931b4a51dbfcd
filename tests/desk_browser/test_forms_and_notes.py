"""The desk without its scripts, which is slower and works; and notes that are being typed, with them."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from shop import until_async
from stage import MANAGER, OPEN_ORDER, Stage, open_stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


def write_orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        writer.writerow(["8101", "Ada Lark", "+447700900811", "One lamp", MANAGER])
        writer.writerow(["8102", "Boris Kite", "+447700900812", "One rug", MANAGER])
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("forms")
    async with open_stage(folder, orders=write_orders(folder / "orders.csv")) as stage:
        yield stage


def stored(stage: Stage, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(stage.lab.database_path)) as connection:
        return connection.execute(query).fetchall()


async def reloaded_until(page: Page, selector: str) -> None:
    """Whoever has no scripts looks again by themselves."""

    async def shown() -> bool:
        await page.reload()
        return await page.locator(selector).count() == 1

    await until_async(shown, selector, within=30)


async def press(page: Page, selector: str) -> None:
    """Without scripts each button sends a form; a page that is not there yet can't be looked at again."""
    async with page.expect_navigation():
        await page.click(selector)


async def test_without_scripts_a_manager_signs_in_calls_says_what_came_of_it_and_undoes_it(
    stage: Stage,
) -> None:
    context = await stage.browser.new_context(java_script_enabled=False, locale="en-GB")
    page = await context.new_page()
    person = stage.people[MANAGER]
    await page.goto(stage.lab.desk_url)
    await page.fill("#login", person.extension)
    await page.fill("#password", person.password)
    await page.press("#password", "Enter")
    await expect(page.locator(".row-link")).to_have_count(2)

    await page.click("#row-8101")
    await expect(page.locator("#order-title")).to_have_text("Ada Lark")
    await press(page, ".call-button")
    await reloaded_until(page, "#call .state-talking")
    await expect(page.locator("#on-it")).to_be_visible()
    await page.fill("#note-text", "Spoke to Ada.")
    await press(page, "#note noscript button, #note button:has-text('Save')")
    await expect(page.locator("#note-text")).to_have_value("Spoke to Ada.")
    await press(page, ".hang-up")
    await reloaded_until(page, "body:not(:has(#call .live))")

    await press(page, "button[value=confirmed]")
    await expect(page.locator(".timeline")).to_contain_text("Confirmed")
    assert stored(stage, "SELECT why FROM orders WHERE code = '8101'") == [("done",)]
    await press(page, "button:has-text('Undo')")
    await expect(page.locator(".timeline .undone")).to_have_count(1)
    await expect(page.locator("button:has-text('Undo')")).to_have_count(0)
    assert stored(stage, "SELECT why FROM orders WHERE code = '8101'") != [("done",)]
    assert stored(stage, "SELECT text FROM notes WHERE order_code = '8101'") == [("Spoke to Ada.",)]
    await context.close()


async def test_a_number_that_is_being_typed_reaches_no_file_before_it_is_known_for_one(stage: Stage) -> None:
    def notes() -> list[tuple[object, ...]]:
        return stored(stage, "SELECT text FROM notes WHERE order_code = '8102'")

    async with stage.seat(MANAGER) as seat:
        page = seat.page
        await seat.open("/orders/8102")
        await expect(page.locator(OPEN_ORDER)).to_be_visible()
        await page.keyboard.press("e")
        await page.keyboard.type("Ring 07700 9004")
        await expect(page.locator("#note-state")).to_contain_text("but for the digits at the end")
        assert notes() == [("Ring ",)]
        await expect(page.locator("#note-text")).to_have_value("Ring 07700 9004")
        await page.keyboard.type("56")
        await page.keyboard.press("Escape")
        await expect(page.locator("#note-text")).to_have_value("Ring [number removed]")
        await expect(page.locator("#note-found")).to_contain_text("A telephone number was taken out")
        await expect(page.locator("#note-state")).not_to_contain_text("but for")
        assert notes() == [("Ring [number removed]",)]
