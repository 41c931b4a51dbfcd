"""A customer whom a dialplan hands over keys a number in, at a PBX that does not do all that it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from obliging_shop import ObligingPbx, Shop, open_shop, until

from bridge.asterisk import names
from bridge.asterisk.ari import LinkDown
from bridge.asterisk.happenings import (
    ChannelGone,
    ChannelJoined,
    CustomerHandedOver,
    KeyPressed,
    MessagePlayed,
)
from bridge.calls.capture import CaptureTimings
from bridge.switchboard import callers_captures
from bridge.switchboard.callers_captures import CallersCaptures
from bridge.switchboard.capture import Captures
from bridge.switchboard.tasks import Tasks

QUICK = CaptureTimings(keys=0.2, whole=2, part=0.2, prompt=0.1, read_back=0.5, tell=0.1, retry=0.05)
CUSTOMER, ORDER = "1732.7", "1042"


@dataclass
class MenusPbx(ObligingPbx):
    """Fails each request as often as `failures` says."""

    failures: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    went_on: list[tuple[str, str]] = field(default_factory=list)
    """Whom the dialplan has got back, and with which outcome."""
    released: list[str] = field(default_factory=list)
    call_id: str = ""

    async def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.failures.get(what, 0):
            self.failures[what] -= 1
            raise LinkDown(what)

    async def take_aside(self, call_id: str, channel_id: str, _seconds: float) -> None:
        self.call_id = call_id
        await self._ask("take_aside")
        self.hear(ChannelJoined(channel_id, names.bridge_id(call_id)))

    async def bring_back(self, _call_id: str, channel_id: str, outcome: str) -> None:
        await self._ask("bring_back")
        self.went_on.append((channel_id, outcome))

    async def open_keys(self, _channel: str) -> None:
        await self._ask("open_keys")

    async def close_keys(self, _channel: str) -> None:
        await self._ask("close_keys")

    async def say(self, _channel: str, playback_id: str, *_: object) -> None:
        await self._ask("say")
        self.hear(MessagePlayed(playback_id))

    async def hush(self, _playback_id: str) -> None:
        await self._ask("hush")

    async def release(self, call_id: str) -> None:
        self.released.append(call_id)


@dataclass
class Menu:
    shop: Shop
    pbx: MenusPbx
    captures: CallersCaptures

    def hand_over(self, channel_id: str = CUSTOMER) -> None:
        self.shop.board.hear(CustomerHandedOver(channel_id))

    def press(self, keys: str) -> None:
        for key in keys:
            self.shop.board.hear(KeyPressed(CUSTOMER, key))


@asynccontextmanager
async def menu(folder: Path, **failures: int) -> AsyncIterator[Menu]:
    pbx, tasks = MenusPbx(failures=failures), Tasks()
    async with open_shop(folder, pbx=pbx) as shop:
        captures = CallersCaptures(shop.parts, Captures(shop.database, "GB", QUICK), shop.parts.pbx, tasks)
        shop.board.capture_by(captures)
        yield Menu(shop, pbx, captures)
        await tasks.finish(seconds=5)
        assert CUSTOMER not in captures


async def test_silence_leads_back_to_the_dialplan_which_is_told_so(tmp_path: Path) -> None:
    async with menu(tmp_path) as line:
        assert line.captures.let_in(CUSTOMER, ORDER)
        line.hand_over()
        assert line.shop.board.knows(CUSTOMER), "a sweep leaves it alone"
        await until(lambda: line.pbx.went_on == [(CUSTOMER, "not-valid")])
        await until(lambda: line.pbx.released == [line.pbx.call_id])
    assert line.pbx.hung_up == set()


async def test_what_the_bridge_is_for_is_known_while_it_is_there(tmp_path: Path) -> None:
    async with menu(tmp_path) as line:
        line.captures.let_in(CUSTOMER, ORDER)
        line.hand_over()
        await until(lambda: "open_keys" in line.pbx.asked)
        assert line.shop.board.is_live(line.pbx.call_id)
        await until(lambda: line.pbx.released != [])
        await until(lambda: not line.shop.board.is_live(line.pbx.call_id))


@pytest.mark.parametrize("request_name", ["take_aside", "open_keys"])
async def test_where_a_request_fails_the_dialplan_goes_on_with_nothing_saved(
    tmp_path: Path, request_name: str
) -> None:
    async with menu(tmp_path, **{request_name: 1}) as line:
        line.captures.let_in(CUSTOMER, ORDER)
        line.hand_over()
        await until(lambda: line.pbx.went_on == [(CUSTOMER, "not-saved")])


async def test_bringing_the_customer_back_is_tried_again_until_it_works(tmp_path: Path) -> None:
    async with menu(tmp_path, bring_back=5) as line:
        line.captures.let_in(CUSTOMER, ORDER)
        line.hand_over()
        await until(lambda: line.pbx.went_on == [(CUSTOMER, "not-valid")])
        assert line.pbx.asked.count("bring_back") == 6


async def test_who_hangs_up_is_brought_back_nowhere(tmp_path: Path) -> None:
    async with menu(tmp_path) as line:
        line.captures.let_in(CUSTOMER, ORDER)
        line.hand_over()
        await until(lambda: "open_keys" in line.pbx.asked)
        line.press("0770")
        line.shop.board.hear(ChannelGone(CUSTOMER, 16))
        await until(lambda: line.pbx.released == [line.pbx.call_id])
    assert line.pbx.went_on == []


async def test_a_yes_is_good_for_one_channel_and_once(tmp_path: Path) -> None:
    async with menu(tmp_path) as line:
        line.captures.let_in(CUSTOMER, ORDER)
        line.hand_over("1732.8")
        await until(lambda: line.pbx.hung_up == {"1732.8"})
        line.hand_over()
        line.hand_over()  # Asterisk's word comes twice
        await until(lambda: line.pbx.released != [])
        await until(lambda: CUSTOMER not in line.captures)
        line.hand_over()
        await until(lambda: line.pbx.hung_up == {"1732.8", CUSTOMER})
    assert line.pbx.asked.count("take_aside") == 1


async def test_a_yes_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers_captures, "_SECONDS_TO_COME", 0.0)
    async with menu(tmp_path) as line:
        line.captures.let_in(CUSTOMER, ORDER)
        later = asyncio.Event()
        asyncio.get_running_loop().call_later(0.0, later.set)  # timers come in the order of their times
        await later.wait()
        line.hand_over()
        await until(lambda: line.pbx.hung_up == {CUSTOMER})


async def test_there_is_room_for_so_many_and_no_more(tmp_path: Path) -> None:
    async with menu(tmp_path) as line:
        let_in = [line.captures.let_in(f"1732.{each}", ORDER) for each in range(25)]
    assert let_in.count(True) == let_in.index(False) == 20
