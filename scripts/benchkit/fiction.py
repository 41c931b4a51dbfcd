"""Phone numbers that nobody has, by the hundred thousand: what regulators keep free for films and books.

Ofcom (United Kingdom), the NANPA (555-0100 to 555-0199 of every area code), Arcep (France), ACMA (Australia).
"""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers

_BLOCKS = (
    ("+447700900", 3),
    ("+442079460", 3),
    *((f"+1{area}55501", 2) for area in range(201, 990)),
    *((f"+33{block}", 4) for block in ("19900", "26191", "35301", "46571", "53649", "63998")),
    *((f"+61{area}{block}", 4) for area in (2, 3, 7, 8) for block in (5550, 7010)),
)
"""The beginning of a block, and how many digits are free in it."""
COUNTRIES = ("GB", "US", "CA", "FR", "AU")


def numbers() -> Iterator[str]:
    """Every one of them, in E.164, that has the form of a number which could be somebody's."""
    for beginning, free in _BLOCKS:
        first = beginning + "0" * free
        if phonenumbers.is_valid_number(phonenumbers.parse(first)):
            for ending in range(10**free):
                yield f"{beginning}{ending:0{free}}"
