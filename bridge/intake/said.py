"""What the rows of one file have said so far, so that one that contradicts an earlier one is found.

A file may have ten million rows: what they said is kept in a file of SQLite's that has no name and is gone
with the process, and a few MiB of it in memory. There is nothing in it but order codes and hashes, under a
key that is made for this one import: nobody can try numbers against them.
"""

from __future__ import annotations

import secrets
import sqlite3
from hashlib import blake2b
from typing import Final, NamedTuple

_CACHE_KIB: Final = 4096
_KEY_SIZE: Final = 32
_DIGEST_SIZE: Final = 16

# One transaction that is never ended: nothing of it is of use to anybody once this process is gone.
_MAKE: Final = f"""
    PRAGMA cache_size = -{_CACHE_KIB};
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE orders (code TEXT PRIMARY KEY, content BLOB) WITHOUT ROWID;
    CREATE TABLE customers (
        who BLOB PRIMARY KEY, manager INTEGER, language TEXT, second_phone BLOB
    ) WITHOUT ROWID;
    BEGIN;
"""


class OfCustomer(NamedTuple):
    """What a row says of the customer rather than of the order; None where it leaves it out."""

    manager: int | None
    language: str | None
    second_phone: bytes | None
    """Its blind index."""


_NOTHING: Final = OfCustomer(None, None, None)


class Said:
    """Remembers of each row enough to find the ones that contradict it. To be closed."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_KEY_SIZE)
        # Whichever thread reads a batch, it is the only one that reads.
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.executescript(_MAKE)
        self._rows = self._file.cursor()  # one for all: to make one takes as long as to read a row

    def close(self) -> None:
        self._file.close()

    def agrees(self, code: str, content: str) -> bool:
        """Whether an order that is in the file already has had the same content."""
        digest = self._digest(content)
        added = self._rows.execute("INSERT OR IGNORE INTO orders VALUES (?, ?)", (code, digest))
        if added.rowcount == 1:
            return True
        found = self._rows.execute("SELECT content FROM orders WHERE code = ?", (code,)).fetchone()
        return bool(found[0] == digest)

    def disagreement(self, index: bytes, name: str, saying: OfCustomer) -> int | None:
        """Which of what is said of a customer contradicts what was said; else it is remembered.

        They are known by the blind index of the first phone, and the name.
        """
        who = self._digest(name, index)
        found = self._rows.execute(
            "SELECT manager, language, second_phone FROM customers WHERE who = ?", (who,)
        ).fetchone()
        said = _NOTHING if found is None else OfCustomer(*found)
        if said == saying:
            return None
        for place, (before, now) in enumerate(zip(said, saying, strict=True)):
            if None not in (before, now) and before != now:
                return place
        now_said = [before if now is None else now for before, now in zip(said, saying, strict=True)]
        self._rows.execute("INSERT OR REPLACE INTO customers VALUES (?, ?, ?, ?)", (who, *now_said))
        return None

    def _digest(self, text: str, start: bytes = b"") -> bytes:
        message = start + text.encode(errors="replace")
        return blake2b(message, key=self._key, digest_size=_DIGEST_SIZE).digest()
