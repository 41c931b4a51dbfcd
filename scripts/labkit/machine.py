"""The machine on which something was measured, as a report has to name it."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from typing import Self

from labkit.lab import Lab


@dataclass(frozen=True)
class Machine:
    """`load_average` is that of the last minute, our own share included; `date` is that of the day, UTC."""

    cores: int
    load_average: float
    asterisk: str
    python: str
    date: str

    @classmethod
    def of(cls, lab: Lab) -> Self:
        return cls(
            cores=os.cpu_count() or 0,
            load_average=os.getloadavg()[0],
            asterisk=lab.asterisk.version,
            python=platform.python_version(),
            date=time.strftime("%Y-%m-%d", time.gmtime()),
        )

    def __str__(self) -> str:
        return (
            f"{self.date}, {self.cores} cores, load average {self.load_average:.1f}, "
            f"Asterisk {self.asterisk}, Python {self.python}"
        )
