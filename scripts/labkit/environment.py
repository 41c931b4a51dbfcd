"""The Python environment of every script: finds a Python, makes .venv, installs the project, re-executes.

This module and what it imports must load under any python3 people may have (3.8 and newer), with the standard
library alone: its job is to tell them about a Python that is too old, not to fail on its own syntax.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.locks import locked
from labkit.places import CACHE, CHECKOUT, VENV
from labkit.progress import StatusLine

OLDEST_PYTHON = (3, 11)
NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")
VENV_PYTHON = VENV / "bin" / "python"
# The stamp says what the finished environment was made from; the mark, that somebody is (or was) still at it.
STAMP = VENV / ".call-bridge-installed.json"
UNFINISHED = VENV / ".call-bridge-unfinished"
INSTALL_LOG = CACHE / "pip-install.log"


def enter(*extras: str) -> None:
    """Return inside .venv's Python with the project and its `extras` installed; re-executes the script.

    Raises SystemExit with a sentence for the reader when that cannot be had.
    """
    try:
        with locked(CACHE / "environment.lock", "another run that is preparing .venv"):
            prepare(extras)
    except LabError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])


def prepare(extras: tuple[str, ...] = ()) -> None:
    """Make .venv ready, doing only what is missing. Raises LabError."""
    stamp = _read_stamp()
    version = _python_version(VENV_PYTHON)
    if _is_current(stamp, version, extras):
        return
    wanted = sorted({*extras, *stamp.get("extras", [])})
    if _must_be_made(stamp, version):
        version = _make_venv()
    UNFINISHED.touch()
    _install(wanted)
    STAMP.write_text(json.dumps({**_origin(version), "extras": wanted}))
    UNFINISHED.unlink()


def _origin(version: str) -> dict[str, str]:
    """What an environment is made from; a moved checkout has an editable install that points nowhere."""
    metadata = b"".join((CHECKOUT / name).read_bytes() for name in ("setup.cfg", "pyproject.toml"))
    return {"checkout": str(CHECKOUT), "python": version, "metadata": hashlib.sha256(metadata).hexdigest()}


def _read_stamp() -> dict[str, Any]:
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _is_current(stamp: dict[str, Any], version: str, extras: tuple[str, ...]) -> bool:
    same_origin = {**_origin(version), "extras": stamp.get("extras")} == stamp
    return same_origin and set(extras) <= set(stamp["extras"]) and not UNFINISHED.exists()


def _must_be_made(stamp: dict[str, Any], version: str) -> bool:
    """A sound environment that people made themselves is used; a broken or moved one is made anew."""
    moved = stamp.get("checkout", str(CHECKOUT)) != str(CHECKOUT)
    other_python = stamp.get("python", version) != version
    return moved or other_python or UNFINISHED.exists() or not _is_new_enough(version) or not _has_pip()


def _has_pip() -> bool:
    command = [str(VENV_PYTHON), "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _make_venv() -> str:
    """Make .venv from scratch and return its Python's version."""
    python = find_python()
    print(f"Making .venv with Python {_python_version(python)}.", flush=True)
    if VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    UNFINISHED.touch()
    made = subprocess.run([str(python), "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise LabError(_why_no_venv(made.stdout + made.stderr, _python_version(python)))
    return _python_version(VENV_PYTHON)


def _why_no_venv(output: str, version: str) -> str:
    if "ensurepip" in output or "No module named venv" in output:
        package = "python{}.{}-venv".format(*version.split("."))
        return (
            "this Python cannot make virtual environments: its venv or ensurepip module is missing.\n"
            f"On Debian and Ubuntu install it with: apt install {package}"
        )
    return f"cannot make {VENV}:\n{output.strip()}"


def _install(extras: list[str]) -> None:
    """Install the project editable, showing which package pip is at; pip's whole output goes to a log."""
    target = "{}[{}]".format(CHECKOUT, ",".join(extras)) if extras else str(CHECKOUT)
    command = [
        str(VENV_PYTHON),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--editable",
    ]
    print("Installing the Python packages (once).", flush=True)
    INSTALL_LOG.parent.mkdir(parents=True, exist_ok=True)
    with INSTALL_LOG.open("w") as log, StatusLine() as status:
        pip = subprocess.Popen(
            [*command, target],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert pip.stdout is not None
        packages = 0
        for line in pip.stdout:
            log.write(line)
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                packages += 1
                status.show(f"Python packages: {packages} found")
            elif line.startswith("Installing collected packages"):
                status.show(f"Python packages: installing {packages}")
    if pip.wait() != 0:
        last_lines = "\n".join(INSTALL_LOG.read_text().splitlines()[-15:])
        raise LabError(f"pip could not install the project (all it said is in {INSTALL_LOG}):\n{last_lines}")


def find_python() -> Path:
    """The running Python where it is new enough, else the newest on PATH. Raises LabError."""
    running_python = getattr(sys, "_base_executable", sys.executable)  # never .venv's own: it may have to go
    for candidate in [running_python, *map(shutil.which, NEWER_PYTHONS)]:
        if candidate and _is_new_enough(_python_version(Path(candidate))):
            return Path(candidate)
    running = "{}.{}".format(*sys.version_info[:2])
    raise LabError(
        "Python {}.{} or newer is needed; this is {}, and none newer is on PATH.".format(
            *OLDEST_PYTHON, running
        )
    )


def _python_version(python: Path) -> str:
    """Like "3.11", for environments survive patch releases; empty when it does not run."""
    command = [str(python), "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _is_new_enough(version: str) -> bool:
    return bool(version) and tuple(int(part) for part in version.split(".")) >= OLDEST_PYTHON
