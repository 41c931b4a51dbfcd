"""The audit's chain: what makes a row that was flipped, removed, moved or slipped in show itself.

    link of a row   = H(domain || link of the row before || the row, its id included)
    head            = id and link of the last signed row, with a signature of both

H is HMAC-SHA-256 with the audit key where the writer has one (`signed` is 1), and SHA-256 where not: a daemon
without keys must put refusals on record, and `panic` must work whatever has become of the keys. Such rows
are part of the same chain. The next signed row vouches for them, as its link depends on theirs; until then
whoever can write to the database could exchange them, so verification tells how many there are and how many
of them nobody has vouched for.

The head is what shows that rows were cut off at the end. It is overwritten in place: no older head is left
behind to pass for the newest. Against somebody who puts a whole older database back nothing inside the
database helps; a head that is kept elsewhere does (`call-bridge audit head`).
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

from bridge.vault import AuditSigner

BEFORE_THE_FIRST: Final = bytes(32)
"""What stands for the link of the row before the first."""

_ROW: Final = b"call-bridge audit row 1"
_HEAD: Final = b"call-bridge audit head 1"


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """A row as it is linked; texts as UTF-8, the database's own encoding."""

    id: int
    at_ms: int
    actor: bytes
    act: bytes
    subject: bytes
    detail: bytes

    def link(self, before: bytes, signer: AuditSigner | None) -> bytes:
        """32 bytes: this row's link to the row whose link is `before`."""
        message = b"".join((_ROW, before, self._encoded()))
        return signer.sign(message) if signer else hashlib.sha256(message).digest()

    def _encoded(self) -> bytes:
        """Lengths before texts: two different rows never give the same bytes."""
        texts = (self.actor, self.act, self.subject, self.detail)
        return struct.pack(">qq", self.id, self.at_ms) + b"".join(
            struct.pack(">q", len(text)) + text for text in texts
        )


@dataclass(frozen=True, slots=True)
class Head:
    """A row by its id and link: by the link it vouches for every row before it as well."""

    row_id: int
    link: bytes

    def signature(self, signer: AuditSigner) -> bytes:
        return signer.sign(self._encoded())

    def is_signed(self, signature: bytes, signer: AuditSigner) -> bool:
        return signer.is_signature(signature, self._encoded())

    def _encoded(self) -> bytes:
        return _HEAD + struct.pack(">q", self.row_id) + self.link


@dataclass(slots=True)
class Pen:
    """What a process writes the audit with: the key, if it has one, and the end of the chain as it left it.

    `end` saves looking for the end before each row. It is a guess: another process may have written since, or
    this one's transaction may have been undone; so each row is written on the condition that it still holds.
    """

    signer: AuditSigner | None = None
    end: Head | None = None
    moves_head: bool = False
    """Whether the head belongs to this chain, and is to follow it."""
