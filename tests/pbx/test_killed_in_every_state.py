"""The daemon is killed in every state of the call table, and on a real Asterisk its successor takes over."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from shop import until, until_async

from bridge.api.client import ApiClient
from bridge.calls.model import State
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Behaviour, answer, refuse, ring_for_ever, silence
from labkit.faults.kinds import EventFault, RequestFault
from labkit.faults.passing import Passing
from labkit.faults.proxy import no_fault
from labkit.faults.shop import FaultShop, Seat
from labkit.faults.trial import Fault

pytestmark = pytest.mark.alone

NOBODYS_ORDER = "7777"
NOT_TO_BE_CAUGHT_IN = {State.NEW, State.CLOSED}
"""The first is left at once, and in the other there is no call any more."""
OF_CALLBACKS_ALONE = {State.CHANGING_MANAGER, State.HOLDING, State.ASKING_CODE}
"""See test_callbacks.py, and test_code_entry.py."""

OF_SEVERAL_NUMBERS = {State.CHANGING_CONTACT, State.SAYING_NEXT}
"""See test_contacts.py."""

ANSWERS = answer(after=0.1)


@dataclass(frozen=True)
class Pose:
    """How a call is brought into a state and held there.

    The request or event named by `held` suffers `fault`; with `locked` nobody can write to the database.
    `results` may be on record in the end, None where the call was not yet. `code` is what is dialled, None
    for the seat's own order. With `goes_on` the successor makes, or leaves, a conversation of it.
    """

    state: State
    results: tuple[str | None, ...]
    customer: Behaviour = ANSWERS
    held: str | None = None
    fault: Fault | None = None
    locked: bool = False
    code: str | None = None
    click: bool = False
    goes_on: bool = False

    def choose(self, passing: Passing) -> Fault | None:
        return self.fault if passing.name == self.held else None


def connecting(held: str, fault: RequestFault) -> Pose:
    return Pose(State.CONNECTING, ("talked",), held=held, fault=fault, goes_on=True)


GOING_ON_RECORD = {State.CREATING_MANAGER, State.CREATING_CUSTOMER}
HAVING_A_RESULT = {State.TELLING, State.CLOSING}
"""States in which the disk may be late."""

POSES = {
    "checking": Pose(State.CHECKING, (None,), locked=True, code=NOBODYS_ORDER),
    "checking what will be allowed, the customer's leg dialled ahead": Pose(
        State.CHECKING, (None,), locked=True
    ),
    "checking a click": Pose(State.CHECKING, (None,), locked=True, click=True),
    "abandoned": Pose(
        State.ABANDONED,
        ("refused",),
        held="DELETE channels/*",
        fault=RequestFault.SWALLOWED,
        locked=True,
        code=NOBODYS_ORDER,
    ),
    "refusing": Pose(State.REFUSING, ("refused",), code=NOBODYS_ORDER),
    "creating the manager's leg": Pose(
        State.CREATING_MANAGER, ("cancelled",), held="StasisStart", fault=EventFault.LOST, click=True
    ),
    "ringing the manager": Pose(State.RINGING_MANAGER, ("cancelled",), click=True),
    "creating the customer's leg": Pose(
        State.CREATING_CUSTOMER,
        # Asterisk asks for the token's number meanwhile, and gives up where it finds nobody.
        ("cancelled", "failed"),
        held="POST channels/create",
        fault=RequestFault.ANSWER_NEVER,
    ),
    "dialling": Pose(State.DIALLING, ("cancelled",), silence()),
    "ringing": Pose(State.RINGING, ("talked",), ring_for_ever(), goes_on=True),
    "connecting, manager not picked up": connecting("POST channels/*/answer", RequestFault.SWALLOWED),
    "connecting, no bridge": connecting("POST bridges", RequestFault.SWALLOWED),
    "connecting, an empty bridge": connecting("POST bridges/*/addChannel", RequestFault.SWALLOWED),
    "talking": Pose(State.TALKING, ("talked",), goes_on=True),
    "telling": Pose(State.TELLING, ("busy",), refuse(486), held="PlaybackFinished", fault=EventFault.LOST),
    "closing": Pose(
        State.CLOSING,
        ("cancelled",),
        ring_for_ever(),
        held="DELETE channels/*",
        fault=RequestFault.UNAVAILABLE,
    ),
}


def test_every_state_has_its_pose() -> None:
    elsewhere = NOT_TO_BE_CAUGHT_IN | OF_CALLBACKS_ALONE | OF_SEVERAL_NUMBERS
    assert {pose.state for pose in POSES.values()} == set(State) - elsewhere


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", POSES)
async def test_a_call_survives_the_daemon_or_ends_by_rule(fault_shop: FaultShop, name: str) -> None:
    shop, pose, seat = fault_shop, POSES[name], fault_shop.seats[0]
    code = pose.code or seat.code
    before, invites = len(shop.results(code)), shop.carrier.invites[seat.number]
    shop.carrier.treatment[seat.number] = pose.customer
    shop.proxy.choose = pose.choose
    with ExitStack() as lock:
        call = await strike(shop, seat, pose, code, lock)
        if pose.state in GOING_ON_RECORD:
            await until(lambda: shop.open_records() == 1, "a call on record")
        if pose.state in HAVING_A_RESULT:
            await until(lambda: shop.open_records() == 0, "a result on record")
        if pose.state is State.DIALLING:
            # Until then Asterisk asks the daemon's redirect server, and without it the call fails.
            await until(lambda: shop.carrier.invites[seat.number] > invites, "an INVITE to the carrier")
        await shop.kill_daemon()
    shop.proxy.choose = no_fault
    await shop.start_daemon()
    if pose.goes_on:
        assert call is not None
        await becomes_a_conversation(shop, seat, call)
        await call.hang_up()
    await until_async(lambda: nothing_is_left(shop), "a shop without calls", within=8)
    results = shop.results(code)[before:] or [None]
    assert len(results) == 1
    assert results[0] in pose.results
    assert shop.carrier.invites[seat.number] - invites <= 1
    assert call is None or not call.established


async def strike(shop: FaultShop, seat: Seat, pose: Pose, code: str, lock: ExitStack) -> Call | None:
    """Bring a call into the state; returns the manager's side of it, where there is one."""
    shop.carrier.latest.pop(seat.number, None)
    if pose.locked:
        lock_database(shop, lock)
    if pose.click:
        async with asyncio.TaskGroup() as group:
            clicking = group.create_task(click(shop, seat, code))
            await reached(shop, pose.state)
            clicking.cancel()
        return await seat.phone.incoming() if pose.state is State.RINGING_MANAGER else None
    call = await seat.phone.dial(f"*{code}")
    if pose.state is State.ABANDONED:
        await reached(shop, State.CHECKING)
        async with ApiClient(shop.lab.api_socket) as api:
            await api.hang_up((await api.calls())[0].id)
        lock.close()
    if pose.state is State.CLOSING:
        await reached(shop, State.RINGING)
        await call.hang_up()
    await reached(shop, pose.state)
    return call


async def click(shop: FaultShop, seat: Seat, code: str) -> None:
    """Answered when the call is on record."""
    async with ApiClient(shop.lab.api_socket) as api:
        await api.place_call(code, seat.phone.user)


def lock_database(shop: FaultShop, lock: ExitStack) -> None:
    database = sqlite3.connect(shop.lab.database_path, isolation_level=None)
    lock.callback(database.close)
    database.execute("BEGIN IMMEDIATE")


async def reached(shop: FaultShop, state: State) -> None:
    async def is_there() -> bool:
        async with ApiClient(shop.lab.api_socket) as api:
            return [call.state for call in await api.calls()] == [state.value]

    await until_async(is_there, f"a call that is {state.value}", within=8)


async def becomes_a_conversation(shop: FaultShop, seat: Seat, call: Call) -> None:
    customer = shop.carrier.latest[seat.number]
    await customer.answer()  # unless that has been done
    await call.answered()
    await reached(shop, State.TALKING)
    assert call.established
    assert customer.established


async def nothing_is_left(shop: FaultShop) -> bool:
    now = await shop.look()
    there = (now.channels, now.bridges, now.live_orders)
    return there == ((), (), frozenset()) and shop.open_records() == 0
