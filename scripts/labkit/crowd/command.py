"""The command line of scripts/crowd."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labkit.crowd.ordeals import ORDEALS, UNDISTURBED, Ordeal, Passage, pass_through
from labkit.crowd.shop import MOST_CALLS, Broken, Crowd, open_crowd
from labkit.crowd.verdict import ORPHANS_AFTER_SECONDS, Ending, Share, Story
from labkit.errors import INTERRUPTED, LabError
from labkit.lab import AlreadyUpError
from labkit.machine import Machine
from labkit.places import LABS
from labkit.progress import StatusLine
from labkit.usage import Usage

HANGING_UP_A_SECOND = 50.0
SECONDS_BETWEEN_LOOKS = 0.2
PACES = (1, 2, 4, 5, 8, 10, 20, 25, 40, 50)
EXIT_CODES = """\
exit codes:
  0  every promise was kept
  1  one was broken, or the crowd did not come to talk; the output says which, or why
"""


@dataclass(frozen=True)
class Plan:
    """What a run is made of; `window` is the seconds of each ordeal at least."""

    folder: Path
    calls: int = 500
    packets_a_second: int = 5
    calls_a_second: float = 20.0
    window: float = 12.0
    ordeals: tuple[Ordeal, ...] = ORDEALS


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    plan = Plan(
        folder=options.dir,
        calls=options.calls,
        packets_a_second=options.packets,
        calls_a_second=options.rate,
        window=options.window,
    )
    try:
        with StatusLine(sys.stderr) as status:
            story = asyncio.run(live(plan, status))
    except (LabError, AlreadyUpError, Broken, TimeoutError, OSError) as error:
        print(f"crowd: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    report = json.dumps(story.to_json(), indent=2)
    (plan.folder / "crowd.json").write_text(report + "\n")
    print(report if options.json else "\n".join(story.lines()))
    return 0 if story.kept else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/crowd",
        description="Hundreds of live calls with sound; the daemon killed, cut off, restarted, its database "
        "locked; and the count of what the people who talk have noticed of it.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--calls", type=_calls, default=Plan.calls, metavar="N", help="(default: %(default)s)")
    add(
        "--packets",
        type=int,
        choices=PACES,
        default=Plan.packets_a_second,
        metavar="N",
        help="RTP packets a second from each end; phones send 50 (default: %(default)s)",
    )
    add(
        "--rate",
        type=_positive,
        default=Plan.calls_a_second,
        metavar="N",
        help="calls begun in a second (default: %(default)g)",
    )
    add(
        "--window",
        type=_positive,
        default=Plan.window,
        metavar="SECONDS",
        help="how long each ordeal is watched, at least (default: %(default)g)",
    )
    add("--dir", type=Path, default=LABS / "crowd", help="the lab's folder (default: %(default)s)")
    add("--json", action="store_true", help="everything that was measured, for programs")
    return parser


def _calls(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MOST_CALLS:
        raise argparse.ArgumentTypeError(f"1 to {MOST_CALLS}")
    return count


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("more than 0")
    return number


async def live(plan: Plan, status: StatusLine) -> Story:
    """A crowd's whole life. Raises LabError, Broken, and TimeoutError of a daemon that does not come back."""
    status.show(f"a shop with {plan.calls} managers is made")
    async with open_crowd(plan.folder, calls=plan.calls, packets_a_second=plan.packets_a_second) as crowd:
        await crowd.bring_up(
            calls_a_second=plan.calls_a_second,
            tell=lambda dialled: status.show(f"{dialled} of {plan.calls} managers have dialled"),
        )
        status.show(f"{plan.calls} conversations; {UNDISTURBED.title}")
        with _shares(crowd) as shares:
            undisturbed = await pass_through(crowd, UNDISTURBED, seconds=plan.window * len(plan.ordeals))
        machine = Machine.of(crowd.lab)
        passages: list[Passage] = []
        for ordeal in plan.ordeals:
            status.show(f"{crowd.conversations()} conversations; {ordeal.title}")
            passages.append(await pass_through(crowd, ordeal, seconds=plan.window))
        status.show("all hang up")
        return Story(
            calls=plan.calls,
            packets_a_second=plan.packets_a_second,
            undisturbed=undisturbed,
            passages=passages,
            ending=await _end(crowd),
            machine=machine,
            shares=shares,
        )


async def _end(crowd: Crowd) -> Ending:
    """Return when nothing is left and all is on record, or after `ORPHANS_AFTER_SECONDS`."""
    await crowd.hang_up_all(calls_a_second=HANGING_UP_A_SECOND)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ORPHANS_AFTER_SECONDS
    while True:
        ending = Ending(orphans=await crowd.left_in_asterisk(), results=crowd.results())
        if loop.time() > deadline or (ending.orphans == 0 and "" not in ending.results):
            return ending
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


@contextmanager
def _shares(crowd: Crowd) -> Iterator[dict[str, Share]]:
    """What Asterisk, the daemon and the crowd's sound take meanwhile; known when it is over."""
    processes = crowd.lab.record.processes
    pids = {
        "Asterisk": processes["asterisk"].pid,
        "daemon": processes["daemon"].pid,
        "our RTP": crowd.sound.pid,
    }
    loop = asyncio.get_running_loop()
    before, began = {name: Usage.of(pid) for name, pid in pids.items()}, loop.time()
    shares: dict[str, Share] = {}
    yield shares
    for name, pid in pids.items():
        now = Usage.of(pid)
        used = now.cpu_seconds - before[name].cpu_seconds
        shares[name] = Share(used / (loop.time() - began), now.resident_bytes)
