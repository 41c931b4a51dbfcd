"""The commands, each loaded when it is asked for: none needs what all of them need together."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

_PLACES: Final = {
    "serve": "service",
    "check-config": "service",
    "status": "status",
    "call": "calls",
    "calls": "calls",
    "hang-up": "calls",
    "erase": "erase",
    "backup": "backup",
    "restore": "backup",
    "init": "init",
    "apply": "apply",
    "doctor": "doctor",
    "prove": "prove",
    "keys": "keys",
    "managers": "managers",
    "orders": "orders",
    "panic": "panic",
    "do-not-call": "do_not_call",
    "desk": "desk",
    "audit": "audit",
    "tokens": "tokens",
    "webhooks": "webhooks",
    "shops": "shops",
    "texts": "texts",
}
"""The module of each command in `bridge.cli`: its `app` with more commands, or a function of its name."""


class Commands(TyperGroup):
    """The group of them all."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands(_PLACES)


class _Commands(UserDict[str, Any]):
    """Commands by name."""

    def __getitem__(self, name: str) -> Any:
        module = import_module(f"bridge.cli.{super().__getitem__(name)}")
        if hasattr(module, "app"):
            return get_group(module.app)
        alone = typer.Typer(add_completion=False)
        alone.command(name)(getattr(module, name.replace("-", "_")))
        return get_command(alone)
