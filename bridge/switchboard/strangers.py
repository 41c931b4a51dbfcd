"""Callers whom nobody knows: what is kept of each, for a manager who finds out which order the call is about.

In this process's memory alone, of the latest few and for a shift: a restart forgets them all. Numbers are
sealed under a key of their own, as in the database, and open where they become a customer's contact.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bridge.store.schema import ContactKind
from bridge.vault import OF_NOBODY, ReadNumber, Vault

MOST_KEPT: Final = 200
KEPT_MS: Final = 8 * 3_600_000


@dataclass(frozen=True, slots=True, repr=False)
class SealedCaller:
    """A caller's number, sealed, with what its numbering plan tells of it."""

    sealed: bytes
    data_key: bytes
    region: str
    line_type: str
    timezone: str | None

    @classmethod
    def of(cls, number: ReadNumber, vault: Vault) -> SealedCaller:
        data_key = vault.new_data_key(OF_NOBODY)
        sealed = vault.seal(
            number.number,
            customer_id=OF_NOBODY,
            contact_id=OF_NOBODY,
            kind=ContactKind.PHONE.value,
            data_key=data_key,
        )
        return cls(sealed, data_key, number.region, number.line_type, number.timezone)

    def opened(self, vault: Vault) -> ReadNumber:
        """Raises SealBroken."""
        number = vault.open(
            self.sealed,
            customer_id=OF_NOBODY,
            contact_id=OF_NOBODY,
            kind=ContactKind.PHONE.value,
            data_key=self.data_key,
        )
        return ReadNumber(number, self.region, self.line_type, self.timezone)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A call that went on in the dialplan under a running number, or was asked for a message.

    `number` is None where there was none, `message_id` where none was asked for.
    """

    at_ms: int
    number: SealedCaller | None
    message_id: str | None = None


class Strangers:
    """By the running number under which they went on, oldest first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Stranger] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, label: int, stranger: Stranger) -> None:
        """From now on the running number is theirs. Who has been kept for too long goes."""
        self.forget(label)
        self._kept[label] = stranger
        while len(self._kept) > MOST_KEPT or self._oldest.at_ms <= stranger.at_ms - KEPT_MS:
            self._kept.popitem(last=False)

    @contextmanager
    def taken(self, label: int, now_ms: int) -> Iterator[Stranger | None]:
        """Who went on under this number, None where there is nobody any more.

        They are kept no longer, unless what is done with them fails: then somebody may try again.
        """
        stranger = self._kept.pop(label, None)
        try:
            yield None if stranger is None or stranger.at_ms <= now_ms - KEPT_MS else stranger
        except BaseException:
            if stranger is not None:
                self.keep(label, stranger)
            raise

    def forget(self, label: int) -> None:
        self._kept.pop(label, None)

    @property
    def _oldest(self) -> Stranger:
        return next(iter(self._kept.values()))
