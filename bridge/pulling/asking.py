"""One request to a shop for a page of its orders, and what is wrong where there is none.

A shop's answer holds numbers, and its request a login: of neither more is told than a word and a status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiohttp.abc import AbstractResolver

from bridge.outgoing import Got, Lost, Reach, get
from bridge.shops import Answer, Login, NotHeeded, Page, PulledShop, Shop, ShopOrder
from bridge.store.shop_pulls import Place
from bridge.switchboard.metrics import PullAnswer

log = structlog.get_logger()

SECONDS: Final = 20.0
"""For all of a request: shops on small machines take their time for fifty orders."""

MOST_READ: Final = 2 * 1024 * 1024
"""Bytes of an answer: what is longer would hold the daemon up while it is read."""

_LONGEST_PAGE: Final = 500
_SECOND_MS: Final = 1000
_MOST_SECONDS: Final = 86_400

_BY_STATUS: Final[Mapping[int, PullAnswer]] = {
    HTTPStatus.UNAUTHORIZED: PullAnswer.WRONG_LOGIN,
    HTTPStatus.FORBIDDEN: PullAnswer.WRONG_LOGIN,
    HTTPStatus.NOT_FOUND: PullAnswer.NOT_THERE,
    HTTPStatus.GONE: PullAnswer.NOT_THERE,
    HTTPStatus.TOO_MANY_REQUESTS: PullAnswer.BUSY,
    HTTPStatus.SERVICE_UNAVAILABLE: PullAnswer.BUSY,
}


@dataclass(frozen=True, slots=True)
class NoPage:
    """`status`: HTTP's, where there was one. `wait_ms`: for how long the shop wants to be left alone."""

    came: PullAnswer
    status: int | None = None
    wait_ms: int | None = None

    def __str__(self) -> str:
        return self.came if self.status is None else f"{self.came} {self.status}"


class Asker:
    """`resolver` looks names up; by default the machine's own does."""

    def __init__(
        self, plugins: Mapping[str, Shop], reach: Reach, resolver: AbstractResolver | None = None
    ) -> None:
        self.reach = reach
        self._plugins = plugins
        self._resolver = resolver

    async def page(self, kind: str, site: str, login: Login, place: Place) -> Page | NoPage:
        """Raises nothing but CancelledError."""
        plugin = self._plugins.get(kind)
        if not isinstance(plugin, PulledShop):
            return NoPage(PullAnswer.NO_PLUGIN)
        try:
            ask = plugin.ask(site, login, place.since_ms, place.page)
            url, headers = str(ask.url), {str(name): str(value) for name, value in ask.headers.items()}
        except Exception as error:  # a plug-in may raise whatever it likes
            return _unreadable(kind, error)
        if not _is_of(site, url):
            return NoPage(PullAnswer.FORBIDDEN)
        sent = {"Accept": "application/json", "Accept-Encoding": "identity"} | headers
        came = await get(url, sent, self.reach, seconds=SECONDS, most_read=MOST_READ, resolver=self._resolver)
        if isinstance(came, Lost):
            return NoPage(PullAnswer(came))
        return await _read(kind, plugin, came, place)


def _is_of(site: str, url: str) -> bool:
    """Whether it is an address of the shop's: the login is told to nobody else."""
    try:
        ours, asked = urlsplit(site), urlsplit(url)
    except ValueError:
        return False
    return (ours.scheme, ours.netloc) == (asked.scheme, asked.netloc)


async def _read(kind: str, plugin: PulledShop, got: Got, place: Place) -> Page | NoPage:
    if got.status != HTTPStatus.OK:
        return _not_given(got)
    if got.cut:
        return NoPage(PullAnswer.TOO_LARGE)
    answer = Answer(got.headers, got.body)
    try:
        # In a thread: to read two megabytes takes long enough to be heard in a call that is set up.
        page = await asyncio.to_thread(_page, plugin, answer, place)
    except NotHeeded:
        return NoPage(PullAnswer.NOT_HEEDED)
    except Exception as error:
        return _unreadable(kind, error)
    return page


def _page(plugin: PulledShop, answer: Answer, place: Place) -> Page:
    """As the plug-in has read it. Raises whatever that does, and ValueError for no page."""
    read = plugin.page(answer, place.since_ms, place.page)
    more = read.more
    if more is not None and not (isinstance(more, str) and more.isprintable() and len(more) <= _LONGEST_PAGE):
        raise ValueError
    return Page(tuple(map(_plain, read.orders)), more)


def _plain(order: ShopOrder) -> ShopOrder:
    """Of the types that it says it has, whatever somebody else's plug-in has put there. Raises ValueError."""
    if not isinstance(order.changed_ms, int | None):
        raise ValueError
    return ShopOrder(
        code=str(order.code),
        name=str(order.name),
        phones=tuple(map(str, order.phones)),
        items=tuple(map(str, order.items)),
        language=None if order.language is None else str(order.language),
        closed=bool(order.closed),
        changed_ms=order.changed_ms,
    )


def _unreadable(kind: str, error: Exception) -> NoPage:
    """Of what a plug-in raises only the type is told."""
    log.warning("a shop's answer can't be read", kind=kind, error=type(error).__name__)
    return NoPage(PullAnswer.UNREADABLE)


def _not_given(got: Got) -> NoPage:
    came = _BY_STATUS.get(got.status)
    if came is PullAnswer.BUSY:
        return NoPage(came, got.status, _wait_ms(got.headers.get("retry-after", "")))
    if came is None:
        came = _by_class(got.status)
    return NoPage(came, got.status)


def _by_class(status: int) -> PullAnswer:
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return PullAnswer.UNREADABLE
    if status < HTTPStatus.BAD_REQUEST:
        return PullAnswer.REDIRECTED
    return PullAnswer.REFUSED if status < HTTPStatus.INTERNAL_SERVER_ERROR else PullAnswer.FAILED


def _wait_ms(retry_after: str) -> int | None:
    """Seconds, or a time (RFC 9110, 10.2.3); None where it is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return min(int(text[:9]), _MOST_SECONDS) * _SECOND_MS
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    seconds = (at - datetime.now(UTC)).total_seconds()
    return round(min(max(seconds, 0), _MOST_SECONDS)) * _SECOND_MS
