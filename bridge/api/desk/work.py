"""A manager's work: the queue, an order's card, calls, notes and outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Annotated, Final, cast

import structlog
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError

from bridge.api.app import place
from bridge.api.desk.calls_now import CallNames, is_shown, word_of
from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.events import Listener, Listeners, stream
from bridge.api.desk.reader import Reader, SignedIn, Token, find_reader, nothing_here
from bridge.api.desk.shapes import (
    CallNow,
    Card,
    Contact,
    Found,
    MyCall,
    Note,
    NoteSaved,
    OrderCode,
    OtherOrder,
    OutcomeRecorded,
    PastCall,
    PastOutcome,
    PastText,
    PlaceCall,
    Queue,
    QueueCounts,
    QueueFilter,
    QueueRow,
    RecordOutcome,
    SaveNote,
    VoiceMessage,
)
from bridge.api.problems import Problem
from bridge.calls.model import Result
from bridge.rules import Reason, dialled_as
from bridge.rules.claims import Claims
from bridge.rules.hours import minute_on_the_wall
from bridge.rules.reading import Pace, Refusals
from bridge.rules.worklist import COUNTED, UNDO_MS, CallBackRefused, Outcome, Part, Why
from bridge.store.alarms import AlarmKind, add_alarm
from bridge.store.cards import CardContact, CardNote, CardView, Reading, card, note_reading
from bridge.store.contact_habits import customers_within_hours
from bridge.store.database import Database
from bridge.store.errors import TooLateToUndo, UnknownCall, UnknownNote, UnknownOrder, UnknownOutcome
from bridge.store.misses import actor_of as dialler
from bridge.store.notes import Saving, save_note
from bridge.store.outcomes import Said, count_result, leave_alone, record_outcome, undo_outcome
from bridge.store.worklist import (
    Cursor,
    CursorUnusable,
    Filter,
    QueueLine,
    customers_of,
    queue_counts,
    queue_line,
    queue_page,
)
from bridge.switchboard.board import CallMoved, CallView, Switchboard
from bridge.switchboard.phones import Phones
from bridge.switchboard.tasks import Tasks

log = structlog.get_logger()

router = APIRouter()

_LOOKED_AT_ONCE: Final = 50
_MOST_LOOKS: Final = 20
"""How many pages are looked through for the next order: beyond, there is nothing that could be called."""


@dataclass(frozen=True, slots=True)
class OutcomeTold:
    """What came of a call: somebody's word, or, `by_result`, what the call itself came to."""

    id: int
    order: str
    outcome: str
    by_result: bool = False
    undone: bool = False


