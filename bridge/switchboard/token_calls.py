"""Calls that the shop's own dialplan dials, by a token that it was given after the same rules.

Asterisk carries such a call without us: there is neither a leg of ours nor an event. So all that is known of
one is what stands here: who began it and on which channel, until the dialplan says how it ended. One of which
it never says that is over when the manager's channel is gone, and counts as talked from the token on: the
most that it can have cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.asterisk import names
from bridge.asterisk.ari import AriError
from bridge.asterisk.trunk import Blank, CarrierDown
from bridge.calls.causes import result_of_dial
from bridge.calls.model import DIALPLAN_CALL, Result, State
from bridge.store.database import now_ms
from bridge.store.records import OpenCall
from bridge.switchboard import metrics
from bridge.switchboard.admission import Admitted, Asked, Refused
from bridge.switchboard.board import CallMoved, CallView, Switchboard
from bridge.switchboard.live_call import Parts, open_number
from bridge.switchboard.tasks import Tasks
from bridge.vault import HiddenNumber, SealBroken

log = structlog.get_logger()

_SECONDS_BETWEEN_LOOKS: Final = 2.0


@dataclass(frozen=True, slots=True)
class GivenToken:
    """What a dialplan may dial, once: PJSIP/`token`@`endpoint`. `seconds` is how long it may talk."""

    call_id: str
    token: str
    endpoint: str
    seconds: int


@dataclass(frozen=True, slots=True)
class NoToken:
    """The rules said yes, and the call ended before it began, with this result."""

    result: Result


@dataclass(slots=True)
class _Underway:
    """A call between its token and its end."""

    id: str
    extension: str
    code: str
    channel_id: str
    started_ms: int


class TokenCalls:
    """`make_blank` is a sealed trunk's: a dial string, "PJSIP/TOKEN@ENDPOINT", that leads nowhere yet.

    It is None on a trunk that is dialled directly: there the dial string has the number, and is for nobody.
    """

    def __init__(
        self,
        switchboard: Switchboard,
        parts: Parts,
        make_blank: Callable[[], Blank] | None,
        tasks: Tasks,
    ) -> None:
        self._switchboard = switchboard
        self._parts = parts
        self._make_blank = make_blank
        self._tasks = tasks
        self._calls: dict[str, _Underway] = {}
        self._missing: set[str] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def adopt(self, records: Iterable[OpenCall]) -> None:
        """Go on with those of a daemon before this one."""
        for record in records:
            if record.kind == DIALPLAN_CALL:
                channel_id = record.manager_channel or ""
                self._take(
                    _Underway(record.id, record.extension, record.order_code, channel_id, record.started_ms)
                )

    async def begin(self, extension: str, code: str, channel_id: str) -> GivenToken | NoToken | Refused:
        """Decide by the rules; a yes is on disk before its token leads to anybody.

        It is given before that: what Asterisk sends when it is dialled waits at the redirect server.
        """
        if self._make_blank is None:
            log.error("a token was asked for, and customers are dialled directly", extension=extension)
            return NoToken(Result.FAILED)
        managers, in_all = self._switchboard.engagements.counted(extension)
        call = _Underway(names.new_call_id(), extension, code, channel_id, now_ms())
        self._take(call)  # before anything is awaited: the next call that is decided sees this one
        asked = Asked(call.id, DIALPLAN_CALL, extension, code, channel_id, managers, in_all)
        given = await self._begin(call, asked, self._make_blank)
        # Not in a "finally": what is given up half-way may be on record, and ends with its channel.
        if not isinstance(given, GivenToken):
            self._drop(call.id)
        return given

    async def _begin(
        self, call: _Underway, asked: Asked, make_blank: Callable[[], Blank]
    ) -> GivenToken | NoToken | Refused:
        outcome = await self._parts.admission.ask(asked)
        if isinstance(outcome, Refused):
            return _refused(call, outcome)
        if outcome.on_its_way is not None:
            # As on record: an answer can't be earlier.
            call.started_ms = outcome.on_its_way.call.started_ms
        try:
            number, blank = self._open(outcome), make_blank()
        except CarrierDown:
            return await self._not_dialled(call, outcome, Result.CARRIER_DOWN)
        except SealBroken:
            log.error("a contact's number does not open; the customer can't be called", call=call.id)
            return await self._not_dialled(call, outcome, Result.FAILED)
        self._tasks.start(self._fill(call, outcome, number, blank), f"token of {call.id}", call=call.id)
        token, _, endpoint = blank.dial_string.removeprefix("PJSIP/").partition("@")
        self._announce(call, None)
        seconds = round(min(outcome.talk_seconds, self._parts.timings.talk))
        return GivenToken(call.id, token, endpoint, seconds)

    async def _fill(self, call: _Underway, admitted: Admitted, number: HiddenNumber, blank: Blank) -> None:
        """Let the token lead to the customer, once the call is on disk and if it goes on."""
        not_on_record = await self._parts.admission.recorded(admitted)
        goes_on = call.id in self._calls
        if goes_on and not_on_record is None:
            blank.fill(number)
            return
        blank.void()
        if not_on_record is not None:
            _refused(call, not_on_record)
            if goes_on:
                self._drop(call.id)
                self._announce(call, Result.FAILED)

    def _open(self, admitted: Admitted) -> HiddenNumber:
        """Raises SealBroken."""
        if self._parts.vault is None:
            raise SealBroken("The keys were taken away meanwhile.")
        return open_number(self._parts.vault, admitted.contact)

    async def _not_dialled(self, call: _Underway, admitted: Admitted, result: Result) -> NoToken | Refused:
        not_on_record = await self._parts.admission.recorded(admitted)
        if not_on_record is not None:
            return _refused(call, not_on_record)
        self._finish(call, result, None)
        return NoToken(result)

    def end(
        self, call_id: str, channel_id: str, *, status: str, cause: int | None, seconds: int | None
    ) -> Result | None:
        """Take note of how a call ended, as its own channel's dialplan says; None where it is no such call.

        `status` is Dial()'s DIALSTATUS, `seconds` its ANSWEREDTIME: without them the call counts from its
        token on.
        """
        call = self._calls.get(call_id)
        if call is None or call.channel_id != channel_id:
            return None
        result = result_of_dial(status, cause)
        if result is Result.TALKED:
            since_ms = call.started_ms if seconds is None else now_ms() - seconds * 1000
            self._talked(call, max(since_ms, call.started_ms))
        self._finish(call, result, cause)
        return result

    async def run(self) -> None:
        """Look again and again for calls whose channel is gone; started once by the daemon."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            try:
                await self.look()
            except AriError as error:
                log.debug("channels can't be looked at", operation=error.operation, status=error.status)

    async def look(self) -> None:
        """End the calls whose channel is gone for the second time. Raises AriError."""
        if not self._calls:
            return
        before = dict(self._calls)
        there = {channel.id for channel in await self._parts.pbx.channels()}
        missing = {call.id for call in before.values() if call.channel_id not in there}
        for call_id in missing & self._missing:
            if (call := self._calls.get(call_id)) is not None:
                log.warning("a dialplan has not said how its call ended", call=call_id)
                self._talked(call, call.started_ms)
                self._finish(call, Result.FAILED, None)
        self._missing = missing

    def _talked(self, call: _Underway, since_ms: int) -> None:
        self._parts.ledger.answered(call.id, since_ms)
        self._parts.book.answered(call.id, since_ms)

    def _finish(self, call: _Underway, result: Result, cause: int | None) -> None:
        self._drop(call.id)
        self._parts.ledger.finished(call.id, result, cause)
        self._parts.book.ended(call.id, now_ms())
        metrics.calls.labels(result.value).inc()
        log.info("call ended", call=call.id, order=call.code, result=result.value, cause=cause)
        self._announce(call, result)

    def _take(self, call: _Underway) -> None:
        self._calls[call.id] = call
        self._switchboard.engagements.engage(call.id, call.extension)

    def _drop(self, call_id: str) -> None:
        """One that has been dropped already changes nothing."""
        self._calls.pop(call_id, None)
        self._switchboard.engagements.release(call_id)

    def _announce(self, call: _Underway, result: Result | None) -> None:
        state = State.DIALLING if result is None else State.CLOSED
        view = CallView(call.id, DIALPLAN_CALL, call.code, call.extension, state.value, call.started_ms, None)
        self._switchboard.announce(CallMoved(view, result, over=result is not None))


def _refused(call: _Underway, refused: Refused) -> Refused:
    log.info("call refused", extension=call.extension, reason=refused.audit_reason)
    metrics.refusals.labels(refused.told_reason).inc()
    return refused
