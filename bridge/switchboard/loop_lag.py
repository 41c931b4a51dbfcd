"""How late the event loop is: every call waits at least so long for its turn."""

from __future__ import annotations

import asyncio
from typing import Final

from bridge.switchboard import metrics

_SECONDS_BETWEEN: Final = 0.25


async def watch_loop_lag() -> None:
    """Sleep, and note by how much the waking was late, for ever; started once by the daemon."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + _SECONDS_BETWEEN
        await asyncio.sleep(_SECONDS_BETWEEN)
        metrics.loop_lag.observe(max(0.0, clock() - due))
