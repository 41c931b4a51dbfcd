"""What a manager hears: ringing while the customer's phone rings, and nothing once they have hung up."""

from __future__ import annotations

from pathlib import Path

from obliging_shop import ObligingPbx, open_shop, until

from bridge.asterisk.happenings import ChannelAnswered, ChannelRinging


class RingingPbx(ObligingPbx):
    """Writes down in which order the manager's leg is told what; a phone rings until somebody picks it up."""

    def __init__(self, *, picks_up_at_once: bool) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._picks_up_at_once = picks_up_at_once

    def pick_up(self) -> None:
        self.hear(ChannelAnswered(self.dialled[-1]))

    async def ring_back(self, _channel_id: str) -> None:  # type: ignore[override]
        self.asked.append("ring")

    async def answer(self, _channel_id: str) -> None:  # type: ignore[override]
        self.asked.append("answer")

    def _ring(self, channel_id: str) -> None:
        self.dialled.append(channel_id)
        self.hear(ChannelRinging(channel_id))
        if self._picks_up_at_once:
            self.pick_up()


async def test_a_manager_hears_ringing_before_the_customer_picks_up(tmp_path: Path) -> None:
    pbx = RingingPbx(picks_up_at_once=False)
    async with open_shop(tmp_path, pbx=pbx) as shop:
        shop.dial()
        await until(lambda: pbx.asked == ["ring"])
        pbx.pick_up()
        await shop.talking()
        assert pbx.asked == ["ring", "answer"]


async def test_no_ringing_is_asked_for_once_the_customer_has_picked_up(tmp_path: Path) -> None:
    pbx = RingingPbx(picks_up_at_once=True)
    async with open_shop(tmp_path, pbx=pbx) as shop:
        shop.dial()
        await shop.talking()
        (call,) = shop.board._calls.values()
        assert call._ring_back_to_come is not None
        assert call._ring_back_to_come.cancelled()
        assert pbx.asked == ["answer"]
