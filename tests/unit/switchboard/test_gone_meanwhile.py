"""Whoever hangs up in the moment in which something is asked of their channel has hung up, and not failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import structlog
from obliging_shop import ObligingPbx, open_shop

from bridge.asterisk.ari import AriClient, AriError, BadRequest, Unprocessable
from bridge.asterisk.ari.errors import error_for
from bridge.asterisk.happenings import ChannelGone, OrderDialled
from bridge.asterisk.pbx import ChannelGoneAlready, Pbx, ShopLine
from bridge.asterisk.trunk import Trunk
from bridge.calls.model import Message


class GoneAsTheyAreTold(ObligingPbx):
    async def tell(self, _call_id: str, channel: str, *_: object, then: str | None) -> None:
        self.hear(ChannelGone(channel, None))
        raise ChannelGoneAlready


async def test_a_manager_who_is_gone_when_they_are_to_be_told_has_not_failed(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pbx=GoneAsTheyAreTold()) as shop:
        with structlog.testing.capture_logs() as logged:
            shop.board.hear(OrderDialled("1732.1", "101", "7777"))
            await shop.over()
        assert "a request failed" not in [line["event"] for line in logged]


class GoneAsTheyAreAnswered(ObligingPbx):
    async def answer(self, channel_id: str) -> None:
        self.hear(ChannelGone(channel_id, 16))
        raise ChannelGoneAlready


class GoneAsTheyAreJoined(ObligingPbx):
    def __init__(self, error: AriError) -> None:
        super().__init__()
        self.error = error

    async def join(self, call_id: str, *channels: str) -> None:
        self.hear(ChannelGone(channels[0], 16))
        raise self.error


@pytest.mark.parametrize(
    "pbx",
    [
        GoneAsTheyAreAnswered(),
        GoneAsTheyAreJoined(BadRequest("bridges.add_channel", 400)),
        GoneAsTheyAreJoined(Unprocessable("bridges.add_channel", 422)),
    ],
    ids=["answered", "joined", "joined and in another bridge"],
)
async def test_a_manager_who_is_gone_when_the_customer_picks_up_has_cancelled(
    tmp_path: Path, pbx: ObligingPbx
) -> None:
    async with open_shop(tmp_path, pbx=pbx) as shop:
        shop.dial()
        await shop.over()
        await shop.ledger.flush(5)
        assert await shop.results() == ["cancelled"]


class Answering:
    """In place of ARI's channels, and of each of them: every request has this status."""

    def __init__(self, status: int) -> None:
        self._status = status
        self.channels = self

    def handle(self, _channel_id: str) -> Answering:
        return self

    async def answer(self, *_: object, **__: object) -> None:
        raise error_for("channels", self._status)

    ring = play = answer


REQUESTS: dict[str, Callable[[Pbx], Awaitable[None]]] = {
    "answer": lambda pbx: pbx.answer("1732.1"),
    "ring": lambda pbx: pbx.ring_back("1732.1"),
    "play": lambda pbx: pbx.tell("mwxnzhjsfjqtxn", "1732.1", Message.BUSY, "en"),
}


@pytest.mark.parametrize("status", [404, 409, 412])
@pytest.mark.parametrize("request_of", REQUESTS.values(), ids=REQUESTS)
async def test_a_channel_that_has_left_the_application_has_gone(
    request_of: Callable[[Pbx], Awaitable[None]], status: int
) -> None:
    client = cast(AriClient, Answering(status))
    pbx = Pbx(client, trunk=cast(Trunk, None), manager_endpoint="", shop=ShopLine("", ""))
    with pytest.raises(ChannelGoneAlready):
        await request_of(pbx)


@pytest.mark.parametrize("request_of", REQUESTS.values(), ids=REQUESTS)
async def test_what_asterisk_refuses_for_another_reason_is_no_sign_of_a_channel_that_has_gone(
    request_of: Callable[[Pbx], Awaitable[None]],
) -> None:
    client = cast(AriClient, Answering(500))
    pbx = Pbx(client, trunk=cast(Trunk, None), manager_endpoint="", shop=ShopLine("", ""))
    with pytest.raises(AriError):
        await request_of(pbx)
