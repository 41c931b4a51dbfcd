"""A text message to a customer, asked for by who serves them: one of the shop's templates, and no more."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter

from bridge.api.desk import shapes
from bridge.api.desk.daemon import NowMs, TheDaemon
from bridge.api.desk.reader import SignedIn, nothing_here
from bridge.api.desk.work import sees
from bridge.api.problems import Problem
from bridge.rules.texts import TextRefusal
from bridge.store.errors import UnknownOrder
from bridge.store.texts import TextAsked, TextRefused, ask_for_text

router = APIRouter()

_REFUSALS: Final = {
    TextRefusal.DO_NOT_CALL: "The customer has asked not to be called: they are sent no text either.",
    TextRefusal.NO_MOBILE: "The customer has no number that may be a mobile's, in a country that is called.",
    TextRefusal.TOO_MANY: "texts.per_customer_per_day: more are not sent to a customer in 24 hours.",
}


@router.post("/v1/orders/{code}/texts", status_code=HTTPStatus.NO_CONTENT)
async def send_text(
    code: shapes.OrderCode, asked: shapes.SendText, reader: SignedIn, daemon: TheDaemon, now_ms: NowMs
) -> None:
    """It is sent soon after; the order's card has what became of it."""
    texts = daemon.config.texts
    if not texts.enabled:
        raise Problem(HTTPStatus.FORBIDDEN, "texts-off", "texts.enabled is false in config.yaml.")
    if asked.template not in texts.all_templates:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no-such-template", "The shop has no such template.")
    wanted = TextAsked(code, asked.template, reader.manager_id, sees(reader), reader.actor)
    policy, most = daemon.config.policy(), texts.per_customer_per_day
    try:
        await ask_for_text(daemon.database, wanted, policy, most_a_day=most, now_ms=now_ms)
    except UnknownOrder:
        raise nothing_here() from None
    except TextRefused as refused:
        refusal = refused.refusal
        raise Problem(HTTPStatus.CONFLICT, refusal.value, _REFUSALS[refusal]) from None
