"""Coming to the desk and leaving it, in a browser: links, second factors, sessions and their ends."""

from __future__ import annotations

import csv
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect
from stage import MANAGER, OTHER_MANAGER, OWNER, SUPERVISOR, Seat, Stage, open_stage

from bridge.desk import cookies
from labkit.deskpeople import Authenticator, DeskPerson, invitation

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "harbour violet seventeen lanterns"


def write_orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        writer.writerow(["8001", "Ada Lark", "+447700900801", "One lamp", MANAGER])
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("signing-in")
    async with open_stage(folder, orders=write_orders(folder / "orders.csv")) as stage:
        yield stage


@asynccontextmanager
async def browser_of_nobody(stage: Stage) -> AsyncIterator[tuple[BrowserContext, Page]]:
    context = await stage.browser.new_context(locale="en-GB")
    try:
        yield context, await context.new_page()
    finally:
        await context.close()


async def type_login(page: Page, person: DeskPerson) -> None:
    """By keyboard: the first field has the focus."""
    await expect(page.locator("#login")).to_be_focused()
    await page.keyboard.type(person.extension)
    await page.keyboard.press("Tab")
    await page.keyboard.type(person.password)
    await page.keyboard.press("Enter")


async def test_a_manager_signs_in_with_a_password_and_finds_the_page_that_was_asked_for(stage: Stage) -> None:
    async with browser_of_nobody(stage) as (context, page):
        await page.goto(f"{stage.lab.desk_url}/orders/8001")
        await type_login(page, stage.people[MANAGER])
        await expect(page.locator("#order-title")).to_have_text("Ada Lark")
        (session,) = [kept for kept in await context.cookies() if kept["name"] == cookies.SESSION]
        assert session["httpOnly"]
        assert session["secure"]
        assert (session["sameSite"], session["path"]) == ("Strict", "/")
        assert session["domain"] == "127.0.0.1", "of this host alone"
        assert await page.evaluate("document.cookie") == ""


async def test_a_wrong_password_and_an_unknown_name_are_answered_alike(stage: Stage) -> None:
    answers = []
    async with browser_of_nobody(stage) as (_, page):
        for login in (OTHER_MANAGER, "nobody"):
            await page.goto(f"{stage.lab.desk_url}/sign-in")
            await type_login(page, DeskPerson(login, "a guess of mine", None))
            await expect(page.locator("#problem")).to_be_visible()
            answers.append((await page.content()).replace(login, ""))
    assert answers[0] == answers[1]


async def test_an_owner_gives_a_code_which_is_of_use_once(stage: Stage) -> None:
    person = stage.people[OWNER]
    assert person.authenticator is not None
    code = await person.authenticator.code()
    async with browser_of_nobody(stage) as (_, page):
        await page.goto(stage.lab.desk_url)
        await type_login(page, person)
        await expect(page.locator("#code")).to_be_focused()
        await page.keyboard.type("000000" if code != "000000" else "000001")
        await page.keyboard.press("Enter")
        await expect(page.locator("#problem")).to_be_visible()
        await page.keyboard.type(code)
        await page.keyboard.press("Enter")
        await expect(page.locator("#queue")).to_be_visible()
    async with browser_of_nobody(stage) as (_, page):
        await page.goto(stage.lab.desk_url)
        await type_login(page, person)
        await expect(page.locator("#code")).to_be_focused()
        await page.keyboard.type(code)
        await page.keyboard.press("Enter")
        await expect(page.locator("#problem")).to_be_visible()


async def test_a_password_alone_opens_no_page_of_an_owner(stage: Stage) -> None:
    async with browser_of_nobody(stage) as (_, page):
        await page.goto(stage.lab.desk_url)
        await type_login(page, stage.people[OWNER])
        await expect(page.locator("#code")).to_be_focused()
        await page.goto(f"{stage.lab.desk_url}/managers")
        await expect(page.locator("#login")).to_be_visible()


async def test_a_link_makes_an_account_and_a_supervisor_sets_up_an_app(stage: Stage) -> None:
    link = await invitation(stage.lab, SUPERVISOR)
    async with browser_of_nobody(stage) as (_, page):
        await page.goto(link)
        await page.keyboard.type("short")
        await page.locator("#password").evaluate("field => field.removeAttribute('minlength')")
        await page.keyboard.press("Enter")
        await expect(page.locator("#problem")).to_be_visible()
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Begin").click()
        secret = await page.locator(".secret").text_content()
        assert secret is not None
        await page.locator("#code").fill(await Authenticator(secret).code())
        await page.keyboard.press("Enter")
        await expect(page.locator("#queue")).to_be_visible()
    async with browser_of_nobody(stage) as (_, page):
        answer = await page.goto(link)
        assert answer is not None
        assert answer.status == 404, "it works once"


async def expect_signed_out(seat: Seat) -> None:
    """What they do next leads to the form, and the browser's session is gone."""
    await seat.page.keyboard.press("n")
    await expect(seat.page.locator("#login")).to_be_visible()
    kept = {cookie["name"] for cookie in await seat.context.cookies(seat.wire.url)}
    assert cookies.SESSION not in kept


async def test_sessions_are_listed_and_ended_one_by_one_from_another(stage: Stage) -> None:
    async with stage.seat(MANAGER) as here, stage.seat(MANAGER) as there:
        await there.open("/")
        await here.open("/account")
        others = here.page.locator(".sessions li", has_not=here.page.locator(".tag.good"))
        while count := await others.count():
            await others.first.get_by_role("button").click()
            await expect(others).to_have_count(count - 1)
        await expect_signed_out(there)
        await here.open("/")
        await expect(here.page.locator("#queue")).to_be_visible()


async def test_a_new_password_ends_all_other_sessions(stage: Stage) -> None:
    person = stage.people[OTHER_MANAGER]
    async with stage.seat(OTHER_MANAGER) as here, stage.seat(OTHER_MANAGER) as there:
        await there.open("/")
        await here.open("/account")
        await here.page.locator("#old").fill(person.password)
        await here.page.locator("#new").fill(PASSWORD)
        await here.page.keyboard.press("Enter")
        await expect(here.page.locator(".sessions li")).to_have_count(1)
        await expect_signed_out(there)


async def test_signing_out_ends_the_session_for_whoever_copied_it(stage: Stage) -> None:
    async with stage.seat(MANAGER) as seat:
        await seat.open("/")
        await seat.page.locator(".menu summary").click()
        await seat.page.get_by_role("button", name="Sign out").click()
        await expect(seat.page.locator("#login")).to_be_visible()
        answer = await stage.api.ask("GET", "/v1/me", token=seat.token)
        assert (answer.status, answer.reason) == (401, "signed-out")


@pytest.mark.parametrize(("column", "hours"), [("seen_ms", 0.6), ("created_ms", 12.1)])
async def test_a_session_ends_when_it_was_idle_or_open_for_too_long(
    stage: Stage, column: str, hours: float
) -> None:
    async with stage.seat(MANAGER) as seat:
        await seat.open("/")
        set_back(stage, MANAGER, column, hours)
        await expect_signed_out(seat)


def set_back(stage: Stage, extension: str, column: str, hours: float) -> None:
    """As if so many hours had passed for this person's sessions."""
    at_ms = int((time.time() - hours * 3600) * 1000)
    with closing(sqlite3.connect(stage.lab.database_path)) as database, database:
        database.execute(
            f"UPDATE sessions SET {column} = ? WHERE manager_id ="
            " (SELECT id FROM managers WHERE extension = ?)",
            (at_ms, extension),
        )
