"""No copy of this process's memory is left behind or handed out: numbers are in it while they are dialled."""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h


def forbid_dumps() -> None:
    """Let there be no core dump, and let no process of the same user look into this one. Raises OSError.

    The limit alone is not enough: where `kernel.core_pattern` is a pipe, as systemd-coredump has it, it does
    not hold (core(5)). A process that is not dumpable has no dump at all; nor can anybody but root trace it,
    or read its memory and its environment in /proc (prctl(2), PR_SET_DUMPABLE).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
