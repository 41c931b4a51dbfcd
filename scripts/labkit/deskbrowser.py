"""A browser for a lab's desk, and how somebody's session gets into it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, BrowserContext, async_playwright

from bridge.desk import cookies
from labkit.chromium import FLAGS, find_chromium


@asynccontextmanager
async def open_browser(*more_flags: str) -> AsyncIterator[Browser]:
    """Raises LabError where there is no Chromium to be had."""
    program = await asyncio.to_thread(find_chromium)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*FLAGS, *more_flags])
        try:
            yield browser
        finally:
            await browser.close()


async def bring_session(context: BrowserContext, url: str, token: str) -> None:
    """Give it the cookie that the desk at `url` gives whoever signs in.

    Chromium takes it for loopback's without TLS as well, but not from us.
    """
    await context.add_cookies(
        [
            {
                "name": cookies.SESSION,
                "value": token,
                "url": url.replace("http:", "https:"),
                "secure": True,
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )
