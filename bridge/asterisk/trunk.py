"""How a customer is dialled, and the one place where a hidden number is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from bridge.vault import HiddenNumber

NumberFormat = Literal["+e164", "e164"]

_DIALLABLE: Final = re.compile(r"\+?[0-9]{3,15}", re.ASCII)


class NotDiallable(ValueError):
    """The sealed value is no number that a trunk may be given. Says nothing of the value."""

    def __init__(self) -> None:
        super().__init__("a contact's sealed value is not a phone number")


def diallable(number: HiddenNumber, number_format: NumberFormat) -> str:
    """The number in clear, for the one message that takes it to the carrier, and for nothing else.

    Raises NotDiallable for anything but 3 to 15 digits with or without a plus: dial strings and SIP URIs have
    grammars, and nothing sealed by mistake or malice may speak them.
    """
    text = number.reveal()
    if number_format == "e164":
        text = text.removeprefix("+")
    if _DIALLABLE.fullmatch(text) is None:
        raise NotDiallable
    return text


class CarrierDown(Exception):
    """The carrier is known not to answer: a call would only ring into nothing."""


class Trunk(Protocol):
    """A way to the carrier."""

    def dial_string(self, number: HiddenNumber) -> str:
        """What Asterisk is asked to dial. Raises NotDiallable and CarrierDown."""

    def carrier_is_down(self) -> bool:
        """Whether the carrier is known not to answer."""


@dataclass(frozen=True, slots=True)
class DirectTrunk:
    """Asterisk is given the number: `endpoint` is like "PJSIP/{number}@trunk".

    For trunks that can't be dialled sealed: Asterisk's core, and whoever looks into it, knows the number.
    """

    endpoint: str
    number_format: NumberFormat

    def dial_string(self, number: HiddenNumber) -> str:
        return self.endpoint.replace("{number}", diallable(number, self.number_format))

    def carrier_is_down(self) -> bool:
        return False  # Asterisk knows, and refuses to dial it


@dataclass(frozen=True, slots=True)
class SealedTrunk:
    """Asterisk is given a token: `endpoint` is like "PJSIP/{token}@trunk-sealed", `issue` makes tokens.

    To Asterisk the token's endpoint is always there, since it is us; so `is_down` tells of the carrier.
    """

    endpoint: str
    issue: Callable[[HiddenNumber], str]
    is_down: Callable[[], bool]

    def dial_string(self, number: HiddenNumber) -> str:
        if self.carrier_is_down():
            raise CarrierDown
        return self.endpoint.replace("{token}", self.issue(number))

    def carrier_is_down(self) -> bool:
        return self.is_down()
