"""The gateway that the configuration names, among those that are installed, ours among them."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

import structlog

from bridge.texts import GROUP, Gateway, Settings

log = structlog.get_logger()

OURS: Final = "http"
"""Its options have a section of their own."""


def load_gateway(kind: str, settings: Settings) -> Gateway | None:
    """None where there is none of this name, or it can't be made: the log tells, and no call is hindered."""
    for point in entry_points(group=GROUP, name=kind):
        try:
            made: Gateway = point.load()(settings)
        except Exception as error:  # somebody else's code may raise whatever it likes
            log.error("the gateway for text messages can't be loaded", kind=kind, error=type(error).__name__)
            return None
        return made
    log.error("the gateway for text messages is not installed", kind=kind)
    return None
