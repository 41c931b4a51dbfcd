"""Calls in small blocks, one contender after the other, so that the machine's noise hurts all alike."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from benchkit import usage
from benchkit.contenders import Contender
from benchkit.figures import median_of_blocks
from benchkit.peers import CallFailed, Peers, Stamps
from benchkit.site import Site
from benchkit.usage import Cpu
from labkit.errors import LabError

_AFTER_A_BLOCK_S = 0.2
"""What a call leaves to be done (records, bridges) is done by then, and counts for the block."""

_CARRIER_S = 60.0
_STEADY_S = 5.0
"""An OPTIONS from before the carrier was there runs into its timeout (3 s) while later ones are answered
already, and takes the carrier down once more."""


@dataclass
class Block:
    """Consecutive calls of one contender. Times are seconds."""

    to_carrier: list[float] = field(default_factory=list)
    to_answer: list[float] = field(default_factory=list)
    to_sound: list[float] = field(default_factory=list)
    failed: int = 0
    asterisk_cpu: float = 0.0
    own_cpu: float = 0.0

    @property
    def calls(self) -> int:
        return len(self.to_answer)

    def add(self, stamps: Stamps) -> None:
        self.to_carrier.append(stamps.carrier_invited - stamps.asked)
        self.to_answer.append(stamps.answered - stamps.asked)
        self.to_sound.append(stamps.heard - stamps.carrier_answered)


@dataclass
class Clicks:
    """Consecutive clicks of one contender. Times are seconds, from the click to the phone's INVITE."""

    to_phone: list[float] = field(default_factory=list)
    failed: int = 0


@dataclass
class Clicked:
    """All that was measured of one contender's clicks, block by block."""

    contender: Contender
    blocks: list[Clicks] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return sum(block.failed for block in self.blocks)


@dataclass
class Measured:
    """All that was measured of one contender's calls, block by block."""

    contender: Contender
    blocks: list[Block] = field(default_factory=list)

    def over_blocks(self, of: Callable[[Block], list[float]], percent: float) -> float:
        """The median over blocks of a percentile, in seconds."""
        return median_of_blocks([of(block) for block in self.blocks], percent)

    @property
    def failed(self) -> int:
        return sum(block.failed for block in self.blocks)

    @property
    def asterisk_cpu_per_call(self) -> float:
        return _per_call(self.blocks, lambda block: block.asterisk_cpu)

    @property
    def own_cpu_per_call(self) -> float:
        return _per_call(self.blocks, lambda block: block.own_cpu)


_B = TypeVar("_B", Block, Clicks)


def _per_call(blocks: list[Block], of: Callable[[Block], float]) -> float:
    calls = sum(block.calls for block in blocks)
    return sum(of(block) for block in blocks) / calls if calls else 0.0


def wait_for_carrier(site: Site) -> None:
    """Return when Asterisk and the daemon know that the carrier is there, for good. Raises LabError."""
    deadline = time.monotonic() + _CARRIER_S
    up_since = time.monotonic()
    while time.monotonic() - up_since < _STEADY_S:
        if not site.carrier_is_up():
            up_since = time.monotonic()
        if time.monotonic() > deadline:
            raise LabError("Asterisk and the daemon have not noticed the bench's carrier")
        time.sleep(0.1)


def run_calls(
    site: Site, peers: Peers, *, rounds: int, calls: int, progress: Callable[[str], None]
) -> list[Measured]:
    """In each round, every contender has `calls` calls, one at a time."""

    def dial(contender: Contender) -> Block:
        return _dial(site, peers, contender, calls)

    return [Measured(*each) for each in _in_turns(site, dial, rounds, progress)]


def run_clicks(
    site: Site, peers: Peers, *, rounds: int, clicks: int, progress: Callable[[str], None]
) -> list[Clicked]:
    """In each round, every contender has `clicks` clicks, one at a time."""

    def click(contender: Contender) -> Clicks:
        return _click(site, peers, contender, clicks)

    return [Clicked(*each) for each in _in_turns(site, click, rounds, progress)]


def _in_turns(
    site: Site, measure: Callable[[Contender], _B], rounds: int, progress: Callable[[str], None]
) -> list[tuple[Contender, list[_B]]]:
    """Each contender's blocks, without those of a first round, which compiles, caches and connects."""
    all_: list[tuple[Contender, list[_B]]] = [(contender, []) for contender in site.contenders]
    for round_ in range(rounds + 1):
        # Each contender follows another one than in the round before.
        first = round_ % len(all_)
        for contender, counted in all_[first:] + all_[:first]:
            progress(f"round {round_} of {rounds}: {contender.title}")
            with contender.in_turn(site):
                block = measure(contender)
            if round_ > 0:
                counted.append(block)
    return all_


def _dial(site: Site, peers: Peers, contender: Contender, calls: int) -> Block:
    block = Block()
    before, own_before = _cpu(site, contender)
    for extension in itertools.islice(itertools.cycle(site.managers), calls):
        try:
            block.add(_to_the_right_customer(site, contender, peers, extension))
        except CallFailed:
            block.failed += 1
        peers.hang_up_all()
    time.sleep(_AFTER_A_BLOCK_S)
    after, own_after = _cpu(site, contender)
    block.asterisk_cpu = (after - before).own
    # A script that Asterisk starts is Asterisk's child, and the contender's cost.
    block.own_cpu = (own_after - own_before).own + (after - before).children
    return block


def _to_the_right_customer(site: Site, contender: Contender, peers: Peers, extension: str) -> Stamps:
    """Raises CallFailed, and LabError for a call to anybody else."""
    stamps = peers.call(extension, contender.prefix + site.code_of(extension))
    if stamps.number != site.number_of(extension):
        raise LabError(f"{contender.title} has called somebody else than the order's customer")
    return stamps


def _click(site: Site, peers: Peers, contender: Contender, clicks: int) -> Clicks:
    clicked = Clicks()
    for extension in itertools.islice(itertools.cycle(site.managers), clicks):
        peers.register(extension)
        try:
            stamps = peers.click(extension, lambda who=extension: _ask(site, contender, who))  # type: ignore[misc]
            clicked.to_phone.append(stamps.phone_rang - stamps.asked)
        except CallFailed:
            clicked.failed += 1
        peers.hang_up_all()
    return clicked


def _ask(site: Site, contender: Contender, extension: str) -> None:
    contender.click(site, extension, site.code_of(extension))


def _cpu(site: Site, contender: Contender) -> tuple[Cpu, Cpu]:
    return usage.cpu(site.asterisk), usage.cpu_of_all(contender.processes(site))
