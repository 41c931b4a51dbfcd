"""The command line of scripts/soak."""

from __future__ import annotations

import argparse
import csv
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from labkit import ports, sipp
from labkit.errors import INTERRUPTED, LabError
from labkit.lab import AlreadyUpError, Lab
from labkit.machine import Machine
from labkit.orders import MOST_ORDERS, write_orders
from labkit.places import LABS
from labkit.plan import CARRIER_HOST, FIRST_EXTENSION, UDP
from labkit.processes import last_lines, start
from labkit.progress import StatusLine
from labkit.readiness import POLL_S
from labkit.results import results_since
from labkit.soak import plot
from labkit.soak.samples import Sample, Sampler
from labkit.soak.verdict import Soak

SECONDS_BETWEEN_SAMPLES = 2.0
FEWEST_SAMPLES = 20
TALK_SECONDS = 1.0
# So each manager dials again after ten seconds: long after the call before has ended, on a busy machine too.
MANAGERS_A_CALL_A_SECOND = 10
FEWEST_MANAGERS = 10
MOST_CALLS = 100_000  # what config.yaml lets a shop have on one day
SECONDS_TO_SETTLE = 5.0
SECONDS_TO_FIND_CARRIER = 60.0
EXIT_CODES = """\
exit codes:
  0  nothing grew, every call succeeded and is on record
  1  something did not; the output says what
"""


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        with StatusLine(sys.stderr) as status:
            soak = run(options.dir, minutes=options.minutes, rate=options.rate, tell=status.show)
    except (LabError, AlreadyUpError, OSError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    report, picture = options.dir / "soak.json", options.dir / "soak.svg"
    report.write_text(json.dumps(soak.to_json(), indent=2) + "\n")
    picture.write_text(plot.svg(soak.samples))
    print("\n".join([*soak.lines(), f"        {report}", f"        {picture}"]))
    return 0 if soak.good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Short calls, many a second and for a long time, and whether the daemon grows with them.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=_positive, default=20.0, metavar="N", help="(default: %(default)g)")
    parser.add_argument(
        "--rate", type=_positive, default=20.0, metavar="N", help="calls a second (default: %(default)g)"
    )
    parser.add_argument(
        "--dir", type=Path, default=LABS / "soak", help="for the lab and the report (default: %(default)s)"
    )
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("more than 0")
    return number


def run(folder: Path, *, minutes: float, rate: float, tell: Callable[[str], None]) -> Soak:
    """Let managers call for so long; `rate` is calls a second. Raises LabError."""
    calls = round(minutes * 60 * rate)
    managers = max(FEWEST_MANAGERS, round(rate * MANAGERS_A_CALL_A_SECOND))
    if calls > MOST_CALLS or managers > MOST_ORDERS:
        raise LabError(f"a lab has room for {MOST_CALLS} calls and {MOST_ORDERS} managers")
    if minutes * 60 < FEWEST_SAMPLES * SECONDS_BETWEEN_SAMPLES:
        raise LabError("a soak takes a minute at least")
    tell(f"a shop with {managers} managers is made")
    with _shop(folder, managers) as lab:
        began_ms = int(time.time() * 1000)
        samples, failed = _soak(lab, calls, rate, tell)
        return Soak(
            calls=calls,
            calls_a_second=rate,
            failed=failed,
            results=results_since(lab.database_path, began_ms),
            samples=samples,
            machine=Machine.of(lab),
        )


@contextmanager
def _shop(folder: Path, managers: int) -> Iterator[Lab]:
    """A lab whose phones and carrier are SIPp, and whose records are its own."""
    folder.mkdir(parents=True, exist_ok=True)
    carrier = CARRIER_HOST, ports.free_port(CARRIER_HOST, UDP)
    extensions = [str(FIRST_EXTENSION + index) for index in range(managers)]
    orders = write_orders(folder / "orders.csv", extensions)
    lab = Lab.create(folder, managers=managers, carrier=f"{carrier[0]}:{carrier[1]}")
    try:
        lab.start_asterisk()
        lab.prepare(orders)
        lab.configure({"rules": {"limits": _limits()}, "calls": {"max_live": managers}})
        lab.start_daemon()
        peer = sipp.start_carrier(carrier, folder)
        try:
            yield lab
        finally:
            peer.end()
    finally:
        lab.down()


def _limits() -> dict[str, int]:
    """None that a soak would meet."""
    names = ("per_hour", "per_day", "minutes_per_day", "spend_per_day")
    in_all = (f"{name}_in_all" for name in names[1:])
    return dict.fromkeys((*names, *in_all), MOST_CALLS)


def _soak(lab: Lab, calls: int, rate: float, tell: Callable[[str], None]) -> tuple[list[Sample], int]:
    """The samples, and how many calls failed by SIPp's own count."""
    _wait_for_carrier(lab)
    statistics = lab.folder / "managers-statistics.csv"
    statistics.unlink(missing_ok=True)
    command = sipp.managers_command(
        lab, lab.folder, calls=calls, calls_a_second=rate, talk_seconds=TALK_SECONDS
    )
    log = lab.log("managers")
    sampler = Sampler(lab)
    managers = start([*command, "-trace_stat", "-stf", statistics], log=log, folder=lab.folder)
    samples: list[Sample] = []
    try:
        while managers.alive:
            time.sleep(SECONDS_BETWEEN_SAMPLES)
            samples.append(sampler.take())
            tell(f"{samples[-1].at / 60:.1f} minutes, {samples[-1].live_calls} calls live")
    finally:
        managers.end()
    if len(samples) < FEWEST_SAMPLES:
        raise LabError(f"SIPp ended at once; it said:\n{last_lines(log)}")
    time.sleep(SECONDS_TO_SETTLE)
    return samples, calls - _succeeded(statistics)


def _wait_for_carrier(lab: Lab) -> None:
    """Asterisk refuses to dial a carrier that has not answered its first OPTIONS."""
    deadline = time.monotonic() + SECONDS_TO_FIND_CARRIER
    while "Avail" not in lab.asterisk.rx("pjsip show contacts"):
        if time.monotonic() > deadline:
            raise LabError("the carrier does not answer Asterisk")
        time.sleep(POLL_S)


def _succeeded(statistics: Path) -> int:
    """By the last line that SIPp wrote, whose columns its first line names."""
    with statistics.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return int(rows[-1]["SuccessfulCall(C)"])
