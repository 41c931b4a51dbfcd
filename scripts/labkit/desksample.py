"""The sample shop's morning: what has come of some of its orders before a newcomer opens the desk."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from labkit.deskapi import DeskApi
from labkit.deskpeople import DeskPerson, sign_in, taken

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Happened:
    """An outcome of one of the sample's orders, and a note with it. Call backs are in minutes from now."""

    code: str
    outcome: str
    call_back_minutes: int | None = None
    note: str | None = None


MORNING = (
    Happened("1048", "confirmed", note="Wants them before the weekend."),
    Happened("1050", "no-answer"),
    Happened("1050", "no-answer", note="Rings out. Try in the evening."),
    Happened("1051", "call-back", 120, note="Просит перезвонить после обеда."),
    Happened("1053", "left-message"),
    Happened("1055", "refused", note="Found one nearer by."),
    Happened("1057", "confirmed", note="Подъезд со двора, домофон не работает."),
)


async def live_through_the_morning(api: DeskApi, person: DeskPerson) -> None:
    """As the manager of these orders would do it, unless an earlier run has. Raises LabError."""
    token = await sign_in(api, person)
    first = taken(await api.ask("GET", f"/v1/orders/{MORNING[0].code}", token=token))
    if not first["outcomes"]:
        for happened in MORNING:
            await _record(api, token, happened)
    taken(await api.ask("POST", "/v1/sign-out", token=token))


async def _record(api: DeskApi, token: str, happened: Happened) -> None:
    path = f"/v1/orders/{happened.code}"
    if happened.note:
        taken(await api.ask("PUT", f"{path}/notes", {"text": happened.note}, token=token))
    outcome: dict[str, Any] = {"outcome": happened.outcome}
    if happened.call_back_minutes is not None:
        outcome["call_back_ms"] = int(time.time() * 1000) + happened.call_back_minutes * MINUTE_MS
    taken(await api.ask("POST", f"{path}/outcomes", outcome, token=token))
