"""What the documents have people type is what commands, configuration and Asterisk take.

Examples that do something are carried out elsewhere: docs/agi.md in tests/pbx/test_agi_examples.py,
docs/api.md in tests/api_v1/test_described.py, docs/install.md in tests/packaging, plug-ins in tests/api_v1
and tests/texts.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from bridge.cli.main import app
from bridge.config import config_of
from bridge.doctor.conf import read_conf

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "dialplan/README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.M | re.S)
BEFORE_A_COMMAND = re.compile(r"^(?:\$ |sudo (?:-u \S+ )?|cd / |systemd-run .*(?=call-bridge ))+")
BETWEEN_COMMANDS = re.compile(r"\s*(?:\|\|?|&&|;|>>?)\s+")
INLINE = re.compile(r"`((?:sudo )?call-bridge [^`]+)`")
OF_ASTERISK = re.compile(r"^(?:;.*\n|\s)*\[[\w-]+\](?:\(\S*\))?\s*$", re.M)
SECTION_OF = {"texts.md": "texts"}
"""Of pages with examples of what is within one section."""


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for found in BLOCK.finditer(page.read_text()):
        if found["language"] in languages:
            yield re.sub(rf"^{found['indent']}", "", found["text"], flags=re.M)


def every_block(*languages: str) -> list[Any]:
    return [
        pytest.param(page, block, id=f"{page.name}-{at}")
        for page in PAGES
        for at, block in enumerate(blocks(page, *languages))
    ]


# --- commands ---


def commands(page: Path) -> Iterator[tuple[str, ...]]:
    """The words of each `call-bridge` command that stands on a page, in a block or in a sentence."""
    lines = [line for block in blocks(page, "", "sh") for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *INLINE.findall(BLOCK.sub("", page.read_text()))]:
        for part in BETWEEN_COMMANDS.split(re.sub(r"\s#.*", "", line.strip())):
            plain = BEFORE_A_COMMAND.sub("", re.sub(r"\$\(.*?\)", "PART", part))
            if re.match(r"call-bridge [a-z-]+( |$)", plain):
                yield tuple(shlex.split(plain)[1:])


COMMANDS = sorted({(page.name, *words) for page in PAGES for words in commands(page)})


@pytest.mark.parametrize("example", COMMANDS, ids=" ".join)
def test_a_command_is_one_that_there_is_with_these_options(example: tuple[str, ...]) -> None:
    words = list(example[1:])
    group: Any = typer.main.get_command(app)
    command = group.get_command(group.make_context("call-bridge", [], resilient_parsing=True), words.pop(0))
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    context = command.make_context(command.name, [], resilient_parsing=True)
    _, left_over, _ = command.make_parser(context).parse_args(args=words)
    assert not left_over, f"{left_over} is nothing that {' '.join(example[1:])} takes"


# --- configuration ---


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        inner = both.get(key)
        both[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return both


@pytest.mark.parametrize(("page", "example"), every_block("yaml"))
def test_a_piece_of_configuration_is_one_that_the_daemon_takes(page: Path, example: str) -> None:
    read = yaml.safe_load(example)
    if example.startswith(" "):
        read = {SECTION_OF[page.name]: read}
    whole = merged(yaml.safe_load((ROOT / "config.yaml").read_text()), read)
    config_of(yaml.safe_dump(whole, allow_unicode=True), Path("config.yaml"))


@pytest.mark.parametrize(
    ("page", "example"), [each for each in every_block("", "ini") if OF_ASTERISK.search(each.values[1])]
)
def test_a_piece_of_asterisks_configuration_has_its_form(page: Path, example: str, tmp_path: Path) -> None:
    """Each file's piece begins with its name; what it adds to is in that file already."""
    for at, piece in enumerate(filter(str.strip, re.split(r"^; \w+\.conf.*\n", example, flags=re.M))):
        path = tmp_path / f"{at}.conf"
        there = re.findall(r"^\[([\w-]+)\]\(\+\)", piece, re.M)
        templates = re.findall(r"^\[[\w-]+\]\(([\w-]+)\)", piece, re.M)
        before = [f"[{name}]\n" for name in there] + [f"[{name}](!)\n" for name in templates]
        path.write_text("".join(before) + piece)
        conf = read_conf(path, tmp_path)
        assert conf is not None
        assert [trouble for trouble in conf.troubles if "include" not in trouble.text] == [], page.name


# --- what programs send and write ---


@pytest.mark.parametrize(("page", "example"), every_block("json"))
def test_a_message_is_json(page: Path, example: str) -> None:
    assert json.loads(example), page.name


@pytest.mark.parametrize(("page", "example"), every_block("python"))
def test_a_piece_of_a_program_is_python(page: Path, example: str) -> None:
    assert ast.parse(textwrap.dedent(example)).body, page.name
