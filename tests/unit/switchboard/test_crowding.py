"""More calls than may be: each is told so or turned away, and none is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from obliging_shop import open_shop, until

from bridge.asterisk.happenings import (
    ChannelGone,
    ChannelRinging,
    OrderDialled,
    StrayEntered,
    StrayReason,
)
from bridge.switchboard.board import SwitchboardFull
from bridge.switchboard.live_call import LiveCall

MAX_LIVE = 3
ROOM_FOR_REFUSALS = 50
FLOOD = 500


async def test_beyond_the_limit_calls_are_refused_and_far_beyond_it_hung_up(tmp_path: Path) -> None:
    async with open_shop(tmp_path, max_live=MAX_LIVE) as shop:
        for _ in range(FLOOD):
            shop.dial()
        assert len(shop.board) == MAX_LIVE + ROOM_FOR_REFUSALS
        with pytest.raises(SwitchboardFull):
            await shop.board.click("1042", "101")
        await until(lambda: len(shop.board) == 1 and bool(shop.pbx.dialled))
        assert len(shop.pbx.dialled) == 1, "a manager has one call at a time"
        assert len(shop.pbx.hung_up) == FLOOD - 1


async def test_of_a_flood_of_strays_no_more_are_hung_up_at_a_time_than_may_be(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        for number in range(20_000):
            shop.board.hear(StrayEntered(f"1732.{number}", StrayReason.NOT_A_MANAGERS_PHONE))
        assert len(asyncio.all_tasks()) < 600
        await until(lambda: len(shop.pbx.hung_up) == 500)


async def test_a_flood_of_events_fills_no_memory_and_hides_no_end(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        channel = shop.dial()
        for _ in range(10_000):
            shop.board.hear(ChannelRinging(channel))
        call: LiveCall = shop.board._calls[shop.board.live()[0].id]
        assert call._events.qsize() == 200
        shop.board.hear(ChannelGone(channel, None))
        await shop.over()
        assert not shop.pbx.dialled


async def test_a_beginning_told_twice_is_one_call_even_where_that_is_over(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        channel = shop.dial()
        await shop.talking()
        shop.board.hear(OrderDialled(channel, "101", "1042"))
        shop.board.hear(ChannelGone(channel, 16))
        await shop.over()
        shop.board.hear(OrderDialled(channel, "101", "1042"))
        assert len(shop.board) == 0
        assert await shop.ledger.flush(5)
        assert await shop.results() == ["talked"]
        assert len(shop.pbx.dialled) == 1


async def test_a_manager_who_has_hung_up_may_dial_again_though_the_customer_is_still_being_hung_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop(tmp_path) as shop:
        answered = asyncio.Event()
        hang_up = shop.pbx.hang_up

        async def hang_up_late(channel_id: str) -> None:
            await answered.wait()
            await hang_up(channel_id)

        channel = shop.dial()
        await shop.talking()
        assert shop.board.engagements.counted("101") == (1, 1)
        monkeypatch.setattr(shop.pbx, "hang_up", hang_up_late)
        shop.board.hear(ChannelGone(channel, 16))
        await until(lambda: shop.board.engagements.counted("101") == (0, 0))
        assert len(shop.board) == 1, "its customer is still to be hung up"
        shop.dial()
        await until(lambda: len(shop.pbx.dialled) == 2)
        answered.set()
