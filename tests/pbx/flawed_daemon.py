"""The daemon with three flaws, of the kind that test_told_alike is there to find.

An unknown code is refused at once, somebody else's code 300 ms late, and a lock-out in words of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bridge.calls.model import Message, Timer
from bridge.cli.main import main
from bridge.rules import Reason
from bridge.switchboard.admission import Admission, Admitted, Asked, Refused
from bridge.switchboard.live_call import LiveCall

UNKNOWN_CODE: Final = "7777"
OTHERS_CODE: Final = "3000"

_honest_start = LiveCall._start
_honest_ask = Admission.ask


def _start(call: LiveCall, timer: Timer, seconds: float) -> None:
    if timer is Timer.REFUSAL and call.asked.code == UNKNOWN_CODE:
        seconds = 0
    if timer is Timer.REFUSAL and call.asked.code == OTHERS_CODE:
        seconds += 0.3
    _honest_start(call, timer, seconds)


async def _ask(admission: Admission, asked: Asked) -> Admitted | Refused:
    outcome = await _honest_ask(admission, asked)
    if isinstance(outcome, Refused) and outcome.audit_reason == "locked_out":
        return replace(outcome, reason=Reason.MANAGER_DISABLED, message=Message.NOT_ALLOWED)
    return outcome


if __name__ == "__main__":
    LiveCall._start = _start  # type: ignore[method-assign]
    Admission.ask = _ask  # type: ignore[method-assign]
    main()
