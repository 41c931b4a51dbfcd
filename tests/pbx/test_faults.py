"""One thing fails on the way between daemon and Asterisk: the call ends by rule, and nothing is left of it.

A part of what `scripts/chaos each` tries; it has the rest.
"""

from __future__ import annotations

import pytest

from labkit.faults.campaign import Campaign, one_fault_each
from labkit.faults.proxy import no_fault
from labkit.faults.shop import FaultShop
from labkit.faults.trial import RESULTS, CallKind

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.alone]

EVERY = 3
"""Has no divisor in common with the number of faults, so that all of them are among the part."""


async def test_whatever_fails_the_call_ends_by_rule_and_nothing_is_left(fault_shop: FaultShop) -> None:
    tally = await one_fault_each(fault_shop, list(CallKind), watch=lambda _: None, every=EVERY)
    assert tally.broken == []
    assert tally.dialled_twice == 0
    assert tally.calls_with_a_fault > 80
    assert len(tally.faults) == 14, "every kind of fault has come up"
    await the_shop_is_well(fault_shop)


async def the_shop_is_well(shop: FaultShop) -> None:
    """A call of each kind is what it should be, nothing is left of any, and no number is in a log."""
    for kind in CallKind:
        campaign = Campaign(shop, lambda _: None)
        await campaign.start(kind, no_fault, kind.value)
        tally = await campaign.finish()
        assert (tally.broken, list(tally.results)) == ([], [RESULTS[kind]])
    left = await shop.look()
    assert (left.channels, left.bridges) == ((), ())
    assert shop.open_records() == 0
    assert shop.numbers_in_logs() == []
