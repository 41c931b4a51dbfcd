"""A manager keys in what the customer says their number is, and hears what came of it; nobody else does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from obliging_shop import ObligingPbx, Shop, open_shop, until

from bridge.asterisk import names
from bridge.asterisk.announcements import COMPARISON_BEGUN, COMPARISONS
from bridge.asterisk.ari import LinkDown
from bridge.asterisk.happenings import ChannelGone, ChannelJoined, KeyPressed
from bridge.calls.capture import CaptureTimings
from bridge.calls.comparison import Comparison
from bridge.rules import keypad
from bridge.switchboard.live_call import LiveCall
from bridge.vault import HiddenNumber
from bridge.vault.keyed import KeyedDigits

NUMBER, HIDDEN = "07700900123", HiddenNumber("+447700900123")


@dataclass
class HeardPbx(ObligingPbx):
    """`keys_pass` is whether the customer would hear the manager's keys, None while the manager is out."""

    said: list[tuple[str, ...]] = field(default_factory=list)
    keys_pass: bool | None = True
    joined: list[bool] = field(default_factory=list)
    failures: int = 0
    parted: bool = False

    async def say(
        self, _channel: str, _playback_id: str, recordings: tuple[str, ...], _language: str
    ) -> None:
        self.said.append(recordings)

    async def join_anew(self, call_id: str, manager: str, *, keys_pass: bool) -> None:
        self.joined.append(keys_pass)
        assert not self.parted, "nobody puts the manager back while the customer keys a number in"
        if self.failures:
            self.failures -= 1
            self.keys_pass = None
            raise LinkDown("bridges.add_channel")
        self.keys_pass = keys_pass
        self.hear(ChannelJoined(manager, names.bridge_id(call_id)))

    async def part(self, *_: object) -> None:
        self.parted = True

    async def rejoin(self, *_: object) -> bool:
        self.parted, self.keys_pass = False, True
        return True

    async def open_keys(self, _customer: str) -> None:
        assert self.parted

    close_keys = hush = ObligingPbx.nothing


@dataclass
class Numbers:
    """What was compared, and of which call and whose; `answer` is awaited before the comparison is told."""

    answer: Callable[[], Awaitable[Comparison]]
    compared: list[tuple[str, str, HiddenNumber | None]] = field(default_factory=list)

    async def __call__(self, call_id: str, extension: str, digits: KeyedDigits) -> Comparison:
        self.compared.append((call_id, extension, digits.said("GB")))
        return await self.answer()


def always(outcome: Comparison) -> Numbers:
    async def answer() -> Comparison:
        return outcome

    return Numbers(answer)


@dataclass
class Talk:
    shop: Shop
    pbx: HeardPbx
    manager: str
    numbers: Numbers

    def press(self, keys: str) -> None:
        for key in keys:
            self.shop.board.hear(KeyPressed(self.manager, key))

    async def hears(self, *said: tuple[str, ...]) -> None:
        """Until the manager has heard just this since the conversation began."""
        await until(lambda: len(self.pbx.said) >= len(said))
        assert self.pbx.said == list(said)

    async def ends(self) -> None:
        self.shop.board.hear(ChannelGone(self.manager, None))
        await self.shop.over()


@asynccontextmanager
async def conversation(
    folder: Path, numbers: Numbers, captures: CaptureTimings | None = None
) -> AsyncIterator[Talk]:
    pbx = HeardPbx()
    async with open_shop(folder, pbx=pbx, captures=captures) as shop:
        shop.board.compare_by(numbers)
        manager = shop.dial()
        await shop.talking()
        yield Talk(shop, pbx, manager, numbers)


BEGUN = COMPARISON_BEGUN
CANCELLED = COMPARISONS[Comparison.CANCELLED]


@pytest.mark.parametrize("outcome", Comparison)
async def test_the_manager_hears_what_came_of_it(tmp_path: Path, outcome: Comparison) -> None:
    async with conversation(tmp_path, always(outcome)) as talk:
        (call,) = talk.shop.board.live()
        talk.press(f"*7{NUMBER}#")
        await talk.hears(BEGUN, COMPARISONS[outcome])
        assert talk.numbers.compared == [(call.id, "101", HIDDEN)]
        await talk.ends()


async def test_the_customer_hears_keys_before_and_after_and_none_of_the_number(tmp_path: Path) -> None:
    async with conversation(tmp_path, always(Comparison.SAME)) as talk:
        talk.press("*7")
        await talk.hears(BEGUN)
        assert talk.pbx.keys_pass is False
        talk.press(f"{NUMBER}#")
        await talk.hears(BEGUN, COMPARISONS[Comparison.SAME])
        assert talk.pbx.joined == [False, True]
        await talk.ends()


async def test_digits_are_no_codes_and_their_end_ends_nothing_else(tmp_path: Path) -> None:
    async with conversation(tmp_path, always(Comparison.DIFFERENT)) as talk:
        talk.press("*799#")
        await talk.hears(BEGUN, COMPARISONS[Comparison.DIFFERENT])
        await talk.ends()


async def test_a_star_cancels_and_keeps_no_digit_for_the_next_number(tmp_path: Path) -> None:
    async with conversation(tmp_path, always(Comparison.SAME)) as talk:
        talk.press("*7123*")
        await talk.hears(BEGUN, CANCELLED)
        assert (talk.numbers.compared, talk.pbx.keys_pass) == ([], True)
        talk.press(f"*7{NUMBER}#")
        await talk.hears(BEGUN, CANCELLED, BEGUN, COMPARISONS[Comparison.SAME])
        assert [number for _, _, number in talk.numbers.compared] == [HIDDEN]
        await talk.ends()


