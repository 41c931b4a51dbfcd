"""Orders that shops send by webhooks of their own, in their own form, which plug-ins read.

A shop that is answered with errors stops sending, WooCommerce after five. So what comes from the shop is
answered with 200 even where an order can't be taken: the log, the metrics and the answer tell of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, cast

import structlog
from fastapi import APIRouter, Request

from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.work import TheWork, Work
from bridge.api.problems import Problem, sealed
from bridge.api.pulls import ShopName
from bridge.api.v1 import gate
from bridge.api.v1.intake import broken_seals_told
from bridge.api.v1.shapes import ShopOrderTaken, ShopTaken
from bridge.intake.shop_orders import take_order
from bridge.shops import Delivery, NotSigned, Shop, ShopOrder, Unreadable
from bridge.store.errors import UnknownShop
from bridge.store.shops import ShopSource, mark_shop_seen, shop_named
from bridge.switchboard import metrics
from bridge.switchboard.metrics import ShopOutcome
from bridge.vault import SealBroken

log = structlog.get_logger()

router = APIRouter()

_MOST_ORDERS: Final = 100


# Its body is a shop's, so that a description would tell nobody anything.
@router.post("/v1/shops/{name}/orders", include_in_schema=False)
async def take(
    name: ShopName, request: Request, daemon: TheDaemon, work: TheWork, now_ms: NowMs
) -> ShopTaken:
    """What a shop sends. It is signed, in that shop's way."""
    source, orders = await _read(daemon, name, request)
    await mark_shop_seen(daemon.database, source, now_ms)
    return ShopTaken(
        orders=[await _take(daemon, work, source, order, now_ms) for order in orders[:_MOST_ORDERS]]
    )


async def _take(
    daemon: DeskDaemon, work: Work, source: ShopSource, order: ShopOrder, now_ms: int
) -> ShopOrderTaken:
    """Raises Problem."""
    vault, country = daemon.vault, daemon.config.shop.country
    if vault is None:
        raise sealed()
    with broken_seals_told():
        taken = await take_order(daemon.database, vault, source, order, country=country, now_ms=now_ms)
    metrics.shop_orders.labels(ShopOutcome(taken.outcome)).inc()
    if taken.changed:
        work.listeners.queue_changed(*taken.served)
    return ShopOrderTaken(order=taken.code, outcome=taken.outcome, part=taken.part, reason=taken.reason)


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
