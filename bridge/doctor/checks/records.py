"""Checks of what is on record: the audit, backups, keys that are being changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from bridge.doctor.model import Check, Facts, Gravity, Spot
from bridge.store.audit_check import Fault, Finding

_BACKUP_EVERY: Final = timedelta(days=1)


def _verified(facts: Facts) -> Finding | None:
    return None if facts.records is None else facts.records.audit


def _audit_altered(facts: Facts) -> Iterator[Spot]:
    audit = _verified(facts)
    if audit is not None and audit.fault is not None:
        yield Spot(facts.config_place("store"), _told(audit.fault))


def _told(fault: Fault) -> str:
    row = "" if fault.row_id is None else f", row {fault.row_id}"
    return f"the audit is not as it was written ({fault.wrong.value}{row})"


def _audit_unvouched(facts: Facts) -> Iterator[Spot]:
    audit = _verified(facts)
    if audit is not None and audit.fault is None and audit.unvouched:
        yield Spot(facts.config_place("store"), f"unsigned rows at the end of the audit: {audit.unvouched}")


def _no_backup(facts: Facts) -> Iterator[Spot]:
    if facts.records is not None and facts.records.last_backup is None:
        yield Spot(facts.config_place("store"), "no backup is on record")


def _old_backup(facts: Facts) -> Iterator[Spot]:
    if facts.records is None or facts.records.last_backup is None:
        return
    age = facts.machine.read_at - facts.records.last_backup
    if age > _BACKUP_EVERY:
        yield Spot(facts.config_place("store"), f"days since the last backup: {age.days}")


def _rotation_unfinished(facts: Facts) -> Iterator[Spot]:
    if facts.records is not None and facts.records.waiting_data_keys:
        yield Spot(
            facts.config_place("keys"),
            f"data keys that a former key wraps: {facts.records.waiting_data_keys}",
        )


CHECKS: Final = (
    Check(
        "audit-altered",
        Gravity.CRITICAL,
        "Somebody has changed, moved or removed what is on record of calls, or of changes in the shop.",
        "`call-bridge audit verify` says more. Compare with a backup, and ask who can write the database.",
        _audit_altered,
    ),
    Check(
        "audit-unvouched",
        Gravity.NOTICE,
        "Whoever can write the database could have written the newest rows of the audit, too.",
        "Nothing, if a command was given by somebody without the keys: the daemon's next row vouches for it.",
        _audit_unvouched,
    ),
    Check(
        "backup-none",
        Gravity.NOTICE,
        "When this disk is lost, so are all orders, customers and records.",
        "`call-bridge backup FILE` every day, and copy the file, and once the keys, to two other places.",
        _no_backup,
    ),
    Check(
        "backup-old",
        Gravity.NOTICE,
        "When this disk is lost, so is what came in since the last backup.",
        "See why the daily `call-bridge backup FILE` has not run.",
        _old_backup,
    ),
    Check(
        "keys-rotation-unfinished",
        Gravity.WARNING,
        "A key that was to be replaced still opens numbers: who has stolen it goes on reading them.",
        "`call-bridge keys rotate` continues where it was interrupted; then retire the former key.",
        _rotation_unfinished,
    ),
)
