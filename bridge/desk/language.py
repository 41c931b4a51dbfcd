"""The desk's languages: gettext catalogues, read as the texts that they are, without a step to compile them.

English is what the templates and the code say; there is a catalogue for every other language.
"""

from __future__ import annotations

import gettext
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES: Final = {"en": Locale("en", "GB"), "ru": Locale("ru", "RU")}
"""What the desk speaks, and how it writes dates and numbers in each."""

NAMES: Final = {"en": "English", "ru": "Русский"}
"""Each in itself, as people look for it."""

CATALOGUES: Final = Path(__file__).parent / "locale"


def marked(text: str) -> str:
    """A text for the catalogues, to be translated where it is shown."""
    return text


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The texts of a language of LOCALES."""
    path = CATALOGUES / language / "LC_MESSAGES" / "desk.po"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        read = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def preferred(accept_language: str, *, otherwise: str) -> str:
    """The first language of an Accept-Language header that we speak, by its weights (RFC 9110, 12.5.4)."""
    weighted: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, weight = part.partition(";")
        language = tag.strip().partition("-")[0].lower()
        if language in LOCALES:
            weighted.append((_weight(weight), language))
    weighted.sort(key=lambda each: -each[0])
    return weighted[0][1] if weighted and weighted[0][0] > 0 else otherwise


def _weight(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0
