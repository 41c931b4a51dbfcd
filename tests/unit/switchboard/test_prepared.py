"""A channel is dialled before it is known whom to call; it leads on when that is on disk, or nowhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from obliging_shop import ObligingPbx, late_disk, open_shop, until

from bridge.asterisk.ari import Conflict, LinkDown
from bridge.asterisk.happenings import ChannelEntered, ChannelGone, OrderDialled
from bridge.switchboard.admission import Admitted, Asked, Refused


async def test_asterisk_waits_with_a_token_while_the_disk_is_late(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        with late_disk(shop):
            channel = shop.dial()
            await until(lambda: len(shop.pbx.waiting) == 1)
            await until(lambda: [call.state for call in shop.board.live()] == ["creating-customer"])
            assert not shop.pbx.dialled
        await shop.talking()
        assert len(shop.pbx.dialled) == 1
        shop.board.hear(ChannelGone(channel, None))
        await shop.over()


async def test_who_waits_is_told_that_there_is_nobody_when_the_manager_hangs_up(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        with late_disk(shop):
            channel = shop.dial()
            await until(lambda: len(shop.pbx.waiting) == 1)
            shop.board.hear(ChannelGone(channel, None))
            await until(lambda: not shop.pbx.waiting)
        await shop.over()
        assert not shop.pbx.dialled


async def test_nobody_is_dialled_for_a_call_that_the_rules_have_refused(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.board.hear(OrderDialled("1732.1", "101", "7777"))
        await shop.over()
        assert len(shop.pbx.tokens) == 1, "the channel was made while they decided"
        assert not shop.pbx.waiting
        assert not shop.pbx.dialled
        assert await shop.results() == ["refused"]


class LateMaking(ObligingPbx):
    """Has a channel made when somebody says so."""

    made: asyncio.Event

    async def create_customer(
        self, channel_id: str, dial_string: str, *of: object, formats: str | None
    ) -> None:
        await self.made.wait()
        await super().create_customer(channel_id, dial_string, *of, formats=formats)


async def test_nothing_is_dialled_ahead_where_the_refusal_is_there_before_the_channel(tmp_path: Path) -> None:
    pbx = LateMaking()
    pbx.made = asyncio.Event()
    async with open_shop(tmp_path, pbx=pbx) as shop:
        shop.board.hear(OrderDialled("1732.1", "101", "7777"))
        await until(lambda: [call.state for call in shop.board.live()] == ["refusing"])
        pbx.made.set()
        await shop.over()
        assert len(shop.pbx.tokens) == 1
        assert not shop.pbx.asked_ahead
        assert not shop.pbx.dialled


class SlowToLetIn(ObligingPbx):
    """Has made the channel, and lets it into the application when somebody says so: until then it is 409."""

    inside: asyncio.Event

    async def create_customer(
        self, channel_id: str, dial_string: str, *of: object, formats: str | None
    ) -> None:
        self.tokens[channel_id] = dial_string

    async def dial(self, channel_id: str, seconds: float) -> None:
        if not self.inside.is_set():
            self.turned_away.set()
            raise Conflict("channels.dial", 409)
        await super().dial(channel_id, seconds)

    turned_away: asyncio.Event


def slow_to_let_in() -> SlowToLetIn:
    pbx = SlowToLetIn()
    pbx.inside, pbx.turned_away = asyncio.Event(), asyncio.Event()
    return pbx


@pytest.mark.parametrize("on_disk", [False, True], ids=["maybe not on disk", "on disk"])
async def test_a_channel_that_was_dialled_too_early_is_dialled_when_asterisk_tells_that_it_is_there(
    tmp_path: Path, *, on_disk: bool
) -> None:
    pbx = slow_to_let_in()
    async with open_shop(tmp_path, pbx=pbx) as shop:
        channel = shop.dial()
        await pbx.turned_away.wait()
        while on_disk and not await shop.results():
            await asyncio.sleep(0)
        pbx.inside.set()
        (customer,) = pbx.tokens
        shop.board.hear(ChannelEntered(customer))
        await shop.talking()
        assert shop.pbx.dialled == [customer]
        shop.board.hear(ChannelGone(channel, None))
        await shop.over()


async def test_a_channel_that_was_dialled_too_early_is_not_dialled_when_the_manager_has_hung_up(
    tmp_path: Path,
) -> None:
    pbx = slow_to_let_in()
    async with open_shop(tmp_path, pbx=pbx) as shop:
        channel = shop.dial()
        await pbx.turned_away.wait()
        pbx.inside.set()
        shop.board.hear(ChannelGone(channel, None))
        await shop.over()
        assert not shop.pbx.dialled
        assert not shop.pbx.asked_ahead


async def test_a_call_that_breaks_off_leaves_nobody_waiting(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        with late_disk(shop):
            shop.dial()
            await until(lambda: len(shop.pbx.waiting) == 1)
            (call,) = [each for each in asyncio.all_tasks() if each.get_name().startswith("call ")]
            call.cancel()
            await until(lambda: not shop.pbx.waiting)
        assert not shop.pbx.dialled


class NoWayOut(ObligingPbx):
    """What is dialled ends at once, as where nothing leads to the redirect server."""

    async def dial(self, channel_id: str, seconds: float) -> None:
        self.asked_ahead.append(channel_id)
        self.hear(ChannelGone(channel_id, 34))


async def test_what_has_ended_before_the_rules_have_decided_is_what_the_call_comes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pbx, may_decide = NoWayOut(), asyncio.Event()
    async with open_shop(tmp_path, pbx=pbx) as shop:
        decide = shop.parts.admission.ask

        async def decide_late(asked: Asked) -> Admitted | Refused:
            await may_decide.wait()
            return await decide(asked)

        monkeypatch.setattr(shop.parts.admission, "ask", decide_late)
        shop.dial()
        await until(lambda: len(pbx.asked_ahead) == 1)
        may_decide.set()
        await shop.over()
        await shop.ledger.flush(5)
        assert await shop.results() == ["congestion"]


class LostDial(ObligingPbx):
    """Dials, and the answer to that is lost."""

    async def dial(self, channel_id: str, seconds: float) -> None:
        await super().dial(channel_id, seconds)
        raise LinkDown("channels.dial")


async def test_a_dial_ahead_that_fails_fails_the_call_and_not_before_it_is_admitted(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pbx=LostDial()) as shop:
        shop.dial()
        await shop.over()
        await shop.ledger.flush(5)
        assert await shop.results() == ["failed"]
