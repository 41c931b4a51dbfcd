"""What dialplans may ask, and what they are told.

FastAGI has no password, and whoever speaks it says which channel they are. So no request is believed:
Asterisk is asked, by ARI, whether that channel is at this moment carrying out just this AGI(). Other programs
of the machine can repeat what Asterisk asks, and hear what Asterisk hears; they can ask nothing of their own.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import structlog

from bridge.agi.server import Answer
from bridge.agi.wire import Request
from bridge.asterisk.ari import AriError
from bridge.asterisk.happenings import Reader
from bridge.asterisk.pbx import Pbx, RunningAgi
from bridge.calls.model import DIALPLAN_CALL
from bridge.rules.callbacks import NotRung, first_name
from bridge.switchboard import metrics
from bridge.switchboard.admission import Admission, Asked, Refused
from bridge.switchboard.board import Switchboard
from bridge.switchboard.callers_captures import CallersCaptures
from bridge.switchboard.live_call import Parts
from bridge.switchboard.metrics import AgiCommand, AgiOutcome
from bridge.switchboard.reception import Reception
from bridge.switchboard.token_calls import GivenToken, NoToken, TokenCalls

log = structlog.get_logger()

ORDER_CONTEXT: Final = "call-bridge-order"
"""The dialplan's context that hands a call to the daemon."""

NOT_A_MANAGERS_PHONE: Final = "not_a_managers_phone"
NOT_THE_CARRIERS: Final = "not_the_carriers"
NO_ORDER_CODE: Final = "no_order_code"
NO_SUCH_CALL: Final = "no_such_call"
NO_LINK: Final = "no_link"
UNKNOWN_COMMAND: Final = "unknown_command"

_ABOUT_CALLERS: Final = {AgiCommand.CALLER, AgiCommand.CAPTURE}

_CODE: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_CAUSE: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


class Commands:
    """Answers requests: call one of these with each."""

    def __init__(
        self,
        pbx: Pbx,
        reader: Reader,
        admission: Admission,
        reception: Reception,
        parts: Parts,
        switchboard: Switchboard,
        token_calls: TokenCalls,
        captures: CallersCaptures,
    ) -> None:
        self._pbx = pbx
        self._reader = reader
        self._admission = admission
        self._reception = reception
        self._parts = parts
        self._switchboard = switchboard
        self._token_calls = token_calls
        self._captures = captures
        self._handlers: dict[AgiCommand, Callable[[Request], Awaitable[Answer]]] = {
            AgiCommand.ORDER: self._order,
            AgiCommand.TOKEN: self._token,
            AgiCommand.RESULT: self._result,
            AgiCommand.CALLER: self._caller,
            AgiCommand.DIAL: self._dial,
            AgiCommand.CAPTURE: self._capture,
        }

    async def __call__(self, request: Request) -> Answer:
        began = _now()
        command = _command_of(request.script)
        try:
            running = await self._pbx.agi_of(request.channel_id)
        except AriError as error:
            log.error(
                "Asterisk can't be asked about a channel", operation=error.operation, status=error.status
            )
            return _told(command, AgiOutcome.FAILED, NO_LINK)
        if running is None or not is_what_runs(request, running):
            return Answer(command, AgiOutcome.TURNED_AWAY)
        handler = self._handlers.get(command)
        if handler is None:
            log.warning("a dialplan asks by AGI for what there is not")
            return _told(command, AgiOutcome.REFUSED, UNKNOWN_COMMAND)
        answer = await handler(request)
        if answer.outcome is not AgiOutcome.OK or command in _ABOUT_CALLERS:
            await self._let_time_pass(began)
        return answer

    async def _let_time_pass(self, began: float) -> None:
        """Until a whole multiple of the refusals' delay: how long a look-up took is an answer, too."""
        delay = self._parts.timings.refusal
        if delay > 0:
            passed = _now() - began
            await asyncio.sleep(max(1, math.ceil(passed / delay)) * delay - passed)

    async def _order(self, request: Request) -> Answer:
        extension, code = self._reader.extension_of(request.channel_name), request.argument(0)
        nothing = {"ORDER": "", "LABEL": "", "STATE": ""}
        if (fault := _fault(extension, code)) is not None or extension is None:
            return _told(AgiCommand.ORDER, AgiOutcome.REFUSED, fault, **nothing)
        managers, in_all = self._switchboard.engagements.counted(extension)
        looked = await self._admission.look(
            Asked("", DIALPLAN_CALL, extension, code, request.channel_id, managers, in_all)
        )
        known = {"ORDER": code, "LABEL": f"Order {code}", "STATE": looked.state} if looked.state else nothing
        if looked.refused is None:
            return _told(AgiCommand.ORDER, AgiOutcome.OK, **known)
        return _refused(AgiCommand.ORDER, looked.refused, **known)

    async def _token(self, request: Request) -> Answer:
        extension, code = self._reader.extension_of(request.channel_name), request.argument(0)
        nothing = {"CALL": "", "TOKEN": "", "ENDPOINT": "", "SECONDS": ""}
        if (fault := _fault(extension, code)) is not None or extension is None:
            return _told(AgiCommand.TOKEN, AgiOutcome.REFUSED, fault, **nothing)
        match await self._token_calls.begin(extension, code, request.channel_id):
            case GivenToken(call_id, token, endpoint, seconds):
                answer = _told(
                    AgiCommand.TOKEN,
                    AgiOutcome.OK,
                    CALL=call_id,
                    TOKEN=token,
                    ENDPOINT=endpoint,
                    SECONDS=str(seconds),
                )
                # Asterisk itself ends what goes on for too long, whether or not we are there to see it.
                longest = round(seconds + self._parts.timings.ring)
                return _besides(answer, {"TIMEOUT(absolute)": str(longest)})
            case NoToken(result):
                return _told(AgiCommand.TOKEN, AgiOutcome.FAILED, result.value.replace("-", "_"), **nothing)
            case Refused() as refused:
                return _refused(AgiCommand.TOKEN, refused, **nothing)

    async def _result(self, request: Request) -> Answer:
        cause, seconds = request.argument(2), request.argument(3)
        result = self._token_calls.end(
            request.argument(0),
            request.channel_id,
            status=request.argument(1),
            cause=int(cause) if _CAUSE.fullmatch(cause) else None,
            seconds=int(seconds) if _SECONDS.fullmatch(seconds) else None,
        )
        if result is None:
            return _told(AgiCommand.RESULT, AgiOutcome.REFUSED, NO_SUCH_CALL, RESULT="")
        return _told(AgiCommand.RESULT, AgiOutcome.OK, RESULT=result.value)

    async def _caller(self, request: Request) -> Answer:
        if not self._reader.is_carriers(request.channel_name):
            return self._a_caller(NOT_THE_CARRIERS)
        found = await self._reception.identify(request.channel_id, self._parts.vault)
        if isinstance(found, NotRung):
            return self._a_caller(found.value)
        code, name = found.order.code, first_name(found.order.customer_name)
        label = f"Order {code}"
        answer = _told(
            AgiCommand.CALLER, AgiOutcome.OK, ORDER=code, LABEL=label, NAME=name, MANAGER=found.extension
        )
        return _besides(answer, _identity(f"{label} {name}".rstrip(), code))

    async def _capture(self, request: Request) -> Answer:
        """Known by the number they call from: a code that somebody keys in proves nothing of them."""
        nothing = {"ORDER": "", "CAPTURE": ""}
        if not self._reader.is_carriers(request.channel_name):
            return _told(AgiCommand.CAPTURE, AgiOutcome.REFUSED, NOT_THE_CARRIERS, **nothing)
        found = await self._reception.identify(request.channel_id, self._parts.vault)
        if not isinstance(found, NotRung) and not self._captures.let_in(request.channel_id, found.order.code):
            found = NotRung.FULL
        if isinstance(found, NotRung):
            return _told(AgiCommand.CAPTURE, AgiOutcome.REFUSED, found.value, **nothing)
        return _told(AgiCommand.CAPTURE, AgiOutcome.OK, **(nothing | {"ORDER": found.order.code}))

    def _a_caller(self, reason: str) -> Answer:
        """Somebody who is not known: called by a running number, whatever the reason."""
        number = str(self._reception.next_caller())
        label = f"Caller {number}"
        answer = _told(
            AgiCommand.CALLER, AgiOutcome.REFUSED, reason, ORDER="", LABEL=label, NAME="", MANAGER=""
        )
        return _besides(answer, _identity(label, number))

    async def _dial(self, request: Request) -> Answer:
        extension, code = self._reader.extension_of(request.channel_name), request.argument(0)
        if (fault := _fault(extension, code)) is not None:
            return _told(AgiCommand.DIAL, AgiOutcome.REFUSED, fault)
        told = _told(AgiCommand.DIAL, AgiOutcome.OK)
        return Answer(told.command, told.outcome, told.variables, go_to=(ORDER_CONTEXT, code))


