"""Digits that somebody is keying in: they go in one by one, and come out as a hidden number or as sound."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final, NoReturn, SupportsIndex, final

from bridge.vault.hidden import MASK, HiddenNumber
from bridge.vault.numbers import ReadNumber, read_number, read_said

_DIGITS: Final = "0123456789"


@final
class KeyedDigits:
    """At most `most` digits, that show themselves to nobody by accident.

    Each is kept XOR-ed with a random byte of its own, so that neither a text of this object nor the object it
    holds is what was keyed. What `HiddenNumber` does not protect against, this does not either.
    """

    __slots__ = ("__most", "__overflown", "__pads", "__veiled")

    def __init__(self, most: int) -> None:
        self.__most = most
        self.__veiled = bytearray()
        self.__pads = bytearray()
        self.__overflown = False

    def add(self, digit: str) -> None:
        """ValueError (without the text) for anything but one ASCII digit."""
        value = _DIGITS.find(digit) if len(digit) == 1 else -1
        del digit
        if value < 0:
            raise ValueError("not a digit")
        if len(self.__veiled) == self.__most:
            self.__overflown = True
            return
        pad = secrets.randbits(8)
        self.__veiled.append(value ^ pad)
        self.__pads.append(pad)

    def forget(self) -> None:
        """Overwrite and drop everything."""
        for held in (self.__veiled, self.__pads):
            held[:] = bytes(len(held))
            held.clear()
        self.__overflown = False

    def read(self, home_region: str) -> ReadNumber:
        """The number that they are, as dialled in `home_region`. Raises NumberRefused."""
        # More than fit are no number; neither are none.
        return read_number(
            "" if self.__overflown else "".join(_DIGITS[each] for each in self.__values()), home_region
        )

    def said(self, home_region: str) -> HiddenNumber | None:
        """The number that they may be, also one that no plan has; None of none, and of more than fit."""
        if self.__overflown:
            return None
        return read_said("".join(_DIGITS[each] for each in self.__values()), home_region)

    def as_code(self) -> str | None:
        """The order's code that they may be; None of none, and of more than fit."""
        return "".join(_DIGITS[each] for each in self.__values()) or None if not self.__overflown else None

    def spoken(self, recordings: Sequence[bytes], pause: bytes) -> bytes:
        """The digits as sound: of `recordings` that of each in turn, each followed by `pause`."""
        return b"".join(recordings[each] + pause for each in self.__values())

    def __values(self) -> list[int]:
        return [veiled ^ pad for veiled, pad in zip(self.__veiled, self.__pads, strict=True)]

    def __repr__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("keyed digits are not pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("keyed digits have no state to show")
