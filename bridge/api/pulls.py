"""Pulling over the API: the two requests that ask for it, and what is said when it can't be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Protocol

from fastapi import FastAPI, Path
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from bridge.api.problems import Problem, sealed
from bridge.store.errors import ShopNotPulled, UnknownShop
from bridge.vault import KeyUnusable

ShopName = Annotated[str, Path(pattern=r"^[a-z][a-z-]{0,31}$")]


class PageTold(BaseModel):
    """`said` is a word, maybe with HTTP's status; `orders`: how many by outcome; `more`: further pages."""

    said: str
    arrived: bool
    orders: dict[str, int]
    more: bool


class Came(Protocol):
    """As `bridge.pulling.puller.Pulled`."""

    @property
    def said(self) -> str: ...

    @property
    def arrived(self) -> bool: ...

    @property
    def orders(self) -> Mapping[str, int]: ...

    @property
    def more(self) -> bool: ...


class ShopPuller(Protocol):
    """Who asks shops for their orders; raises and returns as `bridge.pulling.puller.Puller` does."""

    async def pull(self, name: str) -> Came | None: ...

    async def try_out(self, name: str) -> Came | None: ...


def serve_pulls(app: FastAPI, puller: Callable[[], ShopPuller]) -> None:
    """Each request reads one page, so that whoever asks sees how it goes on."""

    @app.post("/v1/shops/{name}/pull")
    async def pull(name: ShopName) -> PageTold:
        """Read the next page of a shop's changed orders, and take what is on it."""
        return await _told(puller().pull, name)

    @app.post("/v1/shops/{name}/try")
    async def try_out(name: ShopName) -> PageTold:
        """Ask for the first page, and take nothing."""
        return await _told(puller().try_out, name)


async def _told(ask: Callable[[str], Awaitable[Came | None]], name: str) -> PageTold:
    """Raises Problem."""
    try:
        came = await ask(name)
    except UnknownShop:
        raise Problem(HTTPStatus.NOT_FOUND, "no-such-shop", "There is no shop of this name.") from None
    except ShopNotPulled:
        told = "It is not asked for its orders: `call-bridge shops pull-from` lets it be."
        raise Problem(HTTPStatus.CONFLICT, "not-pulled", told) from None
    except KeyUnusable:
        came = None
    except SQLAlchemyError:
        told = "The database does not answer, so no order could be taken."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "database", told) from None
    if came is None:
        raise sealed()
    return PageTold(said=came.said, arrived=came.arrived, orders=dict(came.orders), more=came.more)