def is_what_runs(request: Request, running: RunningAgi) -> bool:
    """Whether this is the request that Asterisk is making for the channel."""
    url, *arguments = (each.strip().strip('"') for each in running.asked.split(","))
    while arguments and not arguments[-1]:
        arguments.pop()
    return (
        running.channel_name == request.channel_name
        and urlsplit(url).path.removeprefix("/") == request.script
        and tuple(arguments) == request.arguments
    )


def _command_of(script: str) -> AgiCommand:
    try:
        return AgiCommand(script)
    except ValueError:
        return AgiCommand.UNKNOWN


def _fault(extension: str | None, code: str) -> str | None:
    if extension is None:
        return NOT_A_MANAGERS_PHONE
    return None if _CODE.fullmatch(code) else NO_ORDER_CODE


def _told(command: AgiCommand, outcome: AgiOutcome, reason: str | None = None, **values: str) -> Answer:
    """All of a command's variables are set each time, so that none is left from before."""
    told = {"STATUS": outcome.value, "REASON": reason or "", **values}
    return Answer(command, outcome, {f"CALLBRIDGE_{name}": value for name, value in told.items()})


def _refused(command: AgiCommand, refused: Refused, **values: str) -> Answer:
    if refused.reason is None:
        return _told(command, AgiOutcome.FAILED, metrics.DATABASE, **values)
    return _told(command, AgiOutcome.REFUSED, refused.reason.value, **values)


def _besides(answer: Answer, variables: dict[str, str]) -> Answer:
    return Answer(answer.command, answer.outcome, answer.variables | variables, answer.go_to)


def _identity(name: str, number: str) -> dict[str, str]:
    """Who calls, as phones and queues see it; "i": nobody is told of a change in mid-call.

    A caller who has been stripped is anonymous; this name may be shown.
    """
    shown = f'"{name}" <{number}>'
    return {
        "CALLERID(all)": shown,
        "CALLERID(ani-all)": shown,
        "CALLERID(pres)": "allowed_not_screened",
        "CONNECTEDLINE(all,i)": shown,
    }


def _now() -> float:
    return asyncio.get_running_loop().time()
