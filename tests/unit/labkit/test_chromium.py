"""The private browser's starter: it finds what the machine lacks, and becomes the browser."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from labkit import debian
from labkit.chromium import find_chromium, private_chromium
from labkit.debian import UnpackedRoot

# In the browser's place: says by which process it runs, with which libraries, and what it was asked for.
SHOWS_ITSELF = '#!/bin/sh\necho $$; echo "$LD_LIBRARY_PATH"; cat "$FONTCONFIG_FILE"; echo "$@"\n'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "a folder"
    for folder in ("usr/lib/chromium", "usr/lib/x86_64-linux-gnu/pulseaudio", "lib/x86_64-linux-gnu"):
        (root / folder).mkdir(parents=True)
    program = root / "usr/lib/chromium/chromium"
    program.write_text(SHOWS_ITSELF)
    program.chmod(0o755)
    monkeypatch.setattr(debian, "unpacked", lambda wanted: UnpackedRoot(root))
    return root


def test_the_starter_becomes_the_browser_with_libraries_and_fonts_of_its_own(root: Path) -> None:
    with subprocess.Popen([private_chromium(), "--an option"], stdout=subprocess.PIPE, text=True) as browser:
        shown, _ = browser.communicate()
    process, libraries, *fonts, asked = shown.splitlines()
    assert int(process) == browser.pid
    assert libraries.split(":") == [
        f"{root}/usr/lib/x86_64-linux-gnu",
        f"{root}/lib/x86_64-linux-gnu",
        f"{root}/usr/lib/x86_64-linux-gnu/pulseaudio",
    ]
    assert f"  <dir>{root}/usr/share/fonts</dir>" in fonts
    assert asked == "--an option"


def test_a_folder_that_was_moved_gets_a_new_starter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private_chromium()
    moved = root.rename(root.with_name("moved"))
    monkeypatch.setattr(debian, "unpacked", lambda wanted: UnpackedRoot(moved))
    assert str(moved) in private_chromium().read_text()


def test_the_machines_own_browser_is_taken_first_unless_it_is_not_wanted(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "chromium"
    own.write_text("")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_chromium() == own
    monkeypatch.setenv("CALL_BRIDGE_CHROMIUM", "private")
    assert find_chromium().parent == root
