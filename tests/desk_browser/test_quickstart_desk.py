"""A newcomer with the quickstart's link: in a call after one click, and nothing had to be read for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from shop import records, until

from labkit.deskbrowser import open_browser
from labkit.lab import Lab
from labkit.quickstart import DESK_MANAGER, OWNER, opened_desk, start_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Opened:
    """The quickstart's shop with its desk; `links` are what it prints, by extension."""

    lab: Lab
    links: dict[str, str]
    page: Page


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["en", "ru"])
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Opened]:
    folder = tmp_path_factory.mktemp(f"quickstart-{request.param}")
    async with AsyncExitStack() as stack:
        lab = await asyncio.to_thread(start_shop, folder)
        stack.push_async_callback(asyncio.to_thread, lab.down)
        desk = opened_desk(lab, request.param)
        links = await asyncio.to_thread(desk.__enter__)
        stack.push_async_callback(asyncio.to_thread, desk.__exit__, None, None, None)
        browser = await stack.enter_async_context(open_browser())
        page = await browser.new_page(locale="de-DE")
        page.set_default_timeout(20_000)
        yield Opened(lab, links, page)


async def test_from_the_link_to_talking_by_one_click(opened: Opened) -> None:
    """The words that are looked for are those that the button has in the quickstart's language."""
    page, before = opened.page, records(opened.lab)
    began = time.monotonic()
    await page.goto(opened.links[DESK_MANAGER])
    await page.locator(".row-call").first.click()
    await expect(page.locator("#call .state-talking")).to_be_visible(timeout=20_000)
    assert time.monotonic() - began < 60
    await page.locator("[data-key=h]").click()
    ended = await until(lambda: records(opened.lab)[len(before) :], "the call on record")
    assert [record.order for record in ended] == [await shown_order(page)]


async def shown_order(page: Page) -> str | None:
    return await page.locator("#pane .order").get_attribute("data-order")


async def test_the_morning_has_left_orders_in_several_states(opened: Opened) -> None:
    page = opened.page
    await page.goto(opened.links[DESK_MANAGER])
    counts = {
        name: int(await page.locator(f"#filter-{name} .count").inner_text())
        for name in ("new", "later", "done", "all")
    }
    assert all(count > 1 for count in counts.values()), counts
    assert counts["all"] == 12


async def test_the_owners_link_opens_the_owners_pages(opened: Opened) -> None:
    page = opened.page
    await page.goto(opened.links[OWNER])
    await page.locator("a[href='/managers']").click()
    await expect(page.locator("main")).to_contain_text(opened.lab.managers[DESK_MANAGER].name)


async def test_a_link_that_was_not_printed_opens_nothing(opened: Opened) -> None:
    address = opened.links[OWNER].rpartition("/")[0]
    answer = await opened.page.goto(f"{address}/{'x' * 16}")
    assert answer is not None
    assert answer.status == 404
