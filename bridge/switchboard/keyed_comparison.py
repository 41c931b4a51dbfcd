"""A manager keys in what a customer says their number is, in a conversation, and hears whether it is.

The digits are in one `KeyedDigits`, from the key that was pressed until they are compared, or given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import structlog

from bridge.asterisk import names
from bridge.asterisk.announcements import COMPARISON_BEGUN, COMPARISONS
from bridge.asterisk.ari import AriError
from bridge.asterisk.pbx import Pbx
from bridge.calls.comparison import Compared, Comparison, ComparisonEvent, KeyOverdue
from bridge.calls.model import Leg
from bridge.rules.keypad import MOST_DIGITS, Keying, Meaning
from bridge.switchboard.capture import Conversation
from bridge.vault.keyed import KeyedDigits

log = structlog.get_logger()

Compare = Callable[[str, str, KeyedDigits], Awaitable[Comparison]]
"""Compares digits with the number that a call goes to, by the call's id and the manager's extension.

It has read the digits before it waits for anything, and raises nothing.
"""


class KeyedComparison:
    """`post` hands an event to the call's own queue, from which `handle` gets it: one at a time, as keys.

    So nothing here puts the manager back into the bridge while a capture has them out of it.
    """

    def __init__(
        self,
        conversation: Conversation,
        compare: Compare,
        pbx: Pbx,
        post: Callable[[ComparisonEvent], None],
        numbering: Iterator[int],
    ) -> None:
        self._of = conversation
        self._compare = compare
        self._pbx = pbx
        self._post = post
        self._numbering = numbering
        self._log = log.bind(call=conversation.call_id)
        self._digits = KeyedDigits(MOST_DIGITS)
        self._keying: Keying | None = None
        self._overdue: asyncio.TimerHandle | None = None
        self._comparing: asyncio.Task[None] | None = None

    @property
    def goes_on(self) -> bool:
        return self._keying is not None or self._comparing is not None

    async def begin(self) -> None:
        """Keys count from here on, and the customer hears none of them."""
        if await self._joined_anew(keys_pass=False):
            self._keying = Keying.begun(self._now())
            self._await_key(self._keying)
            await self._say(COMPARISON_BEGUN)
        else:
            await self._say(COMPARISONS[Comparison.FAILED])

    async def press(self, key: str) -> bool:
        """A key of the manager's; whether it was for the number, and is part of no code."""
        if self._keying is None:
            return False
        self._keying, meaning = self._keying.then(key, self._now())
        match meaning:
            case Meaning.CANCEL:
                await self._end(Comparison.CANCELLED)
            case Meaning.COMPLETE:
                self._stop_waiting()
                work = self._ask()
                name = f"compare {self._of.call_id}"
                self._comparing = asyncio.get_running_loop().create_task(work, name=name)
            case Meaning.DIGIT:
                self._digits.add(key)
        if self._keying is not None:
            self._await_key(self._keying)
        return meaning is not Meaning.CANCEL

    async def handle(self, event: ComparisonEvent) -> None:
        match event:
            case Compared(outcome) if self._comparing is not None:
                await self._end(outcome)
            case KeyOverdue() if self._keying is not None and self._now() >= self._keying.until:
                await self._end(Comparison.CANCELLED)

    def close(self) -> None:
        """Whatever is going on: leave nothing behind, neither a timer nor digits."""
        self._stop_waiting()
        self._digits.forget()
        self._keying = None
        if self._comparing is not None:
            self._comparing.cancel()
            self._comparing = None

    async def _ask(self) -> None:
        outcome = await self._compare(self._of.call_id, self._of.extension, self._digits)
        self._post(Compared(outcome))

    async def _end(self, outcome: Comparison) -> None:
        self.close()
        await self._joined_anew(keys_pass=True)
        await self._say(COMPARISONS[outcome])

    async def _joined_anew(self, *, keys_pass: bool) -> bool:
        """False where that failed; then the two are together all the same, if it can be had."""
        manager = self._of.channels[Leg.MANAGER]
        try:
            await self._pbx.join_anew(self._of.call_id, manager, keys_pass=keys_pass)
        except AriError as error:
            self._tell_failed(error)
        else:
            return True
        try:
            await self._pbx.rejoin(self._of.call_id, manager, self._of.channels[Leg.CUSTOMER])
        except AriError as error:
            self._tell_failed(error)
        return False

    async def _say(self, recordings: tuple[str, ...]) -> None:
        playback_id = names.capture_playback_id(self._of.call_id, next(self._numbering))
        manager, language = self._of.channels[Leg.MANAGER], self._of.manager_language
        try:
            await self._pbx.say(manager, playback_id, recordings, language)
        except AriError as error:
            self._tell_failed(error)

    def _tell_failed(self, error: AriError) -> None:
        self._log.warning("a request of a comparison failed", operation=error.operation, status=error.status)

    def _await_key(self, keying: Keying) -> None:
        self._stop_waiting()
        loop = asyncio.get_running_loop()
        self._overdue = loop.call_at(keying.until, self._post, KeyOverdue())

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
