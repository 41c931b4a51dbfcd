"""The one place where a hidden number is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from bridge.vault import HiddenNumber

NumberFormat = Literal["+e164", "e164"]

_DIALLABLE: Final = re.compile(r"\+?[0-9]{3,15}", re.ASCII)


class NotDiallable(ValueError):
    """The sealed value is no number that a trunk may be given. Says nothing of the value."""

    def __init__(self) -> None:
        super().__init__("a contact's sealed value is not a phone number")


@dataclass(frozen=True, slots=True)
class Trunk:
    """How a customer is dialled: `endpoint` is like "PJSIP/{number}@trunk"."""

    endpoint: str
    number_format: NumberFormat

    def dial_string(self, number: HiddenNumber) -> str:
        """What Asterisk dials: for the body of one request, and for nothing else.

        Raises NotDiallable for anything but 3 to 15 digits with or without a plus: a dial string has a
        grammar, and nothing sealed by mistake or malice may speak it.
        """
        text = number.reveal()
        if self.number_format == "e164":
            text = text.removeprefix("+")
        if _DIALLABLE.fullmatch(text) is None:
            raise NotDiallable
        return self.endpoint.replace("{number}", text)
