"""The command line of scripts/chaos: calls on a real Asterisk under faults of every kind."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from labkit.errors import INTERRUPTED, LabError
from labkit.faults.campaign import Tally, one_fault_each
from labkit.faults.shop import FaultShop, open_shop
from labkit.faults.storm import storm
from labkit.faults.trial import CallKind
from labkit.progress import StatusLine

_EXIT_CODES: Final = """\
exit codes:
  0  every promise was kept
  1  one was not, or the lab could not be started
"""
_PROMISES_SHOWN: Final = 20


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="call-bridge-chaos-"))
    kept = False
    try:
        kept = asyncio.run(options.run(options, folder))
    except LabError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if kept and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if kept else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Calls on a real Asterisk, through a proxy that lets requests, events and the link fail.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seats", type=int, default=30, metavar="N", help="calls at a time (default: 30)")
    parser.add_argument(
        "--keep", action="store_true", help="keep the lab's folder, as after a broken promise"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    at_random = commands.add_parser("storm", help="random faults in many calls")
    at_random.add_argument("--calls", type=int, default=10_000, metavar="N", help="(default: 10000)")
    at_random.add_argument("--rate", type=float, default=10, metavar="N", help="calls a second (default: 10)")
    at_random.add_argument("--seed", type=int, metavar="N", help="repeat the storm of that seed")
    at_random.set_defaults(run=_storm)

    each = commands.add_parser("each", help="each request and event of a call fails in each way, once")
    each.add_argument(
        "--kind", action="append", type=CallKind, choices=list(CallKind), help="of call (default: all)"
    )
    each.set_defaults(run=_each)
    return parser


async def _storm(options: argparse.Namespace, folder: Path) -> bool:
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    async with open_shop(folder, seats=options.seats) as shop:
        began = time.monotonic()
        with StatusLine() as line:
            watch = _Watch(line, options.calls)
            tally, weather = await storm(shop, calls=options.calls, rate=options.rate, seed=seed, watch=watch)
        return await _report(shop, tally, weather, time.monotonic() - began, folder)


async def _each(options: argparse.Namespace, folder: Path) -> bool:
    async with open_shop(folder, seats=options.seats) as shop:
        began = time.monotonic()
        with StatusLine() as line:
            tally = await one_fault_each(shop, options.kind or list(CallKind), watch=_Watch(line))
        return await _report(shop, tally, Counter(), time.monotonic() - began, folder)


class _Watch:
    """Shows how far it is, and each broken promise at once, should the rest never end."""

    def __init__(self, line: StatusLine, of: int | None = None) -> None:
        self._line = line
        self._of = of
        self._told = 0

    def __call__(self, tally: Tally) -> None:
        for broken in tally.broken[self._told :]:
            print(f"\nBROKEN {broken}", flush=True)
        self._told = len(tally.broken)
        share = f"{tally.calls} of {self._of}" if self._of else str(tally.calls)
        faults = sum(tally.faults.values())
        self._line.show(f"{share} calls, {faults} faults, {len(tally.broken)} promises broken")


async def _report(shop: FaultShop, tally: Tally, weather: Counter[str], seconds: float, folder: Path) -> bool:
    """Print what it came to; whether every promise was kept."""
    left = await shop.look()
    numbers = shop.numbers_in_logs()
    open_records = shop.open_records()
    bad = (tally.dialled_twice, len(numbers), len(left.channels), len(left.bridges), open_records)
    print(f"{tally.calls} calls in {seconds:.0f} s, {tally.calls_with_a_fault} of them with a fault")
    print(f"faults: {_counts(tally.faults)}")
    if weather:
        print(f"weather: {_counts(weather)}")
    print(f"results: {_counts(tally.results)}")
    print(f"customers dialled: {tally.dialled}, of them twice: {tally.dialled_twice}")
    print(f"logs with a number in them: {len(numbers)}")
    print(f"left in Asterisk: {len(left.channels)} channels, {len(left.bridges)} bridges")
    print(f"calls on record without a result: {open_records}")
    print(f"promises broken: {len(tally.broken)}")
    for line in tally.broken[:_PROMISES_SHOWN]:
        print(f"  {line}")
    if any(bad) or tally.broken:
        print(f"the lab's folder: {folder}")
    return not any(bad) and not tally.broken


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())
