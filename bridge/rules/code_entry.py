"""How often order codes may be keyed in by callers whom nobody knows.

Counted is every code, right or wrong: were it the wrong ones alone, who is asked once more would learn that
one of theirs was right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bridge.rules.guessing import GuessBook
from bridge.rules.policy import LockOut

_HOUR: Final = 3600
_EVERYBODY: Final = "everybody"


@dataclass(frozen=True, slots=True)
class CodeTries:
    """The codes of late, by caller and in all, as an immutable value of bounded size.

    A caller is a keyed hash of their number, None for whoever has none. Numbers can be made up, a new one for
    each call: so what counts in the end is how many there are in all.
    """

    of_each: GuessBook
    in_all: GuessBook

    @classmethod
    def limited_to(cls, of_each: int, in_all: int) -> CodeTries:
        """So many in an hour; whoever has used them up waits for one."""
        return cls(GuessBook(LockOut(of_each, _HOUR, _HOUR)), GuessBook(LockOut(in_all, _HOUR, _HOUR)))

    def used_up(self, caller: str | None, now_ms: int) -> bool:
        return self.in_all.locked_out(_EVERYBODY, now_ms) or (
            caller is not None and self.of_each.locked_out(caller, now_ms)
        )

    def with_another(self, caller: str | None, now_ms: int) -> CodeTries:
        """One that is too many adds nothing: it is answered as a wrong one without being looked at."""
        if self.used_up(caller, now_ms):
            return self
        in_all, _ = self.in_all.with_miss(_EVERYBODY, now_ms)
        if caller is None:
            return replace(self, in_all=in_all)
        of_each, _ = self.of_each.with_miss(caller, now_ms)
        return CodeTries(of_each, in_all)
