"""What was promised, and whether it was kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from labkit.crowd.ordeals import ORDEALS, UNDISTURBED, Passage
from labkit.machine import Machine

LONGEST_TAKEOVER_SECONDS = 2.0
WAIT_ALLOWANCE_MS = 100.0
ORPHANS_AFTER_SECONDS = 5.0

_TITLES = {ordeal.name: ordeal.title for ordeal in (UNDISTURBED, *ORDEALS)}


@dataclass(frozen=True)
class Ending:
    """What was left `ORPHANS_AFTER_SECONDS` after all had hung up, if not before: channels and bridges in
    Asterisk; and the calls on record, by result, "" those that have none.
    """

    orphans: int
    results: dict[str, int]


@dataclass(frozen=True)
class Share:
    """What one process takes while the crowd is left alone."""

    cores: float
    resident_bytes: int


@dataclass(frozen=True)
class Promise:
    """`timed` ones hold on a machine that is not overloaded; the others hold on any."""

    text: str
    found: str
    kept: bool
    timed: bool = False


@dataclass(frozen=True)
class Story:
    """A crowd's whole life. `undisturbed` lasted as long as all of the `passages` together were meant to."""

    calls: int
    packets_a_second: int
    undisturbed: Passage
    passages: Sequence[Passage]
    ending: Ending
    machine: Machine
    shares: dict[str, Share]

    def promises(self) -> list[Promise]:
        heard = [passage.heard for passage in self.passages]
        dropped = self.calls - min(passage.conversations for passage in self.passages)
        unknown = self.calls - min(passage.on_board for passage in self.passages)
        talked = self.ending.results.get("talked", 0)
        return [
            _none("conversations dropped", dropped),
            _none("conversations that the daemon lost sight of", unknown),
            _none("packets missing, at either end", sum(each.missing for each in heard)),
            _none("packets at the wrong ear", sum(each.foreign for each in heard)),
            _none("ends that hear nothing", max(each.silent for each in heard)),
            self._waits(),
            *self._takeovers(),
            _none(f"orphans {ORPHANS_AFTER_SECONDS:g} s after the end", self.ending.orphans),
            Promise(
                "results on record",
                f"{talked} of {self.calls}",
                self.ending.results == {"talked": self.calls},
            ),
        ]

    @property
    def kept(self) -> bool:
        return all(promise.kept for promise in self.promises())

    def _waits(self) -> Promise:
        """A wait that we cause is one that the machine by itself did not: both are from the same minutes."""
        alone = self.undisturbed.heard.longest_wait
        longest = max(passage.heard.longest_wait for passage in self.passages)
        return Promise(
            f"longest wait for a packet, over that before by {WAIT_ALLOWANCE_MS:g} ms at most",
            f"{longest:.0f} ms, before {alone:.0f} ms: {longest / alone if alone else 0:.2f} times",
            longest <= alone + WAIT_ALLOWANCE_MS,
            timed=True,
        )

    def _takeovers(self) -> Iterable[Promise]:
        for passage in self.passages:
            if (takeover := passage.takeover) is not None:
                yield Promise(
                    f"all taken over after: {_TITLES[passage.name]}",
                    f"{takeover.from_link:.2f} s; {takeover.from_start:.2f} s from the process's start"
                    f" (limits of time renewed: {takeover.limits_from_link:.2f} s)",
                    takeover.from_link < LONGEST_TAKEOVER_SECONDS,
                    timed=True,
                )

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "promises": [asdict(promise) for promise in self.promises()],
            "kept": self.kept,
            "text": self.lines(),
        }

    def lines(self) -> list[str]:
        """For people."""
        rows = [
            f"{_TITLES[passage.name]:42} {passage.conversations:5} {passage.heard.packets:9}"
            f" {passage.heard.missing:8} {_times(passage.heard.transit)} {passage.heard.longest_wait:8.0f}"
            for passage in (self.undisturbed, *self.passages)
        ]
        shares = ", ".join(
            f"{name} {share.cores:.2f} and {share.resident_bytes / 1e6:.0f} MB"
            for name, share in self.shares.items()
        )
        return [
            f"{self.calls} calls, {self.packets_a_second} packets a second from each end. {self.machine}",
            f"Cores and memory used, while left alone: {shares}.",
            "",
            f"{'':42} {'calls':>5} {'packets':>9} {'missing':>8} {'transit p50/p99/p99.9':>21} {'wait':>8}",
            *rows,
            "",
            *(
                f"{'kept  ' if each.kept else 'BROKEN'}  {each.text}: {each.found}"
                for each in self.promises()
            ),
        ]


def _none(text: str, count: int) -> Promise:
    return Promise(text, str(count), count == 0)


def _times(milliseconds: tuple[float, float, float]) -> str:
    return " / ".join(f"{each:.1f}" for each in milliseconds).rjust(21)