class Work:
    """What a daemon remembers of managers at work, for as long as it runs."""

    def __init__(self, database: Database, clock: Callable[[], int], tasks: Tasks) -> None:
        self.listeners = Listeners()
        self.claims = Claims()
        self.refusals = Refusals()
        self.names = CallNames(database)
        self.saving_notes = asyncio.Lock()
        """Held while a note is looked at and saved: two that are saved at once may hold a number together."""
        self._database = database
        self._clock = clock
        self._tasks = tasks
        self._watchers: list[Callable[[OutcomeTold], None]] = []
        self._going_on: set[str] = set()
        """The live calls that desks have been told of."""

    def now_ms(self) -> int:
        return self._clock()

    def follow(self, switchboard: Switchboard, phones: Phones) -> None:
        """Go along with every call from now on, and with phones that come and go."""
        switchboard.watch(self._moved)
        switchboard.leave_alone_by(self.leave_alone)
        switchboard.tell_of_messages(self.listeners.queues_changed)
        phones.watch(self.listeners.on_it_changed)

    def watch_outcomes(self, watcher: Callable[[OutcomeTold], None]) -> None:
        """Tell somebody of each outcome from now on. They return at once, and raise nothing."""
        self._watchers.append(watcher)

    def tell_outcome(self, told: OutcomeTold, *concerned: int | None) -> None:
        """`concerned`: the ids of managers whose queue it changes."""
        self.listeners.queue_changed(*concerned)
        for watcher in self._watchers:
            watcher(told)

    async def leave_alone(self, call_id: str, extension: str) -> bool:
        """A manager has keyed in that a call's customer wants to be called no more; False if that failed.

        It is written though whoever waits for it, the call, is over meanwhile.
        """
        on_disk: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        writing = self._leave_alone(call_id, extension, on_disk)
        self._tasks.start(writing, name=f"leave alone {call_id}", call=call_id)
        return await on_disk

    async def _leave_alone(self, call_id: str, extension: str, on_disk: asyncio.Future[bool]) -> None:
        done = False
        try:
            said = await leave_alone(self._database, call_id, actor=dialler(extension), now_ms=self.now_ms())
            done = True
            self.tell_outcome(OutcomeTold(said.id, said.code, said.outcome), said.served_by)
        except (SQLAlchemyError, UnknownCall, UnknownOrder) as error:
            log.error("a customer can't be left alone", error=type(error).__name__)
        finally:
            if not on_disk.done():
                on_disk.set_result(done)

    def _moved(self, moved: CallMoved) -> None:
        self.listeners.call_moved(moved)
        self._begin_or_end(moved)
        if moved.over and moved.result in COUNTED:
            self._tasks.start(self._count(moved.call.id, moved.result), name=f"count {moved.call.id}")

    def _begin_or_end(self, moved: CallMoved) -> None:
        call = moved.call
        if moved.over:
            if call.id not in self._going_on:
                return
            self._going_on.discard(call.id)
        elif call.id in self._going_on or not is_shown(moved):
            return
        else:
            self._going_on.add(call.id)
        self.listeners.on_it_changed(call.extension)

    async def _count(self, call_id: str, result: Result) -> None:
        """Until somebody says what came of the call, its result stands for it."""
        counted = await count_result(self._database, call_id, result, self.now_ms())
        if counted is not None:
            told = OutcomeTold(counted.id, counted.code, counted.outcome, by_result=True)
            self.tell_outcome(told, counted.served_by)


async def _work(request: Request) -> Work:
    return cast(Work, request.app.state.work)


TheWork = Annotated[Work, Depends(_work)]


def sees(reader: Reader) -> int | None:
    """Whose customers somebody may see: the id of a manager, None for everybody's."""
    return None if reader.sees_everybody else reader.manager_id


def _unreadable() -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable", "The request does not have the documented form."
    )


# --- the queue ---


