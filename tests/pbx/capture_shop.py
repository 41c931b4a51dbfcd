"""A shop where customers key numbers in: captures are impatient here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.store.new_contacts import GIVEN_LABEL
from labkit import ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP
from labkit.results import rows

SETTINGS: dict[str, dict[str, Any]] = {
    "captures": {"key_seconds": 3, "longest_seconds": 60},
    "log": {"level": "debug", "format": "json"},
}


@contextmanager
def capture_shop(folder: Path, settings: dict[str, dict[str, Any]] | None = None) -> Iterator[Lab]:
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(folder, carrier=carrier)
    try:
        lab.start_asterisk()
        lab.prepare()
        lab.configure(settings or SETTINGS)
        lab.start_daemon()
        yield lab
    finally:
        lab.down()


def contacts(lab: Lab, code: str) -> list[tuple[str | None, str, int]]:
    """Label, standing and position of each contact of the order's customer, oldest first."""
    return rows(
        lab.database_path,
        "SELECT label, standing, position FROM contacts WHERE customer_id ="
        " (SELECT customer_id FROM orders WHERE code = ?) ORDER BY id",
        code,
    )


def given(lab: Lab, code: str) -> int:
    """How many of them the customer has given."""
    return [label for label, _, _ in contacts(lab, code)].count(GIVEN_LABEL)
