"""Requests that change something come from the desk's own pages, or they are refused.

Twice over: the browser says where a request comes from (Fetch Metadata, and Origin where a browser is older),
and each page carries a token that only somebody with its session can know.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

HEADER: Final = "X-Desk-Token"
"""What htmx sends the token in; forms have it in FIELD."""

FIELD: Final = "desk_token"

_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


def token_of(session: str) -> str:
    """The token of a session's pages. It tells nothing of the session's own."""
    return hmac.new(session.encode(), b"desk pages", hashlib.sha256).hexdigest()


def is_token_of(session: str, token: str) -> bool:
    return hmac.compare_digest(token_of(session).encode(), token.encode())


def comes_from_elsewhere(method: str, headers: Mapping[str, str], origin: str) -> bool:
    """Whether a request is one that another site's page could have made a browser send.

    `origin` is the desk's own. A link that leads here from elsewhere is none: it changes nothing, and
    the session's cookie does not come with it.
    """
    site = headers.get("sec-fetch-site")
    if method in _SAFE_METHODS:
        return site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate"
    if site is not None:
        return site != "same-origin"
    return headers.get("origin") != origin
