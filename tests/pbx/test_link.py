"""The link to Asterisk is cut, silent, refused, taken over, flooded: the daemon says so; calls outlive it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress

import pytest
import pytest_asyncio
from shop import gauge, until, until_async

from bridge.api.client import ApiClient
from bridge.asterisk.ari import AriClient, Connected
from bridge.asterisk.ari.events import MAX_EVENT_CHARACTERS
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import answer
from labkit.faults.campaign import Campaign
from labkit.faults.kinds import RequestFault
from labkit.faults.passing import Passing
from labkit.faults.proxy import FaultProxy, no_fault
from labkit.faults.shop import FaultShop, Seat
from labkit.faults.trial import RESULTS, CallKind

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.alone]

NOTICED_SECONDS = 15
BACK_SECONDS = 2
EXIT_SECONDS = 5
MORE_CONNECTIONS_THAN_MAY_BE = 120
COMMANDS_OF_A_CONNECT = 3
SLACK_SECONDS = 1.5
"""For asking, and for a machine that has other things to do; no promise is longer for it."""


@pytest_asyncio.fixture(loop_scope="session")
async def shop(fault_shop: FaultShop) -> AsyncIterator[FaultShop]:
    """The session's shop, whose link is as good as new before and after."""
    fault_shop.proxy.choose = no_fault
    yield fault_shop
    fault_shop.proxy.heal()
    fault_shop.proxy.answer_all_with = None
    await fault_shop.proxy.refuse()
    await fault_shop.proxy.accept()
    await fault_shop.ready()


@pytest_asyncio.fixture(loop_scope="session")
async def seat(shop: FaultShop) -> AsyncIterator[Seat]:
    """That of the call that the fault befalls: a call after the fault is another's."""
    async with shop.free_seat() as seat:
        yield seat


async def linked(shop: FaultShop) -> bool:
    """What /readyz says, which is what the metric says, too."""
    async with ApiClient(shop.lab.api_socket) as api:
        link = (await api.ready()).link
    assert gauge(shop.lab, "callbridge_ari_link") in {0, 1}
    return link


async def lost(shop: FaultShop, *, within: float) -> None:
    async def is_lost() -> bool:
        return not await linked(shop)

    await until_async(is_lost, "a daemon that knows that the link is lost", within=within)
    assert gauge(shop.lab, "callbridge_ari_link") == 0


async def back(shop: FaultShop, *, within: float = BACK_SECONDS + SLACK_SECONDS) -> None:
    await until_async(lambda: linked(shop), "a link", within=within)
    assert gauge(shop.lab, "callbridge_ari_link") == 1


async def conversation(shop: FaultShop, seat: Seat) -> tuple[Call, Call]:
    """The manager's and the customer's side of one."""
    shop.carrier.treatment[seat.number] = answer(after=0)
    shop.carrier.latest.pop(seat.number, None)
    call = await seat.phone.dial(f"*{seat.code}")
    await call.answered()

    seen: list[str] = []

    async def talking() -> bool:
        async with ApiClient(shop.lab.api_socket) as api:
            seen[:] = [each.state for each in await api.calls()]
            return seen == ["talking"]

    try:
        await until_async(talking, "a conversation")
    except TimeoutError as error:
        error.add_note(f"the calls' states: {seen}")
        raise
    return call, shop.carrier.latest[seat.number]


async def a_call_succeeds(shop: FaultShop) -> None:
    campaign = Campaign(shop, lambda _: None)
    await campaign.start(CallKind.CUSTOMER_HANGS_UP, no_fault, "a call after the fault")
    tally = await campaign.finish()
    assert (tally.broken, list(tally.results)) == ([], [RESULTS[CallKind.CUSTOMER_HANGS_UP]])


async def silence(proxy: FaultProxy) -> None:
    proxy.fall_silent()


async def cut_and_refuse(proxy: FaultProxy) -> None:
    await proxy.refuse()


@pytest.mark.parametrize("fault", [silence, cut_and_refuse])
async def test_a_lost_link_is_noticed_and_a_conversation_outlives_it(
    shop: FaultShop, seat: Seat, fault: Callable[[FaultProxy], AsyncIterator[None]]
) -> None:
    call, customer = await conversation(shop, seat)
    await fault(shop.proxy)
    await lost(shop, within=NOTICED_SECONDS)
    assert call.established
    assert customer.established
    await mend(shop.proxy)
    await back(shop)
    assert call.established
    await call.hang_up()
    await customer.ended(within=5)
    await a_call_succeeds(shop)


async def mend(proxy: FaultProxy) -> None:
    proxy.heal()
    await proxy.refuse()
    await proxy.accept()


async def test_who_hangs_up_during_an_outage_has_ended_the_call_when_it_is_over(
    shop: FaultShop, seat: Seat
) -> None:
    call, customer = await conversation(shop, seat)
    shop.proxy.fall_silent()
    await lost(shop, within=NOTICED_SECONDS)
    await call.hang_up()
    await mend(shop.proxy)
    await customer.ended(within=BACK_SECONDS + 2 * SLACK_SECONDS)
    await back(shop)


