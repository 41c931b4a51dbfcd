"""A manager presses that the customer is to be called no more: written once, and told as it went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from obliging_shop import ObligingPbx, Shop, open_shop, until

from bridge.asterisk.announcements import LEFT_ALONE, NOT_LEFT_ALONE
from bridge.asterisk.happenings import ChannelGone, KeyPressed


@dataclass
class HeardPbx(ObligingPbx):
    said: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def say(self, channel: str, _playback_id: str, recordings: tuple[str, ...], _language: str) -> None:
        self.said.append((channel, recordings))


@dataclass
class Wishes:
    """`written`: call and extension of each; `answer` is awaited before one is on disk, or is not."""

    answer: Callable[[], Awaitable[bool]]
    written: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, call_id: str, extension: str) -> bool:
        self.written.append((call_id, extension))
        return await self.answer()


def press(shop: Shop, channel: str, keys: str) -> None:
    for key in keys:
        shop.board.hear(KeyPressed(channel, key))


@pytest.mark.parametrize(("on_disk", "said"), [(True, LEFT_ALONE), (False, NOT_LEFT_ALONE)])
async def test_the_manager_alone_hears_whether_it_is_on_disk(
    tmp_path: Path, on_disk: bool, said: tuple[str, ...]
) -> None:
    async def answer() -> bool:
        return on_disk

    pbx, wishes = HeardPbx(), Wishes(answer)
    async with open_shop(tmp_path, pbx=pbx) as shop:
        shop.board.leave_alone_by(wishes)
        manager = shop.dial()
        await shop.talking()
        (call,) = shop.board.live()
        press(shop, manager, "*9")
        await until(lambda: bool(pbx.said))
        assert wishes.written == [(call.id, "101")]
        assert pbx.said == [(manager, said)]
        shop.board.hear(ChannelGone(manager, None))
        await shop.over()
        assert await shop.ledger.flush(5)
        assert await shop.results() == ["talked"], "the conversation goes on until somebody hangs up"


async def test_pressed_twice_while_it_is_written_it_is_one_wish(tmp_path: Path) -> None:
    written = asyncio.Event()

    async def answer() -> bool:
        return await written.wait()

    pbx, wishes = HeardPbx(), Wishes(answer)
    async with open_shop(tmp_path, pbx=pbx) as shop:
        shop.board.leave_alone_by(wishes)
        manager = shop.dial()
        await shop.talking()
        press(shop, manager, "*9*9")
        await until(lambda: bool(wishes.written))
        written.set()
        await until(lambda: bool(pbx.said))
        assert len(wishes.written) == 1
        press(shop, manager, "*9")
        await until(lambda: len(pbx.said) == 2)
        shop.board.hear(ChannelGone(manager, None))
        await shop.over()


async def test_before_a_conversation_the_code_means_nothing(tmp_path: Path) -> None:
    async def answer() -> bool:
        return True

    class Silent(HeardPbx):
        async def dial(self, channel_id: str, _seconds: float) -> None:
            self.dialled.append(channel_id)

    pbx, wishes = Silent(), Wishes(answer)
    async with open_shop(tmp_path, pbx=pbx) as shop:
        shop.board.leave_alone_by(wishes)
        manager = shop.dial()
        await until(lambda: bool(pbx.dialled))
        press(shop, manager, "*9")
        shop.board.hear(ChannelGone(manager, None))
        await shop.over()
        assert wishes.written == []
