"""The shipped systemd units, what systemd says of them, and a cell that shuts a process in as a unit would.

There is rarely a systemd to run services in where tests run. bubblewrap makes the same walls of the same
parts of the kernel: mount and user namespaces, capabilities, seccomp. What it can't make is told in `Cell`.
"""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from labkit import debian
from labkit.errors import LabError
from labkit.places import CHECKOUT

UNITS = CHECKOUT / "bridge" / "units"
OLDEST_SYSTEMD = 250  # the first that rates a unit without running it

# linux/seccomp.h, and libseccomp's seccomp.h
ACT_ALLOW = 0x7FFF0000
ACT_EPERM = 0x00050000 | 1
COMPARE_EQUAL = 4
# linux/prctl.h
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}

BEHIND_THE_WALL = """\
import ctypes, os, sys
if ctypes.CDLL(None, use_errno=True).prctl({option}, {value}, 0, 0, 0):
    sys.exit(f"MemoryDenyWriteExecute is not to be had: {{os.strerror(ctypes.get_errno())}}")
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True)
class Unit:
    """A unit file's settings, in their order; one that is given again adds to a list or clears it."""

    path: Path
    settings: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        text = re.sub(r"\\\n\s*", "", path.read_text())
        lines = [line for line in text.splitlines() if "=" in line and not line.startswith(("#", ";"))]
        return cls(path, tuple((name, value) for name, _, value in (line.partition("=") for line in lines)))

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.settings if key == name]

    def last(self, name: str) -> str:
        """Raises LabError where it is not set."""
        values = self.all(name)
        if not values:
            raise LabError(f"{self.path.name} sets no {name}=")
        return values[-1]


def systemd_analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the machine's own systemd-analyze where it is new enough, else Debian's. Raises LabError."""
    command = _own_systemd_analyze() or debian.unpacked(debian.SYSTEMD).command("usr/bin/systemd-analyze")
    return subprocess.run(
        [*command, *map(str, arguments)],
        env={**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def _own_systemd_analyze() -> list[str] | None:
    program = shutil.which("systemd-analyze")
    if program is None:
        return None
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"systemd (\d+)", told)
    return [program] if version and int(version[1]) >= OLDEST_SYSTEMD else None


def allowed_syscalls(unit: Unit) -> set[str]:
    """The system calls that SystemCallFilter= leaves, by systemd's own sets (systemd.exec(5))."""
    sets = _syscall_sets()
    allowed = set(_members(sets, "@default"))
    for value in unit.all("SystemCallFilter"):
        named = {call for name in value.removeprefix("~").split() for call in _members(sets, name)}
        allowed = allowed - named if value.startswith("~") else allowed | named
    return allowed


def _syscall_sets() -> dict[str, list[str]]:
    sets: dict[str, list[str]] = {}
    current: list[str] = []
    for line in systemd_analyze("syscall-filter").stdout.splitlines():
        word = line.strip()
        if line.startswith("@"):
            current = sets[word] = []
        elif word and not word.startswith("#"):
            current.append(word)
    return sets


def _members(sets: Mapping[str, Sequence[str]], name: str) -> Iterator[str]:
    if not name.startswith("@"):
        yield name
        return
    for member in sets[name]:
        yield from _members(sets, member)


@dataclass(frozen=True)
class Cell:
    """What a unit leaves to its process: read-only files but for `writable`, no capabilities, no new
    privileges, a private /tmp and /dev, the system calls and socket families of its lists, no memory that can
    be both written and run.

    Not made here, for they are systemd's own or need a cgroup: the watchdog, IPAddressDeny=, MemorySwapMax=,
    credentials, RestrictNamespaces=, ProtectProc= and the smaller Protect...= settings.
    `visible` are folders below /tmp that must be seen.
    """

    unit: Unit
    visible: tuple[Path, ...]
    writable: tuple[Path, ...]

    def door(self, filter_path: Path) -> list[str]:
        """What to put before a command line for it to run inside.

        The filter of system calls is written to a file. Raises LabError.
        """
        self._write_filter(filter_path)
        wall = BEHIND_THE_WALL.format(option=PR_SET_MDWE, value=PR_MDWE_REFUSE_EXEC_GAIN)
        mounts = [
            *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),
            *(part for path in self.visible for part in ("--ro-bind", str(path), str(path))),
            *(part for path in self.writable for part in ("--bind", str(path), str(path))),
        ]
        inside = [*_bubblewrap(), *mounts, "--unshare-user", "--cap-drop", "ALL", "--die-with-parent"]
        # The shell opens the filter as the descriptor that bubblewrap reads it from.
        return [
            *("sh", "-c", f'exec "$@" 9<"{filter_path}"', "sh"),
            *inside,
            *("--seccomp", "9", sys.executable, "-c", wall),
        ]

    def _write_filter(self, path: Path) -> None:
        seccomp = _libseccomp()
        program = seccomp.seccomp_init(ACT_EPERM)
        for name in sorted(allowed_syscalls(self.unit) - {"socket"}):
            number = seccomp.seccomp_syscall_resolve_name(name.encode())
            if number >= 0:  # others are of other architectures
                seccomp.seccomp_rule_add_array(program, ACT_ALLOW, number, 0, None)
        socket = seccomp.seccomp_syscall_resolve_name(b"socket")
        for family in self.unit.last("RestrictAddressFamilies").split():
            equal = _Comparison(0, COMPARE_EQUAL, FAMILIES[family], 0)
            seccomp.seccomp_rule_add_array(program, ACT_ALLOW, socket, 1, ctypes.byref(equal))
        with path.open("wb") as file:
            if seccomp.seccomp_export_bpf(program, file.fileno()):
                raise LabError("libseccomp wrote no filter")
        seccomp.seccomp_release(program)


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp"""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def _libseccomp() -> ctypes.CDLL:
    """Raises LabError where the machine has none."""
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        raise LabError("this machine has no libseccomp (Debian: libseccomp2)") from None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
    ]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    return library


def _bubblewrap() -> list[str]:
    program = shutil.which("bwrap")
    return [program] if program else debian.unpacked(debian.BUBBLEWRAP).command("usr/bin/bwrap")
