"""What a real daemon logs of real calls: each line about a call names it, and no field is off the list."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from shop import carrier_of, nothing_left, registered_phone, settings

from bridge.logs import ALLOWED_FIELDS
from bridge.proof.sip import carrier as carriers
from labkit import ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST
from labkit.results import rows

NUMBER: Final = "+447700900123"
ORDER_OF_102: Final = "1046"
MISSES: Final = 2

OF_NO_CALL: Final = {
    "starting",
    "serving",
    "stopping",
    "connected to Asterisk",
    "no link to Asterisk; conversations go on without us",
    "calls of a daemon before this one are taken over",
    "the carrier answers",
    "the carrier is down",
    "the carrier is back",
    "a library has something to say",
}
"""Lines about the daemon as a whole. Whatever else it logs here is about one call."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """One of this test's own: whoever is locked out here stays so for a quarter of an hour."""
    carrier_port = ports.free_port(CARRIER_HOST, socket.SOCK_DGRAM)
    lab = Lab.up(tmp_path / "lab", carrier=f"{CARRIER_HOST}:{carrier_port}")
    yield lab
    lab.down()


@asynccontextmanager
async def logged(lab: Lab) -> AsyncIterator[list[dict[str, Any]]]:
    """What a daemon that logs all there is says meanwhile, once it is over."""
    lines: list[dict[str, Any]] = []
    begins_at = lab.log("daemon").stat().st_size
    rules = yaml.safe_load(lab.config_path.read_text())["rules"]
    strict = {**rules, "lock_out": {**rules["lock_out"], "misses": MISSES}}
    with settings(lab, {"log": {"level": "debug", "format": "json"}, "rules": strict}):
        yield lines
    said = lab.log("daemon").read_bytes()[begins_at:].decode()
    lines += [json.loads(line) for line in said.splitlines() if line.startswith("{")]


async def make_calls_of_every_kind(lab: Lab) -> None:
    async with carrier_of(lab) as carrier, registered_phone(lab) as phone:
        talked = await phone.dial("*1042")
        await talked.answered()
        await (await carrier.called()).media.wait_for_audio(5)
        await talked.hang_up()
        carrier.when(NUMBER, carriers.refuse(486))
        await (await phone.dial("*1042")).ended(within=20)
        for _ in range(MISSES + 1):  # the last one by a manager who is locked out
            missed = await phone.dial("*7777")
            await missed.answered()
            await missed.hang_up()
        await nothing_left(lab)
    # A click for somebody whose phone is not registered.
    await asyncio.to_thread(lab.call_bridge, "call", ORDER_OF_102, "--as", "102")
    await nothing_left(lab)


def calls_on_record(lab: Lab) -> set[str]:
    return {call_id for (call_id,) in rows(lab.database_path, "SELECT id FROM calls")}


async def test_every_line_about_a_call_names_it(lab: Lab) -> None:
    async with logged(lab) as lines:
        await make_calls_of_every_kind(lab)
    about_calls = [line for line in lines if line["event"] not in OF_NO_CALL]
    assert {line["event"] for line in about_calls} >= {"moved", "call ended", "call refused"}
    assert "locked out: too many codes that are not theirs" in {line["event"] for line in about_calls}
    assert [line for line in about_calls if "call" not in line] == []
    assert {field for line in lines for field in line} <= ALLOWED_FIELDS
    assert {line["call"] for line in about_calls} <= calls_on_record(lab)
