"""Pages that are made from the program: up to date, complete, and readable by what reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.config import known_keys
from pagekit import command, man_pages
from pagekit.config_page import field_of, keys_of, page

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config.yaml"
CALL_BRIDGE = Path(sys.executable).parent / "call-bridge"


def test_the_pages_are_up_to_date() -> None:
    assert command.main(["--check"]) == 0, "run scripts/write-pages"


def test_a_page_that_is_not_up_to_date_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "all_pages", lambda: {ROOT / "docs" / "config.md": "another text"})
    assert command.main(["--check"]) == 1
    assert "docs/config.md is not up to date" in capsys.readouterr().out


def test_every_key_of_the_configuration_has_its_row() -> None:
    text = page(CONFIG)
    sections = {key[:-1] for key in known_keys()}
    for key in known_keys():
        assert key in sections or f"| `{'.'.join(key)}` |" in text, key


def test_every_row_says_what_a_value_is_and_what_it_means() -> None:
    rows = [line.split(" | ") for line in page(CONFIG).splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert [cells for cells in rows if len(cells) < 4 or not all(map(str.strip, (cells[2], cells[3])))] == []


def test_a_comment_goes_with_the_key_below_or_before_it() -> None:
    text = "a:\n  # One,\n  # two.\n  b: 5\n  c: [x] # three\n\n# Of nobody.\n\nd: 1\n"
    found = [(key.path, key.value, key.comment) for key in keys_of(text)]
    assert found == [
        (("a",), "", ""),
        (("a", "b"), "5", "One, two."),
        (("a", "c"), "[x]", "three"),
        (("d",), "1", ""),
    ]


def test_a_key_that_does_not_exist_has_no_field() -> None:
    with pytest.raises(KeyError):
        field_of(("rules", "limits", "per_fortnight"))


# --- manual pages ---


@pytest.mark.skipif(shutil.which("groff") is None, reason="this machine has no groff to read them with")
@pytest.mark.parametrize("name", sorted(man_pages.pages()))
def test_roff_reads_a_manual_page_without_a_warning(name: str) -> None:
    read = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"],
        input=man_pages.pages()[name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (read.returncode, read.stderr) == (0, "")


def test_the_manual_has_each_option_of_each_command() -> None:
    orders = man_pages.pages()["call-bridge-orders.1"]
    for text in ("orders import", "orders assign", r"\-\-dry\-run", r"\-\-rejects"):
        assert text in orders, text
    assert r"\fBcall\-bridge\-panic\fR(1)" in man_pages.pages()["call-bridge.1"]


# --- completion ---


def completed(line: str, folder: Path) -> list[str]:
    """What bash offers for the last word of the line, by the script that the program itself writes."""
    script = subprocess.run(
        [CALL_BRIDGE],
        env={"_CALL_BRIDGE_COMPLETE": "source_bash", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    (folder / "call-bridge").write_text(script)
    words = " ".join(f"'{word}'" for word in line.split(" "))
    asked = (
        f"source {folder / 'call-bridge'}; COMP_WORDS=({words}); COMP_CWORD={line.count(' ')};"
        f" _call_bridge_completion {CALL_BRIDGE}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    assert completed("call-bridge ord", tmp_path) == ["orders"]
    assert "import" in completed("call-bridge orders ", tmp_path)
    assert "--dry-run" in completed("call-bridge orders import --d", tmp_path)
