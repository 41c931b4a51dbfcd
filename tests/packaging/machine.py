"""A machine to sit down at: a small Debian with an Asterisk on it, a network of its own, and a terminal.

There is no systemd, no sudo and no apt: `stand_ins` has as much of them as the documented commands need. All
else is what it would be: ports, users, paths, what a person is asked and shown.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from small_system import SmallSystem

from labkit import debian

STAND_INS: Final = Path(__file__).with_name("stand_ins")
_PLACES: Final = {
    "sudo": "usr/bin/sudo",
    "apt": "usr/bin/apt",
    "asterisk": "usr/sbin/asterisk",
    "systemctl.py": "usr/bin/systemctl",
}
_ASTERISK: Final = Path("/srv/asterisk")
_ASTERISKS_OWN: Final = ("var/lib/asterisk", "var/spool/asterisk", "var/log/asterisk")
_ASTERISKS_USER: Final = "105"
_VARIABLES: Final = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/root",
    "TERM": "dumb",
    "PS1": r"[$?] \w # ",
}
_PROMPT: Final = re.compile(r"\[(\d+)\] \S+ # $")
# Questions for what is not shown are asked at the terminal of the session, and a new one has none.
_SIT_DOWN: Final = """\
import fcntl, os, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv("/bin/bash", ["bash", "--norc", "--noediting", "-i"])
"""
_SECONDS: Final = 120
_CLONE_NEWNET: Final = 0x40000000


@dataclass(frozen=True)
class Typed:
    """What came of a line that was typed; `shown` is all that whoever looks on could read."""

    code: int
    shown: str


class Machine:
    """It takes root to make one. It is switched on while it is entered."""

    def __init__(self, system: SmallSystem) -> None:
        self.root = system.root
        self.shown = ""
        self._system = system
        self._packages = debian.unpacked(debian.ASTERISK).path
        for name, place in _PLACES.items():
            shutil.copy2(STAND_INS / name, self.root / place)
        self._install_asterisk()

    def _install_asterisk(self) -> None:
        """As the scripts of its package do: a user, and the folders that are theirs."""
        user = ("--uid", _ASTERISKS_USER, "--user-group", "--home-dir", "/var/lib/asterisk", "asterisk")
        self._system("useradd", "--system", *user)
        for folder in ("srv/asterisk", "run/asterisk", "root"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for folder in _ASTERISKS_OWN:
            shutil.copytree(self._packages / folder, self.root / folder, dirs_exist_ok=True)
        theirs = (f"/{folder}" for folder in ("run/asterisk", "etc/asterisk", *_ASTERISKS_OWN))
        self._system("chown", "-R", "asterisk:asterisk", *theirs)
        modules = next(self._packages.glob("usr/lib/*/asterisk")).relative_to(self._packages)
        for place in (modules, Path("usr/share/asterisk"), Path("usr/lib/systemd/system/asterisk.service")):
            (self.root / place).parent.mkdir(parents=True, exist_ok=True)
            (self.root / place).symlink_to(_ASTERISK / place)

    def __enter__(self) -> Self:
        self._terminal, slave = pty.openpty()
        told, tell = os.pipe()
        self._process = subprocess.Popen(
            [*_bubblewrap(), *self._walls(tell)], stdin=slave, stdout=slave, stderr=slave, pass_fds=(tell,)
        )
        os.close(slave)
        os.close(tell)
        with os.fdopen(told) as file:
            self._inside = int(json.load(file)["child-pid"])
        self._read_until(_PROMPT, since=0)
        return self

    def _walls(self, tell: int) -> list[str]:
        return [
            *("--bind", str(self.root), "/", "--ro-bind", str(self._packages), str(_ASTERISK)),
            *("--dev", "/dev", "--proc", "/proc", "--chdir", "/root", "--cap-add", "ALL", "--clearenv"),
            *(part for name, value in _VARIABLES.items() for part in ("--setenv", name, value)),
            *("--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent"),
            *("--info-fd", str(tell), "python3", "-c", _SIT_DOWN),
        ]

    def __exit__(self, *_: object) -> None:
        """Whatever runs on it ends with it."""
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def type(self, line: str, *answers: tuple[str, str]) -> Typed:
        """`answers` are the questions that a person then meets, in turn, and what they type at each."""
        began = len(self.shown)
        self._write(line)
        for question, answer in answers:
            self._read_until(re.compile(re.escape(question) + r"[^\n]*: $"), since=began)
            self._write(answer)
        code = int(self._read_until(_PROMPT, since=began)[1])
        return Typed(code, self.shown[began:])

    def _write(self, line: str) -> None:
        os.write(self._terminal, line.encode() + b"\n")

    def _read_until(self, wanted: re.Pattern[str], *, since: int) -> re.Match[str]:
        deadline = time.monotonic() + _SECONDS
        while (found := wanted.search(self.shown, since)) is None or found.end() < len(self.shown):
            if not select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{wanted.pattern} is not shown. What is:\n{self.shown[since:]}")
            self.shown += self._read()
        return found

    def _read(self) -> str:
        try:
            return os.read(self._terminal, 65536).decode(errors="replace").replace("\r\n", "\n")
        except OSError:
            raise AssertionError(f"the machine is off:\n{self.shown}") from None

    def on_its_network(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do this where the machine's addresses are. It takes a thread, as each has a network of its own."""

        def enter_and_work() -> None:
            with Path(f"/proc/{self._inside}/ns/net").open() as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "the machine's network can't be entered")
            asyncio.run(work())

        with ThreadPoolExecutor(max_workers=1) as threads:
            threads.submit(enter_and_work).result()


def _bubblewrap() -> list[str]:
    return debian.unpacked(debian.BUBBLEWRAP).command("usr/bin/bwrap")
