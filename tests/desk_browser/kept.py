"""The search of a browser for numbers that it must never have got."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import phonenumbers
from stage import Seat

from bridge.proof.scan import Scanner

REGION = "GB"
IN_EVERY_DRESS = 3
NO_DIGIT = re.compile(rb"[^0-9]+")


async def kept_by(seat: Seat) -> dict[str, bytes]:
    """All that the browser has got, by where: the wire, cookies, storage, the page itself."""
    found = {f"wire, piece {index}": piece for index, piece in enumerate(seat.wire.received)}
    found["cookies"] = json.dumps(await seat.context.cookies()).encode()
    for index, page in enumerate(seat.context.pages):
        found[f"page {index}"] = (await page.content()).encode()
        found[f"address {index}"] = page.url.encode()
        stored = await page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}])")
        found[f"storage {index}"] = stored.encode()
    return found


async def hidden_in(seat: Seat, numbers: Sequence[str]) -> list[str]:
    """Where the browser has one of the numbers, and in what dress; the number itself is not told.

    The first few are searched for in every dress, which takes its time, the others by their digits alone,
    whatever stands between these.
    """
    found = []
    for where, data in (await kept_by(seat)).items():
        for number in numbers[:IN_EVERY_DRESS]:
            found += [f"{where}: {finding.form}" for finding in Scanner(number, REGION).scan(data)]
        digits = NO_DIGIT.sub(b"", data)
        found += [f"{where}: digits" for number in numbers if national(number) in digits]
    return found


def national(number: str) -> bytes:
    return str(phonenumbers.parse(number).national_number).encode()


async def expect_no_number(seat: Seat, numbers: Sequence[str]) -> None:
    assert await hidden_in(seat, numbers) == []
