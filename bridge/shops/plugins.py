"""The plug-ins that are installed, ours among them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

import structlog

from bridge.shops import GROUP, Shop

log = structlog.get_logger()


def kinds() -> frozenset[str]:
    """Their names. None is loaded."""
    return frozenset(point.name for point in entry_points(group=GROUP))


def load_shops() -> Mapping[str, Shop]:
    """All that can be loaded, by name; of the others the log tells, and they hinder nobody."""
    loaded: dict[str, Shop] = {}
    for point in entry_points(group=GROUP):
        try:
            loaded[point.name] = point.load()()
        except Exception as error:  # somebody else's code may raise whatever it likes
            log.error("a shop's plug-in can't be loaded", kind=point.name, error=type(error).__name__)
    return loaded
