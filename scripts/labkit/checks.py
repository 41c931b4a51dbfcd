"""Every check of the project in one go: what scripts/test runs, for people and for CI alike."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from labkit import debian
from labkit.asterisk import find_asterisk
from labkit.chromium import find_chromium
from labkit.errors import INTERRUPTED, LabError
from labkit.places import CHECKOUT, VENV

BIN = VENV / "bin"
# ruff finds Python by its file names, and these have none.
_NAMES = (
    "bench",
    "build-deb",
    "callback-time",
    "chaos",
    "crowd",
    "desk-screenshots",
    "desk-speed",
    "draw-states",
    "lab",
    "mixed-calls",
    "quickstart",
    "rotation-time",
    "soak",
    "test",
    "vendor",
    "write-pages",
)
SCRIPTS = tuple(f"scripts/{name}" for name in _NAMES)


# Most tests wait for a phone that rings, or for a second to pass: so three at a time, whatever the machine.
# Those of one file stay together, since they share a lab; and files come in the order of their folders, which
# ends with the quick ones of tests/unit: in pytest-xdist's own order the labs would come last, and some wait
# for one. The others make a load of their own, or promise something within a time: they come one by one, with
# the machine to themselves.
_SIDE_BY_SIDE = (
    *("-m", "not alone", "--numprocesses=3", "--dist=loadfile", "--no-loadscope-reorder", "--durations=10"),
)
_ONE_BY_ONE = ("-m", "alone", "--durations=10")

_MOST_OF_A_REASON = 150
_MOST_FAILED = 20
"""Of the tests that failed, the summary names so many: thousands fail for one reason."""


@dataclass(frozen=True)
class Check:
    """One tool with its arguments; `title` is what the summary calls it."""

    title: str
    command: tuple[str, ...]
    report: Path | None = None
    """Where pytest writes what became of each test, as JUnit's XML."""


@dataclass(frozen=True)
class Outcome:
    title: str
    passed: bool
    seconds: float
    failed: tuple[str, ...] = ()
    """A line for each test that failed: which, and why."""


def all_checks(pytest_arguments: Sequence[str], reports: Path) -> list[Check]:
    sources = (".", *(script for script in SCRIPTS if _is_python(CHECKOUT / script)))
    tests = [_tests("tests", pytest_arguments, reports)]
    if not pytest_arguments:
        tests = [_tests("tests", _SIDE_BY_SIDE, reports), _tests("alone", _ONE_BY_ONE, reports)]
    return [
        Check("style", ("ruff", "check", "--quiet", *sources)),
        Check("format", ("ruff", "format", "--check", "--quiet", *sources)),
        Check("types", ("mypy", "--no-error-summary")),
        Check("imports", ("lint-imports",)),
        *tests,
    ]


def _tests(title: str, arguments: Sequence[str], reports: Path) -> Check:
    report = reports / f"{title}.xml"
    return Check(title, ("pytest", "-o", "junit_family=xunit1", f"--junit-xml={report}", *arguments), report)


def _is_python(script: Path) -> bool:
    return script.is_file() and b"python3" in script.read_bytes().partition(b"\n")[0]


def provisioned() -> dict[str, str]:
    """Fetch what the tests need besides Python; the variables that tell them of it. Raises LabError."""
    asterisk = find_asterisk()
    peers = debian.unpacked(debian.SIP_PEERS)
    print(f"Asterisk {asterisk.version}: {asterisk.root or asterisk.command[0]}", flush=True)
    print(f"Chromium: {find_chromium()}", flush=True)
    variables = {"CALL_BRIDGE_SIP_PEERS_ROOT": str(peers.path)}
    if asterisk.root:
        variables["CALL_BRIDGE_ASTERISK_ROOT"] = str(asterisk.root)
    return variables


def run(check: Check, variables: dict[str, str]) -> Outcome:
    print(f"\n== {check.title}: {' '.join(check.command)}", flush=True)
    began = time.monotonic()
    tool, *arguments = check.command
    done = subprocess.run(
        [BIN / tool, *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    failed = tuple(failed_tests(check.report)) if check.report and check.report.exists() else ()
    return Outcome(check.title, done.returncode == 0, time.monotonic() - began, failed)


def failed_tests(report: Path) -> list[str]:
    """A line for each test of a JUnit report that failed or could not be set up: which, and why."""
    return [
        f"{test.get('file')}::{test.get('name')}: {_first_line(wrong.get('message', ''))}"
        for test in ElementTree.parse(report).iter("testcase")
        for wrong in (*test.iter("failure"), *test.iter("error"))
    ]


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0][:_MOST_OF_A_REASON]


def main(pytest_arguments: Sequence[str]) -> int:
    """Run everything, even after a failure: one run tells all. The exit code is 1 if anything failed."""
    try:
        variables = provisioned()
        with TemporaryDirectory(prefix="call-bridge-test-") as reports:
            outcomes = [run(check, variables) for check in all_checks(pytest_arguments, Path(reports))]
    except LabError as error:
        print(f"test: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    print("\n".join(summary(outcomes)))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """What passed and what did not; last the failed tests by name, so that the end of a log is enough."""
    lines = ["", "== summary"]
    for outcome in outcomes:
        lines.append(
            f"{'passed' if outcome.passed else 'FAILED'}  {outcome.title:8} {outcome.seconds:6.1f} s"
        )
    failed = [line for outcome in outcomes for line in outcome.failed]
    lines += failed[:_MOST_FAILED]
    if len(failed) > _MOST_FAILED:
        lines.append(f"and {len(failed) - _MOST_FAILED} more")
    return lines
