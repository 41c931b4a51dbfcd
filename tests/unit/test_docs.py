"""The documents: nothing that people meet is left out of them, and what they point to exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from bridge.calls.model import Result
from bridge.rules import Reason
from bridge.switchboard import metrics

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / "docs").glob("*.md"),
    ROOT / "dialplan" / "README.md",
]


def test_every_metric_is_documented() -> None:
    names = [value._name for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    assert names
    assert [name for name in names if f"`{name}" not in OPERATIONS] == []


def test_every_refusal_is_documented() -> None:
    assert [reason.value for reason in Reason if f"`{reason.value}`" not in OPERATIONS] == []


def test_every_result_is_documented() -> None:
    assert [result.value for result in Result if f"`{result.value}`" not in OPERATIONS] == []


def test_every_folder_is_in_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    folders = [path.parent.name for path in (ROOT / "bridge").glob("*/__init__.py")]
    assert [folder for folder in folders if f"{folder}/" not in page] == []


def test_the_drawing_of_the_states_is_that_of_the_table() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "draw-states", "--check"], check=False)
    assert done.returncode == 0, "run scripts/draw-states"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`|^ {4}.*?$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), target


def test_the_project_speaks_of_itself_alone() -> None:
    """No registry's host, no path of whoever's machine."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    hosts = re.compile(r"deb\.debian\.org|pypi\.org|npmjs|/work/|/tmp/play")
    for name in filter(None, tracked):
        if name != "tests/unit/test_docs.py":
            assert hosts.search((ROOT / name).read_text(errors="replace")) is None, name
