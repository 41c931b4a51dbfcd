"""Orders: brought in by the shop's own code, changed, looked at."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.api.desk.daemon import NowMs, TheDaemon
from bridge.api.desk.shapes import Extension
from bridge.api.desk.work import TheWork
from bridge.api.problems import Problem
from bridge.api.v1 import again, pages, shapes
from bridge.api.v1.caller import allowed
from bridge.api.v1.faults import nothing_here, refused_row
from bridge.api.v1.intake import OF_ORDER, Desk, Reader, bringing_in
from bridge.api.v1.versions import IfMatch, IfNoneMatch, etag_of, expect_match, expect_none, unless_known
from bridge.intake.rows import Column, OrderRow, RowRefused, checked_code, summary_of
from bridge.intake.single import put_order
from bridge.rules.scopes import Scope
from bridge.rules.worklist import Why
from bridge.store.api_tokens import ApiToken
from bridge.store.api_views import (
    OrderSeen,
    change_order,
    customer_seen,
    order_seen,
    orders_page,
    set_order_state,
)
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.orders import Batch, write_batch
from bridge.store.schema import OrderState

router = APIRouter(route_class=again.AgainRoute, tags=["orders"])

Code = Annotated[str, Path(pattern=r"^[0-9]{1,12}$", description="The shop's own order code.")]
Writer = Annotated[ApiToken, Depends(allowed(Scope.ORDERS_WRITE))]
Viewer = Annotated[ApiToken, Depends(allowed(Scope.ORDERS_READ))]


@router.post(
    "/v1/orders",
    status_code=HTTPStatus.CREATED,
    response_model=shapes.Order,
    responses={200: {"model": shapes.Order, "description": "It was known; it is now as told here."}},
)
async def put(
    asked: shapes.NewOrder,
    caller: Writer,
    daemon: TheDaemon,
    work: TheWork,
    now_ms: NowMs,
    request: Request,
    response: Response,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    _key: again.Key = None,
) -> shapes.Order:
    """Bring an order in, or bring it up to date.

    It can be dialled as soon as this is answered.
    Scope: `orders:write`.
    """
    row = await _row(asked, Reader(daemon, OF_ORDER))
    async with bringing_in(daemon) as desk:
        before = await order_seen(desk.connection, asked.code)
        was = None if before is None else _order(before)
        expect_match(if_match, was)
        expect_none(if_none_match, was)
        _expect_not_erased(before)
        if before is not None and asked.summary is None and not asked.items:
            row = replace(row, summary=before.summary)
        outcome = await put_order(desk.connection, desk.vault, row, desk.managers)
        entry = AuditEntry(now_ms, caller.actor, "order-put", asked.code, outcome)
        await write_entry(desk.connection, entry)
        told = await _told(desk.connection, asked.code)
    request.state.about = told.customer_id
    response.status_code = HTTPStatus.CREATED if before is None else HTTPStatus.OK
    work.listeners.queue_changed(*desk.ids_of(None if was is None else was.manager, told.manager))
    response.headers["ETag"] = etag_of(told)
    response.headers["Location"] = f"/v1/orders/{asked.code}"
    return told


@router.patch("/v1/orders/{code}")
async def change(
    code: Code,
    asked: shapes.ChangedOrder,
    caller: Writer,
    daemon: TheDaemon,
    work: TheWork,
    now_ms: NowMs,
    response: Response,
    if_match: IfMatch = None,
) -> shapes.Order:
    """Change parts of an order.

    With `manager`, its customer and all their orders are served by that one.
    Scope: `orders:write`.
    """
    read = Reader(daemon, OF_ORDER)
    manager = await read.manager(asked.manager)
    values: dict[str, str | int] = {}
    if asked.summary is not None:
        values["summary"] = read.text(Column.SUMMARY, asked.summary)
    if asked.items is not None:
        values["items"] = "\n".join(read.items(asked.items))
    if asked.priority is not None:
        values["priority"] = asked.priority
    async with bringing_in(daemon) as desk:
        before = await order_seen(desk.connection, code)
        if before is None:
            raise nothing_here()
        expect_match(if_match, _order(before))
        _expect_not_erased(before)
        if values:
            await change_order(desk.connection, code, **values)
        if manager is not None and manager != before.manager:
            await write_batch(desk.connection, Batch(assigned={before.customer_id: desk.managers[manager]}))
        if asked.state is not None and asked.state != before.state:
            await _set_state(desk, before, asked.state)
        changed = [*values, *(name for name in ("manager", "state") if getattr(asked, name) is not None)]
        await write_entry(
            desk.connection, AuditEntry(now_ms, caller.actor, "order-change", code, " ".join(changed))
        )
        told = await _told(desk.connection, code)
    work.listeners.queue_changed(*desk.ids_of(before.manager, told.manager))
    response.headers["ETag"] = etag_of(told)
    return told


@router.get("/v1/orders/{code}", responses={304: {"description": "It is what `If-None-Match` names."}})
async def show(
    code: Code, _caller: Viewer, daemon: TheDaemon, response: Response, if_none_match: IfNoneMatch = None
) -> shapes.Order:
    """One order.

    Scope: `orders:read`.
    """
    async with daemon.database.read() as connection:
        told = await _told(connection, code)
    return unless_known(told, if_none_match, response)


@router.get("/v1/orders")
async def list_(
    _caller: Viewer,
    daemon: TheDaemon,
    manager: Annotated[Extension | None, Query(description="Of this one's customers: an extension.")] = None,
    customer_id: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    state: OrderState | None = None,
    cursor: pages.CursorText = None,
    limit: pages.Limit = 50,
) -> shapes.Orders:
    """Orders by code, as texts are compared: 10 comes before 9.

    Scope: `orders:read`.
    """
    place = pages.read(cursor, str)
    rows = await orders_page(
        daemon.database,
        after=place[0] if place else None,
        limit=limit + 1,
        manager=manager,
        customer_id=customer_id,
        state=state,
    )
    found, next_cursor = pages.page(rows, limit, lambda order: (order.code,))
    return shapes.Orders(orders=[_order(each) for each in found], next_cursor=next_cursor)


async def _row(asked: shapes.NewOrder, read: Reader) -> OrderRow:
    """Raises Problem."""
    customer = asked.customer
    try:
        code = checked_code(asked.code, [phone.get_secret_value() for phone in customer.phones])
    except RowRefused as refused:
        problem = refused_row(refused, OF_ORDER)
    else:
        items = None if asked.items is None else read.items(asked.items)
        return OrderRow(
            code=code,
            name=read.text(Column.NAME, customer.name),
            phones=read.phones(customer.phones),
            summary=read.text(Column.SUMMARY, asked.summary or "") or summary_of(items),
            items=items,
            priority=asked.priority,
            manager=await read.manager(asked.manager),
            language=customer.language,
        )
    raise problem


def _expect_not_erased(before: OrderSeen | None) -> None:
    """Raises Problem."""
    if before is not None and before.erased:
        detail = "The order's customer was erased, and is not brought back."
        raise Problem(HTTPStatus.CONFLICT, "erased", detail)


async def _set_state(desk: Desk, before: OrderSeen, state: OrderState) -> None:
    customer = await customer_seen(desk.connection, before.customer_id)
    if state is OrderState.OPEN and customer is not None and customer.do_not_call:
        detail = "The customer has asked not to be called: none of their orders is opened."
        raise Problem(HTTPStatus.CONFLICT, "do-not-call", detail)
    await set_order_state(desk.connection, before.code, state)


async def _told(connection: AsyncConnection, code: str) -> shapes.Order:
    """Raises Problem (404)."""
    seen = await order_seen(connection, code)
    if seen is None:
        raise nothing_here()
    return _order(seen)


def _order(seen: OrderSeen) -> shapes.Order:
    return shapes.Order(
        code=seen.code,
        customer_id=seen.customer_id,
        customer_name=seen.customer_name,
        manager=seen.manager,
        summary=seen.summary,
        items=seen.items.splitlines(),
        priority=seen.priority,
        state=OrderState(seen.state),
        why=Why(seen.why),
        attempts=seen.attempts,
        due_ms=seen.due_ms,
        created_ms=seen.created_ms,
    )
