"""A browser to test the desk with: the machine's own Chromium, else Debian's, unpacked and run privately."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from labkit import debian
from labkit.debian import UnpackedRoot

# Set to "private" to leave the machine's own Chromium alone.
CHOICE_VARIABLE = "CALL_BRIDGE_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Playwright's own flags, and these. The browser finds no host but this machine's loopback: a page that wants
# something from elsewhere does not get it, and the browser's maker is not asked for anything either.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
LIBRARY_FOLDERS = ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib/*-linux-gnu*/pulseaudio")
STARTER = "run-chromium"
FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{root}/usr/share/fonts</dir>
  <cachedir>{root}/font-cache</cachedir>
  <alias><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
  <alias><family>serif</family><prefer><family>Inter</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


def find_chromium() -> Path:
    """The program to start: the machine's own where there is one, else the private one. Raises LabError."""
    own = None if os.environ.get(CHOICE_VARIABLE) == "private" else installed_chromium()
    return own or private_chromium()


def installed_chromium() -> Path | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def private_chromium() -> Path:
    """Debian's, unpacked; downloads it where it is missing. Raises LabError."""
    root = UnpackedRoot(debian.unpacked(debian.CHROMIUM).path.resolve())
    starter = root.path / STARTER
    text = _starter(root)
    # The folder may have been moved, or be another checkout's, since the starter was written.
    if not starter.exists() or starter.read_text() != text:
        _write(root.path / "fonts.conf", FONTS.format(root=root.path), 0o644)
        _write(starter, text, 0o755)
    return starter


def _starter(root: UnpackedRoot) -> str:
    """It becomes the browser, so that whoever started it can end it."""
    folders = (folder for pattern in LIBRARY_FOLDERS for folder in sorted(root.path.glob(pattern)))
    libraries = shlex.quote(":".join(map(str, folders)))
    fonts = shlex.quote(str(root.path / "fonts.conf"))
    program = shlex.quote(str(root.path / "usr/lib/chromium/chromium"))
    return f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} FONTCONFIG_FILE={fonts} exec {program} "$@"\n'


def _write(path: Path, text: str, mode: int) -> None:
    """Whole or not at all: another run may be reading it."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(text)
    new.chmod(mode)
    new.replace(path)
