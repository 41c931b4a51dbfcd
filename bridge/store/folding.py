"""Names as they are searched: without regard to case, in any script."""

from __future__ import annotations

import unicodedata


def folded(name: str) -> str:
    """The name in one case, its words one space apart; the Russian yo is an ye, as most people type it.

    SQLite's own `lower` and LIKE know the case of ASCII alone.
    """
    if name.isascii():
        return " ".join(name.lower().split())
    plain = unicodedata.normalize("NFKC", name).casefold().replace("ё", "е")
    return " ".join(plain.split())
