"""What a process uses, from /proc (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """`cpu_seconds` is user's and system's time together, of all threads; `threads` is how many there are."""

    cpu_seconds: float
    resident_bytes: int
    open_files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Raises OSError for a process that is gone or somebody else's."""
        folder = Path(f"/proc/{pid}")
        # Fields 14, 15 and 20; field 2 may hold spaces, so they are counted from its parenthesis.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        return cls(
            cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND,
            resident_bytes=int((folder / "statm").read_text().split()[1]) * _PAGE_BYTES,
            open_files=sum(1 for _ in (folder / "fd").iterdir()),
            threads=int(fields[17]),
        )
