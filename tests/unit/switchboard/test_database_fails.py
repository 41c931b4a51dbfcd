"""Each statement of a call fails, as SQLite does on a bad day: refused before dialling, recorded after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from flawed_disk import FOR_GOOD, ONCE, Disk
from obliging_shop import Shop, late_disk, open_shop, until

from bridge.asterisk.happenings import ChannelGone
from bridge.switchboard.admission import Admitted, Refused

ERRORS = [
    "database is locked",
    "disk I/O error",
    "database or disk is full",
    "attempt to write a readonly database",
]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as shop:
        yield shop


@pytest.fixture
def disk(shop: Shop) -> Disk:
    return Disk(shop.database)


@pytest.mark.parametrize("error", ERRORS)
async def test_whichever_statement_fails_nobody_is_dialled_unrecorded_and_no_result_is_lost(
    shop: Shop, disk: Disk, error: str
) -> None:
    refused = placed = 0
    came_so_far = True
    while came_so_far:
        recorded, dialled, told = len(await shop.results()), len(shop.pbx.dialled), len(shop.pbx.told)
        disk.fail(error, first=refused + placed + 1, times=ONCE)
        await shop.call()
        assert await shop.ledger.flush(5)
        came_so_far = disk.has_failed
        disk.heal()
        results = (await shop.results())[: len(await shop.results()) - recorded]
        if len(shop.pbx.dialled) == dialled:
            assert (results, shop.pbx.told[told:]) == ([], ["out-of-service"])
            refused += 1
        else:
            assert (results, len(shop.pbx.dialled)) == (["talked"], dialled + 1)
            placed += 1
    assert refused >= 5, "looked up, begun, written, audited, committed"
    assert placed >= 4, "answered and ended: begun, each written, committed"


@pytest.mark.parametrize("error", ERRORS)
async def test_a_call_goes_on_and_ends_though_the_database_is_gone_and_is_on_record_when_it_is_back(
    shop: Shop, disk: Disk, error: str
) -> None:
    channel = shop.dial()
    await shop.talking()
    assert await shop.ledger.flush(5)
    disk.fail(error, first=1, times=FOR_GOOD)
    shop.board.hear(ChannelGone(channel, None))
    await shop.over()
    assert not await shop.ledger.flush(0.3)
    assert shop.ledger.backlog == 1
    disk.heal()
    assert await shop.ledger.flush(10)
    assert await shop.results() == ["talked"]


def states(shop: Shop) -> list[str]:
    return [call.state for call in shop.board.live()]


async def test_nobody_is_dialled_while_the_call_is_not_on_disk(shop: Shop) -> None:
    with late_disk(shop):
        channel = shop.dial()
        await until(lambda: states(shop) == ["creating-customer"])
        await asyncio.sleep(0.05)
        assert not shop.pbx.dialled
    await shop.talking()
    shop.board.hear(ChannelGone(channel, None))
    await shop.over()


async def test_a_manager_who_hangs_up_while_the_call_goes_on_record_has_cancelled_it(shop: Shop) -> None:
    with late_disk(shop):
        channel = shop.dial()
        await until(lambda: states(shop) == ["creating-customer"])
        shop.board.hear(ChannelGone(channel, None))
        await until(lambda: states(shop) == ["closed"])
    await shop.over()
    assert await shop.ledger.flush(5)
    assert await shop.results() == ["cancelled"]
    assert not shop.pbx.dialled


async def test_a_click_is_answered_when_the_call_is_on_disk_and_no_phone_rings_before(shop: Shop) -> None:
    with late_disk(shop):
        click = asyncio.get_running_loop().create_task(shop.board.click("1042", "101"), name="click")
        await until(lambda: states(shop) == ["creating-manager"])
        await asyncio.sleep(0.05)
        assert not shop.pbx.dialled
        assert not click.done()
    assert isinstance((await click).outcome, Admitted)
    await shop.talking()


async def test_a_click_is_refused_with_the_database_as_the_reason(shop: Shop, disk: Disk) -> None:
    disk.fail("disk I/O error", first=1, times=FOR_GOOD)
    placed = await shop.board.click("1042", "101")
    assert isinstance(placed.outcome, Refused)
    assert placed.outcome.reason is None
    await shop.over()
    assert not shop.pbx.dialled


@pytest.mark.parametrize("while_recorded", [True, False])
async def test_a_call_that_ends_before_it_is_on_record_has_its_result_when_it_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, while_recorded: bool
) -> None:
    """A disk so slow that the end would be there first."""
    put_on_record, slow = shop.parts.admission.recorded, asyncio.Event()

    async def record_slowly(admitted: Admitted) -> Refused | None:
        slow.set()
        await ended.wait()
        assert await shop.ledger.flush(5)
        return await put_on_record(admitted)

    ended = asyncio.Event()
    monkeypatch.setattr(shop.parts.admission, "recorded", record_slowly)
    channel = shop.dial()
    if while_recorded:
        await slow.wait()
    shop.board.hear(ChannelGone(channel, None))
    await slow.wait()
    await until(lambda: [call.state for call in shop.board.live()] in (["closing"], ["closed"]))
    ended.set()
    await shop.over()
    assert await shop.ledger.flush(5)
    assert await shop.results() == ["cancelled"]
    assert not shop.pbx.dialled
