"""Orders for labs of many managers: one customer of each manager's own."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

FIRST_ORDER = 5000
FIRST_NUMBER = 447_700_900_000  # Ofcom's mobiles for fiction: nobody's
MOST_ORDERS = 1000


def write_orders(path: Path, extensions: Iterable[str]) -> Path:
    """A file for `call-bridge orders import`: the n-th manager has the n-th order, with the n-th number."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager", "language"])
        for index, extension in enumerate(extensions):
            number = f"+{FIRST_NUMBER + index}"
            writer.writerow([FIRST_ORDER + index, f"Customer of {extension}", number, "", extension, "en"])
    return path
