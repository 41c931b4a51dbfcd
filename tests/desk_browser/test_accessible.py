"""Every page as axe-core judges it: light and dark, narrow and wide, in both languages; focus that shows."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from judged import NARROW, WIDE, violations_in_every_look
from left_messages import left
from playwright.async_api import ViewportSize, expect
from stage import MANAGER, OTHER_MANAGER, OWNER, SUPERVISOR, Stage, open_stage
from wire import Wire

from labkit.deskpeople import choose_language, invitation, taken

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES_OF = {
    MANAGER: (
        *("/", "/?filter=all", "/?q=nobody", "/orders/5001", "/account", "/account/second-factor", "/no"),
        *("/orders/5001/contacts/1/habits", "/phone"),
    ),
    SUPERVISOR: (
        *("/", "/orders/5001", "/orders/5001/assignment", "/wall", "/managers", f"/managers/{MANAGER}"),
        *(f"/managers/{MANAGER}/leave", "/results", "/alarms", "/audit", "/proposals", "/doubts"),
        *("/orders/5001/contacts", "/messages"),
    ),
    OWNER: ("/managers", f"/managers/{MANAGER}/rules", "/orders/5001/contacts/1"),
}
GUESTS_PAGES = ("/sign-in", "/invitations/{link}", "/number/bcdfghjklmnpqrst")

each_language = pytest.mark.parametrize("language", ["en", "ru"])


def locale(language: str) -> str:
    """As Playwright's contexts are given it."""
    return {"en": "en-GB", "ru": "ru-RU"}[language]


def write_orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "phone2", "summary", "manager"])
        writer.writerow(["5001", "Ada Lark", "+447700900611", "+447700900612", "One lamp", MANAGER])
        writer.writerow(["5002", "Пётр Журавлёв", "+447700900613", "", "Два кресла", MANAGER])
        writer.writerow(["5003", "Eva Lark", "+447700900614", "", "A chair", MANAGER])
        writer.writerow(["5004", "Ida Lark", "+441000000000", "", "A doubtful number", MANAGER])
        writer.writerow(["5005", "Una Lark", "+447700900615", "", "A stool", MANAGER])
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("accessible")
    settings = {
        "desk": {
            "disclosure": True,
            "second_factor": [],  # people sign in for each test, and codes come twice a minute
            "next_after_seconds": 0,
            "number_links": True,
            "phones": {"server": "pbx.example.net", "websocket": "wss://127.0.0.1:1/ws"},
            "reading": {"cards_per_minute": 500, "cards_per_hour": 5000},
        },
        "texts": {"enabled": True, "url": "https://127.0.0.1:1/"},  # where none is sent to
    }
    async with open_stage(folder, orders=write_orders(folder / "orders.csv"), settings=settings) as stage:
        await fill(stage)
        yield stage


async def fill(stage: Stage) -> None:
    """Something on every page: notes, outcomes, an alarm, a proposal, results, messages."""
    await left(stage, "5001")
    await left(stage, None)
    hand_over = ("managers", "phone", MANAGER)
    await asyncio.to_thread(stage.lab.call_bridge, *hand_over, typed=stage.lab.managers[MANAGER].password)
    hers = await stage.token(MANAGER)
    note = {"text": "Rings twice. Or under +44 7700 900699."}
    taken(await stage.api.ask("PUT", "/v1/orders/5001/notes", note, token=hers))
    for code, outcome in (("5001", "no-answer"), ("5002", "confirmed")):
        taken(await stage.api.ask("POST", f"/v1/orders/{code}/outcomes", {"outcome": outcome}, token=hers))


@each_language
@pytest.mark.parametrize("extension", PAGES_OF)
async def test_pages_have_no_violations(stage: Stage, extension: str, language: str) -> None:
    await choose_language(stage.api, stage.people[extension], language)
    found = []
    async with stage.seat(extension, locale=locale(language)) as seat:
        for path in PAGES_OF[extension]:
            await seat.open(path)
            await expect(seat.page.locator("html")).to_have_attribute("lang", language)
            found += await violations_in_every_look(seat.page)
    assert not found, "\n".join(found)


@each_language
async def test_pages_that_ask_again_and_that_say_done_have_no_violations(stage: Stage, language: str) -> None:
    await choose_language(stage.api, stage.people[OWNER], language)
    rules, moved = f"/managers/{OTHER_MANAGER}/rules", "190"
    found = []
    async with stage.seat(OWNER, locale=locale(language)) as seat:
        page, done = seat.page, seat.page.locator("main form.buttons button")
        for form, field, value in (("limits", "calls_per_hour", "7"), ("extension", "extension", moved)):
            await seat.open(rules)
            fields = page.locator(f"form[action$='/{form}']")
            await fields.locator(f"input[name={field}]").fill(value)
            await fields.locator("button").click()
            await expect(done).to_be_visible()
            for _ in ("asked again", "done"):
                found += await violations_in_every_look(page)
                async with page.expect_navigation():
                    await done.click()
            found += await violations_in_every_look(page)  # done again: all is as it was
        await seat.open(f"/managers/{OTHER_MANAGER}/leave")
        await page.locator("input[value=absence]").check()
        await page.locator("main form button").first.click()
        await expect(page.locator(f"main a[href='/managers/{OTHER_MANAGER}']")).to_be_visible()
        found += await violations_in_every_look(page)
    assert not found, "\n".join(found)


