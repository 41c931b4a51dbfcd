"""What a key means that somebody presses in a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

MOST_DIGITS: Final = 20
"""Of one number: fifteen, and what is dialled for abroad. Whoever keys more has lost count."""

MOST_CODE_DIGITS: Final = 12
"""Of an order's code."""

CANCEL: Final = "#"
"""A manager who presses it has the customer back."""

_SECONDS_BETWEEN_KEYS: Final = 3.0
_SECONDS_TO_HEAR_A_DIGIT: Final = 15.0
"""A customer may have to look their number up while a manager waits to key it in."""
_LONGEST_KEYING_SECONDS: Final = 120.0
_DIGITS: Final = frozenset("0123456789")


class Meaning(Enum):
    DIGIT = auto()
    COMPLETE = auto()
    ANEW = auto()
    CANCEL = auto()
    YES = auto()
    NO = auto()
    NOTHING = auto()


def while_asked(key: str) -> Meaning:
    """Of a customer who keys a number, or an order's code, in."""
    if key in _DIGITS:
        return Meaning.DIGIT
    return {"#": Meaning.COMPLETE, "*": Meaning.ANEW}.get(key, Meaning.NOTHING)


def while_read_back(key: str) -> Meaning:
    """Of a customer who hears the number read."""
    return {"1": Meaning.YES, "2": Meaning.NO}.get(key, Meaning.NOTHING)


@dataclass(frozen=True, slots=True)
class Keying:
    """A manager keys in a number that a customer says: since when, and when the last key was.

    In seconds of any clock.
    """

    since: float
    at: float

    @classmethod
    def begun(cls, at: float) -> Keying:
        return cls(at, at)

    @property
    def until(self) -> float:
        """When it is over, unless another key is pressed."""
        return min(self.at + _SECONDS_TO_HEAR_A_DIGIT, self.since + _LONGEST_KEYING_SECONDS)

    def then(self, key: str, at: float) -> tuple[Keying | None, Meaning]:
        """After another key; None once it is over. A star ends it, and may be the first key of a code."""
        if at > self.until or key == "*":
            return None, Meaning.CANCEL
        if key == "#":
            return None, Meaning.COMPLETE
        return Keying(self.since, at), Meaning.DIGIT if key in _DIGITS else Meaning.NOTHING


class Wish(Enum):
    """What a manager asks for on the phone, in a conversation."""

    CAPTURE = auto()
    CUSTOMER_BACK = auto()
    DO_NOT_CALL = auto()
    COMPARE = auto()


@dataclass(frozen=True, slots=True)
class Codes:
    """What a manager presses for it; an empty one is never pressed."""

    capture: str = ""
    do_not_call: str = ""
    compare: str = ""


@dataclass(frozen=True, slots=True)
class Presses:
    """How much of a code has been pressed, and when the last key was, in seconds of any clock."""

    matched: int = 0
    at: float = 0.0

    def then(self, key: str, at: float, code: str) -> tuple[Presses, bool]:
        """After another key; and whether the code is complete now. An empty code is never."""
        in_time = at - self.at <= _SECONDS_BETWEEN_KEYS
        matched = self.matched if in_time else 0
        if code[matched : matched + 1] == key:
            matched += 1
        else:
            matched = int(code[:1] == key)
        if code and matched == len(code):
            return Presses(), True
        return Presses(matched, at), False


class ManagersKeys:
    """The keys of one conversation. Two codes of which one ends with the other would both be complete."""

    def __init__(self, codes: Codes) -> None:
        self._codes = {
            Wish.CAPTURE: codes.capture,
            Wish.DO_NOT_CALL: codes.do_not_call,
            Wish.COMPARE: codes.compare,
        }
        self.forget()

    def forget(self) -> None:
        """Begin anew: what has been pressed is part of no code."""
        self._presses = dict.fromkeys(self._codes, Presses())

    def press(self, key: str, at: float) -> Wish | None:
        """What is asked for with this key, at a time in seconds of any clock."""
        wished = None
        for wish, code in self._codes.items():
            self._presses[wish], complete = self._presses[wish].then(key, at, code)
            if complete:
                wished = wish
        return Wish.CUSTOMER_BACK if wished is None and key == CANCEL else wished
