"""Which managers' phones are there, as far as anybody has said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from bridge.asterisk.ami.happenings import PhoneSeen


class Phones:
    """Nothing is known without AMI, nor before it has said something: then a phone counts as there."""

    def __init__(self) -> None:
        self._reachable: dict[str, bool] = {}
        self._watchers: list[Callable[[str], None]] = []

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Tell somebody the extension of each phone that comes or goes. They return at once."""
        self._watchers.append(watcher)

    def is_reachable(self, extension: str) -> bool | None:
        """None where nobody has said."""
        return self._reachable.get(extension)

    def away(self) -> Set[str]:
        """The extensions whose phones are known not to be there."""
        return {extension for extension, reachable in self._reachable.items() if not reachable}

    def note(self, seen: PhoneSeen) -> None:
        before = self._reachable.get(seen.extension)
        self._reachable[seen.extension] = seen.reachable
        if before is not seen.reachable:
            self._tell(seen.extension)

    def learn(self, found: Iterable[PhoneSeen]) -> None:
        """What was asked for. An event that came while the answer was under way is newer."""
        for seen in found:
            if seen.extension not in self._reachable:
                self.note(seen)

    def forget(self) -> None:
        """Nobody says any more what happens."""
        known, self._reachable = self._reachable, {}
        for extension in known:
            self._tell(extension)

    def _tell(self, extension: str) -> None:
        for watcher in self._watchers:
            watcher(extension)
