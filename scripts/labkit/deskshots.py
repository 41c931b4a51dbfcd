"""Pictures of the desk's main pages, light and dark, for the docs. What scripts/desk-screenshots does."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page

from benchkit import fiction
from bridge.rules import Role
from labkit import deskscale
from labkit.deskapi import DeskApi
from labkit.deskbrowser import bring_session, open_browser
from labkit.deskpeople import DeskPerson, admit, sign_in, taken
from labkit.desksample import live_through_the_morning
from labkit.errors import INTERRUPTED, LabError
from labkit.lab import SAMPLE_ORDERS, Lab
from labkit.places import CHECKOUT, LABS

PICTURES = CHECKOUT / "docs" / "images" / "desk"
MOST_BYTES = 150_000
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDE, NARROW = (1280, 800), (390, 780)
MANAGER, SUPERVISOR = "102", "107"
AT_WORK = ("103", "104", "105")
"""Those who are seen in calls on the wall."""
ORDERS = 900


async def nothing_more(_: Page) -> None:
    """The page as it opens."""


async def call_the_customer(page: Page) -> None:
    await page.keyboard.press("c")
    await page.locator("#call .state-talking").wait_for()
    await page.keyboard.press("e")
    await page.keyboard.type("Wants it delivered on Friday, after four.")
    await page.locator("#note-state", has_text="Saved").wait_for()
    await page.keyboard.press("Escape")


async def say_what_came_of_it(page: Page) -> None:
    await page.keyboard.press("h")
    await page.locator("#call .over").wait_for()


@dataclass(frozen=True)
class Picture:
    """`before` is what its person does on the page before it is taken, and `after` what ends that."""

    name: str
    extension: str
    path: str
    before: Callable[[Page], Awaitable[None]] = nothing_more
    after: Callable[[Page], Awaitable[None]] = nothing_more
    size: tuple[int, int] = WIDE


ALL = (
    Picture("order", MANAGER, "/orders/1048"),
    Picture("call", MANAGER, "/orders/1047", call_the_customer, say_what_came_of_it),
    Picture("narrow", MANAGER, "/", size=NARROW),
    Picture("live", SUPERVISOR, "/wall"),
    Picture("managers", SUPERVISOR, "/managers"),
    Picture("results", SUPERVISOR, "/results?days=30"),
)


async def take(lab: Lab, picture: Picture, token: str, browser: Browser, folder: Path) -> None:
    """In each theme. Raises LabError for a file that is too large for the docs."""
    width, height = picture.size
    for theme in THEMES:
        context = await browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, locale="en-GB"
        )
        await bring_session(context, lab.desk_url, token)
        page = await context.new_page()
        await page.goto(lab.desk_url + picture.path)
        await picture.before(page)
        path = folder / f"{picture.name}-{theme}.png"
        await page.screenshot(path=path, animations="disabled")
        await picture.after(page)
        await context.close()
        if path.stat().st_size > MOST_BYTES:
            raise LabError(f"{path.name} has more than {MOST_BYTES} bytes")


# --- the shop ---


def build(folder: Path) -> Lab:
    """The sample shop, with colleagues who have worked for half a year. Raises LabError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lab = Lab.create(folder, managers=7, roles={SUPERVISOR: Role.SUPERVISOR})
    lab.prepare(SAMPLE_ORDERS)
    colleagues = [extension for extension in lab.managers if extension not in (MANAGER, SUPERVISOR)]
    orders = deskscale.write_orders(folder / "orders.csv", orders=ORDERS, extensions=colleagues)
    lab.call_bridge("orders", "import", str(orders))
    deskscale.live_through(lab.database_path)
    lab.configure(
        {
            "desk": {"second_factor": [], "next_after_seconds": 0},
            "rules": {"other_countries": list(fiction.COUNTRIES)},
        }
    )
    lab.start_carrier()
    lab.start_asterisk()
    lab.start_daemon()
    lab.start_desk()
    for extension in (MANAGER, *AT_WORK):
        lab.start_phone(extension)
    return lab


async def photograph(lab: Lab, folder: Path) -> None:
    async with DeskApi(lab.desk_socket) as api, open_browser() as browser:
        people = {
            extension: await admit(lab, api, extension) for extension in (MANAGER, SUPERVISOR, *AT_WORK)
        }
        await live_through_the_morning(api, people[MANAGER])
        for extension in AT_WORK:
            await call_somebody(api, people[extension])
        for picture in ALL:
            token = await sign_in(api, people[picture.extension])
            await take(lab, picture, token, browser, folder)
            print(f"{picture.name}: {', '.join(THEMES)}", flush=True)


async def call_somebody(api: DeskApi, person: DeskPerson) -> None:
    token = await sign_in(api, person)
    code = taken(await api.ask("POST", "/v1/queue/next", token=token))["code"]
    taken(await api.ask("POST", f"/v1/orders/{code}/calls", {}, token=token))


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    options.to.mkdir(parents=True, exist_ok=True)
    try:
        lab = build(options.dir)
        try:
            asyncio.run(photograph(lab, options.to))
        finally:
            lab.down()
    except LabError as error:
        print(f"desk-screenshots: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        shutil.rmtree(options.dir, ignore_errors=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/desk-screenshots", description="Pictures of the desk's main pages, light and dark."
    )
    parser.add_argument("--to", type=Path, default=PICTURES, help="(default: %(default)s)")
    parser.add_argument("--dir", type=Path, default=LABS / "desk-screenshots", help="removed (%(default)s)")
    return parser
