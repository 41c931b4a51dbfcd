"""What is sealed, opened for the desk: with which vault, and what is answered where that can't be done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from bridge.api.desk.daemon import DeskDaemon
from bridge.api.problems import Problem, sealed
from bridge.vault import SealBroken, Vault


def vault_of(daemon: DeskDaemon) -> Vault:
    """Raises Problem while the daemon has no key."""
    if daemon.vault is None:
        raise sealed()
    return daemon.vault


@contextmanager
def broken_seals_told() -> Iterator[None]:
    """Raises Problem in place of SealBroken."""
    try:
        yield
    except SealBroken:
        detail = "The customer's key does not open: it was altered."
        raise Problem(HTTPStatus.CONFLICT, "seal-broken", detail) from None
