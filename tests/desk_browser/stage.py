"""A desk in a browser: who sits at it, on which wire, and what tests do with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, expect
from shop import carrier_of
from wire import Wire

from bridge.proof.sip.carrier import Carrier
from bridge.rules import Role
from labkit import ports
from labkit.deskapi import DeskApi
from labkit.deskbrowser import bring_session, open_browser
from labkit.deskpeople import DeskPerson, admit, sign_in
from labkit.deskphone import AnsweringPhone
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP

MANAGER, OTHER_MANAGER, SUPERVISOR, OWNER = "101", "102", "103", "104"
WITHIN_MS = 15_000
"""For what takes a fraction of it on an idle machine."""

# An order that is open, with its keys in use: htmx takes a moment to bind what it has put into a page.
OPEN_ORDER = "#pane .order:not(.htmx-added)"

expect.set_options(timeout=WITHIN_MS)


@dataclass(frozen=True)
class Seat:
    """Somebody's browser, signed in."""

    extension: str
    context: BrowserContext
    page: Page
    wire: Wire
    token: str

    async def open(self, path: str) -> int:
        """Go to a page of the desk; its status."""
        response = await self.page.goto(self.wire.url + path)
        assert response is not None
        return response.status


@dataclass(frozen=True)
class Stage:
    """A shop with a desk, its people, and a browser."""

    lab: Lab
    api: DeskApi
    people: Mapping[str, DeskPerson]
    browser: Browser
    carrier: Carrier
    phones: Mapping[str, AnsweringPhone]

    async def token(self, extension: str) -> str:
        return await sign_in(self.api, self.people[extension])

    @asynccontextmanager
    async def seat(self, extension: str, **looks: Any) -> AsyncIterator[Seat]:
        """A browser in which this person has signed in; `looks` are Playwright's, such as `viewport`."""
        token = await self.token(extension)
        async with Wire(self.lab.record.desk_port) as wire:
            context = await self.browser.new_context(**looks)
            context.set_default_timeout(WITHIN_MS)
            await bring_session(context, wire.url, token)
            try:
                yield Seat(extension, context, await context.new_page(), wire, token)
            finally:
                await context.close()


@asynccontextmanager
async def open_stage(
    folder: Path, *, orders: Path, settings: dict[str, dict[str, Any]] | None = None
) -> AsyncIterator[Stage]:
    """A shop with its people admitted, phones that pick up by themselves, and a carrier that answers."""
    address = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = await asyncio.to_thread(
        Lab.up,
        folder,
        managers=4,
        roles={SUPERVISOR: Role.SUPERVISOR, OWNER: Role.OWNER},
        carrier=address,
        orders=orders,
        settings=settings,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, lab.down)
        await asyncio.to_thread(lab.start_desk)
        carrier = await stack.enter_async_context(carrier_of(lab))
        everybody = (MANAGER, OTHER_MANAGER, SUPERVISOR, OWNER)
        phones = {
            extension: AnsweringPhone(extension, lab.managers[extension].password, server=lab.sip_address)
            for extension in everybody
        }
        for phone in phones.values():
            await stack.enter_async_context(phone)
            await phone.register()
        api = await stack.enter_async_context(DeskApi(lab.desk_socket))
        admitted = await asyncio.gather(*(admit(lab, api, extension) for extension in everybody))
        people = {person.extension: person for person in admitted}
        browser = await stack.enter_async_context(open_browser())
        yield Stage(lab, api, people, browser, carrier, phones)
