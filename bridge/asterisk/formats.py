"""Audio formats: as CHANNEL(audionativeformat) tells a channel's, and as ARI's `create` takes them."""

from __future__ import annotations

import re
from typing import Final

_TOLD: Final = re.compile(r"\([A-Za-z0-9_-]+(?:\|[A-Za-z0-9_-]+)*\)", re.ASCII)
_NONE: Final = "(nothing)"


def are_formats(told: str) -> bool:
    """Whether it is what Asterisk tells of a channel's formats, like "(alaw|ulaw)"."""
    return _TOLD.fullmatch(told) is not None


def as_asked(told: str) -> str | None:
    """For `create`, like "alaw,ulaw", the best first; None for a channel that has none."""
    return None if told == _NONE else told.strip("()").replace("|", ",")
