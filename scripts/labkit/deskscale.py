"""A shop that has worked for years: many orders in every state, with calls, outcomes and notes.

Orders come in as everybody's do, by `call-bridge orders import`. What has become of them is written straight
into the database, for it would take years to make by calling.
"""

from __future__ import annotations

import csv
import random
import sqlite3
import string
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchkit import fiction

FIRST_CODE = 1_000_000
SEED = 20  # the same shop each time
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PAST_DAYS = 180

FIRST_NAMES = (
    *("Ada", "Boris", "Clara", "Darya", "Edith", "Fyodor", "Grace", "Hugh", "Irina", "James"),
    *("Katya", "Leo", "Maud", "Nikita", "Olive", "Pavel", "Ruth", "Semyon", "Tess", "Vera"),
)
LAST_NAMES = (
    *("Ashdown", "Belov", "Carter", "Dorofeev", "Ellis", "Fenwick", "Gromov", "Hale", "Isaev", "Jarvis"),
    *("Kotov", "Lamb", "Morozov", "Nash", "Orlov", "Pike", "Reed", "Sokolov", "Thorn", "Volkov"),
    *("Whitlock", "Yates", "Zorin", "Barlow", "Cobb", "Drake", "Frost", "Hobbs", "Marsh", "Quill"),
)
GOODS = ("bookshelf, oak", "desk lamp", "rug, 2 x 3 m", "dining chair", "wardrobe", "writing desk")


@dataclass(frozen=True)
class Life:
    """What becomes of so large a share of the orders. `due` is in hours from now, the first and the last."""

    share: float
    why: str
    outcome: str | None
    attempts: int = 0
    due: tuple[float, float] | None = None


LIVES = (
    Life(0.60, "done", "confirmed"),
    Life(0.15, "done", "refused"),
    Life(0.03, "call-back", "call-back", due=(-4, 0)),
    Life(0.05, "call-back", "call-back", due=(0, 200)),
    Life(0.04, "no-answer", "no-answer", attempts=2, due=(-20, 0)),
    Life(0.03, "no-answer", "left-message", attempts=1, due=(0, 24)),
    Life(0.10, "new", None),
)


def write_orders(path: Path, *, orders: int, extensions: list[str]) -> Path:
    """A customer for each number that there is, and a manager for each customer; some come again."""
    dice = random.Random(SEED)
    numbers = list(fiction.numbers())
    dice.shuffle(numbers)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        for index in range(orders):
            who = index % len(numbers)
            named, served = divmod(who, len(extensions))
            first, last = named % len(FIRST_NAMES), named // len(FIRST_NAMES) % len(LAST_NAMES)
            name, manager = f"{FIRST_NAMES[first]} {LAST_NAMES[last]}", extensions[served]
            writer.writerow([FIRST_CODE + index, name, numbers[who], f"One {dice.choice(GOODS)}", manager])
    return path


def live_through(database: Path) -> None:
    """Give every order that was written here a past. No daemon may be using the database."""
    dice = random.Random(SEED)
    now_ms = int(time.time() * 1000)
    with closing(sqlite3.connect(database)) as connection, connection:
        served = connection.execute(
            "SELECT code, orders.customer_id, manager_id, min(contacts.id) FROM orders"
            " JOIN assignments ON assignments.customer_id = orders.customer_id"
            " JOIN contacts ON contacts.customer_id = orders.customer_id"
            " WHERE length(code) = ? GROUP BY code",
            (len(str(FIRST_CODE)),),
        ).fetchall()
        for code, _, manager, contact in served:
            (life,) = dice.choices(LIVES, [life.share for life in LIVES])
            created_ms = now_ms - dice.randrange(PAST_DAYS * DAY_MS)
            due_ms = life.due and now_ms + int(dice.uniform(*life.due) * HOUR_MS)
            connection.execute(
                "UPDATE orders SET state = ?, why = ?, attempts = ?, due_ms = ?, priority = ?, created_ms = ?"
                " WHERE code = ?",
                (
                    "closed" if life.why == "done" else "open",
                    life.why,
                    life.attempts,
                    due_ms,
                    dice.choice((0, 0, 0, 1)),
                    created_ms,
                    code,
                ),
            )
            if life.outcome:
                _call_and_note(connection, dice, life.outcome, code, manager, contact, created_ms)


def _call_and_note(
    connection: sqlite3.Connection,
    dice: random.Random,
    outcome: str,
    code: str,
    manager: int,
    contact: int,
    created_ms: int,
) -> None:
    call = "cb-" + "".join(dice.choices(string.ascii_letters, k=20))
    started_ms = created_ms + dice.randrange(HOUR_MS)
    talked = outcome not in ("no-answer", "left-message")
    ended_ms = started_ms + dice.randrange(20_000, 200_000)
    connection.execute(
        "INSERT INTO calls"
        " (id, kind, order_code, manager_id, contact_id, started_ms, answered_ms, ended_ms, result)"
        " VALUES (?, 'click', ?, ?, ?, ?, ?, ?, ?)",
        (
            *(call, code, manager, contact, started_ms),
            *(started_ms + 9000 if talked else None, ended_ms, "talked" if talked else "no-answer"),
        ),
    )
    connection.execute(
        "INSERT INTO outcomes (order_code, manager_id, call_id, outcome, at_ms, before)"
        " VALUES (?, ?, ?, ?, ?, '{}')",
        (code, manager, call, outcome, ended_ms),
    )
    connection.execute(
        "INSERT INTO card_reads (manager_id, order_code, at_ms) VALUES (?, ?, ?)", (manager, code, started_ms)
    )
    if dice.random() < 0.3:
        connection.execute(
            "INSERT INTO notes (order_code, manager_id, text, created_ms, changed_ms) VALUES (?, ?, ?, ?, ?)",
            (code, manager, "Ring the bell at the side door, please.", ended_ms, ended_ms),
        )


def codes_of(database: Path, extension: str | None) -> Iterator[str]:
    """Codes of a manager's orders, or of anybody's, at random and without an end."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT code FROM orders JOIN assignments ON assignments.customer_id = orders.customer_id"
            " JOIN managers ON managers.id = manager_id WHERE ?1 IS NULL OR extension = ?1 ORDER BY code",
            (extension,),
        ).fetchall()
    dice = random.Random(extension)
    while True:
        (code,) = dice.choice(rows)
        yield code
