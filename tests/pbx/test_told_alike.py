"""Four kinds of codes that lead nowhere, dialled and clicked on a real system, differ in nothing.

A code that is nobody's; one that is another manager's; an order of one's own without a number to call; any
code from a manager who is locked out. Twelve phones dial them in random order, and every SIP message, every
RTP packet and every moment is compared between the kinds. A daemon with flaws shows that this can fail.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import random
import re
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import pytest
from flawed_daemon import OTHERS_CODE, UNKNOWN_CODE
from likeness import Heard, differ, differences, heard, moments, times, visible_shift_ms
from shop import registered_phone, settings

from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP

pytestmark = pytest.mark.alone

FLAWED_DAEMON: Final = [sys.executable, str(Path(__file__).with_name("flawed_daemon.py"))]
EXTENSIONS: Final = [str(101 + each) for each in range(12)]
LOCKED: Final = EXTENSIONS[9:]
MISSES: Final = 100  # the most that can be configured: nobody else is to be locked out on the way
LOCK_OUT: Final = {"misses": MISSES, "within_seconds": 3600, "for_seconds": 3600}
ROUNDS: Final = 9
ROUNDS_WITH_FLAWS: Final = 9
CLICKS: Final = 12
TIMERS_STEP_S: Final = 0.001
"""The timers of the daemon's loop, libuv's, count whole milliseconds."""

UNKNOWN, OTHERS, NO_NUMBER, LOCKED_OUT = KINDS = ("unknown", "another's", "no number", "locked out")

Answers = TypeVar("Answers")
ByKind: TypeAlias = dict[str, list[Answers]]


@dataclass(frozen=True)
class Clicked:
    """An answer of the API, without its date, and the seconds that it took."""

    answer: bytes
    seconds: float


def own_order(extension: str) -> str:
    return f"2{extension}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Twelve managers with an order each; only those who are locked out have one that could be called."""
    folder = tmp_path_factory.mktemp("alike")
    source = folder / "orders.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "manager"])
        for extension in EXTENSIONS:
            row = [own_order(extension), f"Customer {extension}", f"+447700900{extension}", extension]
            writer.writerow(row)
        writer.writerow([OTHERS_CODE, "Customer", "+447700900300", LOCKED[0]])
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.up(folder / "lab", managers=len(EXTENSIONS), carrier=carrier, orders=source)
    take_numbers_away(lab)
    yield lab
    lab.down()


def take_numbers_away(lab: Lab) -> None:
    """By turns a number known to be wrong, and a customer who is erased."""
    whose = "(SELECT customer_id FROM orders WHERE code = ?)"
    erase = f"UPDATE customers SET data_key = NULL WHERE id = {whose}"
    spoil = f"UPDATE contacts SET standing = 'wrong' WHERE customer_id = {whose}"
    with sqlite3.connect(lab.database_path) as database:
        ways = itertools.cycle((erase, spoil))
        for extension in [each for each in EXTENSIONS if each not in LOCKED]:
            database.execute(next(ways), (own_order(extension),))
    database.close()


@pytest.fixture(scope="module")
def locked(shop: Lab) -> Iterator[Lab]:
    """Four of the managers have guessed too often; what locks them out is on record, so restarts keep it."""
    with settings(shop, {"rules": {"lock_out": LOCK_OUT}}):
        asyncio.run(lock_out(shop))
        yield shop


