"""What axe-core finds amiss in a page."""

from __future__ import annotations

from typing import Any, Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize

# WCAG 2.2 at level AA with all before it, and what axe counts as good practice.
ALL: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS: Final = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}

NARROW, WIDE = ViewportSize(width=360, height=740), ViewportSize(width=1440, height=900)


async def violations(page: Page, rules: Any = ALL) -> list[str]:
    """What axe finds, a line each: the rule, what it means, and where."""
    found = await Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
    return [
        f"{page.url}: {violation['id']}: {violation['help']}: {node['html'][:200]}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


async def violations_in_every_look(page: Page) -> list[str]:
    """What is amiss with the page as it stands, wide and narrow, light and dark; it is left narrow and dark.

    A theme changes colours alone: tests/desk/test_desk_themes.py.
    """
    found = []
    for size in (WIDE, NARROW):
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme="light")
        seen = await violations(page) + await _too_wide(page)
        await page.emulate_media(color_scheme="dark")
        seen += await violations(page, OF_COLOURS)
        found += [f"{size['width']} px: {line}" for line in seen]
    return found


async def _too_wide(page: Page) -> list[str]:
    """WCAG 2.2, 1.4.10: nothing is to be scrolled sideways."""
    wide = await page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    return [f"{page.url}: wider than the screen"] if wide else []
