"""The two ways of dialling, as settings of the daemon."""

from __future__ import annotations

from typing import Any

DIALLING: dict[str, dict[str, dict[str, Any]]] = {
    "sealed": {},
    "direct": {"trunk": {"sealed": None, "direct": "PJSIP/{number}@trunk"}},
}