async def test_the_code_again_begins_anew(tmp_path: Path) -> None:
    async with conversation(tmp_path, always(Comparison.SAME)) as talk:
        talk.press(f"*7123*7{NUMBER}#")
        await talk.hears(BEGUN, CANCELLED, BEGUN, COMPARISONS[Comparison.SAME])
        assert [number for _, _, number in talk.numbers.compared] == [HIDDEN]
        await talk.ends()


async def test_another_code_is_heard_in_the_middle(tmp_path: Path) -> None:
    left_alone: list[str] = []

    async def leave_alone(_call_id: str, extension: str) -> bool:
        left_alone.append(extension)
        return True

    async with conversation(tmp_path, always(Comparison.SAME)) as talk:
        talk.shop.board.leave_alone_by(leave_alone)
        talk.press("*7123*9")
        await until(lambda: left_alone == ["101"])
        assert talk.numbers.compared == []
        await talk.ends()


async def test_who_presses_nothing_for_too_long_has_keyed_nothing_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keypad, "_SECONDS_TO_HEAR_A_DIGIT", 0.05)
    async with conversation(tmp_path, always(Comparison.SAME)) as talk:
        talk.press("*7123")
        await talk.hears(BEGUN, CANCELLED)
        assert (talk.numbers.compared, talk.pbx.keys_pass) == ([], True)
        await talk.ends()


async def test_pressed_again_while_it_is_compared_it_is_one_comparison(tmp_path: Path) -> None:
    told = asyncio.Event()

    async def answer() -> Comparison:
        await told.wait()
        return Comparison.SAME

    async with conversation(tmp_path, Numbers(answer)) as talk:
        talk.press(f"*7{NUMBER}#")
        await until(lambda: bool(talk.numbers.compared))
        talk.press("*7")
        told.set()
        await talk.hears(BEGUN, COMPARISONS[Comparison.SAME])
        await talk.ends()


async def test_while_the_customer_keys_a_number_in_no_comparison_begins(tmp_path: Path) -> None:
    async with conversation(tmp_path, always(Comparison.SAME), CaptureTimings()) as talk:
        talk.press("*5")
        await until(lambda: talk.pbx.parted)
        talk.press(f"*7{NUMBER}")
        talk.shop.board.hear(ChannelGone(talk.manager, None))
        await talk.shop.over()
        assert (talk.pbx.joined, talk.numbers.compared) == ([], [])


async def test_a_capture_ends_a_comparison_and_nobody_puts_the_manager_back(tmp_path: Path) -> None:
    """As the desk may ask for one at any time: between two keys, or while the number is compared."""
    told = asyncio.Event()

    async def answer() -> Comparison:
        await told.wait()
        return Comparison.SAME

    async with conversation(tmp_path, Numbers(answer), CaptureTimings()) as talk:
        (call,) = talk.shop.board.live()
        talk.press(f"*7{NUMBER}#")
        await until(lambda: bool(talk.numbers.compared))
        assert talk.shop.board.capture(call.id)
        await until(lambda: talk.pbx.parted)
        told.set()
        talk.press("12#")
        await until(lambda: not talk.pbx.parted)
        assert talk.pbx.joined == [False]
        assert COMPARISONS[Comparison.SAME] not in talk.pbx.said
        await talk.ends()


async def test_where_keys_cant_be_kept_from_the_customer_none_counts(tmp_path: Path) -> None:
    async with conversation(tmp_path, always(Comparison.SAME)) as talk:
        talk.pbx.failures = 1
        talk.press(f"*7{NUMBER}#")
        await talk.hears(COMPARISONS[Comparison.FAILED])
        assert talk.numbers.compared == []
        assert talk.pbx.keys_pass is True, "the two are together again"
        await talk.ends()


async def test_where_it_is_switched_off_or_nobody_compares_the_code_means_nothing(tmp_path: Path) -> None:
    pbx = HeardPbx()
    async with open_shop(tmp_path, pbx=pbx) as shop:
        manager = shop.dial()
        await shop.talking()
        for key in f"*7{NUMBER}#":
            shop.board.hear(KeyPressed(manager, key))
        shop.board.hear(ChannelGone(manager, None))
        await shop.over()
        assert (pbx.said, pbx.joined) == ([], [])


async def test_in_the_call_of_somebody_who_may_be_anybody_nothing_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveCall, "confirmed", False)
    async with conversation(tmp_path, always(Comparison.SAME)) as talk:
        talk.press(f"*7{NUMBER}#")
        await talk.ends()
        assert (talk.pbx.said, talk.numbers.compared) == ([], [])


async def test_a_call_that_ends_in_the_middle_leaves_neither_timer_nor_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[KeyedDigits] = []
    forget = KeyedDigits.forget

    def noted(self: KeyedDigits) -> None:
        forget(self)
        forgotten.append(self)

    monkeypatch.setattr(KeyedDigits, "forget", noted)
    async with conversation(tmp_path, always(Comparison.SAME)) as talk:
        talk.press("*7123")
        await talk.hears(BEGUN)
        await talk.ends()
        assert forgotten
        assert all(digits.as_code() is None for digits in forgotten)
        assert talk.numbers.compared == []


async def test_no_key_is_in_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with conversation(tmp_path, always(Comparison.FAILED)) as talk:
        talk.press(f"*7{NUMBER}#")
        await talk.hears(BEGUN, COMPARISONS[Comparison.FAILED])
        await talk.ends()
    assert "900123" not in caplog.text
    assert "KeyPressed" not in caplog.text
