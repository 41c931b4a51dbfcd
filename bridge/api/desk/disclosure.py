"""A number shown to an owner: off by default, one at a time, and never without a trace.

Besides `bridge.asterisk.trunk`, which dials, and `bridge.texts.sender` a number is read nowhere but here.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from bridge.api.desk import shapes
from bridge.api.desk.codes import expect_code
from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.door import TheDoor
from bridge.api.desk.opening import vault_of
from bridge.api.desk.reader import Owner, nothing_here
from bridge.api.desk.work import TheWork
from bridge.api.problems import Problem
from bridge.intake.masking import without_numbers
from bridge.store.accounts import account_of
from bridge.store.disclosures import (
    MOST_IN_A_DAY,
    Disclosed,
    TooManyDisclosures,
    contact_of_order,
    put_disclosure_on_record,
)
from bridge.store.records import SealedContact
from bridge.vault import HiddenNumber, SealBroken

router = APIRouter()

_HOUR: Final = 3600


@router.post("/v1/orders/{code}/disclosures", response_model=shapes.Disclosure)
async def disclose(
    code: str,
    asked: shapes.Disclose,
    reader: Owner,
    daemon: TheDaemon,
    door: TheDoor,
    work: TheWork,
    now_ms: NowMs,
) -> JSONResponse:
    """The row of the audit is on disk before the number is read."""
    if not daemon.config.desk.disclosure:
        raise Problem(HTTPStatus.FORBIDDEN, "disclosure-off", "desk.disclosure is false in config.yaml.")
    contact = await contact_of_order(daemon.database, code, asked.contact_id)
    if contact is None:
        raise nothing_here()
    account = await account_of(daemon.database, reader.manager_id)
    await expect_code(daemon, door, account, reader.address, asked.code, HTTPStatus.UNAUTHORIZED, now_ms)
    number = _opened(daemon, contact)
    await _put_on_record(
        daemon,
        # Kept in the clear: a number that somebody pasted into it stays out.
        Disclosed(code, asked.contact_id, reader.manager_id, reader.actor, without_numbers(asked.reason)),
        now_ms,
    )
    work.listeners.alarm()
    return JSONResponse({"number": number.reveal()}, headers={"Cache-Control": "no-store"})


async def _put_on_record(daemon: DeskDaemon, disclosed: Disclosed, now_ms: int) -> None:
    try:
        await put_disclosure_on_record(daemon.database, disclosed, now_ms)
    except TooManyDisclosures:
        detail = f"An owner sees {MOST_IN_A_DAY} numbers in 24 hours at most."
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS, "too-many-disclosures", detail, retry_after=_HOUR
        ) from None


def _opened(daemon: DeskDaemon, contact: SealedContact) -> HiddenNumber:
    vault = vault_of(daemon)
    try:
        return vault.open(
            contact.sealed,
            customer_id=contact.customer_id,
            contact_id=contact.contact_id,
            kind=contact.kind,
            data_key=contact.data_key,
        )
    except SealBroken:
        detail = "The sealed number was altered, or belongs to another contact."
        raise Problem(HTTPStatus.CONFLICT, "seal-broken", detail) from None
