"""Live calls in the desk's words, for whoever may see them."""

from __future__ import annotations

from typing import Final

from bridge.api.desk.shapes import CallNow
from bridge.calls.model import Result, State
from bridge.store.cards import names_of_call
from bridge.store.database import Database
from bridge.switchboard.board import CallMoved, CallView
from bridge.switchboard.live_call import CaptureView

ENDED: Final = "ended"

_RINGING_YOU, _CALLING, _RINGING_CUSTOMER = "ringing-you", "calling", "ringing-customer"

_WORDS: Final = {
    State.CREATING_MANAGER: _RINGING_YOU,
    State.RINGING_MANAGER: _RINGING_YOU,
    State.CREATING_CUSTOMER: _CALLING,
    State.DIALLING: _CALLING,
    State.RINGING: _RINGING_CUSTOMER,
    State.CONNECTING: _RINGING_CUSTOMER,
    State.CHANGING_CONTACT: _CALLING,
    State.SAYING_NEXT: _CALLING,
    State.TALKING: "talking",
    State.TELLING: "ending",
    State.CLOSING: "ending",
}
"""Of calls that the rules have not, or not yet, allowed there is nothing to show."""

_ASKING: Final = "asking"

_MOST_NAMES: Final = 500


def word_of(call: CallView) -> str | None:
    """What the desk calls the call's state, if the call is shown at all."""
    return _WORDS.get(State(call.state))


def _word_of_capture(capture: CaptureView | None) -> str | None:
    if capture is None:
        return None
    if capture.outcome is not None:
        return capture.outcome.value
    return _ASKING if capture.apart else None


def is_shown(moved: CallMoved) -> bool:
    if moved.result is Result.REFUSED:
        return False
    return moved.over or word_of(moved.call) is not None


class CallNames:
    """Whose call it is, and with whom, by name: looked up once for each call, however many watch it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names: dict[str, tuple[str, str]] = {}

    async def told(self, moved: CallMoved) -> CallNow:
        """The call as the desk shows it."""
        call = moved.call
        customer_name, manager_name = await self._names_of(call)
        return CallNow(
            id=call.id,
            order=call.order,
            customer_name=customer_name,
            extension=call.extension,
            manager_name=manager_name,
            state=ENDED if moved.over else word_of(call) or _RINGING_YOU,
            started_ms=call.started_ms,
            answered_ms=call.answered_ms,
            result=moved.result.value if moved.result else None,
            capture=_word_of_capture(call.capture),
            confirmed=call.confirmed,
        )

    async def _names_of(self, call: CallView) -> tuple[str, str]:
        names = self._names.get(call.id)
        if names is None:
            names = await names_of_call(self._database, call.order, call.extension)
            while len(self._names) >= _MOST_NAMES:
                del self._names[next(iter(self._names))]
            self._names[call.id] = names
        return names
