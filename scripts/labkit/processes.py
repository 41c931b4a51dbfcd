"""Background processes that outlive the script which started them, and are ended without a mistake.

A process is known by its pid *and* its start time: pids are used again, and a lab's record may be days old.
"""

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# Asterisk, keys and numbers may be in their memory: nothing of that belongs in a core dump.
WITHOUT_CORE_DUMPS = ("sh", "-c", 'ulimit -c 0; exec "$@"', "sh")


@dataclass(frozen=True)
class Process:
    """`started` is the start time in clock ticks since boot, field 22 of /proc/PID/stat (proc(5))."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Raises ProcessLookupError when there is none."""
        return cls(pid, _start_time(pid))

    @property
    def alive(self) -> bool:
        _reap(self.pid)
        try:
            return _start_time(self.pid) == self.started
        except ProcessLookupError:
            return False

    def end(self, *, grace_s: float = 10.0) -> None:
        """Ask it to terminate, insist after `grace_s` seconds, and return when it is gone."""
        if not self.send(signal.SIGTERM, wait_s=grace_s):
            self.kill()

    def kill(self) -> None:
        self.send(signal.SIGKILL, wait_s=10.0)

    def send(self, signal_number: signal.Signals, *, wait_s: float) -> bool:
        """Send a signal and wait until the process is gone; tells whether it went within `wait_s` seconds.

        The file descriptor pins the process: once its start time is seen to be ours, no other can be hit.
        """
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        with closing(os.fdopen(handle)):
            if not self.alive:
                return True
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal_number)
            gone = select.poll()
            gone.register(handle, select.POLLIN)
            went = bool(gone.poll(wait_s * 1000))
        _reap(self.pid)
        return went


def start(
    command: Sequence[str | Path], *, log: Path, folder: Path, environment: Mapping[str, str] | None = None
) -> Process:
    """Start `command` in the background in `folder`; its output goes to the end of `log`, mode 0600."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            [*WITHOUT_CORE_DUMPS, *map(str, command)],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    finally:
        os.close(handle)
    process = Process.of(child.pid)
    child.returncode = 0  # we watch it by pid from here on; Popen need not warn that it still runs
    return process


def _start_time(pid: int) -> int:
    """Raises ProcessLookupError for a process that is gone or only waits to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    # The command's name, in parentheses, may hold spaces and parentheses itself: count from the last one.
    state, *fields = stat.rpartition(")")[2].split()
    if state in "ZX":
        raise ProcessLookupError(pid)
    return int(fields[18])


def _reap(pid: int) -> None:
    """Take a finished child of ours off the process table; other people's are not ours to wait for."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, for error messages; empty when there is none."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""
