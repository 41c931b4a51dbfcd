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
from typing import Any, TextIO

from labkit.errors import INTERRUPTED, LabError
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
        if not _is_current(extras):
            with locked(CACHE / "environment.lock", "another run that is preparing .venv"):
                prepare(extras)
    except (LabError, OSError) as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])


def prepare(extras: tuple[str, ...] = ()) -> None:
    """Make .venv ready, doing only what is missing. Raises LabError."""
    if _is_current(extras):
        return
    stamp = _read_stamp()
    version = _venv_version()
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


def _is_current(extras: tuple[str, ...]) -> bool:
    stamp = _read_stamp()
    same_origin = {**_origin(_venv_version()), "extras": stamp.get("extras")} == stamp
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
    _discard_venv()
    VENV.mkdir()
    UNFINISHED.touch()
    made = subprocess.run([str(python), "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise LabError(_why_no_venv(made.stdout + made.stderr, _python_version(python)))
    return _venv_version()


def _discard_venv() -> None:
    """At one stroke: an environment that is half removed can look whole."""
    discarded = CACHE / "discarded-venv"
    shutil.rmtree(discarded, ignore_errors=True)
    if VENV.exists():
        VENV.rename(discarded)
        shutil.rmtree(discarded, ignore_errors=True)


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
        try:
            _follow(pip, log, status)
        finally:
            pip.terminate()  # no use once it has ended; otherwise it would go on in the next run's way
            pip.wait()
    if pip.returncode != 0:
        last_lines = "\n".join(INSTALL_LOG.read_text().splitlines()[-15:])
        raise LabError(f"pip could not install the project (all it said is in {INSTALL_LOG}):\n{last_lines}")


def _follow(pip: subprocess.Popen[str], log: TextIO, status: StatusLine) -> None:
    """Until pip closes its output."""
    assert pip.stdout is not None
    packages = 0
    for line in pip.stdout:
        log.write(line)
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            packages += 1
            status.show(f"Python packages: {packages} found")
        elif line.startswith("Installing collected packages"):
            status.show(f"Python packages: installing {packages}")
    pip.wait()


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


def _venv_version() -> str:
    """Of .venv's own Python; empty when that does not run, or is a link to another without being a .venv."""
    version, _, prefix = _ask(VENV_PYTHON, "'{}.{} {}'.format(*sys.version_info[:2], sys.prefix)").partition(
        " "
    )
    return version if prefix and Path(prefix).resolve() == VENV.resolve() else ""


def _python_version(python: Path) -> str:
    """Like "3.11", for environments survive patch releases; empty when it does not run."""
    return _ask(python, "'{}.{}'.format(*sys.version_info)")


def _ask(python: Path, expression: str) -> str:
    command = [str(python), "-c", f"import sys; print({expression})"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _is_new_enough(version: str) -> bool:
    return bool(version) and tuple(int(part) for part in version.split(".")) >= OLDEST_PYTHON
