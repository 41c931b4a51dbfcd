"""The daemon, looking now and again at what it spends its processor time on.

`python -m benchkit.programs.sampled CONFIG.yaml FOUND.json`. With SIGUSR1 it begins to look; with SIGUSR2 it
writes what it has found. A look is at the loop's thread, whenever the whole process has used a few
milliseconds of processor time; what each thread has used the kernel itself counts.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

from bridge import daemon

_EVERY_SECONDS: Final = 0.002
_OURS: Final = str(Path(daemon.__file__).parent) + "/"
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


class Looks:
    """How often which package of ours was at work, the innermost of those on the stack."""

    def __init__(self, found: Path) -> None:
        self._found = found
        self._looks = 0
        self._packages: Counter[str] = Counter()
        self._before = (0.0, 0.0)

    def begin(self, _signal: int, _frame: FrameType | None) -> None:
        self._before = seconds_of_threads()
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_SECONDS, _EVERY_SECONDS)

    def end(self, _signal: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        loop, others = (now - then for now, then in zip(seconds_of_threads(), self._before, strict=True))
        found = {"looks": self._looks, "packages": self._packages, "loop_s": loop, "other_threads_s": others}
        unfinished = self._found.with_suffix(".part")
        unfinished.write_text(json.dumps(found))
        unfinished.rename(self._found)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        self._looks += 1
        if (package := package_of(frame)) is not None:
            self._packages[package] += 1


def package_of(frame: FrameType | None) -> str | None:
    """Of the innermost frame that is ours; None where nothing of ours is running."""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_OURS):
            package = path.removeprefix(_OURS).rpartition("/")[0]
            return package or None  # the daemon's own main function is on every stack
        frame = frame.f_back
    return None


def seconds_of_threads() -> tuple[float, float]:
    """Processor time of the loop's thread, and of all others."""
    loop = others = 0.0
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        seconds = (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
        if int(task.name) == threading.main_thread().native_id:
            loop += seconds
        else:
            others += seconds
    return loop, others


if __name__ == "__main__":
    looks = Looks(Path(sys.argv[2]))
    signal.signal(signal.SIGUSR1, looks.begin)
    signal.signal(signal.SIGUSR2, looks.end)
    sys.exit(daemon.run(Path(sys.argv[1])))
