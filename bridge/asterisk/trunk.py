"""How a customer is dialled, and the one place where a hidden number is read for a call."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class Gateway:
    """One address of the carrier: `uri` is like "sip:{number}@192.0.2.10:5060"."""

    uri: str
    is_down: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Gateways:
    """A carrier's addresses, the most wanted first; at least one."""

    gateways: tuple[Gateway, ...]

    def uri(self) -> str:
        """Of the first that is not known to be down; where all are, of the first."""
        return next((each.uri for each in self.gateways if not each.is_down()), self.gateways[0].uri)

    def all_down(self) -> bool:
        return all(each.is_down() for each in self.gateways)


class CarrierDown(Exception):
    """The carrier is known not to answer: a call would only ring into nothing."""


@dataclass(frozen=True, slots=True, repr=False)
class Blank:
    """What Asterisk is asked to dial, before it is known whom: whoever dials it waits until `fill` says so.

    With `void` it leads nowhere for good.
    """

    dial_string: str
    fill: Callable[[HiddenNumber], None]
    void: Callable[[], None]


class Trunk(Protocol):
    """A way to the carrier."""

    @property
    def is_sealed(self) -> bool:
        """Whether there is a `blank`."""

    def dial_string(self, number: HiddenNumber) -> str:
        """What Asterisk is asked to dial. Raises NotDiallable and CarrierDown."""

    def blank(self) -> Blank:
        """A dial string without a number. Raises CarrierDown, and TypeError where there is none."""

    def carrier_is_down(self) -> bool:
        """Whether the carrier is known not to answer."""

    def know_asterisk(self, version: str) -> None:
        """Which Asterisk dials: told after every connect, and before anything is dialled by it."""

    def to(self, carrier: str) -> Trunk:
        """The same endpoint with another carrier behind it: a SIP URI with {number} in it."""

    @property
    def endpoint_name(self) -> str:
        """What Asterisk calls the endpoint that calls go out by."""


@dataclass(frozen=True, slots=True)
class DirectTrunk:
    """Asterisk is given the number: `endpoint` is like "PJSIP/{number}@trunk".

    It is called at `carrier`, or at the endpoint's own address where that is None.
    For trunks that can't be dialled sealed: Asterisk's core, and whoever looks into it, knows the number.
    """

    endpoint: str
    number_format: NumberFormat
    carrier: str | None = None

    @property
    def is_sealed(self) -> bool:
        return False

    def blank(self) -> Blank:
        raise TypeError("a trunk that is dialled directly is told the number")

    def dial_string(self, number: HiddenNumber) -> str:
        elsewhere = self.carrier and f"PJSIP/{self.endpoint_name}/{self.carrier}"
        return (elsewhere or self.endpoint).replace("{number}", diallable(number, self.number_format))

    def carrier_is_down(self) -> bool:
        return False  # Asterisk knows, and refuses to dial it

    def know_asterisk(self, version: str) -> None:
        """All versions dial directly in the same way."""

    def to(self, carrier: str) -> DirectTrunk:
        return replace(self, carrier=carrier)

    @property
    def endpoint_name(self) -> str:
        return self.endpoint.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class SealedTrunk:
    """Asterisk is given a token: `endpoint` is like "PJSIP/{token}@trunk-sealed".

    `reserve` makes one, and `issue` lets it lead to a number, or `void` nowhere.

    A token leads to `carrier`, or to the trunk's own where that is None. To Asterisk the token's endpoint is
    always there, since it is us; so `gateways` tell of the trunk's carrier.
    """

    endpoint: str
    reserve: Callable[[], str]
    issue: Callable[[str, HiddenNumber, str | None], None]
    void: Callable[[str], None]
    gateways: Gateways
    know_version: Callable[[str], None]
    carrier: str | None = None

    @property
    def is_sealed(self) -> bool:
        return True

    def dial_string(self, number: HiddenNumber) -> str:
        blank = self.blank()
        blank.fill(number)
        return blank.dial_string

    def blank(self) -> Blank:
        if self.carrier_is_down():
            raise CarrierDown
        token = self.reserve()
        return Blank(
            self.endpoint.replace("{token}", token),
            fill=lambda number: self.issue(token, number, self.carrier),
            void=lambda: self.void(token),
        )

    def carrier_is_down(self) -> bool:
        return self.carrier is None and self.gateways.all_down()

    def know_asterisk(self, version: str) -> None:
        self.know_version(version)

    def to(self, carrier: str) -> SealedTrunk:
        return replace(self, carrier=carrier)

    @property
    def endpoint_name(self) -> str:
        return self.endpoint.rpartition("@")[2]
