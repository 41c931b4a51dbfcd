"""What holds for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from labkit import ports
from labkit.lab import Lab

LAST_LINES = 40
PROCESSES = ("daemon", "desk", "asterisk-console")

# Machines are noisy, and slowness is no fault of the code's.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# pytest --hypothesis-profile=thorough: a hundred times as many examples as the tests have every day.
settings.register_profile("thorough", settings.get_profile("project"), max_examples=10_000)
settings.load_profile("project")


def pytest_configure(config: pytest.Config) -> None:
    """Let the labs of one of pytest-xdist's processes never take a port of another's."""
    worker = getattr(config, "workerinput", None)
    if worker:
        count = worker["workercount"]
        number = int(worker["workerid"].removeprefix("gw")) % count  # a new one follows one that crashed
        os.environ[ports.VARIABLE] = ports.share(number, count)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show beside a failure what the lab's processes said last: a silent phone does not say why."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and isinstance(lab, Lab):
        logs = [lab.log(name) for name in PROCESSES] + [Path(lab.asterisk.log_folder) / "messages.log"]
        report.sections += [(f"end of {log.name}", _end_of(log)) for log in logs if log.exists()]
    return report


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
