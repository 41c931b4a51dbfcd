"""The documents' examples of plug-ins, as anybody would install them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def install_example(example: Path, folder: Path) -> Path:
    """By pip, into a folder of its own, which is returned. What it builds stays out of the checkout."""
    source = shutil.copytree(example, folder / "source")
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--target", folder / "site")
    subprocess.run([sys.executable, "-m", "pip", "install", *options, source], check=True)
    return folder / "site"


def lines_of_example(example: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in example.iterdir() if path.is_file())
