"""What customers have said whom nobody answered, to be heard by who serves them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from bridge.api.desk import shapes
from bridge.api.desk.daemon import NowMs, TheDaemon
from bridge.api.desk.reader import SignedIn, nothing_here
from bridge.api.desk.work import sees
from bridge.api.problems import Problem
from bridge.store.voice_messages import open_message
from bridge.vault import SealBroken

router = APIRouter()

WAV = "audio/wav"


@router.get("/v1/orders/{code}/messages/{message_id}", response_class=Response)
async def message(
    code: shapes.OrderCode,
    message_id: Annotated[str, Path(pattern=r"^[a-z]{1,40}$")],
    reader: SignedIn,
    daemon: TheDaemon,
    now_ms: NowMs,
) -> Response:
    """The sound, on record before it leaves; of one's own customers, of everybody's for supervisors."""
    if daemon.vault is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "sealed", "The daemon has no key. See its log.")
    try:
        wav = await open_message(
            daemon.database,
            daemon.vault,
            code,
            message_id,
            sees=sees(reader),
            actor=reader.actor,
            now_ms=now_ms,
        )
    except SealBroken:
        raise Problem(
            HTTPStatus.CONFLICT, "seal-broken", "The customer's key does not open: it was altered."
        ) from None
    if wav is None:
        raise nothing_here()
    return Response(wav, media_type=WAV)
