"""A daemon that says what the examples say: for tests of how pages are told, and of nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import examples
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from bridge.api.desk import shapes
from bridge.rules import Role

SESSION = "the-session-of-olga"
SOUND = b"what a customer has said"
_OF_GUESTS = ("/v1/invitations/", "/v1/number-links/", "/v1/phone-links/")


@dataclass
class ExampleDaemon:
    """`problem`: how everything but the reader's own data is refused, as status and reason.

    `asked` has what it was asked: method, path and body; `attended`, path and whether by a person.
    """

    me: shapes.Me = field(default_factory=examples.me)
    card: shapes.Card = field(default_factory=examples.card)
    queue: shapes.Queue = field(default_factory=examples.queue)
    call: shapes.CallNow | None = None
    phone_is_ready: bool = True
    phone_account: shapes.PhoneAccount = field(default_factory=examples.phone_account)
    found: list[shapes.Found] = field(default_factory=list)
    held: int = 0
    second_factor_wanted: bool = False
    problem: tuple[int, str] | None = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    attended: list[tuple[str, bool]] = field(default_factory=list)
    events: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    streams: int = 0

    def answer(self, method: str, path: str, body: Any) -> BaseModel | None:
        """What the daemon says to a request of docs/desk-api.md; None for one without an answer."""
        parts = path.removeprefix("/v1/").split("/")
        match method, parts:
            case "POST", ["sign-in"] | ["second-factor"]:
                wanted = self.second_factor_wanted and parts == ["sign-in"]
                return shapes.SignedIn(token=SESSION, second_factor_wanted=wanted)
            case "GET", ["invitations", _]:
                return examples.INVITATION
            case "POST", ["invitations", _]:
                return shapes.SignedIn(token=SESSION, second_factor_wanted=False)
            case "GET", ["messages"]:
                return examples.STRANGERS_MESSAGES
            case "GET", ["me"]:
                return self.me
            case "GET", ["sessions"]:
                return examples.SESSIONS
            case "POST", ["second-factor", "new"]:
                return examples.ENROLMENT
            case "GET", ["queue"]:
                return self.queue
            case "POST", ["queue", "next"]:
                return examples.ROWS[0]
            case "GET", ["orders", _]:
                return self.card
            case "POST", ["orders", _, "calls"]:
                self.call = examples.call("ringing-you")
                return self.call
            case "GET", ["calls", "mine"]:
                return shapes.MyCall(call=self.call)
            case "PUT", ["orders", _, "notes"]:
                saved = examples.note(body["note_id"] or 6, body["text"], mine=True, at_ms=examples.NOW)
                return shapes.NoteSaved(note=saved, found=self.found, held=self.held)
            case "POST", ["orders", _, "outcomes"]:
                return shapes.OutcomeRecorded(id=11, undo_until_ms=examples.NOW + 10**12)
            case "POST", ["orders", _, "number-links"]:
                return shapes.NewNumberLink(
                    path=shapes.NUMBER_LINK_PATH.format(token="once"), ends_ms=examples.NOW + examples.DAY
                )
            case "POST", ["orders", _, "comparisons"]:
                return shapes.Compared(same=body["number"] == examples.NUMBER, tries_left=2)
            case "GET", ["phone"]:
                return shapes.Phone(ready=self.phone_is_ready)
            case "POST", ["phone", "browser"]:
                return examples.BROWSER_PHONE
            case "POST", ["phone", "links"]:
                return shapes.NewPhoneLink(
                    path=shapes.PHONE_LINK_PATH.format(token="once"), ends_ms=examples.NOW + examples.MINUTE
                )
            case "POST", ["phone-links", _]:
                return self.phone_account
            case "GET", ["doubts"]:
                return examples.DOUBTS
            case "POST", ["orders", _, "disclosures"]:
                return shapes.Disclosure(number=examples.NUMBER)
            case _:
                return self._of_supervisors(method, parts)

    def _of_supervisors(self, method: str, parts: list[str]) -> BaseModel | None:
        match method, parts:
            case "GET", ["wall"]:
                return examples.WALL
            case "GET", ["managers"]:
                return examples.MANAGERS
            case "POST", ["managers"]:
                return examples.manager(6, "Somebody New")
            case "GET", ["managers", _, "report"]:
                return examples.REPORT
            case "GET", ["managers", _, "rules"]:
                return examples.RULES
            case "POST", ["managers", _, "extension"]:
                return shapes.ExtensionChanged(sessions_ended=2)
            case "PUT", ["managers", _, "limits"]:
                return shapes.LimitsSet(before=examples.RULES.limits)
            case "POST", ["managers", _, "leave"]:
                return shapes.Left(kind="departure", customers_moved=41, sessions_ended=2)
            case "POST", ["managers", _, "invitations"]:
                return shapes.NewInvitation(
                    path=shapes.INVITATION_PATH.format(token="once"), ends_ms=examples.NOW + examples.DAY
                )
            case "GET", ["results"]:
                return examples.RESULTS
            case "GET", ["alarms"]:
                return examples.ALARMS
            case "GET", ["audit"]:
                return examples.AUDIT
            case "GET", ["proposals"]:
                return examples.PROPOSALS
            case _:
                return None

    async def stream(self) -> AsyncIterator[str]:
        self.streams += 1
        try:
            while (event := await self.events.get()) is not None:
                yield event
        finally:
            self.streams -= 1


def make_app(daemon: ExampleDaemon) -> FastAPI:
    app = FastAPI()

    @app.get("/v1/events")
    async def events(request: Request) -> Response:
        if not _is_signed_in(request):
            return _problem(401, "signed-out")
        return StreamingResponse(daemon.stream(), media_type="text/event-stream")

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def answer(request: Request) -> Response:
        path, raw = request.url.path, await request.body()
        body = json.loads(raw) if raw else None
        daemon.asked.append((request.method, path, body))
        daemon.attended.append((path, "unattended" not in request.headers))
        before_signing_in = path in ("/v1/sign-in",) or path.startswith(_OF_GUESTS)
        if not before_signing_in and not _is_signed_in(request):
            return _problem(401, "signed-out")
        if daemon.problem and path not in ("/v1/me", "/v1/calls/mine"):
            return _problem(*daemon.problem)
        if "/messages/" in path and request.method == "GET":
            return Response(SOUND, media_type="audio/wav")
        told = daemon.answer(request.method, path, body)
        if told is None:
            return Response(status_code=204)
        return Response(told.model_dump_json(), media_type="application/json")

    return app


def _is_signed_in(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {SESSION}"


def _problem(status: int, reason: str) -> Response:
    body = {"title": "-", "status": status, "detail": "words of the daemon's own", "reason": reason}
    headers = {"Retry-After": "7"} if status == 429 else {}
    return Response(json.dumps(body), status, headers, media_type="application/problem+json")


def as_role(role: Role, language: str = "en") -> ExampleDaemon:
    return ExampleDaemon(me=examples.me(role, language))
