"""What a customer says their number is, compared with the one that is kept: same or different, and no more.

What is typed goes no further than its blind index. One that can't be read is different, and counts: no word
tells the two apart.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from bridge.api.desk import shapes
from bridge.api.desk.daemon import NowMs, TheDaemon
from bridge.api.desk.opening import vault_of
from bridge.api.desk.reader import SignedIn, nothing_here
from bridge.api.desk.work import sees
from bridge.api.problems import Problem
from bridge.store.comparisons import Comparing, TooManyComparisons, compare
from bridge.store.errors import UnknownOrder
from bridge.vault import HiddenNumber, NumberRefused, Vault, read_doubtful, read_number

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
    """Also of a number that no plan has: the one that is kept may be such."""
    number = _read(said, home_region)
    return None if number is None else vault.blind_index(number)


def _read(said: str, home_region: str) -> HiddenNumber | None:
    try:
        return read_number(said, home_region).number
    except NumberRefused:
        doubtful = read_doubtful(said, home_region)
    return None if doubtful is None else doubtful.number
