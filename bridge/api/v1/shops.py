"""Orders that shops send by webhooks of their own, in their own form, which plug-ins read.

A shop that is answered with errors stops sending, WooCommerce after five. So what comes from the shop is
answered with 200 even where an order can't be taken: the log, the metrics and the answer tell of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Final, cast

import structlog
from fastapi import APIRouter, Path, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.work import TheWork, Work
from bridge.api.problems import Problem
from bridge.api.v1 import gate
from bridge.api.v1.intake import bringing_in
from bridge.api.v1.shapes import ShopOrderTaken, ShopTaken
from bridge.intake.rows import Column, OrderRow, RowRefused
from bridge.intake.shop_orders import row_of
from bridge.intake.single import put_order
from bridge.shops import Delivery, NotSigned, Shop, ShopOrder, Unreadable
from bridge.store.api_views import order_seen, set_order_state
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.errors import UnknownShop
from bridge.store.orders import Batch, write_batch
from bridge.store.schema import OrderState
from bridge.store.shops import (
    LastSaid,
    ShopSource,
    last_said,
    mark_shop_seen,
    next_manager,
    note_said,
    shop_named,
)
from bridge.switchboard import metrics
from bridge.switchboard.metrics import ShopOutcome
from bridge.vault import SealBroken

log = structlog.get_logger()

router = APIRouter()

_MOST_ORDERS: Final = 100
_UNCHANGED: Final = ShopOutcome.UNCHANGED

Name = Annotated[str, Path(pattern=r"^[a-z][a-z-]{0,31}$")]


# Its body is a shop's, so that a description would tell nobody anything.
@router.post("/v1/shops/{name}/orders", include_in_schema=False)
async def take(name: Name, request: Request, daemon: TheDaemon, work: TheWork, now_ms: NowMs) -> ShopTaken:
    """What a shop sends. It is signed, in that shop's way."""
    source, orders = await _read(daemon, name, request)
    await mark_shop_seen(daemon.database, source, now_ms)
    taken = []
    for order in orders[:_MOST_ORDERS]:
        try:
            outcome = await _take(daemon, work, source, order, now_ms)
        except RowRefused as refused:
            told = _refused(source, refused)
        else:
            told = ShopOrderTaken(order=order.code, outcome=outcome.value)
        metrics.shop_orders.labels(told.outcome).inc()
        taken.append(told)
    return ShopTaken(orders=taken)


async def _read(daemon: DeskDaemon, name: str, request: Request) -> tuple[ShopSource, Sequence[ShopOrder]]:
    """Raises Problem, alike for a shop that there is not and for a signature that is none of its."""
    delivery = Delivery(dict(request.headers), dict(request.query_params), await _body(request))
    plugins = cast(Mapping[str, Shop], request.app.state.shops)
    try:
        source = await shop_named(daemon.database, name)
    except UnknownShop:
        raise _not_signed() from None
    plugin, vault = plugins.get(source.kind), daemon.vault
    if plugin is None or vault is None:
        detail = "The daemon has no key, or not this shop's plug-in. See its log."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "sealed" if vault is None else "no-plugin", detail)
    try:
        return source, plugin.orders(delivery, source.open_secret(vault.program_secrets))
    except NotSigned:
        problem = _not_signed()
    except SealBroken:
        detail = "The shop's secret was altered in the database: remove the shop, and add it anew."
        problem = Problem(HTTPStatus.CONFLICT, "seal-broken", detail)
    except Exception as error:  # somebody else's code: of what it raises only the type is told
        problem = _unreadable(source, error)
    raise problem


async def _body(request: Request) -> bytes:
    """Raises Problem."""
    try:
        async with asyncio.timeout(gate.SECONDS_FOR_A_SHOP):
            return await request.body()
    except TimeoutError:
        detail = f"The body was not there within {gate.SECONDS_FOR_A_SHOP:g} s."
    raise Problem(HTTPStatus.REQUEST_TIMEOUT, "too-slow", detail)


def _not_signed() -> Problem:
    metrics.shop_orders.labels(ShopOutcome.NOT_SIGNED).inc()
    detail = (
        "There is no such shop, or it has not signed this. `call-bridge shops list` has its name and kind."
    )
    return Problem(HTTPStatus.UNAUTHORIZED, "not-signed", detail)


def _unreadable(source: ShopSource, error: Exception) -> Problem:
    metrics.shop_orders.labels(ShopOutcome.UNREADABLE).inc()
    kind = "Unreadable" if isinstance(error, Unreadable) else type(error).__name__
    log.warning("a shop's message can't be read", shop=source.name, kind=source.kind, error=kind)
    detail = "It is not of the form that shops of this kind send."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable", detail)


def _refused(source: ShopSource, refused: RowRefused) -> ShopOrderTaken:
    """Without the order's code: in its place there may be anything."""
    log.warning(
        "a shop's order was not taken", shop=source.name, kind=refused.column.value, reason=refused.reason
    )
    return ShopOrderTaken(
        order=None, outcome=ShopOutcome.REFUSED.value, part=refused.column.value, reason=refused.reason
    )


async def _take(
    daemon: DeskDaemon, work: Work, source: ShopSource, order: ShopOrder, now_ms: int
) -> ShopOutcome:
    """Raises RowRefused, Problem."""
    row = row_of(order, daemon.config.shop.country)
    async with bringing_in(daemon) as desk:
        said = await last_said(desk.connection, row.code)
        if said is not None and said.shop_name != source.name:
            raise RowRefused(Column.ORDER, "another shop has an order of this code")
        if said is not None and order.changed_ms is not None and order.changed_ms < said.changed_ms:
            return _UNCHANGED
        before = await order_seen(desk.connection, row.code)
        if order.closed if before is None else before.erased:
            return _UNCHANGED
        outcome = ShopOutcome(await put_order(desk.connection, desk.vault, row, desk.managers))
        await _give_to_somebody(desk.connection, source, row)
        if order.closed and before is not None and before.state != OrderState.CLOSED:
            await set_order_state(desk.connection, row.code, OrderState.CLOSED)
            outcome = ShopOutcome.UPDATED
        changed_ms = now_ms if order.changed_ms is None else order.changed_ms
        await note_said(desk.connection, row.code, LastSaid(source.name, changed_ms))
        if outcome is not _UNCHANGED:
            entry = AuditEntry(now_ms, source.actor, "order-put", row.code, outcome.value)
            await write_entry(desk.connection, entry)
        after = await order_seen(desk.connection, row.code)
    if outcome is not _UNCHANGED:
        served = [seen.manager for seen in (before, after) if seen is not None]
        work.listeners.queue_changed(*desk.ids_of(*served))
    return outcome


async def _give_to_somebody(connection: AsyncConnection, source: ShopSource, row: OrderRow) -> None:
    """Customers who have a manager keep theirs."""
    order = await order_seen(connection, row.code)
    if order is None or order.manager is not None:
        return
    manager_id = await next_manager(connection, source)
    if manager_id is not None:
        await write_batch(connection, Batch(assigned={order.customer_id: manager_id}))
