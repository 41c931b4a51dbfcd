"""What scripts/test prints last: whoever sees the end of a log alone knows which tests failed."""

import subprocess
import sys
from pathlib import Path

import pytest

from labkit.checks import Outcome, failed_tests, summary

A_FILE_OF_TESTS = """
import pytest

@pytest.fixture
def phone():
    raise OSError("no such phone")

def test_passes():
    pass

@pytest.mark.parametrize("code", ["1042"])
def test_fails(code):
    assert code == "1043", "the wrong order\\nwas called"

def test_rings(phone):
    pass
"""


def test_a_report_tells_which_tests_failed_and_why(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(A_FILE_OF_TESTS)
    report = tmp_path / "report.xml"
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit1", "test_it.py")
    subprocess.run(
        [sys.executable, *command, f"--junit-xml={report}", "--rootdir=."],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    assert failed_tests(report) == [
        "test_it.py::test_fails[1042]: AssertionError: the wrong order",
        'test_it.py::test_rings: failed on setup with "OSError: no such phone"',
    ]


def test_the_summary_ends_with_the_tests_that_failed() -> None:
    lines = summary(
        [Outcome("style", True, 0.2), Outcome("tests", False, 61.0, ("test_it.py::test_a: why",))]
    )
    assert lines[-3:] == ["passed  style       0.2 s", "FAILED  tests      61.0 s", "test_it.py::test_a: why"]


@pytest.mark.parametrize(("failed", "told"), [(20, "why 19"), (21, "and 1 more"), (900, "and 880 more")])
def test_the_summary_stays_short_when_everything_fails(failed: int, told: str) -> None:
    lines = summary([Outcome("tests", False, 1.0, tuple(f"why {one}" for one in range(failed)))])
    assert len(lines) <= 24
    assert lines[-1] == told