async def test_an_asterisk_that_starts_is_waited_for(shop: FaultShop) -> None:
    """Refused, then 404, then 503, then it works."""
    await shop.proxy.refuse()
    await lost(shop, within=BACK_SECONDS)
    shop.proxy.answer_all_with = 404
    await shop.proxy.accept()
    for status in (404, 503):
        shop.proxy.answer_all_with = status
        await asyncio.sleep(BACK_SECONDS)  # the daemon's longest wait: it has met this status
        assert not await linked(shop)
    shop.proxy.answer_all_with = None
    await back(shop)
    await a_call_succeeds(shop)


@pytest.mark.parametrize("fault", [RequestFault.UNAVAILABLE, RequestFault.ANSWER_NEVER])
async def test_a_command_that_fails_while_the_link_comes_up_is_given_again(
    shop: FaultShop, fault: RequestFault
) -> None:
    met: set[str] = set()

    def each_once(passing: Passing) -> RequestFault | None:
        if passing.is_event or passing.code is not None or passing.name in met:
            return None
        met.add(passing.name)
        return fault

    shop.proxy.choose = each_once
    shop.proxy.cut()
    await lost(shop, within=BACK_SECONDS)
    await back(shop, within=NOTICED_SECONDS)
    assert len(met) >= COMMANDS_OF_A_CONNECT
    shop.proxy.choose = no_fault
    await a_call_succeeds(shop)


async def test_a_daemon_whose_application_is_taken_over_says_so_and_does_not_fight(shop: FaultShop) -> None:
    lab = shop.lab
    async with AriClient(lab.ari_url, lab.ari_user, lab.ari_password, app="call-bridge") as other:
        stream = other.events()
        assert await anext(stream) == Connected()
        await lost(shop, within=BACK_SECONDS)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(6):  # more than one look whether the application is free
                await anext(stream)
        assert not await linked(shop)
    await back(shop, within=5 + SLACK_SECONDS)
    await a_call_succeeds(shop)


async def test_nothing_that_asterisk_could_say_harms_the_daemon(shop: FaultShop, seat: Seat) -> None:
    call, _ = await conversation(shop, seat)
    says = [
        "",
        "{",
        "null",
        "[]",
        '"+447700900123"',
        json.dumps({"type": "NeverHeardOf", "channel": {"id": "1732.5"}}),
        json.dumps({"type": "StasisStart"}),
        json.dumps({"type": "StasisStart", "channel": {"id": 5, "name": None}, "args": {}}),
        json.dumps({"type": "ChannelDestroyed", "channel": {"id": "1732.5"}, "cause": "x" * 1_000_000}),
        "[" * MAX_EVENT_CHARACTERS,
    ]
    for text in says:
        shop.proxy.say(text)
    for number in range(20_000):
        shop.proxy.say(
            json.dumps({"type": "ChannelStateChange", "channel": {"id": f"1.{number}", "state": "Up"}})
        )
    await a_call_succeeds(shop)
    assert await linked(shop)
    assert call.established
    await call.hang_up()
    assert shop.numbers_in_logs() == []


async def test_clients_that_send_half_a_request_cost_nobody_a_call(shop: FaultShop, seat: Seat) -> None:
    shop.carrier.treatment[seat.number] = answer(after=0)
    shop.carrier.latest.pop(seat.number, None)
    with ExitStack() as clients:
        for _ in range(MORE_CONNECTIONS_THAN_MAY_BE):
            half = clients.enter_context(socket.socket(socket.AF_UNIX))
            half.connect(str(shop.lab.api_socket))
            half.sendall(b"GET /v1/calls HTTP/1.1\r\nHost: x\r\n")
        call = await seat.phone.dial(f"*{seat.code}")
        await call.answered()
        await call.hang_up()
        await shop.carrier.latest[seat.number].ended(within=5)
    await a_call_succeeds(shop)


async def test_a_client_that_never_reads_is_not_read_from_for_ever(shop: FaultShop) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(shop.lab.api_socket))
        deaf.setblocking(False)
        requests = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 300_000
        sent = 0
        for _ in range(200):
            with suppress(BlockingIOError):
                sent += deaf.send(requests[sent:])
            await asyncio.sleep(0.01)
        assert sent < 2_000_000, "what is not answered is left in the socket"
        await a_call_succeeds(shop)


@pytest.mark.parametrize("trouble", ["none", "a silent link"])
async def test_a_daemon_that_is_told_to_stop_in_the_middle_is_gone_in_five_seconds(
    shop: FaultShop, seat: Seat, trouble: str
) -> None:
    call, customer = await conversation(shop, seat)
    async with shop.free_seat() as other:
        beginning = await other.phone.dial(f"*{other.code}")
    await until_async(lambda: calls_are(shop, 2), "a second call")
    if trouble == "a silent link":
        shop.proxy.fall_silent()
    daemon = shop.lab.record.processes["daemon"]
    os.kill(daemon.pid, signal.SIGTERM)
    await until(lambda: not daemon.alive, "the daemon's end", within=EXIT_SECONDS)
    await mend(shop.proxy)
    await shop.start_daemon()
    assert call.established, "a conversation is not ended by a stop"
    await call.hang_up()
    await customer.ended(within=5)
    await beginning.hang_up()
    await until_async(lambda: nothing_is_left(shop), "a shop without calls")


async def calls_are(shop: FaultShop, number: int) -> bool:
    async with ApiClient(shop.lab.api_socket) as api:
        return len(await api.calls()) == number


async def nothing_is_left(shop: FaultShop) -> bool:
    now = await shop.look()
    return not now.channels and not now.bridges and shop.open_records() == 0
