"""What a customer says their number is, compared with the one that is kept: same or different, and no more.

What is typed, or keyed in on the phone, goes no further than its blind index. What is typed and can't be
read is different, and counts: no word tells the two apart. Keys slip more easily than that: on the phone it
is told, and nothing is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import structlog
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError

from bridge.api.desk import shapes
from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.opening import vault_of
from bridge.api.desk.reader import SignedIn, nothing_here
from bridge.api.desk.work import sees
from bridge.api.problems import Problem
from bridge.calls.comparison import Comparison
from bridge.store.comparisons import Comparing, TooManyComparisons, compare, compare_in_call
from bridge.store.errors import UnknownCall, UnknownOrder
from bridge.store.misses import actor_of
from bridge.vault import Vault, read_said
from bridge.vault.keyed import KeyedDigits

log = structlog.get_logger()

router = APIRouter()


@router.post("/v1/orders/{code}/comparisons")
async def compare_number(
    code: shapes.OrderCode, asked: shapes.CompareNumber, reader: SignedIn, daemon: TheDaemon, now_ms: NowMs
) -> shapes.Compared:
    most = daemon.config.desk.comparisons_per_day
    if most == 0:
        detail = "desk.comparisons_per_day is 0 in config.yaml."
        raise Problem(HTTPStatus.FORBIDDEN, "comparisons-off", detail)
    index = _index_of(vault_of(daemon), asked.number, daemon.config.shop.country)
    comparing = Comparing(code, asked.contact_id, index, sees(reader), reader.actor)
    try:
        compared = await compare(daemon.database, comparing, most=most, now_ms=now_ms)
    except UnknownOrder:
        raise nothing_here() from None
    except TooManyComparisons as too_many:
        wait_seconds = -(-too_many.wait_ms // 1000)
    else:
        return shapes.Compared(same=compared.same, tries_left=compared.tries_left)
    detail = f"Of one customer {most} numbers are compared in 24 hours at most."
    raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-comparisons", detail, retry_after=wait_seconds)


def _index_of(vault: Vault, said: str, home_region: str) -> bytes | None:
    number = read_said(said, home_region)
    return None if number is None else vault.blind_index(number)


class PhoneComparisons:
    """Compares what managers key in on the phone. `clock` tells milliseconds since the epoch, UTC."""

    def __init__(self, daemon: DeskDaemon, clock: Callable[[], int]) -> None:
        self._daemon = daemon
        self._clock = clock

    async def __call__(self, call_id: str, extension: str, digits: KeyedDigits) -> Comparison:
        """The digits are read before anything is waited for: whoever has them may forget them then."""
        config, vault = self._daemon.config, self._daemon.vault
        number = digits.said(config.shop.country)
        if number is None:
            return Comparison.NOT_A_NUMBER
        if vault is None:
            return Comparison.FAILED
        return await self._compare(call_id, extension, vault.blind_index(number))

    async def _compare(self, call_id: str, extension: str, index: bytes) -> Comparison:
        most = self._daemon.config.desk.comparisons_per_day
        if most == 0:
            return Comparison.NO_MORE_TRIES
        database, actor = self._daemon.database, actor_of(extension)
        try:
            compared = await compare_in_call(
                database, call_id, index, actor=actor, most=most, now_ms=self._clock()
            )
        except TooManyComparisons:
            return Comparison.NO_MORE_TRIES
        except (SQLAlchemyError, UnknownCall, UnknownOrder) as error:
            log.error("a keyed number was not compared", call=call_id, error=type(error).__name__)
            return Comparison.FAILED
        return Comparison.SAME if compared.same else Comparison.DIFFERENT
