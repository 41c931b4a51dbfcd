"""The wheel, built from what git tracks, and environments that have nothing but it and what it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from labkit.errors import LabError
from labkit.places import CHECKOUT


def build_wheel(folder: Path) -> Path:
    """The path of the new wheel in `folder`. Raises LabError."""
    source = folder / "source"
    _copy_tracked(source)
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source))
    shutil.rmtree(source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(place: Path, wheel: Path, python: str | Path = sys.executable) -> None:
    """A venv of that Python's with the wheel and what it needs, no pip and no bytecode. Raises LabError."""
    _run(str(python), "-m", "venv", "--without-pip", str(place))
    pip(place / "bin" / "python", "install", "--no-compile", str(wheel))


def pip(python: str | Path, *arguments: str) -> None:
    """Our pip, at work in that Python's environment. Where packages come from is the machine's own affair."""
    quiet = ("--disable-pip-version-check", "--no-input", "--quiet")
    _run(sys.executable, "-m", "pip", "--python", str(python), *quiet, *arguments)


def _copy_tracked(target: Path) -> None:
    """The files as they lie there: setuptools builds within its source, which is not to be the checkout."""
    listed = _run("git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target / name)


def _run(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command[:4])} failed:\n{(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
