"""The documents: nothing that people meet is left out of them, and what they point to exists."""

from __future__ import annotations

import ast
import configparser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer.main
import yaml
from fastapi.routing import APIRoute
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from bridge.api.app import Daemon, make_app
from bridge.asterisk.announcements import SOUNDS
from bridge.calls.model import Message, Result
from bridge.cli.main import app
from bridge.rules import Reason, Untold
from bridge.switchboard import metrics

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / "docs").glob("*.md"),
    ROOT / "dialplan" / "README.md",
]
OURS = [ROOT / "README.md", OPERATIONS, ARCHITECTURE]
CODE = r"`([^`\n]+)`"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the table rows under a heading, without the table's own head."""
    section = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page.read_text(), re.M | re.S)
    assert section, f"{page.name} has no heading {heading!r}"
    lines = re.findall(r"^\| (.*) \|$", section[1], re.M)
    return [line.split(" | ") for line in lines[2:]]


def names(page: Path, heading: str) -> list[str]:
    """What the first column of the table under a heading names, in its order."""
    return [name for row in rows(page, heading) for name in re.findall(CODE, row[0])]


def sources() -> Iterator[str]:
    for path in (ROOT / "bridge").rglob("*.py"):
        yield path.read_text()


# --- what programs meet ---


def test_every_metric_is_documented_by_the_name_and_the_labels_that_prometheus_sees() -> None:
    counted = {_as_scraped(value) for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)}
    assert set(names(OPERATIONS, "Metrics")) == counted


def _as_scraped(metric: MetricWrapperBase) -> str:
    total = "_total" if isinstance(metric, Counter) else ""
    labels = f"{{{','.join(metric._labelnames)}}}" if metric._labelnames else ""
    return f"{metric._name}{total}{labels}"


def test_every_request_of_the_api_is_documented() -> None:
    routes = make_app(cast(Daemon, None)).routes
    served = {
        (method, route.path)
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    told = {tuple(name.split(" ")) for name in names(OPERATIONS, "The API")}
    assert told - {("GET", "/openapi.json")} == served
    assert "/openapi.json" in {cast(Any, route).path for route in routes}


def test_every_reason_of_a_problem_is_documented_and_the_rules_in_their_order() -> None:
    told = names(OPERATIONS, "Problems")
    of_rules = [reason.value for reason in Reason]
    assert set(told) == {*of_rules, *_reasons_of_the_api()}
    assert [reason for reason in told if reason in of_rules] == of_rules


def test_everything_that_is_told_alike_is_documented() -> None:
    assert names(OPERATIONS, "Told alike") == list(Untold)


def _reasons_of_the_api() -> Iterator[str]:
    """The words that bridge/api itself gives as a problem's reason: the second argument, both ways."""
    for path in (ROOT / "bridge" / "api").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Problem", "problem_response"):
                yield from _words(node.args[1])


def _words(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def test_every_result_is_documented() -> None:
    assert names(OPERATIONS, "Results") == [result.value for result in Result]


def test_every_message_is_documented_with_its_recordings() -> None:
    told = rows(OPERATIONS, "What a manager hears")
    heard = {row[0].strip("`"): tuple(re.findall(CODE, row[1])) for row in told}
    assert heard == {message.value: SOUNDS[message] for message in Message}


def test_every_line_of_the_log_that_is_documented_is_written_somewhere() -> None:
    written = "\n".join(sources())
    assert [line for line in names(OPERATIONS, "Log") if f'"{line}"' not in written] == []


# --- what the next programmer looks for ---


def test_every_folder_is_in_the_architecture() -> None:
    (tree,) = re.findall(r"^## Folders\n\n```\n(.*?)```", ARCHITECTURE.read_text(), re.M | re.S)
    drawn = set(re.findall(r"^ *([\w.]+/?)  ", tree, re.M))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    folders = {path.split("/")[0] + "/" for path in tracked.stdout.split() if "/" in path}
    packages = {path.parent.name + "/" for path in (ROOT / "bridge").glob("*/__init__.py")}
    modules = {path.name for path in (ROOT / "bridge").glob("*.py")} - {"__init__.py"}
    wanted = packages | modules | {folder for folder in folders if not folder.startswith((".", "bridge"))}
    assert wanted - drawn == set()
    assert {name for name in drawn if not _is_in_the_checkout(name)} == set()


def test_the_layers_are_those_that_the_linter_holds() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    layers = settings["importlinter:contract:layers"]["layers"].replace("bridge.", "").strip().splitlines()
    assert f"    {' → '.join(layers).replace(' | ', ', ')}\n" in ARCHITECTURE.read_text()


def test_every_file_that_the_architecture_names_exists() -> None:
    named = re.findall(r"`([\w/-]+(?:/[\w.-]+|\.(?:py|cfg|yaml)))`", ARCHITECTURE.read_text())
    assert named
    assert [name for name in named if not _is_in_the_checkout(name)] == []


def _is_in_the_checkout(name: str) -> bool:
    return (ROOT / name).exists() or (ROOT / "bridge" / name).exists()


def test_the_drawing_of_the_states_is_that_of_the_table() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "draw-states", "--check"], check=False)
    assert done.returncode == 0, "run scripts/draw-states"


