"""Numbers that may be mistyped, at the desk: whose, why, and what somebody makes of one without seeing it."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path

from bridge.api.desk import shapes
from bridge.api.desk.daemon import NowMs, TheDaemon
from bridge.api.desk.reader import SignedIn, nothing_here
from bridge.api.desk.work import TheWork, sees
from bridge.store.doubts import doubtful_contacts, settle_doubt

router = APIRouter()

_LISTED: Final = 200


@router.get("/v1/doubts")
async def doubts(reader: SignedIn, daemon: TheDaemon) -> shapes.Doubts:
    """Of one's own customers; of everybody's for supervisors."""
    found = await doubtful_contacts(daemon.database, sees=sees(reader), limit=_LISTED)
    return shapes.Doubts(
        doubts=[
            shapes.Doubt(**{"order": values.pop("order_code"), **values}) for values in map(asdict, found)
        ]
    )


@router.post("/v1/doubts/{contact_id}", status_code=HTTPStatus.NO_CONTENT)
async def settle(
    contact_id: Annotated[int, Path(ge=0, le=2**62)],
    asked: shapes.SettleDoubt,
    reader: SignedIn,
    daemon: TheDaemon,
    work: TheWork,
    now_ms: NowMs,
) -> None:
    settled = await settle_doubt(
        daemon.database, contact_id, asked.how, sees=sees(reader), actor=reader.actor, now_ms=now_ms
    )
    if settled is None:
        raise nothing_here()
    work.listeners.queue_changed(settled.served_by, reader.manager_id)
