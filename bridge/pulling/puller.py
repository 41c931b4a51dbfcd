"""Asks shops for what was changed in them, again and again, beside the calls: none of them waits for it.

Each shop has its own task while it is read, so one that hangs holds none of the others up. A page's orders
are on disk before the place where it goes on is: whoever is killed in between reads the page again, and what
comes again changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.intake.rows import RowRefused
from bridge.intake.shop_orders import REFUSED, UNCHANGED, row_of, take_order
from bridge.outgoing import Reach
from bridge.pulling.asking import Asker, NoPage
from bridge.rules.pulling import LONGEST_ASKED_FOR_MS, REST_MS, next_since_ms, pause_ms, seen_ms
from bridge.shops import Page, ShopOrder
from bridge.store.database import Database, now_ms
from bridge.store.errors import ShopNotPulled, UnknownShop
from bridge.store.shop_pulls import Place, Pull, list_pulls, note_no_page, note_page, pull_of
from bridge.store.shops import ShopSource, shop_named
from bridge.switchboard import metrics
from bridge.switchboard.metrics import PullAnswer, ShopOutcome
from bridge.switchboard.tasks import Tasks
from bridge.vault import KeyUnusable, SealBroken, Vault

log = structlog.get_logger()

SECONDS_BETWEEN_LOOKS: Final = 1.0
PAGES_A_TURN: Final = 10

MOST_PAGES: Final = 1000
"""From one time on: a shop that has more never ends."""

ALARM_AFTER_MS: Final = 3_600_000

_STARTS_ANEW: Final = frozenset(
    {
        PullAnswer.NOT_THERE,
        PullAnswer.REFUSED,
        PullAnswer.UNREADABLE,
        PullAnswer.NOT_HEEDED,
        PullAnswer.REPEATS,
        PullAnswer.TOO_LARGE,
        PullAnswer.NO_PLUGIN,
    }
)
"""What may be wrong with the page that was asked for: it is begun again with the first one."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of one page. `said` is a word, maybe with HTTP's status; `orders`: how many by outcome.

    `more`: there are further pages.
    """

    said: str
    arrived: bool
    orders: Mapping[str, int] = field(default_factory=dict)
    more: bool = False


@dataclass
class _Reading:
    """What is remembered of a shop for as long as the daemon runs. Orders are told apart by their hashes."""

    login_sealed: bytes
    due_ms: int = 0
    failures: int = 0
    pages: int = 0
    read: set[int] = field(default_factory=set)
    read_before: set[int] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def begin_again(self) -> None:
        self.pages, self.read_before, self.read = 0, self.read | self.read_before, set()

    def end(self) -> None:
        self.pages, self.read_before, self.read = 0, self.read, set()


class Puller:
    """`country` says whose numbers come without their country's code."""

    def __init__(
        self,
        database: Database,
        vault: Callable[[], Vault | None],
        asker: Asker,
        tasks: Tasks,
        country: Callable[[], str],
        *,
        every_ms: int,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._vault = vault
        self._asker = asker
        self._tasks = tasks
        self._country = country
        self._every_ms = every_ms
        self._clock = clock
        self._readings: dict[int, _Reading] = {}
        self._queue_changed: Callable[..., None] = lambda *_: None

    def follow(self, reach: Reach, *, every_ms: int) -> None:
        """Go by these from now on."""
        self._asker.reach, self._every_ms = reach, every_ms

    def tell_of_changes(self, queue_changed: Callable[..., None]) -> None:
        """It is called with the ids of managers whose queues have changed."""
        self._queue_changed = queue_changed

    async def run(self) -> None:
        """Look once a second, for ever; started once by the daemon."""
        while True:
            try:
                await self.look()
            except SQLAlchemyError as error:
                log.error("the database refuses shops' orders", error=type(error).__name__)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def look(self) -> None:
        """Begin with whatever shop is due. Returns while it is being read."""
        pulls = await list_pulls(self._database)
        metrics.shops_failing.set(sum(pull.failing_since_ms is not None for pull in pulls))
        here = {pull.shop_id for pull in pulls}
        self._readings = {id_: each for id_, each in self._readings.items() if id_ in here}
        if self._vault() is None:
            return
        for pull in pulls:
            reading = self._reading_of(pull)
            if self._is_due(reading) and not reading.turn.locked():
                reading.due_ms = self._clock() + self._every_ms
                self._tasks.start(self._turn(pull.shop_name), name=f"pull {pull.shop_id}")

    def _is_due(self, reading: _Reading) -> bool:
        """Also where the clock was set back, past whatever pause there is."""
        wait_ms = reading.due_ms - self._clock()
        return not 0 < wait_ms <= max(LONGEST_ASKED_FOR_MS, self._every_ms)

    async def pull(self, name: str) -> Pulled | None:
        """Read one page of a shop now; None while there are no keys.

        Raises UnknownShop, ShopNotPulled, SQLAlchemyError.
        """
        pull = await pull_of(self._database, name)
        async with self._reading_of(pull).turn:
            # It may have come further while whoever had the turn before was reading.
            pull = await pull_of(self._database, name)
            shop, vault = await shop_named(self._database, name), self._vault()
            return None if vault is None else await self._read(pull, shop, vault)

    async def try_out(self, name: str) -> Pulled | None:
        """Ask for the first page, and take nothing. `orders` says what would be: `open`, `closed`, `refused`.

        None while there are no keys. Raises UnknownShop, ShopNotPulled, SQLAlchemyError.
        """
        pull, vault = await pull_of(self._database, name), self._vault()
        if vault is None:
            return None
        came = await self._ask(pull, Place(pull.place.since_ms), vault)
        if isinstance(came, NoPage):
            return Pulled(str(came), arrived=False)
        country = self._country()
        found = Counter(_standing(order, country) for order in came.orders)
        return Pulled(PullAnswer.ARRIVED, arrived=True, orders=found, more=came.more is not None)

    def _reading_of(self, pull: Pull) -> _Reading:
        """A login that was changed begins anew, and waits for nothing."""
        known = self._readings.get(pull.shop_id)
        if known is None or known.login_sealed != pull.login_sealed:
            known = self._readings[pull.shop_id] = _Reading(pull.login_sealed)
        return known

    async def _turn(self, name: str) -> None:
        """Some pages, until there are no more for now, or one can't be read."""
        try:
            for _ in range(PAGES_A_TURN):
                pulled = await self.pull(name)
                if pulled is None or not pulled.more:
                    return
        except (UnknownShop, ShopNotPulled):
            return  # since it was found to be due
        except SQLAlchemyError as error:
            log.error("the database refuses shops' orders", shop=name, error=type(error).__name__)
        except KeyUnusable as error:
            log.error("a shop's orders can't be sealed", shop=name, error=type(error).__name__)

    async def _read(self, pull: Pull, shop: ShopSource, vault: Vault) -> Pulled:
        reading = self._reading_of(pull)
        came = await self._ask(pull, pull.place, vault)
        if isinstance(came, Page) and _repeats(came, pull.place, reading):
            came = NoPage(PullAnswer.REPEATS)
        metrics.shop_pulls.labels(PullAnswer.ARRIVED if isinstance(came, Page) else came.came).inc()
        if isinstance(came, NoPage):
            await self._note_failure(pull, reading, came)
            return Pulled(str(came), arrived=False)
        orders = await self._take(shop, vault, reading, came)
        await self._note_page(pull, reading, came)
        return Pulled(PullAnswer.ARRIVED, arrived=True, orders=orders, more=came.more is not None)

    async def _ask(self, pull: Pull, place: Place, vault: Vault) -> Page | NoPage:
        try:
            login = pull.open_login(vault.program_secrets)
        except SealBroken:
            return NoPage(PullAnswer.SEAL_BROKEN)
        return await self._asker.page(pull.kind, pull.site, login, place)

    async def _take(self, shop: ShopSource, vault: Vault, reading: _Reading, page: Page) -> Counter[str]:
        """One by one, each in a commit of its own: calls come in between."""
        counted: Counter[str] = Counter()
        for order in page.orders:
            told = _told_apart(order)
            known = told in reading.read or told in reading.read_before
            outcome = UNCHANGED if known else await self._take_one(shop, vault, order)
            reading.read.add(told)
            counted[outcome] += 1
        return counted

    async def _take_one(self, shop: ShopSource, vault: Vault, order: ShopOrder) -> str:
        at_ms = self._clock()
        order = replace(order, changed_ms=seen_ms(order.changed_ms, at_ms))
        try:
            taken = await take_order(
                self._database, vault, shop, order, country=self._country(), now_ms=at_ms
            )
        except SealBroken:
            log.error("a customer's key does not open; a shop's order was not taken", shop=shop.name)
            metrics.shop_orders.labels(ShopOutcome.REFUSED).inc()
            return REFUSED
        metrics.shop_orders.labels(ShopOutcome(taken.outcome)).inc()
        if taken.changed:
            self._queue_changed(*taken.served)
        return taken.outcome

    async def _note_page(self, pull: Pull, reading: _Reading, page: Page) -> None:
        at_ms, place = self._clock(), pull.place
        seen = (seen_ms(order.changed_ms, at_ms) for order in page.orders)
        newest_ms = max((each for each in (place.newest_ms, *seen) if each is not None), default=None)
        if page.more is None:
            place = Place(next_since_ms(place.since_ms, newest_ms))
        else:
            place = Place(place.since_ms, page.more, newest_ms)
        if pull.failing_since_ms is not None:
            log.info("a shop gives its orders again", shop=pull.shop_name)
        await note_page(self._database, pull, place, PullAnswer.ARRIVED, at_ms)
        reading.failures = 0
        reading.due_ms = at_ms + (self._every_ms if page.more is None else REST_MS)
        if page.more is None:
            reading.end()
        else:
            reading.pages += 1

    async def _note_failure(self, pull: Pull, reading: _Reading, came: NoPage) -> None:
        at_ms, place = self._clock(), pull.place
        reading.failures += 1
        reading.due_ms = at_ms + pause_ms(self._every_ms, reading.failures, came.wait_ms)
        if came.came in _STARTS_ANEW:
            place = Place(place.since_ms)
            reading.begin_again()
        log.warning("a shop gives no orders", shop=pull.shop_name, kind=pull.kind, reason=str(came))
        await note_no_page(self._database, pull, str(came), at_ms, place=place, alarm_after_ms=ALARM_AFTER_MS)


def _repeats(page: Page, place: Place, reading: _Reading) -> bool:
    """Whether it leads nowhere: a page that was read already, or one of too many."""
    if page.more is None:
        return False
    known = bool(page.orders) and all(_told_apart(order) in reading.read for order in page.orders)
    return known or page.more == place.page or reading.pages >= MOST_PAGES


def _told_apart(order: ShopOrder) -> int:
    """The same for an order that comes again as it was. Hashes of texts are keyed, anew in each process."""
    return hash(
        (
            order.code,
            order.name,
            tuple(order.phones),
            tuple(order.items),
            order.language,
            order.closed,
            order.changed_ms,
        )
    )


def _standing(order: ShopOrder, country: str) -> str:
    if order.closed:
        return "closed"
    try:
        row_of(order, country)
    except RowRefused:
        return "refused"
    return "open"
