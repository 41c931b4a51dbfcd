"""Tasks that somebody keeps: asyncio itself holds a running task only weakly, and hides its error."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars

log = structlog.get_logger()


class Tasks:
    """A set of running tasks. One that fails says so in the log, and the others go on."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, None], name: str, *, call: str | None = None) -> None:
        """With `call`, a call's id, every line that is logged in the task, or of its end, carries it."""
        context = copy_context()
        if call is not None:
            context.run(bind_contextvars, call=call)
        task = asyncio.get_running_loop().create_task(work, name=name, context=context)
        self._running.add(task)
        task.add_done_callback(self._done, context=context)

    def runs(self, name: str) -> bool:
        """Whether a task of this name is running."""
        return any(task.get_name() == name for task in self._running)

    async def finish(self, seconds: float) -> None:
        """Wait for all to end; those that have not after `seconds` are cancelled."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task failed", operation=task.get_name(), error=type(error).__name__)