@each_language
async def test_pages_of_a_link_for_the_customer_have_no_violations(stage: Stage, language: str) -> None:
    await choose_language(stage.api, stage.people[MANAGER], language)
    async with stage.seat(MANAGER, locale=locale(language)) as seat:
        page = seat.page
        await seat.open("/orders/5002")
        making = page.locator("form[action$='/number-links'] button")
        await making.evaluate("button => button.closest('details')?.setAttribute('open', '')")
        await making.click()
        link = await page.locator("#link").inner_text()
        found = await violations_in_every_look(page)
        await seat.context.clear_cookies()
        await seat.open("/" + link.split("/", 3)[3])
        await page.locator("summary").click()
        found += await violations_in_every_look(page)
        for number in ("12", "+447700900688"):
            await page.locator("#number").fill(number)
            await page.locator("button.primary").click()
            await expect(page.locator("h1")).to_be_visible()
            found += await violations_in_every_look(page)
        await expect(page.locator("#number")).to_have_count(0)
    assert not found, "\n".join(found)


@each_language
async def test_the_page_that_says_that_nobody_calls_any_more_has_no_violations(
    stage: Stage, language: str
) -> None:
    made = taken(
        await stage.api.ask("POST", "/v1/orders/5005/number-links", token=await stage.token(MANAGER))
    )
    async with Wire(stage.lab.record.desk_port) as wire:
        context = await stage.browser.new_context(locale=locale(language))
        page = await context.new_page()
        await page.goto(wire.url + made["path"])
        await page.locator("summary").click()
        await page.locator("button.danger").click()
        await expect(page.locator("button.danger")).to_have_count(0)
        found = await violations_in_every_look(page)
        await context.close()
    assert not found, "\n".join(found)


@each_language
async def test_pages_that_set_a_phone_up_have_no_violations(stage: Stage, language: str) -> None:
    await choose_language(stage.api, stage.people[MANAGER], language)
    async with stage.seat(MANAGER, locale=locale(language)) as seat:
        page = seat.page
        await seat.open("/phone")
        await page.locator("button[value=by-hand]").click()
        link = await page.locator("#link").inner_text()
        found = await violations_in_every_look(page)
        await seat.open("/" + link.split("/", 3)[3])
        await expect(page.locator(".secret")).to_have_text(stage.lab.managers[MANAGER].password)
        found += await violations_in_every_look(page)
        await page.reload()
        await expect(page.locator(".secret")).to_have_count(0)
        found += await violations_in_every_look(page)
    assert not found, "\n".join(found)


@each_language
async def test_pages_before_signing_in_have_no_violations(stage: Stage, language: str) -> None:
    link = (await invitation(stage.lab, "102")).rpartition("/")[2]
    found = []
    async with Wire(stage.lab.record.desk_port) as wire:
        context = await stage.browser.new_context(locale=locale(language))
        page = await context.new_page()
        for path in GUESTS_PAGES:
            await page.goto(wire.url + path.format(link=link))
            await expect(page.locator("html")).to_have_attribute("lang", language)
            found += await violations_in_every_look(page)
        await context.close()
    assert not found, "\n".join(found)


@each_language
async def test_a_call_in_progress_has_no_violations(stage: Stage, language: str) -> None:
    await choose_language(stage.api, stage.people[MANAGER], language)
    async with stage.seat(MANAGER, locale=locale(language)) as seat:
        page = seat.page
        await seat.open("/orders/5003")
        await page.locator("[data-key=c]").click()
        await expect(page.locator("#call .state-talking")).to_be_visible()
        found = await violations_in_every_look(page)
        await page.locator("[data-key=h]").click()
        await expect(page.locator("#call .over")).to_be_visible()
        found += await violations_in_every_look(page)
        await page.keyboard.press("?")
        await expect(page.locator("#help")).to_be_visible()
        found += await violations_in_every_look(page)
    assert not found, "\n".join(found)


STOPS = """() => {
  const element = document.activeElement, style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const above = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return {
    what: element.outerHTML.slice(0, 120),
    page: element === document.body,
    shown: outlined || style.boxShadow !== 'none',
    covered: above !== null && element !== above && !element.contains(above) && !above.contains(element),
  };
}"""


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=lambda size: f"{size['width']} px")
async def test_wherever_the_keyboard_goes_it_shows(stage: Stage, viewport: ViewportSize) -> None:
    """WCAG 2.2, 2.4.7 and 2.4.11: each stop has a visible mark, and nothing lies over it."""
    async with stage.seat(MANAGER, viewport=viewport) as seat:
        await seat.open("/orders/5001")
        stops = []
        while len(stops) < 200:
            await seat.page.keyboard.press("Tab")
            stop = await seat.page.evaluate(STOPS)
            if stop["page"] or (stops and stop["what"] == stops[0]["what"]):
                break
            stops.append(stop)
    assert len(stops) > 10
    assert [stop["what"] for stop in stops if not stop["shown"] or stop["covered"]] == []
