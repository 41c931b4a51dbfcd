"""What supervisors and owners see of the others, and do about them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Path, Query, Request

from bridge.api.desk import shapes
from bridge.api.desk.calls_now import word_of
from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.days import last_days
from bridge.api.desk.reader import Owner, Reader, Supervisor, lifetime_of, nothing_here
from bridge.api.desk.work import TheWork
from bridge.api.problems import Problem
from bridge.rules import Role
from bridge.rules.worklist import Outcome
from bridge.store.accounts import invite
from bridge.store.alarms import AlarmRow, alarms_about, count_unseen, newest_alarms, see_alarm
from bridge.store.audit import AuditRow, Wanted, page_of_rows
from bridge.store.do_not_call import mark_contact
from bridge.store.errors import (
    ExtensionTaken,
    InvalidManager,
    LastOwner,
    ManagerDisabled,
    NobodyToTakeOver,
    OwnersOnly,
    StoreRefused,
    UnknownManager,
    UnknownOrder,
)
from bridge.store.managers import add_manager
from bridge.store.orders import assign_customer
from bridge.store.own_limits import all_own_limits
from bridge.store.people import (
    Actor,
    Leaving,
    Person,
    change_extension,
    let_go,
    people,
    person,
    set_enabled,
)
from bridge.store.proposals import proposed_contacts, settle_proposal
from bridge.store.results import ResultsBook, days_of_manager
from bridge.switchboard.board import CallMoved
from bridge.switchboard.phones import Phones

router = APIRouter()

_DAYS_OF_REPORT: Final = 28
_ALARMS_OF_REPORT: Final = 50
_ALARMS_LISTED: Final = 200
_PROPOSALS_LISTED: Final = 200
_ROWS_OF_AUDIT: Final = 100
_LARGEST_ID: Final = 2**62

Id = Annotated[int, Path(ge=0, le=_LARGEST_ID)]
Words = Annotated[str | None, Query(max_length=100)]


async def _results_book(request: Request) -> ResultsBook:
    return cast(ResultsBook, request.app.state.results)


TheResults = Annotated[ResultsBook, Depends(_results_book)]

# --- supervisors and owners ---


@router.get("/v1/wall")
async def wall(_reader: Supervisor, daemon: TheDaemon, work: TheWork) -> shapes.Wall:
    shown = [call for call in daemon.switchboard.live() if word_of(call) is not None]
    return shapes.Wall(
        calls=[await work.names.told(CallMoved(call, result=None, over=False)) for call in shown]
    )


@router.get("/v1/managers")
async def managers(_reader: Supervisor, daemon: TheDaemon, now_ms: NowMs) -> shapes.Managers:
    found = await people(daemon.database, lifetime_of(daemon.config.desk), now_ms)
    in_calls = _in_calls(daemon)
    return shapes.Managers(managers=[_manager_line(each, in_calls, daemon.phones) for each in found])


@router.get("/v1/managers/{extension}/report")
async def report(extension: str, _reader: Supervisor, daemon: TheDaemon, now_ms: NowMs) -> shapes.Report:
    line = await _line(daemon, extension, now_ms)
    days = last_days(_DAYS_OF_REPORT, now_ms, daemon.config.shop.timezone)
    return shapes.Report(
        manager=line,
        days=[
            shapes.ReportDay(
                day=each.day,
                cards_read=each.cards_read,
                calls=each.calls,
                talked=each.talked,
                misses=each.misses,
            )
            for each in await days_of_manager(daemon.database, line.id, extension, days)
        ],
        alarms=[_alarm(each) for each in await alarms_about(daemon.database, line.id, _ALARMS_OF_REPORT)],
    )


@router.post("/v1/managers/{extension}/leave")
async def leave(
    extension: str,
    asked: shapes.Leave,
    reader: Supervisor,
    daemon: TheDaemon,
    work: TheWork,
    now_ms: NowMs,
) -> shapes.Left:
    for_good = asked.kind == "departure"
    if for_good:
        _expect_another(reader, extension)
    try:
        leaving = Leaving(extension, asked.to, for_good=for_good)
        gone = await let_go(daemon.database, leaving, _actor(reader), now_ms)
    except StoreRefused as refused:
        raise _problem(refused) from None
    work.listeners.queues_changed()
    return shapes.Left(
        kind=asked.kind, customers_moved=gone.customers_moved, sessions_ended=gone.sessions_ended
    )


@router.post("/v1/orders/{code}/assignment", status_code=HTTPStatus.NO_CONTENT)
async def assign(
    code: str, asked: shapes.Assign, reader: Supervisor, daemon: TheDaemon, work: TheWork
) -> None:
    try:
        await assign_customer(daemon.database, code, asked.extension, reader.actor)
    except StoreRefused as refused:
        raise _problem(refused) from None
    work.listeners.queues_changed()


@router.post("/v1/orders/{code}/contacts/{contact_id}", status_code=HTTPStatus.NO_CONTENT)
async def mark(
    code: str,
    contact_id: Id,
    asked: shapes.MarkContact,
    reader: Supervisor,
    daemon: TheDaemon,
    now_ms: NowMs,
) -> None:
    marked = await mark_contact(
        daemon.database, code, contact_id, never=asked.never, actor=reader.actor, now_ms=now_ms
    )
    if not marked:
        raise nothing_here()


@router.get("/v1/results")
async def results(
    _reader: Supervisor,
    daemon: TheDaemon,
    book: TheResults,
    now_ms: NowMs,
    days: Annotated[int, Query(ge=1, le=92)] = 7,
) -> shapes.Results:
    asked = last_days(days, now_ms, daemon.config.shop.timezone)
    found = await book.of(daemon.database, asked, now_ms)
    return shapes.Results(
        days=[
            shapes.ResultsDay(
                day=day.name,
                calls=came.calls,
                talked=came.talked,
                no_answer=came.no_answer,
                busy=came.busy,
                other=came.calls - came.talked - came.no_answer - came.busy,
            )
            for day, came in found.days
        ],
        managers=[
            shapes.ResultsOfManager(
                name=each.name,
                extension=each.extension,
                calls=each.came.calls,
                talked=each.came.talked,
                talked_seconds=each.came.talked_ms // 1000,
                outcomes={Outcome(said): count for said, count in each.outcomes.items()},
            )
            for each in found.managers
        ],
    )


@router.get("/v1/alarms")
async def alarms(_reader: Supervisor, daemon: TheDaemon) -> shapes.Alarms:
    newest = await newest_alarms(daemon.database, _ALARMS_LISTED)
    return shapes.Alarms(alarms=[_alarm(each) for each in newest], unseen=await count_unseen(daemon.database))


@router.post("/v1/alarms/{alarm_id}/seen", status_code=HTTPStatus.NO_CONTENT)
async def see(alarm_id: Id, reader: Supervisor, daemon: TheDaemon) -> None:
    if not await see_alarm(daemon.database, alarm_id, reader.manager_id):
        raise nothing_here()


@router.get("/v1/audit")
async def audit(
    _reader: Supervisor,
    daemon: TheDaemon,
    actor: Words = None,
    act: Words = None,
    order: Words = None,
    cursor: Annotated[int | None, Query(ge=0, le=_LARGEST_ID)] = None,
) -> shapes.AuditPage:
    """A page may be empty and not the last: what is seldom found is looked for piece by piece."""
    wanted = Wanted(actor=actor or None, act=act or None, order_code=order or None)
    page = await page_of_rows(daemon.database, wanted, cursor, _ROWS_OF_AUDIT)
    return shapes.AuditPage(
        lines=[_audit_line(row) for row in page.rows],
        cursor=None if page.before_id is None else str(page.before_id),
    )


@router.get("/v1/proposals")
async def proposals(_reader: Supervisor, daemon: TheDaemon) -> shapes.Proposals:
    return shapes.Proposals(
        proposals=[
            shapes.Proposal(
                contact_id=each.contact_id,
                order=each.order_code,
                customer_name=each.customer_name,
                line_type=each.line_type,
                region=each.region,
                manager_name=each.manager_name,
                at_ms=each.at_ms,
            )
            for each in await proposed_contacts(daemon.database, _PROPOSALS_LISTED)
        ]
    )


@router.post("/v1/proposals/{contact_id}", status_code=HTTPStatus.NO_CONTENT)
async def settle(
    contact_id: Id, asked: shapes.Settle, reader: Supervisor, daemon: TheDaemon, now_ms: NowMs
) -> None:
    settled = await settle_proposal(
        daemon.database, contact_id, accept=asked.accept, actor=reader.actor, now_ms=now_ms
    )
    if not settled:
        raise nothing_here()


# --- owners ---


@router.post("/v1/managers", status_code=HTTPStatus.CREATED)
async def new_manager(
    asked: shapes.NewManager, reader: Owner, daemon: TheDaemon, now_ms: NowMs
) -> shapes.ManagerLine:
    try:
        await add_manager(
            daemon.database,
            asked.name,
            asked.extension,
            asked.role.value,
            asked.language,
            actor=reader.actor,
        )
    except StoreRefused as refused:
        raise _problem(refused) from None
    return await _line(daemon, asked.extension, now_ms)


@router.post("/v1/managers/{extension}/enabled", status_code=HTTPStatus.NO_CONTENT)
async def enable(
    extension: str, asked: shapes.Enable, reader: Owner, daemon: TheDaemon, now_ms: NowMs
) -> None:
    if not asked.enabled:
        _expect_another(reader, extension)
    try:
        await set_enabled(
            daemon.database, extension, enabled=asked.enabled, actor=_actor(reader), now_ms=now_ms
        )
    except StoreRefused as refused:
        raise _problem(refused) from None


@router.post("/v1/managers/{extension}/extension")
async def new_extension(
    extension: str, asked: shapes.ChangeExtension, reader: Owner, daemon: TheDaemon, now_ms: NowMs
) -> shapes.ExtensionChanged:
    """Not in the middle of a call: it goes by the extension to its end."""
    if extension in _in_calls(daemon):
        raise Problem(HTTPStatus.CONFLICT, "in-a-call", "This manager is in a call. Try again after it.")
    try:
        ended = await change_extension(daemon.database, extension, asked.extension, _actor(reader), now_ms)
    except StoreRefused as refused:
        raise _problem(refused) from None
    daemon.toll_book.rename(extension, asked.extension)
    daemon.toll_book.limit(await all_own_limits(daemon.database))
    return shapes.ExtensionChanged(sessions_ended=ended)


@router.post("/v1/managers/{extension}/invitations", status_code=HTTPStatus.CREATED)
async def new_invitation(
    extension: str, reader: Owner, daemon: TheDaemon, now_ms: NowMs
) -> shapes.NewInvitation:
    try:
        invited = await invite(daemon.database, extension, actor=reader.actor, now_ms=now_ms)
    except StoreRefused as refused:
        raise _problem(refused) from None
    return shapes.NewInvitation(
        path=shapes.INVITATION_PATH.format(token=invited.token), ends_ms=invited.ends_ms
    )


# --- what several of them do ---

_PROBLEMS: Final[dict[type[StoreRefused], tuple[HTTPStatus, str, str]]] = {
    OwnersOnly: (HTTPStatus.FORBIDDEN, "owners-only", "Only an owner may do this to an owner."),
    LastOwner: (HTTPStatus.CONFLICT, "last-owner", "Somebody has to own the shop."),
    NobodyToTakeOver: (HTTPStatus.CONFLICT, "nobody-to-take-over", "There is no other manager to take over."),
    ManagerDisabled: (HTTPStatus.CONFLICT, "manager-disabled", "This manager is disabled."),
    ExtensionTaken: (HTTPStatus.CONFLICT, "extension-taken", "This extension already belongs to a manager."),
    InvalidManager: (HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable", "A manager needs a name."),
    UnknownManager: (HTTPStatus.NOT_FOUND, "not-found", "There is nothing here."),
    UnknownOrder: (HTTPStatus.NOT_FOUND, "not-found", "There is nothing here."),
}


def _problem(refused: StoreRefused) -> Problem:
    return Problem(*_PROBLEMS[type(refused)])


def _expect_another(reader: Reader, extension: str) -> None:
    """Nobody shuts the door behind which they stand. Raises Problem (409 yourself)."""
    if reader.extension == extension:
        raise Problem(HTTPStatus.CONFLICT, "yourself", "Somebody else has to do this to you.")


def _actor(reader: Reader) -> Actor:
    return Actor(reader.actor, reader.role)


async def _line(daemon: DeskDaemon, extension: str, now_ms: int) -> shapes.ManagerLine:
    lifetime = lifetime_of(daemon.config.desk)
    try:
        found = await person(daemon.database, extension, lifetime, now_ms)
    except UnknownManager as unknown:
        raise _problem(unknown) from None
    return _manager_line(found, _in_calls(daemon), daemon.phones)


def _in_calls(daemon: DeskDaemon) -> set[str]:
    """The extensions of all who are in a call."""
    return {call.extension for call in daemon.switchboard.live()}


def _manager_line(person: Person, in_calls: set[str], phones: Phones) -> shapes.ManagerLine:
    manager = person.manager
    return shapes.ManagerLine(
        id=manager.id,
        name=manager.name,
        extension=manager.extension,
        role=Role(manager.role),
        language=manager.language,
        disabled=manager.disabled,
        customers=person.customers,
        orders_to_call=person.orders_to_call,
        signed_in=person.signed_in,
        has_password=person.has_password,
        second_factor=person.second_factor,
        in_call=manager.extension in in_calls,
        phone=phones.is_reachable(manager.extension),
    )


def _alarm(row: AlarmRow) -> shapes.Alarm:
    return shapes.Alarm(
        id=row.id,
        at_ms=row.at_ms,
        kind=row.kind,
        manager_name=row.manager_name,
        extension=row.extension,
        order=row.order_code,
        detail=row.detail,
        seen_ms=row.seen_ms,
        seen_by=row.seen_by,
    )


def _audit_line(row: AuditRow) -> shapes.AuditLine:
    return shapes.AuditLine(
        id=row.id, at_ms=row.at_ms, actor=row.actor, act=row.act, subject=row.subject, detail=row.detail
    )
