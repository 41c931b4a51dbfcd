"""A shop that is asked for its orders, well-behaved or not: a real server that answers as WooCommerce."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

RECORDED = Path(__file__).with_name("recorded")
KEY, SECRET = "ck_0123456789abcdef", "cs_fedcba9876543210"

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


def gmt(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(tzinfo=None).isoformat()


@dataclass
class PulledWoo:
    """Orders by id. `behave` answers in place of the shop; what it was asked is in `asked`."""

    port: int = 0
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    behave: Behaviour | None = None
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, id_: int, changed_ms: int, **fields: Any) -> None:
        """A new order, or what has become of one."""
        told = json.loads((RECORDED / "woocommerce-orders.json").read_bytes())[0]
        known = self.orders.get(id_, told)
        billing = known["billing"] | fields.pop("billing", {})
        ours = {"id": id_, "number": str(id_), "date_modified_gmt": gmt(changed_ms), "billing": billing}
        self.orders[id_] = known | ours | fields

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        if self.behave is not None:
            return await self.behave(request)
        return self.honest(request)

    def honest(self, request: web.Request) -> web.StreamResponse:
        """What was changed after a time, that itself left out, the oldest first."""
        expected = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            return web.json_response({"code": "woocommerce_rest_cannot_view"}, status=401)
        query = request.query
        found = sorted(
            (each for each in self.orders.values() if each["date_modified_gmt"] > query["modified_after"]),
            key=lambda each: (each["date_modified_gmt"], each["id"]),
        )
        per_page, page = int(query["per_page"]), int(query["page"])
        pages = -(-len(found) // per_page)
        return web.json_response(
            found[(page - 1) * per_page : page * per_page], headers={"X-WP-TotalPages": str(pages)}
        )


@asynccontextmanager
async def served(woo: PulledWoo) -> AsyncIterator[PulledWoo]:
    """On a port of its own, unless it has one."""
    app = web.Application()
    app.router.add_get("/wp-json/wc/v3/orders", woo.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", woo.port)
    await site.start()
    woo.port = runner.addresses[0][1]
    try:
        yield woo
    finally:
        await runner.cleanup()


def status(code: int, **headers: str) -> Behaviour:
    async def answering(_: web.Request) -> web.StreamResponse:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"code": "some_error", "phone": "+447700900123"}, status=code, headers=told)

    return answering


def body(text: bytes, kind: str = "text/html") -> Behaviour:
    async def answering(_: web.Request) -> web.StreamResponse:
        return web.Response(body=text, content_type=kind)

    return answering


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError


async def drip(request: web.Request) -> web.StreamResponse:
    """A byte now and then, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)
