"""Who calls, as the carrier says it: the text of one SIP header becomes a hidden number here, at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

from bridge.asterisk.trunk import NumberFormat
from bridge.vault import NumberRefused, ReadNumber, read_number

# RFC 3261, 25.1: a name-addr or an addr-spec; RFC 3966 for tel. What stands before "<" is for people.
_USER: Final = re.compile(r"(?:.*<)?\s*(?:sips?|tel):(?P<user>[^@;>]{1,40})", re.ASCII | re.IGNORECASE)
_INTERNATIONAL_WITHOUT_PLUS: Final = re.compile(r"[1-9][0-9]{7,14}", re.ASCII)


CallerHeader = Literal["From", "P-Asserted-Identity"]


@dataclass(frozen=True, slots=True)
class CallerLine:
    """How the carrier tells who calls: in which header, and how it writes numbers.

    A number without a country code is taken as dialled in `home_region` ("GB").
    """

    header: CallerHeader
    number_format: NumberFormat
    home_region: str

    def number_in(self, text: str) -> ReadNumber | None:
        """The number in such a header; None where there is none, or none that could be one."""
        found = _USER.match(text)
        if found is None:
            return None
        user = unquote(found["user"])
        if self.number_format == "e164" and _INTERNATIONAL_WITHOUT_PLUS.fullmatch(user):
            user = f"+{user}"
        try:
            return read_number(user, self.home_region)
        except NumberRefused:
            return None
