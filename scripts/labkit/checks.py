"""Every check of the project in one go: what scripts/test runs, for people and for CI alike."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
# Those of one file stay together, since they share a lab. The others make a load of their own, or promise
# something within a time: they come one by one, with the machine to themselves.
_SIDE_BY_SIDE = ("-m", "not alone", "--numprocesses=3", "--dist=loadfile", "--durations=10")
_ONE_BY_ONE = ("-m", "alone", "--durations=10")


@dataclass(frozen=True)
class Check:
    """One tool with its arguments; `title` is what the summary calls it."""

    title: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    title: str
    passed: bool
    seconds: float


def all_checks(pytest_arguments: Sequence[str]) -> list[Check]:
    sources = (".", *(script for script in SCRIPTS if _is_python(CHECKOUT / script)))
    tests = [Check("tests", ("pytest", *pytest_arguments))]
    if not pytest_arguments:
        tests = [Check("tests", ("pytest", *_SIDE_BY_SIDE)), Check("alone", ("pytest", *_ONE_BY_ONE))]
    return [
        Check("style", ("ruff", "check", "--quiet", *sources)),
        Check("format", ("ruff", "format", "--check", "--quiet", *sources)),
        Check("types", ("mypy", "--no-error-summary")),
        Check("imports", ("lint-imports",)),
        *tests,
    ]


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
    return Outcome(check.title, done.returncode == 0, time.monotonic() - began)


def main(pytest_arguments: Sequence[str]) -> int:
    """Run everything, even after a failure: one run tells all. The exit code is 1 if anything failed."""
    try:
        variables = provisioned()
        outcomes = [run(check, variables) for check in all_checks(pytest_arguments)]
    except LabError as error:
        print(f"test: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    print("\n== summary")
    for outcome in outcomes:
        print(f"{'passed' if outcome.passed else 'FAILED'}  {outcome.title:8} {outcome.seconds:6.1f} s")
    return 0 if all(outcome.passed for outcome in outcomes) else 1
