"""What a call can ask for, in the imperative. The switchboard carries commands out, in order."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.calls.model import Leg, Message, Result, Timer


@dataclass(frozen=True, slots=True)
class Admit:
    """Ask the rules and put the call on record; answered by CallAdmitted and CallRecorded, or CallRefused."""


@dataclass(frozen=True, slots=True)
class FindNextContact:
    """Ask for another number, as the one that was dialled came to this result, and put it on record.

    Answered by NextContactFound or NoNextContact.
    """

    result: Result


@dataclass(frozen=True, slots=True)
class RingBack:
    """Let the manager hear that the customer is being called."""


@dataclass(frozen=True, slots=True)
class CreateLeg:
    """Make the leg's channel without dialling it; answered by LegEntered or LegFailed."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class PrepareCustomer:
    """Begin to make the customer's channel, without a number, for CreateLeg; answered by LegEntered.

    It is dialled, too, as soon as the PBX does that, as far as it goes without a number. The PBX itself gives
    up after `seconds`.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class DialAhead:
    """Dial the prepared channel now, if the PBX would not do it before; DialLeg does the rest."""


@dataclass(frozen=True, slots=True)
class DialLeg:
    """Dial the leg's channel; the PBX itself gives up after `seconds`."""

    leg: Leg
    seconds: float


@dataclass(frozen=True, slots=True)
class AnswerManager:
    """Pick up the manager's leg."""


@dataclass(frozen=True, slots=True)
class AnswerCustomer:
    """Pick up the leg of a customer who has called, and let nothing but sound come from it."""


@dataclass(frozen=True, slots=True)
class AskForCode:
    """Pick the customer's leg up, and ask for an order's code; LegFailed where that can't be done."""


@dataclass(frozen=True, slots=True)
class HushCustomer:
    """Stop what the customer is being asked."""


@dataclass(frozen=True, slots=True)
class ForgetCode:
    """Forget what was keyed in."""


@dataclass(frozen=True, slots=True)
class AdmitByCode:
    """Let the customer hear ringing again, and find out whom to ring by what they have keyed in.

    Answered by CallAdmitted and CallRecorded, or CallerUnknown.
    """


@dataclass(frozen=True, slots=True)
class PassOn:
    """Let the customer's leg go on in the PBX's own dialplan, without their number. It is no longer ours."""


@dataclass(frozen=True, slots=True)
class JoinLegs:
    """Put both legs into one bridge whose media goes through the PBX; answered by LegJoined for each."""


@dataclass(frozen=True, slots=True)
class RejoinLegs:
    """Two in a conversation who are not both in its bridge are to be in it: tried until it has worked."""


@dataclass(frozen=True, slots=True)
class LimitLegs:
    """Let the PBX itself end both legs after `seconds`, so that the cap holds without us."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TellManager:
    """Play the message to the manager, and then the other; answered by ManagerTold."""

    message: Message
    then: Message | None = None


@dataclass(frozen=True, slots=True)
class HangUpLeg:
    leg: Leg


@dataclass(frozen=True, slots=True)
class StartTimer:
    timer: Timer
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    timer: Timer


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """Note that the conversation has begun."""


@dataclass(frozen=True, slots=True)
class RecordResult:
    """Note what the call came to; sent exactly once for a call that was admitted."""

    result: Result
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """The call is over: release its bridge and forget it."""


Command = (
    Admit
    | FindNextContact
    | RingBack
    | CreateLeg
    | PrepareCustomer
    | DialAhead
    | DialLeg
    | AnswerManager
    | AnswerCustomer
    | AskForCode
    | HushCustomer
    | ForgetCode
    | AdmitByCode
    | PassOn
    | JoinLegs
    | RejoinLegs
    | LimitLegs
    | TellManager
    | HangUpLeg
    | StartTimer
    | StopTimer
    | RecordAnswer
    | RecordResult
    | Close
)
