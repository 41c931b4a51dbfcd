"""Builds the package: a venv in /opt/call-bridge with the wheel in it, units, manual, completion.

The venv is one of Debian's own Python, so the package depends on just that version of it. Nothing in it says
where it was built.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from bridge import __version__
from labkit.errors import LabError
from labkit.places import CHECKOUT
from labkit.wheel import build_wheel, make_environment

SCRIPTS: Final = Path(__file__).with_name("maintainer")
PLACE: Final = Path("opt/call-bridge")
PYTHON: Final = Path("/usr/bin/python3")
OLDEST: Final = (3, 11)
UNITS: Final = Path("usr/lib/systemd/system")
COMPLETIONS: Final = {
    "bash": "usr/share/bash-completion/completions/call-bridge",
    "zsh": "usr/share/zsh/vendor-completions/_call-bridge",
    "fish": "usr/share/fish/vendor_completions.d/call-bridge.fish",
}
CONTROL: Final = """\
Package: call-bridge
Version: {version}
Architecture: {architecture}
Maintainer: The call-bridge project <root@localhost>
Installed-Size: {size}
Depends: python3 (>= {python}~), python3 (<< {next_python}~), libstdc++6, passwd
Recommends: asterisk (>= 1:20)
Section: comm
Priority: optional
Description: masked calls on the shop's own Asterisk
 Managers dial order codes, customers' phones ring, and no phone number is shown
 to anybody. The numbers lie in an encrypted store.
 .
 After the installation `call-bridge init` sets it up on this machine's PBX.
"""


def build(target: Path, work: Path, *, version: str = __version__, fast: bool = False) -> Path:
    """The path of the new package in `target`; `fast` leaves it uncompressed. Raises LabError."""
    require_python()
    environment = work / "environment"
    make_environment(environment, build_wheel(work), PYTHON)
    return pack(stage(work, environment), target, version=version, fast=fast)


def stage(work: Path, environment: Path) -> Path:
    """Everything that the package installs, below a folder of `work`. Raises LabError."""
    tree = work / "tree"
    shutil.copytree(environment, tree / PLACE, symlinks=True)
    _forget_where_it_was_built(tree, environment)
    _move_to_usual_places(tree)
    return tree


def pack(tree: Path, target: Path, *, version: str, fast: bool = False) -> Path:
    """The same tree can be packed under several versions."""
    control = tree / "DEBIAN"
    shutil.rmtree(control, ignore_errors=True)
    shutil.copytree(SCRIPTS, control)
    for script in control.iterdir():
        script.chmod(0o755)
    size = sum(path.lstat().st_size for path in tree.rglob("*") if not path.is_dir()) // 1024
    architecture = _run("dpkg", "--print-architecture").strip()
    major, minor = _python_version()
    (control / "control").write_text(
        CONTROL.format(
            version=version,
            architecture=architecture,
            size=size,
            python=f"{major}.{minor}",
            next_python=f"{major}.{minor + 1}",
        )
    )
    package = target / f"call-bridge_{version}_{architecture}.deb"
    # xz takes minutes for a few megabytes less. Whoever has this Python has a dpkg that knows zstd.
    compression = "-Znone" if fast else "-Zzstd"
    _run("dpkg-deb", "--root-owner-group", compression, "--build", str(tree), str(package))
    return package


def require_python() -> None:
    """Raises LabError."""
    if not PYTHON.exists() or _python_version() < OLDEST:
        raise LabError(f"the package is made for Debian's own Python, and {PYTHON} is not 3.11 or newer")


def _python_version() -> tuple[int, int]:
    major, minor = _run(str(PYTHON), "-c", "import sys; print(*sys.version_info[:2])").split()
    return int(major), int(minor)


def _forget_where_it_was_built(tree: Path, environment: Path) -> None:
    """Scripts begin with the path of their Python; pyvenv.cfg and bytecode have it, too."""
    here, there = str(environment), f"/{PLACE}"
    for script in (tree / PLACE / "bin").iterdir():
        if not script.is_symlink():
            text = script.read_text()
            if here in text:
                script.write_text(text.replace(here, there))
    settings = tree / PLACE / "pyvenv.cfg"
    kept = [line for line in settings.read_text().splitlines() if here not in line]
    settings.write_text("\n".join(kept) + "\n")
    for record in (tree / PLACE).glob("lib/*/site-packages/*.dist-info/direct_url.json"):
        record.unlink()
    for cached in (tree / PLACE).rglob("__pycache__"):
        shutil.rmtree(cached)
    _run(
        str(tree / PLACE / "bin" / "python"),
        *("-m", "compileall", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash"),
        *("-s", str(tree), "-p", "/", str(tree / PLACE / "lib")),
    )


def _move_to_usual_places(tree: Path) -> None:
    place = tree / PLACE
    shutil.copytree(next(place.glob("lib/*/site-packages/bridge/units")), tree / UNITS)
    manual = tree / "usr/share/man/man1"
    manual.mkdir(parents=True)
    for page in sorted((place / "share/man/man1").iterdir()):
        (manual / f"{page.name}.gz").write_bytes(gzip.compress(page.read_bytes(), mtime=0))
    shutil.rmtree(place / "share/man")
    documents = tree / "usr/share/doc/call-bridge"
    shutil.copytree(
        CHECKOUT / "docs", documents / "docs", ignore=shutil.ignore_patterns("man", "__pycache__")
    )
    shutil.copytree(CHECKOUT / "dialplan", documents / "dialplan")
    shutil.copy2(CHECKOUT / "README.md", documents)
    changes = (CHECKOUT / "CHANGELOG.md").read_bytes()
    (documents / "changelog.gz").write_bytes(gzip.compress(changes, mtime=0))
    command = tree / "usr/bin/call-bridge"
    command.parent.mkdir(parents=True)
    command.symlink_to(f"/{PLACE}/bin/call-bridge")
    for shell, path in COMPLETIONS.items():
        (tree / path).parent.mkdir(parents=True)
        (tree / path).write_text(completion(place / "bin" / "python", shell))
    for each in tree.rglob("*"):
        if not each.is_symlink():
            each.chmod(0o755 if each.is_dir() or each.stat().st_mode & 0o100 else 0o644)


def completion(python: Path, shell: str) -> str:
    """The script that the program itself writes for the shell."""
    program = "from bridge.cli.main import main; main()"
    environment = {"_CALL_BRIDGE_COMPLETE": f"source_{shell}", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [str(python), "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    if re.search(r"call-bridge", done.stdout) is None:
        raise LabError(f"no completion for {shell}:\n{done.stderr}")
    return done.stdout


def _run(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command[:3])} failed:\n{(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def main(arguments: list[str]) -> int:
    """The command scripts/build-deb."""
    target = Path(arguments[0]) if arguments else Path.cwd()
    work = CHECKOUT / ".cache" / "deb"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        print(build(target, work))
    except LabError as error:
        print(f"build-deb: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0
