"""One run at a time: the second waits, and says so."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, waiting_for: str) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made when missing); the system frees it even if we are killed.

    `waiting_for` completes the sentence "Waiting for ..." shown while somebody else holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for {waiting_for} ...", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