async def lock_out(lab: Lab) -> None:
    at_once = 20
    for extension in LOCKED:
        for _ in range(MISSES // at_once):
            await asyncio.gather(*(click(lab, extension, UNKNOWN_CODE) for _ in range(at_once)))
    refused = (await click(lab, LOCKED[0], own_order(LOCKED[0]))).answer
    assert b" 403 " in refused.splitlines()[0], "an order of one's own, in a lock-out"


def codes_for(extension: str, rounds: int, chance: random.Random) -> list[tuple[str, str]]:
    """What a phone dials, and of what kind that is, in random order."""
    own = own_order(extension)
    if extension in LOCKED:
        kinds = [(LOCKED_OUT, code) for code in (UNKNOWN_CODE, OTHERS_CODE, own)]
    else:
        kinds = [(UNKNOWN, UNKNOWN_CODE), (OTHERS, OTHERS_CODE), (NO_NUMBER, own)]
    codes = list(itertools.islice(itertools.cycle(chance.sample(kinds, 3)), rounds))
    chance.shuffle(codes)
    return codes


async def ask_all(
    ask: Callable[[str, str], Awaitable[Answers]], rounds: int, chance: random.Random
) -> ByKind[Answers]:
    """Let every extension ask at the same time, one code after another."""
    answers: ByKind[Answers] = {kind: [] for kind in KINDS}

    async def one_after_another(extension: str) -> None:
        for kind, code in codes_for(extension, rounds, chance):
            await asyncio.sleep(chance.uniform(0, 0.2))
            answers[kind].append(await ask(extension, code))

    await asyncio.gather(*map(one_after_another, EXTENSIONS))
    return answers


async def dial_all(lab: Lab, rounds: int) -> ByKind[Heard]:
    async with AsyncExitStack() as stack:
        phones = {each: await stack.enter_async_context(registered_phone(lab, each)) for each in EXTENSIONS}
        return await ask_all(lambda extension, code: dial(phones[extension], code), rounds, random.Random(1))


async def dial(phone: Phone, code: str) -> Heard:
    so_far = len(phone.recording)
    call = await phone.dial(f"*{code}")
    await call.ended(within=30)
    assert not call.ended_by_us
    return heard(tuple(phone.recording)[so_far:], call.call_id, phone.user, code)


async def click_all(lab: Lab) -> ByKind[Clicked]:
    return await ask_all(lambda extension, code: click(lab, extension, code), CLICKS, random.Random(2))


async def click(lab: Lab, extension: str, code: str) -> Clicked:
    body = json.dumps({"order": code, "extension": extension}).encode()
    head = f"""POST /v1/calls HTTP/1.1
Host: call-bridge
Connection: close
Content-Type: application/json
Content-Length: {len(body)}

""".replace("\n", "\r\n")
    clock = asyncio.get_running_loop().time
    reader, writer = await asyncio.open_unix_connection(lab.api_socket)
    began = clock()
    writer.write(head.encode() + body)
    answer = await reader.read()
    seconds = clock() - began
    writer.close()
    return Clicked(re.sub(rb"(?mi)^date: .*\r\n", b"", answer), seconds)


@contextmanager
def flaws(lab: Lab) -> Iterator[None]:
    lab.stop_daemon()
    lab.start_daemon(program=FLAWED_DAEMON)
    try:
        yield
    finally:
        lab.restart_daemon()


def differences_of(calls: ByKind[Heard]) -> dict[tuple[str, str], set[str]]:
    """In what the calls of two kinds differ, for each pair of kinds that does."""
    pairs = itertools.combinations(KINDS, 2)
    found = {(one, other): differences(calls[one], calls[other]) for one, other in pairs}
    return {pair: what for pair, what in found.items() if what}


async def test_a_phone_gets_the_same_messages_the_same_audio_at_the_same_times(
    locked: Lab, record_property: Callable[[str, object], None]
) -> None:
    calls = await dial_all(locked, ROUNDS)
    assert moments(calls[UNKNOWN]) == {"100", "200", "first audio", "BYE"}
    assert len(calls[UNKNOWN][0].audio) > 100, "something was said"
    assert differences_of(calls) == {}
    for moment in ("100", "200", "first audio", "BYE"):
        shift = visible_shift_ms(times(calls[UNKNOWN], moment))
        record_property(f"visible shift of {moment}, ms", shift)


async def test_a_click_gets_the_same_answer_at_the_same_time(locked: Lab) -> None:
    clicks = await click_all(locked)
    assert len({each.answer for kind in KINDS for each in clicks[kind]}) == 1
    for one, other in itertools.combinations(KINDS, 2):
        seconds = [[each.seconds for each in clicks[kind]] for kind in (one, other)]
        assert not differ(*seconds), (one, other)
        assert min(map(min, seconds)) >= 0.5 - TIMERS_STEP_S, "rules.refusal_delay_ms"


async def test_the_comparison_finds_a_missing_delay_a_longer_one_and_another_message(locked: Lab) -> None:
    with flaws(locked):
        calls = await dial_all(locked, ROUNDS_WITH_FLAWS)
        clicks = await click_all(locked)
    found = differences_of(calls)
    assert {"200", "first audio", "BYE"} <= found[UNKNOWN, NO_NUMBER]
    assert {"200", "first audio", "BYE"} <= found[OTHERS, NO_NUMBER]
    assert "audio" in found[NO_NUMBER, LOCKED_OUT]
    assert "audio" not in found[OTHERS, NO_NUMBER], "what is no flaw is not taken for one"
    seconds = {kind: [each.seconds for each in clicks[kind]] for kind in KINDS}
    assert differ(seconds[UNKNOWN], seconds[NO_NUMBER])
    assert differ(seconds[OTHERS], seconds[NO_NUMBER])
    assert {each.answer for each in clicks[LOCKED_OUT]} != {each.answer for each in clicks[NO_NUMBER]}
