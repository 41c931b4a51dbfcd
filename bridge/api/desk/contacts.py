"""Numbers on their way in: asked for in a call, typed by a supervisor, given by a customer's own link.

None comes out here. What is answered to a number is the same whether or not the customer had it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter

from bridge.api.desk import shapes
from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.door import Door, TheCustomersDoor
from bridge.api.desk.opening import broken_seals_told, vault_of
from bridge.api.desk.people import Id
from bridge.api.desk.reader import Reader, SignedIn, Supervisor, nothing_here
from bridge.api.desk.work import sees
from bridge.api.problems import Problem
from bridge.asterisk.names import new_call_id, random_letters
from bridge.rules import TimeRange
from bridge.store import number_links
from bridge.store.attached_callers import AttachedCall, attach_call, may_attach_to
from bridge.store.audit import AuditEntry
from bridge.store.contact_habits import Habits, set_habits
from bridge.store.errors import UnknownOrder
from bridge.store.new_contacts import ENTERED_LABEL, keep_number
from bridge.store.voice_messages import give_message_to_order
from bridge.switchboard.strangers import Stranger
from bridge.vault import NumberRefused, ReadNumber, Vault, read_number

router = APIRouter()

_LETTERS_OF_A_LINK: Final = 16
"""69 bits, for a day, against tries that are limited by address."""

_CUSTOMER: Final = "customer"


@router.post("/v1/calls/{call_id}/capture", status_code=HTTPStatus.NO_CONTENT)
async def ask_for_a_number(daemon: TheDaemon, reader: SignedIn, call_id: str) -> None:
    """As if the manager had pressed the code. Asked for twice it is one."""
    if not daemon.switchboard.capture(_own(daemon, reader, call_id)):
        raise Problem(
            HTTPStatus.CONFLICT, "not-talking", "A number can be asked for in a conversation alone."
        )


@router.delete("/v1/calls/{call_id}/capture", status_code=HTTPStatus.NO_CONTENT)
async def take_the_customer_back(daemon: TheDaemon, reader: SignedIn, call_id: str) -> None:
    daemon.switchboard.cancel_capture(_own(daemon, reader, call_id))


def _own(daemon: DeskDaemon, reader: Reader, call_id: str) -> str:
    """Nobody else's, a supervisor's view of it or not: it is their ear that hears the music."""
    calls = daemon.switchboard.live()
    if not any(call.id == call_id and call.extension == reader.extension for call in calls):
        raise nothing_here()
    return call_id


@router.post("/v1/orders/{code}/contacts", status_code=HTTPStatus.NO_CONTENT)
async def add_number(
    code: shapes.OrderCode, asked: shapes.NewNumber, reader: Supervisor, daemon: TheDaemon, now_ms: NowMs
) -> None:
    vault, number = vault_of(daemon), _read(asked.number, daemon.config.shop.country)
    entry = AuditEntry(now_ms, reader.actor, "contact-add", f"order {code}")
    try:
        with broken_seals_told():
            kept = await keep_number(daemon.database, vault, code, number, label=ENTERED_LABEL, entry=entry)
    except UnknownOrder:
        raise nothing_here() from None
    if not kept:
        raise nothing_here()


@router.post("/v1/orders/{code}/callers", status_code=HTTPStatus.NO_CONTENT)
async def attach_caller(
    code: shapes.OrderCode, asked: shapes.AttachCaller, reader: SignedIn, daemon: TheDaemon, now_ms: NowMs
) -> None:
    """Who has called under a running number has called about this order: so says who has talked with them.

    Answered alike whether or not the caller had sent a number, and whether it was the customer's.
    """
    vault = vault_of(daemon)
    if not await may_attach_to(daemon.database, code, sees=sees(reader)):
        raise nothing_here()
    with daemon.strangers.taken(asked.caller, now_ms) as stranger:
        if stranger is None:
            raise Problem(
                HTTPStatus.NOT_FOUND, "no-such-caller", "Nobody has called under this number of late."
            )
        await _attach(daemon, vault, reader, code, stranger, now_ms)


async def _attach(
    daemon: DeskDaemon, vault: Vault, reader: Reader, code: str, stranger: Stranger, now_ms: int
) -> None:
    """Their call, their number if they sent one, and what they have said if they were asked."""
    database = daemon.database
    try:
        with broken_seals_told():
            number = None if stranger.number is None else stranger.number.opened(vault)
            call = AttachedCall(new_call_id(), stranger.at_ms, number)
            await attach_call(
                database,
                vault,
                code,
                call,
                manager_id=reader.manager_id,
                sees=sees(reader),
                actor=reader.actor,
                now_ms=now_ms,
            )
            if (said := stranger.message_id) is not None:
                await give_message_to_order(
                    database, vault, said, code, sees=sees(reader), actor=reader.actor, now_ms=now_ms
                )
    except UnknownOrder:
        raise nothing_here() from None


@router.put("/v1/orders/{code}/contacts/{contact_id}/habits", status_code=HTTPStatus.NO_CONTENT)
async def say_habits(
    code: shapes.OrderCode,
    contact_id: Id,
    asked: shapes.ContactHabits,
    reader: SignedIn,
    daemon: TheDaemon,
    now_ms: NowMs,
) -> None:
    """When a number is called, and in which language: whoever serves the customer hears that from them."""
    try:
        hours = None if asked.hours is None else TimeRange.read(asked.hours)
    except ValueError:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "no-such-hours", "Hours are such as 18:00-21:00."
        ) from None
    habits = Habits(hours, asked.language)
    kept = await set_habits(
        daemon.database, code, contact_id, habits, sees=sees(reader), actor=reader.actor, now_ms=now_ms
    )
    if not kept:
        raise nothing_here()


# --- links ---


@router.post("/v1/orders/{code}/number-links", status_code=HTTPStatus.CREATED)
async def make_number_link(
    code: shapes.OrderCode, reader: SignedIn, daemon: TheDaemon, now_ms: NowMs
) -> shapes.NewNumberLink:
    """Of letters alone, so that it can be read to somebody, too."""
    if not daemon.config.desk.number_links:
        raise Problem(HTTPStatus.FORBIDDEN, "number-links-off", "desk.number_links is false in config.yaml.")
    token = random_letters(_LETTERS_OF_A_LINK)
    entry = AuditEntry(now_ms, reader.actor, "number-link", f"order {code}")
    try:
        ends_ms = await number_links.make_link(
            daemon.database, token, code, manager_id=reader.manager_id, sees=sees(reader), entry=entry
        )
    except UnknownOrder:
        raise nothing_here() from None
    return shapes.NewNumberLink(path=shapes.NUMBER_LINK_PATH.format(token=token), ends_ms=ends_ms)


@router.post("/v1/number-links/{token}", status_code=HTTPStatus.NO_CONTENT)
async def give_number(
    token: str, asked: shapes.GivenNumber, daemon: TheDaemon, door: TheCustomersDoor, now_ms: NowMs
) -> None:
    """The customer's own. Unknown, used and late links are answered alike, whatever the number."""
    await _expect_open(daemon, door, token, asked.address, now_ms)
    vault, number = vault_of(daemon), _read(asked.number, daemon.config.shop.country)
    with broken_seals_told():
        used = await number_links.use_link(
            daemon.database, vault, token, number, actor=_CUSTOMER, now_ms=now_ms
        )
    if not used:
        raise nothing_here()


@router.post("/v1/number-links/{token}/do-not-call", status_code=HTTPStatus.NO_CONTENT)
async def stop_calls(
    token: str, asked: shapes.StopCalls, daemon: TheDaemon, door: TheCustomersDoor, now_ms: NowMs
) -> None:
    """The customer's own. At once, and for every number that they are known to have."""
    await _expect_open(daemon, door, token, asked.address, now_ms)
    if not await number_links.stop_calls(daemon.database, token, actor=_CUSTOMER, now_ms=now_ms):
        raise nothing_here()


async def _expect_open(daemon: DeskDaemon, door: Door, token: str, address: str, now_ms: int) -> None:
    with door.knock(address, address, now_ms):  # there is no login: each address is its own
        if not daemon.config.desk.number_links or not await number_links.is_open(
            daemon.database, token, now_ms
        ):
            await door.refuse(daemon, address, address, None, "number-link-failed", now_ms)
            raise nothing_here()


def _read(text: str, home_region: str) -> ReadNumber:
    """Says what is wrong with a number, and never the number."""
    trouble = ""
    try:
        return read_number(text, home_region)
    except NumberRefused as refused:
        trouble = str(refused)
    raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "not-a-number", f"This can't be dialled: {trouble}.")