@router.get("/v1/queue")
async def queue(
    daemon: TheDaemon,
    work: TheWork,
    reader: SignedIn,
    now_ms: NowMs,
    shown: Annotated[QueueFilter, Query(alias="filter")] = "to-call",
    q: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Queue:
    try:
        start = Cursor(now_ms, Part.DUE) if cursor is None else Cursor.read(cursor)
    except CursorUnusable:
        raise _unreadable() from None
    of = sees(reader)
    page = await queue_page(daemon.database, Filter(shown), manager_id=of, sought=q, start=start, limit=limit)
    counts = await queue_counts(daemon.database, now_ms, manager_id=of)
    presence = await _presence(daemon, work, reader, now_ms)
    return Queue(
        rows=[_row(line, presence) for line in page.lines],
        counts=QueueCounts(
            due=counts.due,
            new=counts.new,
            no_answer=counts.no_answer,
            later=counts.later,
            done=counts.done,
        ),
        cursor=None if page.next is None else str(page.next),
        phone_away=daemon.phones.is_reachable(reader.extension) is False,
    )


@router.post("/v1/queue/next")
async def next_order(daemon: TheDaemon, work: TheWork, reader: SignedIn, now_ms: NowMs) -> QueueRow:
    """The first order that can be called and is nobody else's at the moment; another than one's last."""
    line = await _claim_next(daemon, work, reader, now_ms)
    if line is None:
        raise Problem(HTTPStatus.NOT_FOUND, "nothing-to-call", "There is nothing to call now.")
    return _row(line, _Presence(frozenset(), frozenset(), _nobody_has))


async def _claim_next(daemon: DeskDaemon, work: Work, reader: Reader, now_ms: int) -> QueueLine | None:
    last = work.claims.customer_of(reader.manager_id, now_ms)
    lasts_line: QueueLine | None = None
    start: Cursor | None = Cursor(now_ms, Part.DUE)
    for _ in range(_MOST_LOOKS):
        if start is None:
            break
        page = await queue_page(
            daemon.database,
            Filter.TO_CALL,
            manager_id=sees(reader),
            start=start,
            limit=_LOOKED_AT_ONCE,
        )
        minute = minute_on_the_wall(now_ms, daemon.config.shop.timezone)
        customers = {line.customer_id for line in page.lines}
        at_home = await customers_within_hours(daemon.database, customers, minute)
        busy = await _customers_in_calls(daemon)
        for line in page.lines:  # nothing is awaited from here to the claim: who comes first has it
            if line.customer_id not in at_home or line.customer_id in busy:
                continue
            if line.customer_id == last:
                lasts_line = lasts_line or line
            elif work.claims.take(line.customer_id, reader.manager_id, now_ms):
                return line
        start = page.next
    return lasts_line


def _nobody_has(_customer_id: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Presence:
    """Who is with which customer, as one reader sees it.

    `own` are the orders that they are in calls about themselves, `others` the customers whom others are with;
    `has_another` tells of a customer whether somebody else has just been given them.
    """

    own: frozenset[str]
    others: frozenset[int]
    has_another: Callable[[int], bool]

    def busy(self, customer_id: int) -> bool:
        return customer_id in self.others or self.has_another(customer_id)


async def _presence(daemon: DeskDaemon, work: Work, reader: Reader, now_ms: int) -> _Presence:
    return _Presence(
        own=frozenset(call.order for call in _shown_calls(daemon) if call.extension == reader.extension),
        others=await _customers_in_calls(daemon, but_of=reader.extension),
        has_another=lambda customer_id: work.claims.is_others(customer_id, reader.manager_id, now_ms),
    )


def _row(line: QueueLine, presence: _Presence) -> QueueRow:
    return QueueRow(
        code=line.code,
        customer_name=line.customer_name,
        summary=line.summary,
        why=Why(line.work.why),
        attempts=line.work.attempts,
        due_ms=line.work.due_ms,
        priority=line.work.priority,
        created_ms=line.created_ms,
        timezone=line.timezone,
        last_outcome=Outcome(line.last_outcome) if line.last_outcome else None,
        last_call_ms=line.last_call_ms,
        manager_name=line.manager_name,
        busy=presence.busy(line.customer_id),
        yours=line.code in presence.own,
        reachable=line.reachable,
        unheard=line.unheard,
    )


async def _customers_in_calls(daemon: DeskDaemon, *, but_of: str | None = None) -> frozenset[int]:
    """The customers whom somebody is calling or talking to, leaving one extension's calls out."""
    codes = {
        call.order
        for call in daemon.switchboard.live()
        if word_of(call) is not None and call.extension != but_of
    }
    return frozenset((await customers_of(daemon.database, codes)).values())


# --- an order ---


@router.get("/v1/orders/{code}")
async def order_card(
    daemon: TheDaemon, work: TheWork, reader: SignedIn, now_ms: NowMs, code: OrderCode
) -> Card:
    reading = Reading(code, reader.manager_id, sees(reader), now_ms)
    limits = daemon.config.desk.reading
    pace = Pace(limits.cards_per_minute, limits.cards_per_hour)
    try:
        # The card is looked up while the reading goes to the disk, and is shown when it is there.
        wait_ms, view = await asyncio.gather(
            note_reading(daemon.database, reading, pace), card(daemon.database, code, sees=reading.sees)
        )
    except UnknownOrder:
        raise nothing_here() from None
    if wait_ms:
        await _refuse_reading(daemon, work, reader, now_ms, wait_ms)
    minute = minute_on_the_wall(now_ms, daemon.config.shop.timezone)
    return _card(view, reader, await _presence(daemon, work, reader, now_ms), now_ms, minute)


async def _refuse_reading(daemon: DeskDaemon, work: Work, reader: Reader, now_ms: int, wait_ms: int) -> None:
    work.refusals, begins = work.refusals.with_refusal(reader.manager_id, now_ms)
    if begins:
        await add_alarm(
            daemon.database,
            AlarmKind.READING_FAST,
            manager_id=reader.manager_id,
            order_code=None,
            detail=f"extension={reader.extension}",
        )
        work.listeners.alarm()
    seconds = -(-wait_ms // 1000)
    raise Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "reading-too-fast",
        f"You have opened many orders. Go on in {seconds} s.",
        retry_after=seconds,
    )


def _card(view: CardView, reader: Reader, presence: _Presence, now_ms: int, minute: int) -> Card:
    """`minute`: of the shop's day."""
    dialled_next = _dialled_next(view, minute)
    return Card(
        code=view.code,
        customer_name=view.customer_name,
        language=view.language,
        summary=view.summary,
        items=list(view.items),
        state=view.work.state,
        why=Why(view.work.why),
        attempts=view.work.attempts,
        due_ms=view.work.due_ms,
        priority=view.work.priority,
        created_ms=view.created_ms,
        timezone=view.timezone,
        do_not_call=view.do_not_call,
        manager_name=view.manager_name,
        manager_extension=view.manager_extension,
        busy=presence.busy(view.customer_id),
        yours=view.code in presence.own,
        contacts=[
            Contact(
                id=contact.id,
                label=contact.label,
                line_type=contact.line_type,
                region=contact.region,
                standing=contact.standing,
                created_ms=contact.created_ms,
                proposed=contact.proposed,
                dialled_next=contact is dialled_next,
                diallable=contact.place is not None,
                never=contact.never,
                hint=contact.hint,
                hours=None if contact.hours is None else str(contact.hours),
                language=contact.language,
                dialled_as=dialled_as(view.code, contact.place),
            )
            for contact in view.contacts
        ],
        calls=[PastCall(**asdict(call)) for call in view.calls],
        outcomes=[PastOutcome(**asdict(past) | {"outcome": Outcome(past.outcome)}) for past in view.outcomes],
        undo=_undo(view, reader, now_ms),
        texts=[PastText(**asdict(text)) for text in view.texts],
        notes=[_note(note, reader) for note in view.notes],
        other_orders=[OtherOrder(**asdict(other)) for other in view.other_orders],
        messages=[VoiceMessage(**asdict(message)) for message in view.messages],
    )


def _dialled_next(view: CardView, minute: int) -> CardContact | None:
    """The first that may be called at this minute of the shop's day; if none may, the first of all."""
    in_turn = sorted(
        (contact for contact in view.contacts if contact.place is not None),
        key=lambda contact: (
            contact.hours is not None and not contact.hours.covers(minute),
            contact.place or 0,
        ),
    )
    return next(iter(in_turn), None)


def _undo(view: CardView, reader: Reader, now_ms: int) -> OutcomeRecorded | None:
    """What the reader has said last of the order, if it is the last that was said, and not too old."""
    said = next((past for past in view.outcomes if not past.undone), None)
    if said is None or said.manager_id != reader.manager_id or now_ms - said.at_ms > UNDO_MS:
        return None
    return OutcomeRecorded(id=said.id, undo_until_ms=said.at_ms + UNDO_MS)


def _note(note: CardNote, reader: Reader) -> Note:
    return Note(
        id=note.id,
        text=note.text,
        created_ms=note.created_ms,
        changed_ms=note.changed_ms,
        manager_name=note.manager_name,
        mine=note.manager_id == reader.manager_id,
    )


# --- calls ---


@router.post("/v1/orders/{code}/calls", status_code=HTTPStatus.CREATED)
async def place_call(
    daemon: TheDaemon, work: TheWork, reader: SignedIn, now_ms: NowMs, code: OrderCode, wanted: PlaceCall
) -> CallNow:
    line = await queue_line(daemon.database, code, manager_id=sees(reader))
    if line is not None:
        if line.customer_id in await _customers_in_calls(daemon, but_of=reader.extension):
            raise Problem(
                HTTPStatus.CONFLICT, "customer-busy", "Somebody else is calling this customer at the moment."
            )
        work.claims.take(line.customer_id, reader.manager_id, now_ms)
    # A code that may not be seen goes the same way, for whoever tries codes here is locked out as on a phone.
    try:
        call = await place(daemon.switchboard, code, reader.extension, contact_id=wanted.contact_id)
    except Problem as problem:
        raise (nothing_here() if line is None and problem.reason == Reason.NOT_YOURS else problem) from None
    return await work.names.told(CallMoved(call, result=None, over=False))


@router.get("/v1/calls/mine")
async def my_call(daemon: TheDaemon, work: TheWork, reader: SignedIn) -> MyCall:
    mine = [call for call in _shown_calls(daemon) if call.extension == reader.extension]
    if not mine:
        return MyCall(call=None)
    return MyCall(call=await work.names.told(CallMoved(mine[-1], result=None, over=False)))


@router.delete("/v1/calls/{call_id}", status_code=HTTPStatus.NO_CONTENT)
async def hang_up(daemon: TheDaemon, reader: SignedIn, call_id: str) -> None:
    own = [
        call.id
        for call in daemon.switchboard.live()
        if reader.sees_everybody or call.extension == reader.extension
    ]
    if call_id not in own or not daemon.switchboard.hang_up(call_id):
        raise nothing_here()


def _shown_calls(daemon: DeskDaemon) -> list[CallView]:
    return [call for call in daemon.switchboard.live() if word_of(call) is not None]


# --- notes ---


@router.put("/v1/orders/{code}/notes")
async def put_note(
    daemon: TheDaemon, work: TheWork, reader: SignedIn, now_ms: NowMs, code: OrderCode, wanted: SaveNote
) -> NoteSaved:
    saving = Saving(
        code, wanted.note_id, reader.manager_id, sees(reader), reader.actor, now_ms, wanted.finished
    )
    try:
        async with work.saving_notes:
            saved = await save_note(
                daemon.database,
                daemon.vault,
                saving,
                wanted.text,
                home_region=daemon.config.shop.country,
            )
    except (UnknownOrder, UnknownNote):
        raise nothing_here() from None
    if saved.alarmed:
        work.listeners.alarm()
    found = [Found(kind=each.kind.value, kept=each.kept) for each in saved.taken]
    return NoteSaved(note=_note(saved.note, reader), found=found, held=saved.held)


# --- outcomes ---


@router.post("/v1/orders/{code}/outcomes", status_code=HTTPStatus.CREATED)
async def say_outcome(
    daemon: TheDaemon, work: TheWork, reader: SignedIn, now_ms: NowMs, code: OrderCode, told: RecordOutcome
) -> OutcomeRecorded:
    said = Said(
        outcome=told.outcome,
        call_back_ms=told.call_back_ms,
        call_id=told.call_id,
        manager_id=reader.manager_id,
        sees=sees(reader),
        actor=reader.actor,
    )
    try:
        recorded = await record_outcome(daemon.database, code, said, now_ms)
    except (UnknownOrder, UnknownCall):
        raise nothing_here() from None
    except CallBackRefused:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "call-back",
            "A call back, and nothing else, has a time to come.",
        ) from None
    work.tell_outcome(OutcomeTold(recorded.id, code, recorded.outcome), recorded.served_by, reader.manager_id)
    return OutcomeRecorded(id=recorded.id, undo_until_ms=now_ms + UNDO_MS)


@router.delete("/v1/outcomes/{outcome_id}", status_code=HTTPStatus.NO_CONTENT)
async def take_back_outcome(
    daemon: TheDaemon, work: TheWork, reader: SignedIn, now_ms: NowMs, outcome_id: int
) -> None:
    try:
        undone = await undo_outcome(
            daemon.database, outcome_id, manager_id=reader.manager_id, actor=reader.actor, now_ms=now_ms
        )
    except UnknownOutcome:
        raise nothing_here() from None
    except TooLateToUndo:
        raise Problem(HTTPStatus.CONFLICT, "too-late", "This can't be undone any more.") from None
    told = OutcomeTold(undone.id, undone.code, undone.outcome, undone=True)
    work.tell_outcome(told, undone.served_by, reader.manager_id)


# --- events ---


@router.get("/v1/events")
async def events(daemon: TheDaemon, work: TheWork, reader: SignedIn, token: Token) -> StreamingResponse:
    listener = Listener(reader.manager_id, reader.extension, sees_everybody=reader.sees_everybody)

    async def may_go_on() -> bool:
        found = await find_reader(daemon, token, work.now_ms())
        return found is not None and found[0].role is reader.role

    async def body() -> AsyncIterator[str]:
        work.listeners.add(listener)
        try:
            shown = [CallMoved(call, result=None, over=False) for call in _shown_calls(daemon)]
            begin_with = [moved for moved in shown if listener.may_see(moved)]
            async for written in stream(listener, begin_with, work.names, may_go_on):
                yield written
        finally:
            work.listeners.remove(listener)

    return StreamingResponse(body(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
