"""The daemon's API as the desk uses it: typed answers over the Unix socket, and two errors.

The desk knows nothing by itself. Each request is made in the name of somebody who has signed in, and the
daemon decides what they may know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ValidationError

from bridge.api.desk import shapes
from bridge.desk.stream import Event, EventParser
from bridge.rules.doubts import Settlement

_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
"""Seconds; longer than the daemon waits for its database to decide on a call, and then delays a refusal."""

_STREAM_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=5)

_ANY_HOST: Final = "http://call-bridge"  # HTTP wants one; the socket is what is spoken to

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class DaemonAway(Exception):
    """No daemon answers, or what answers is not this version's."""


class DeskProblem(Exception):
    """The daemon's answer is a refusal. `reason` is its stable word, `retry_after` is in seconds."""

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class _Problem(BaseModel):
    """Problem details (RFC 9457, 3.1), with our stable word for the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    retry_after: str
    body: bytes


class Daemon:
    """The way to the daemon, to be used in `async with`. Each method raises DaemonAway and DeskProblem."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def __aenter__(self) -> Self:
        # Streams hold their connections for hours, so there is no limit; browsers are limited by the desk.
        connector = aiohttp.UnixConnector(str(self._socket), limit=0)
        self._session = aiohttp.ClientSession(
            _ANY_HOST, connector=connector, timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def named(self, token: str, *, unattended: bool = False) -> SignedInApi:
        """The API in the name of the session that this token belongs to.

        `unattended`: a page asks by itself, and not its reader; it does not keep the session alive.
        """
        return SignedInApi(self, token, unattended=unattended)

    async def sign_in(self, wanted: shapes.SignIn) -> shapes.SignedIn:
        return await self.ask(shapes.SignedIn, "POST", "/v1/sign-in", wanted)

    async def invitation(self, token: str) -> shapes.Invitation:
        return await self.ask(shapes.Invitation, "GET", f"/v1/invitations/{quote(token, safe='')}")

    async def accept_invitation(self, token: str, wanted: shapes.InvitationAccepted) -> shapes.SignedIn:
        return await self.ask(shapes.SignedIn, "POST", f"/v1/invitations/{quote(token, safe='')}", wanted)

    async def give_number(self, token: str, wanted: shapes.GivenNumber) -> None:
        await self.tell("POST", f"/v1/number-links/{quote(token, safe='')}", wanted)

    async def stop_calls(self, token: str, wanted: shapes.StopCalls) -> None:
        await self.tell("POST", f"/v1/number-links/{quote(token, safe='')}/do-not-call", wanted)

    async def use_phone_link(self, token: str, wanted: shapes.UsePhoneLink) -> shapes.PhoneAccount:
        return await self.ask(shapes.PhoneAccount, "POST", f"/v1/phone-links/{quote(token, safe='')}", wanted)

    async def ask(
        self,
        kind: type[AnswerT],
        method: str,
        path: str,
        body: BaseModel | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> AnswerT:
        """The answer to one request, read."""
        answer = await self.tell(method, path, body, headers=headers, query=query)
        try:
            return kind.model_validate_json(answer)
        except ValidationError:
            pass  # it would quote the answer
        raise DaemonAway("what answers is not this version's daemon")

    async def tell(
        self,
        method: str,
        path: str,
        body: BaseModel | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of the answer to one request."""
        sent = None if body is None else body.model_dump(mode="json")
        try:
            async with self._session.request(
                method, path, json=sent, params=query, headers=headers
            ) as response:
                answer = _Answer(
                    response.status, response.headers.get("Retry-After", ""), await response.read()
                )
        except (aiohttp.ClientError, TimeoutError):
            raise DaemonAway("no daemon answers") from None
        return _accepted(answer)

    @asynccontextmanager
    async def events(
        self, headers: Mapping[str, str], *, silence: float
    ) -> AsyncIterator[AsyncIterator[Event | None]]:
        """The daemon's stream; None after `silence` seconds in which nothing came, or for a sign of life."""
        try:
            async with self._session.get("/v1/events", headers=headers, timeout=_STREAM_TIMEOUT) as response:
                if response.status != HTTPStatus.OK:
                    _accepted(_Answer(response.status, "", await response.read()))
                yield _events(response.content, silence)
        except aiohttp.ClientError:
            raise DaemonAway("no daemon answers") from None


def _accepted(answer: _Answer) -> bytes:
    """The body of an answer that is no problem."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer.body
    try:
        reason = _Problem.model_validate_json(answer.body).reason
    except ValidationError:
        reason = "unreadable-answer"
    retry_after = int(answer.retry_after) if answer.retry_after.isdecimal() else None
    raise DeskProblem(answer.status, reason, retry_after)


async def _events(content: aiohttp.StreamReader, silence: float) -> AsyncIterator[Event | None]:
    parser = EventParser()
    while not content.at_eof():
        try:
            async with asyncio.timeout(silence):
                received = await content.readany()
        except TimeoutError:
            yield None
            continue
        events = list(parser.feed(received))
        for event in events:
            yield event
        if not events:  # a sign of life of the daemon's, which comes as often as ours
            yield None


class SignedInApi:
    """What somebody who has signed in may ask for. The methods are docs/desk-api.md's, in its order."""

    def __init__(self, daemon: Daemon, token: str, *, unattended: bool) -> None:
        self._daemon = daemon
        self._headers = {"Authorization": f"Bearer {token}"} | ({"Unattended": "yes"} if unattended else {})
        self.token = token

    async def second_factor(self, code: str) -> shapes.SignedIn:
        wanted = shapes.SecondFactor(code=code)
        return await self._ask(shapes.SignedIn, "POST", "/v1/second-factor", wanted)

    # --- everybody ---

    async def me(self) -> shapes.Me:
        return await self._ask(shapes.Me, "GET", "/v1/me")

    async def sign_out(self) -> None:
        await self._tell("POST", "/v1/sign-out")

    async def sessions(self) -> list[shapes.Session]:
        return (await self._ask(shapes.Sessions, "GET", "/v1/sessions")).sessions

    async def end_session(self, session_id: str) -> None:
        await self._tell("DELETE", f"/v1/sessions/{_part(session_id)}")

    async def change_password(self, old: str, new: str) -> None:
        await self._tell("POST", "/v1/password", shapes.NewPassword(old=old, new=new))

    async def new_second_factor(self, present_code: str | None) -> shapes.Enrolment:
        """`present_code`: of the one to be replaced; None from who has none."""
        wanted = shapes.SecondFactor(code=present_code) if present_code is not None else None
        return await self._ask(shapes.Enrolment, "POST", "/v1/second-factor/new", wanted)

    async def confirm_second_factor(self, code: str) -> None:
        await self._tell("POST", "/v1/second-factor/confirm", shapes.SecondFactor(code=code))

    async def set_language(self, language: str) -> None:
        wanted = shapes.NewLanguage.model_validate({"language": language})
        await self._tell("POST", "/v1/language", wanted)

    async def queue(self, *, filter: str, search: str, cursor: str, limit: int) -> shapes.Queue:
        query = {"filter": filter, "q": search, "cursor": cursor, "limit": str(limit)}
        return await self._ask(shapes.Queue, "GET", "/v1/queue", query={k: v for k, v in query.items() if v})

    async def next(self) -> shapes.QueueRow:
        return await self._ask(shapes.QueueRow, "POST", "/v1/queue/next")

    async def card(self, code: str) -> shapes.Card:
        return await self._ask(shapes.Card, "GET", f"/v1/orders/{_part(code)}")

    async def place_call(self, code: str, contact_id: int | None) -> shapes.CallNow:
        wanted = shapes.PlaceCall(contact_id=contact_id)
        return await self._ask(shapes.CallNow, "POST", f"/v1/orders/{_part(code)}/calls", wanted)

    async def my_call(self) -> shapes.CallNow | None:
        return (await self._ask(shapes.MyCall, "GET", "/v1/calls/mine")).call

    async def hang_up(self, call_id: str) -> None:
        await self._tell("DELETE", f"/v1/calls/{_part(call_id)}")

    async def capture(self, call_id: str) -> None:
        await self._tell("POST", f"/v1/calls/{_part(call_id)}/capture")

    async def cancel_capture(self, call_id: str) -> None:
        await self._tell("DELETE", f"/v1/calls/{_part(call_id)}/capture")

    async def make_number_link(self, code: str) -> shapes.NewNumberLink:
        return await self._ask(shapes.NewNumberLink, "POST", f"/v1/orders/{_part(code)}/number-links")

    async def compare(self, code: str, wanted: shapes.CompareNumber) -> shapes.Compared:
        path = f"/v1/orders/{_part(code)}/comparisons"
        return await self._ask(shapes.Compared, "POST", path, wanted)

    async def send_text(self, code: str, wanted: shapes.SendText) -> None:
        await self._tell("POST", f"/v1/orders/{_part(code)}/texts", wanted)

    async def doubts(self) -> list[shapes.Doubt]:
        return (await self._ask(shapes.Doubts, "GET", "/v1/doubts")).doubts

    async def settle_doubt(self, contact_id: int, how: Settlement) -> None:
        await self._tell("POST", f"/v1/doubts/{contact_id}", shapes.SettleDoubt(how=how))

    async def attach_caller(self, code: str, caller: str) -> None:
        """Raises ValidationError for what is no caller's running number."""
        wanted = shapes.AttachCaller.model_validate_strings({"caller": caller})
        await self._tell("POST", f"/v1/orders/{_part(code)}/callers", wanted)

    async def phone(self) -> shapes.Phone:
        return await self._ask(shapes.Phone, "GET", "/v1/phone")

    async def link_phone(self, wanted: shapes.LinkPhone) -> shapes.NewPhoneLink:
        return await self._ask(shapes.NewPhoneLink, "POST", "/v1/phone/links", wanted)

    async def browser_phone(self) -> shapes.BrowserPhone:
        return await self._ask(shapes.BrowserPhone, "POST", "/v1/phone/browser")

    async def message(self, code: str, message_id: str) -> bytes:
        """What a customer has said, as WAV."""
        path = f"/v1/orders/{_part(code)}/messages/{_part(message_id)}"
        return await self._daemon.tell("GET", path, headers=self._headers)

    async def save_note(self, code: str, wanted: shapes.SaveNote) -> shapes.NoteSaved:
        return await self._ask(shapes.NoteSaved, "PUT", f"/v1/orders/{_part(code)}/notes", wanted)

    async def record_outcome(self, code: str, wanted: shapes.RecordOutcome) -> shapes.OutcomeRecorded:
        path = f"/v1/orders/{_part(code)}/outcomes"
        return await self._ask(shapes.OutcomeRecorded, "POST", path, wanted)

    async def undo_outcome(self, outcome_id: int) -> None:
        await self._tell("DELETE", f"/v1/outcomes/{outcome_id}")

    @asynccontextmanager
    async def events(self, *, silence: float) -> AsyncIterator[AsyncIterator[Event | None]]:
        async with self._daemon.events(self._headers, silence=silence) as events:
            yield events

    # --- supervisors and owners ---

    async def wall(self) -> list[shapes.CallNow]:
        return (await self._ask(shapes.Wall, "GET", "/v1/wall")).calls

    async def managers(self) -> list[shapes.ManagerLine]:
        return (await self._ask(shapes.Managers, "GET", "/v1/managers")).managers

    async def report(self, extension: str) -> shapes.Report:
        return await self._ask(shapes.Report, "GET", f"/v1/managers/{_part(extension)}/report")

    async def leave(self, extension: str, wanted: shapes.Leave) -> shapes.Left:
        return await self._ask(shapes.Left, "POST", f"/v1/managers/{_part(extension)}/leave", wanted)

    async def assign(self, code: str, extension: str) -> None:
        await self._tell("POST", f"/v1/orders/{_part(code)}/assignment", shapes.Assign(extension=extension))

    async def mark_contact(self, code: str, contact_id: int, *, never: bool) -> None:
        path = f"/v1/orders/{_part(code)}/contacts/{contact_id}"
        await self._tell("POST", path, shapes.MarkContact(never=never))

    async def strangers_messages(self) -> list[shapes.StrangersMessage]:
        return (await self._ask(shapes.StrangersMessages, "GET", "/v1/messages")).messages

    async def strangers_message(self, message_id: str) -> bytes:
        """What somebody has said whom nobody knew, as WAV."""
        return await self._daemon.tell("GET", f"/v1/messages/{_part(message_id)}", headers=self._headers)

    async def give_message(self, message_id: str, wanted: shapes.GiveMessage) -> None:
        await self._tell("POST", f"/v1/messages/{_part(message_id)}", wanted)

    async def say_habits(self, code: str, contact_id: int, wanted: shapes.ContactHabits) -> None:
        await self._tell("PUT", f"/v1/orders/{_part(code)}/contacts/{contact_id}/habits", wanted)

    async def results(self, days: int) -> shapes.Results:
        return await self._ask(shapes.Results, "GET", "/v1/results", query={"days": str(days)})

    async def alarms(self) -> shapes.Alarms:
        return await self._ask(shapes.Alarms, "GET", "/v1/alarms")

    async def see_alarm(self, alarm_id: int) -> None:
        await self._tell("POST", f"/v1/alarms/{alarm_id}/seen")

    async def audit(self, **query: str) -> shapes.AuditPage:
        """Asked for by `actor`, `act`, `order` and `cursor`; those that are empty are left out."""
        given = {name: value for name, value in query.items() if value}
        return await self._ask(shapes.AuditPage, "GET", "/v1/audit", query=given)

    async def proposals(self) -> list[shapes.Proposal]:
        return (await self._ask(shapes.Proposals, "GET", "/v1/proposals")).proposals

    async def settle(self, contact_id: int, *, accept: bool) -> None:
        await self._tell("POST", f"/v1/proposals/{contact_id}", shapes.Settle(accept=accept))

    async def add_number(self, code: str, number: str) -> None:
        wanted = shapes.NewNumber(number=number)
        await self._tell("POST", f"/v1/orders/{_part(code)}/contacts", wanted)

    # --- owners ---

    async def add_manager(self, wanted: shapes.NewManager) -> shapes.ManagerLine:
        return await self._ask(shapes.ManagerLine, "POST", "/v1/managers", wanted)

    async def enable(self, extension: str, *, enabled: bool) -> None:
        await self._tell("POST", f"/v1/managers/{_part(extension)}/enabled", shapes.Enable(enabled=enabled))

    async def invite(self, extension: str) -> shapes.NewInvitation:
        path = f"/v1/managers/{_part(extension)}/invitations"
        return await self._ask(shapes.NewInvitation, "POST", path)

    async def rules(self, extension: str) -> shapes.ManagerRules:
        return await self._ask(shapes.ManagerRules, "GET", f"/v1/managers/{_part(extension)}/rules")

    async def change_extension(self, extension: str, to: str) -> shapes.ExtensionChanged:
        path = f"/v1/managers/{_part(extension)}/extension"
        wanted = shapes.ChangeExtension(extension=to)
        return await self._ask(shapes.ExtensionChanged, "POST", path, wanted)

    async def set_limits(self, extension: str, wanted: shapes.OwnLimits) -> shapes.LimitsSet:
        path = f"/v1/managers/{_part(extension)}/limits"
        return await self._ask(shapes.LimitsSet, "PUT", path, wanted)

    async def disclose(self, code: str, wanted: shapes.Disclose) -> shapes.Disclosure:
        path = f"/v1/orders/{_part(code)}/disclosures"
        return await self._ask(shapes.Disclosure, "POST", path, wanted)

    # --- how ---

    async def _ask(
        self,
        kind: type[AnswerT],
        method: str,
        path: str,
        body: BaseModel | None = None,
        query: Mapping[str, str] | None = None,
    ) -> AnswerT:
        return await self._daemon.ask(kind, method, path, body, headers=self._headers, query=query)

    async def _tell(self, method: str, path: str, body: BaseModel | None = None) -> None:
        await self._daemon.tell(method, path, body, headers=self._headers)


def _part(text: str) -> str:
    """A part of a path: whatever it holds, it stays one part."""
    return quote(text, safe="")
