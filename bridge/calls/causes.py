"""What a hang-up cause means for a call that was never answered.

Causes are ITU-T Q.850's. chan_pjsip makes them from SIP final responses as RFC 3398, section 8.2.6.1,
proposes, with small deviations: 404, 485 and 604 give 1, 484 gives 28, 486 and 600 give 17, 480 gives 19,
408 gives 18, 603 gives 21, 500 gives 38, 502 gives 27, 503 gives 34.
"""

from __future__ import annotations

from bridge.calls.model import Message, Result

_RESULTS = {
    1: Result.INVALID_NUMBER,  # unallocated number
    2: Result.INVALID_NUMBER,  # no route to specified transit network
    3: Result.INVALID_NUMBER,  # no route to destination
    22: Result.INVALID_NUMBER,  # number changed
    28: Result.INVALID_NUMBER,  # invalid number format
    17: Result.BUSY,
    16: Result.NO_ANSWER,  # normal clearing of a call that nobody answered
    19: Result.NO_ANSWER,  # no answer from user (user alerted)
    20: Result.NO_ANSWER,  # subscriber absent: the phone is switched off
    21: Result.DECLINED,
    # Redirection to new destination. The last status was a 302: the carrier's own, or, where the carrier
    # never said a word, that of our redirect server.
    23: Result.CARRIER_DOWN,
    27: Result.CARRIER_DOWN,  # destination out of order
    38: Result.CARRIER_DOWN,  # network out of order
    34: Result.CONGESTION,  # no circuit available
    41: Result.CONGESTION,  # temporary failure
    42: Result.CONGESTION,  # switching equipment congestion
    44: Result.CONGESTION,  # requested circuit not available
}

_MESSAGES = {
    Result.BUSY: Message.BUSY,
    Result.NO_ANSWER: Message.NO_ANSWER,
    Result.DECLINED: Message.DECLINED,
    Result.INVALID_NUMBER: Message.INVALID_NUMBER,
    Result.CONGESTION: Message.TRY_LATER,
    Result.CARRIER_DOWN: Message.TRY_LATER,
}

NO_USER_RESPONDING = 18


def result_for(cause: int | None, *, has_rung: bool) -> Result:
    """The result of a customer's leg that ended unanswered.

    `has_rung` tells a phone that nobody picked up from a carrier that never said a word: SIP gives both
    "no user responding".
    """
    if cause == NO_USER_RESPONDING:
        return Result.NO_ANSWER if has_rung else Result.CARRIER_DOWN
    return _RESULTS.get(cause or 0, Result.FAILED)


_OF_DIALS = {"BUSY": Result.BUSY, "CONGESTION": Result.CONGESTION, "CHANUNAVAIL": Result.CARRIER_DOWN}


def result_of_dial(status: str, cause: int | None) -> Result:
    """The result of a Dial() of the shop's own, by DIALSTATUS and cause; no status: it never came to one.

    Where the cause is known it says more: an invalid number is CHANUNAVAIL, too.
    """
    match status:
        case "ANSWER":
            return Result.TALKED
        case "CANCEL" | "":
            return Result.CANCELLED
        case "NOANSWER":
            return Result.NO_ANSWER
        case "BUSY" | "CONGESTION" | "CHANUNAVAIL":
            return _RESULTS.get(cause or 0, _OF_DIALS[status])
    return Result.FAILED


def message_for(result: Result) -> Message:
    """What the manager is told of a result that is no conversation."""
    return _MESSAGES.get(result, Message.OUT_OF_SERVICE)
