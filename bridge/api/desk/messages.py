"""What customers have said whom nobody answered, to be heard by who serves them."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from bridge.api.desk import shapes
from bridge.api.desk.daemon import NowMs, TheDaemon
from bridge.api.desk.opening import broken_seals_told, vault_of
from bridge.api.desk.reader import SignedIn, Supervisor, nothing_here
from bridge.api.desk.work import TheWork, sees
from bridge.api.problems import Problem
from bridge.store.errors import UnknownOrder
from bridge.store.voice_messages import (
    give_message_to_order,
    open_message,
    open_strangers_message,
    strangers_messages,
)

router = APIRouter()

WAV = "audio/wav"

MessageId = Annotated[str, Path(pattern=r"^[a-z]{1,40}$")]


@router.get("/v1/orders/{code}/messages/{message_id}", response_class=Response)
async def message(
    code: shapes.OrderCode,
    message_id: MessageId,
    reader: SignedIn,
    daemon: TheDaemon,
    work: TheWork,
    now_ms: NowMs,
) -> Response:
    """The sound, on record before it leaves; of one's own customers, of everybody's for supervisors."""
    vault = vault_of(daemon)
    with broken_seals_told():
        wav = await open_message(
            daemon.database,
            vault,
            code,
            message_id,
            sees=sees(reader),
            actor=reader.actor,
            now_ms=now_ms,
        )
    sound = _sound(wav)
    work.listeners.queues_changed()
    return sound


# --- of those whom nobody knew: whose they are is for supervisors to hear, who may see every customer ---


@router.get("/v1/messages")
async def of_strangers(_reader: Supervisor, daemon: TheDaemon) -> shapes.StrangersMessages:
    found = await strangers_messages(daemon.database)
    return shapes.StrangersMessages(messages=[shapes.StrangersMessage(**asdict(each)) for each in found])


@router.get("/v1/messages/{message_id}", response_class=Response)
async def strangers_message(
    message_id: MessageId, reader: Supervisor, daemon: TheDaemon, now_ms: NowMs
) -> Response:
    vault = vault_of(daemon)
    with broken_seals_told():
        wav = await open_strangers_message(
            daemon.database, vault, message_id, actor=reader.actor, now_ms=now_ms
        )
    return _sound(wav)


@router.post("/v1/messages/{message_id}", status_code=HTTPStatus.NO_CONTENT)
async def give_to_order(
    message_id: MessageId,
    asked: shapes.GiveMessage,
    reader: Supervisor,
    daemon: TheDaemon,
    work: TheWork,
    now_ms: NowMs,
) -> None:
    """From then on it is the customer's: heard by who serves them, and sealed under their key."""
    vault = vault_of(daemon)
    try:
        with broken_seals_told():
            given = await give_message_to_order(
                daemon.database,
                vault,
                message_id,
                asked.order,
                sees=sees(reader),
                actor=reader.actor,
                now_ms=now_ms,
            )
    except UnknownOrder:
        raise Problem(HTTPStatus.NOT_FOUND, "no-such-order", "There is no such order.") from None
    if not given:
        raise nothing_here()
    work.listeners.queues_changed()


def _sound(wav: bytes | None) -> Response:
    if wav is None:
        raise nothing_here()
    return Response(wav, media_type=WAV)
