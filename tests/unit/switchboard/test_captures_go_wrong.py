"""A capture at a PBX that does not do what it is asked: the conversation goes on all the same."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from obliging_shop import ObligingPbx, Shop, open_shop, until

from bridge.asterisk import names
from bridge.asterisk.ari import LinkDown
from bridge.asterisk.happenings import ChannelGone, ChannelJoined, KeyPressed, MessagePlayed
from bridge.calls.capture import CaptureTimings, Outcome
from bridge.calls.model import Leg
from bridge.switchboard.live_call import CaptureView

QUICK = CaptureTimings(keys=0.2, whole=2, part=0.2, prompt=0.1, read_back=0.5, tell=0.1, retry=0.05)
NUMBER = "07700900123"


@dataclass
class UnreliablePbx(ObligingPbx):
    """Fails each request as often as `failures` says; `together` is whether the two are in one bridge."""

    failures: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    together: bool = True
    keys_open: bool = False
    tells_ends: bool = True
    """Whether the end of a message is told."""
    tells_joins: bool = True

    async def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.failures.get(what, 0):
            self.failures[what] -= 1
            raise LinkDown(what)

    async def part(self, _call_id: str, _manager: str) -> None:
        await self._ask("part")
        self.together = False

    async def open_keys(self, _customer: str) -> None:
        await self._ask("open_keys")
        assert not self.together
        self.keys_open = True

    async def close_keys(self, _customer: str) -> None:
        await self._ask("close_keys")
        self.keys_open = False

    async def say(self, _channel: str, playback_id: str, *_: object) -> None:
        await self._ask("say")
        if self.tells_ends:
            self.hear(MessagePlayed(playback_id))

    async def hush(self, _playback_id: str) -> None:
        await self._ask("hush")

    async def speak(self, *_: object) -> None:
        await self._ask("speak")

    async def rejoin(self, call_id: str, manager: str, _customer: str) -> bool:
        await self._ask("rejoin")
        self.keys_open = False
        self.together = True
        if self.tells_joins:
            self.hear(ChannelJoined(manager, names.bridge_id(call_id)))
        return False


@asynccontextmanager
async def conversation(folder: Path, pbx: UnreliablePbx) -> AsyncIterator[tuple[Shop, str]]:
    """A conversation in which the manager has pressed the code; and the manager's channel."""
    async with open_shop(folder, pbx=pbx, captures=QUICK) as shop:
        manager = shop.dial()
        await shop.talking()
        press(shop, manager, "*5")
        yield shop, manager
        await until(lambda: together_again(shop))
        shop.board.hear(ChannelGone(manager, None))
        await shop.over()


def press(shop: Shop, channel: str, keys: str) -> None:
    for key in keys:
        shop.board.hear(KeyPressed(channel, key))


def customer(shop: Shop) -> str:
    (call,) = shop.board.live()
    return names.channel_id(call.id, Leg.CUSTOMER)


def view(shop: Shop) -> CaptureView | None:
    (call,) = shop.board.live()
    return call.capture


def together_again(shop: Shop) -> bool:
    capture = view(shop)
    return capture is not None and not capture.apart


async def asked_for(pbx: UnreliablePbx) -> None:
    """The customer's keys count from now on."""
    await until(lambda: pbx.keys_open)


@pytest.mark.parametrize("request_name", ["part", "open_keys", "speak"])
async def test_where_a_request_fails_nothing_is_saved_and_the_two_are_together(
    tmp_path: Path, request_name: str
) -> None:
    pbx = UnreliablePbx(failures={request_name: 1})
    async with conversation(tmp_path, pbx) as (shop, _):
        if request_name == "speak":
            await asked_for(pbx)
            press(shop, customer(shop), f"{NUMBER}#")
        await until(lambda: view(shop) == CaptureView(apart=False, outcome=Outcome.NOT_SAVED))
        assert pbx.together
        assert not pbx.keys_open


async def test_joining_is_tried_again_until_it_works(tmp_path: Path) -> None:
    pbx = UnreliablePbx(failures={"rejoin": 7})
    async with conversation(tmp_path, pbx) as (shop, manager):
        await asked_for(pbx)
        press(shop, manager, "#")
        await until(lambda: view(shop) == CaptureView(apart=False, outcome=Outcome.CANCELLED))
        assert pbx.asked.count("rejoin") == 8
        assert pbx.together


async def test_a_lost_word_that_they_are_joined_is_made_up_for(tmp_path: Path) -> None:
    """By the next sweep, which sees them both in the bridge."""
    pbx = UnreliablePbx(tells_joins=False)
    async with conversation(tmp_path, pbx) as (shop, manager):
        await asked_for(pbx)
        press(shop, manager, "#")
        await until(lambda: pbx.asked.count("rejoin") > 1)
        (call,) = shop.board.live()
        assert shop.board.is_connecting(call.id)
        shop.board.hear(ChannelJoined(manager, names.bridge_id(call.id)))


async def test_messages_whose_end_nobody_tells_hold_nothing_up(tmp_path: Path) -> None:
    pbx = UnreliablePbx(tells_ends=False)
    async with conversation(tmp_path, pbx) as (shop, manager):
        await asked_for(pbx)
        press(shop, manager, "#")
        await until(lambda: view(shop) == CaptureView(apart=False, outcome=Outcome.CANCELLED))


async def test_no_more_is_asked_of_a_pbx_once_the_call_is_over(tmp_path: Path) -> None:
    pbx = UnreliablePbx()
    async with open_shop(tmp_path, pbx=pbx, captures=QUICK) as shop:
        manager = shop.dial()
        await shop.talking()
        press(shop, manager, "*5")
        await asked_for(pbx)
        press(shop, customer(shop), NUMBER)
        shop.board.hear(ChannelGone(manager, None))
        await shop.over()
        assert "rejoin" not in pbx.asked


async def test_no_key_is_in_any_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pbx = UnreliablePbx()
    async with conversation(tmp_path, pbx) as (shop, manager):
        await asked_for(pbx)
        press(shop, customer(shop), f"{NUMBER}#")
        assert NUMBER not in repr(KeyPressed("channel", NUMBER))
        await until(lambda: "speak" in pbx.asked)
        press(shop, manager, "#")
    assert NUMBER not in caplog.text


async def test_what_is_told_of_a_capture_has_no_step_of_the_customers(tmp_path: Path) -> None:
    """Whoever watches sees that it is asked, and what came of it: never keys or tries."""
    pbx = UnreliablePbx()
    async with open_shop(tmp_path, pbx=pbx, captures=QUICK) as shop:
        manager = shop.dial()
        await shop.talking()
        told: list[CaptureView | None] = []
        shop.board.watch(lambda moved: told.append(moved.call.capture))
        press(shop, manager, "*5")
        await asked_for(pbx)
        for keys in ("12#", "3456#", f"{NUMBER}#"):
            press(shop, customer(shop), keys)
        await until(lambda: "speak" in pbx.asked)
        press(shop, manager, "#")
        await until(lambda: together_again(shop))
        assert told == [
            CaptureView(apart=True, outcome=None),
            CaptureView(apart=True, outcome=Outcome.CANCELLED),
            CaptureView(apart=False, outcome=Outcome.CANCELLED),
        ]
        shop.board.hear(ChannelGone(manager, None))
        await shop.over()
