"""Calls, and what came of them: looked at, and placed for the manager who serves the order's customer."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from bridge.api.app import place
from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.shapes import OrderCode
from bridge.api.problems import Problem
from bridge.api.v1 import again, pages, shapes
from bridge.api.v1.caller import allowed
from bridge.api.v1.faults import nothing_here
from bridge.calls.model import Kind, Result, State
from bridge.rules.scopes import Scope
from bridge.rules.worklist import Outcome
from bridge.store.api_tokens import ApiToken
from bridge.store.api_views import (
    Between,
    CallSeen,
    ResultSeen,
    call_seen,
    calls_page,
    order_seen,
    results_page,
)
from bridge.store.audit import AuditEntry, write_entry

router = APIRouter(route_class=again.AgainRoute)

Caller = Annotated[ApiToken, Depends(allowed(Scope.CALLS_WRITE))]
CallViewer = Annotated[ApiToken, Depends(allowed(Scope.CALLS_READ))]
ResultViewer = Annotated[ApiToken, Depends(allowed(Scope.RESULTS_READ))]
_Time = Annotated[int | None, Query(ge=0, le=2**53)]


def _between(
    since_ms: Annotated[int | None, Query(ge=0, le=2**53, description="Not before.")] = None,
    until_ms: Annotated[int | None, Query(ge=0, le=2**53, description="Before.")] = None,
    order: Annotated[OrderCode | None, Query(description="Of this order alone.")] = None,
) -> Between:
    return Between(since_ms, until_ms, order)


Wanted = Annotated[Between, Depends(_between)]


@router.post("/v1/calls", status_code=HTTPStatus.CREATED, tags=["calls"])
async def place_call(
    asked: shapes.CallWanted,
    caller: Caller,
    daemon: TheDaemon,
    now_ms: NowMs,
    response: Response,
    _key: again.Key = None,
) -> shapes.Call:
    """Ring the manager who serves the order's customer, then the customer.

    Answered when the rules have allowed it, and before any phone rings. Scope: `calls:write`.
    """
    async with daemon.database.read() as connection:
        order = await order_seen(connection, asked.order)
    if order is None or order.manager is None:
        detail = "No order of this code has a manager who could call."
        raise Problem(HTTPStatus.NOT_FOUND, "nothing-to-call", detail)
    async with daemon.database.write() as connection:
        entry = AuditEntry(
            now_ms, caller.actor, "call-ask", f"order {order.code}", f"extension={order.manager}"
        )
        await write_entry(connection, entry)
    call = await place(daemon.switchboard, order.code, order.manager)
    response.headers["Location"] = f"/v1/calls/{call.id}"
    seen = CallSeen(
        call.id,
        call.kind,
        call.order,
        call.extension,
        call.started_ms,
        call.answered_ms,
        ended_ms=None,
        result=None,
        cause=None,
    )
    return _call(seen, {call.id: call.state})


@router.get("/v1/calls/{call_id}", tags=["calls"])
async def show(
    call_id: Annotated[str, Path(pattern=r"^[A-Za-z]{1,64}$")], _caller: CallViewer, daemon: TheDaemon
) -> shapes.Call:
    """One call.

    Scope: `calls:read`.
    """
    seen = await call_seen(daemon.database, call_id)
    if seen is None:
        raise nothing_here()
    return _call(seen, _states(daemon))


@router.get("/v1/calls", tags=["calls"])
async def list_(
    _caller: CallViewer,
    daemon: TheDaemon,
    wanted: Wanted,
    cursor: pages.CursorText = None,
    limit: pages.Limit = 50,
) -> shapes.Calls:
    """Calls, the newest first by when they began; refused ones, too.

    Scope: `calls:read`.
    """
    last = pages.read(cursor, int, str)
    before = (last[0], last[1]) if last else None
    rows = await calls_page(daemon.database, wanted, before=before, limit=limit + 1)
    found, next_cursor = pages.page(rows, limit, lambda call: (call.started_ms, call.id))
    states = _states(daemon)
    return shapes.Calls(calls=[_call(each, states) for each in found], next_cursor=next_cursor)


@router.get("/v1/results", tags=["results"])
async def results(
    _caller: ResultViewer,
    daemon: TheDaemon,
    wanted: Wanted,
    cursor: pages.CursorText = None,
    limit: pages.Limit = 50,
) -> shapes.Results:
    """What managers said came of calls, newest first.

    Scope: `results:read`.
    """
    last = pages.read(cursor, int)
    rows = await results_page(daemon.database, wanted, before=last[0] if last else None, limit=limit + 1)
    found, next_cursor = pages.page(rows, limit, lambda result: (result.id,))
    return shapes.Results(results=[_result(each) for each in found], next_cursor=next_cursor)


def _states(daemon: DeskDaemon) -> dict[str, str]:
    return {call.id: call.state for call in daemon.switchboard.live()}


def _call(seen: CallSeen, states: dict[str, str]) -> shapes.Call:
    live = states.get(seen.id)
    known: dict[str, Any] = asdict(seen) | {
        "kind": Kind(seen.kind),
        "state": "ended" if live is None else State(live),
        "result": None if seen.result is None else Result(seen.result),
    }
    return shapes.Call(**known)


def _result(seen: ResultSeen) -> shapes.CallResult:
    came: Outcome | Result = Result(seen.outcome) if seen.by_result else Outcome(seen.outcome)
    return shapes.CallResult(**asdict(seen) | {"outcome": came})
