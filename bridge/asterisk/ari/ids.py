"""Which ids may stand in a URL."""

from __future__ import annotations

import re
from urllib.parse import quote

from bridge.asterisk.ari.errors import UnusableId

# Channel ids look like "1732.5" or "pbx-1732.5"; the second half of a Local channel ends in ";2". The first
# character keeps "." and ".." out of the path. 149 is AST_MAX_UNIQUEID.
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:@/;-]{0,148}")
_RESERVED = re.compile(r"[:@/;]")  # RFC 3986, section 2.2; of most ids there is nothing to quote


def checked_id(operation: str, text: str) -> str:
    """The id as it is. Raises UnusableId, which names `operation` and not the id."""
    if _ID.fullmatch(text) is None:
        raise UnusableId(operation)
    return text


def quoted_path(operation: str, segments: tuple[str, ...]) -> str:
    """The segments as a URL's path, "/" inside a segment quoted. Raises UnusableId."""
    return "/".join([_quoted(checked_id(operation, segment)) for segment in segments])


def _quoted(an_id: str) -> str:
    return quote(an_id, safe="") if _RESERVED.search(an_id) else an_id