# --- what people type ---


@each_page
def test_every_command_of_call_bridge_exists(page: Path) -> None:
    program: Any = typer.main.get_command(app)
    for first, second in _commands_in(page.read_text()):
        assert first in program.commands, first
        group = program.commands[first]
        if hasattr(group, "commands") and not (second == "" and group.invoke_without_command):
            assert second in group.commands, f"{first} {second}"


def _commands_in(text: str) -> Iterator[tuple[str, str]]:
    """The first two words after `call-bridge` in code; not where it is the name of a user or a group."""
    code = "\n".join(found[0] for found in re.finditer(r"```.*?```|^ {4}.*?$|`[^`\n]+`", text, re.M | re.S))
    call = (
        r"(?:(?<=bin/)|(?<![\w./-])(?<!-[uog] ))call-bridge"
        r"(?: --config \S+)?(?= ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?)"
    )
    for found in re.finditer(call, code):
        yield found[1], found[2] or ""


@each_page
def test_every_script_exists_and_can_be_run(page: Path) -> None:
    for name in re.findall(r"\bscripts/[a-z-]+\b(?![/.])", page.read_text()):
        assert os.access(ROOT / name, os.X_OK), name


@pytest.mark.parametrize("page", OURS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_key_of_the_configuration_exists(page: Path) -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    key = re.compile(rf"`((?:{'|'.join(config)})\.[a-z_.]+)`")
    for name in key.findall(page.read_text()):
        if not (ROOT / name).exists():
            assert _has(config, name.split(".")), name


def _has(config: Any, path: list[str]) -> bool:
    for key in path:
        if not isinstance(config, dict) or key not in config:
            return False
        config = config[key]
    return True


# --- the pages themselves ---


@each_page
def test_a_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`|^ {4}.*?$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target, heading in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", prose):
        if not target.startswith(("http:", "https:")):
            there = page.parent / target if target else page
            assert there.exists(), target
            assert not heading or heading in _anchors(there), f"{target}#{heading}"


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings: small letters, no punctuation, dashes for spaces."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_project_speaks_of_itself_alone() -> None:
    """No host that this machine takes packages from, and no path of this machine's."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    of_this_machine = re.compile("|".join(map(re.escape, [f"{ROOT}/", *_package_hosts()])))
    for name in filter(None, tracked):
        assert of_this_machine.search((ROOT / name).read_text(errors="replace")) is None, name


def _package_hosts() -> set[str]:
    """The hosts in apt's sources."""
    sources = [path for path in Path("/etc/apt").rglob("*") if path.suffix in {".list", ".sources"}]
    return {host for path in sources for host in re.findall(r"https?://([^/\s]+)", path.read_text())}
