"""A command is loaded when it is asked for, and brings along what it needs alone."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ("serve", ("bridge.doctor", "bridge.proof", "rich.progress", "alembic")),
        ("status", ("bridge.doctor", "bridge.proof", "bridge.daemon", "fastapi", "alembic")),
        ("orders", ("bridge.doctor", "bridge.proof", "bridge.daemon", "fastapi", "alembic", "aiohttp")),
    ],
)
def test_a_command_does_not_load_what_only_others_need(command: str, unneeded: tuple[str, ...]) -> None:
    program = f"""
import sys
import typer.main
from bridge.cli.main import app

typer.main.get_command(app).commands[{command!r}]
{"import bridge.daemon" if command == "serve" else ""}
print(*(name for name in {unneeded!r} if name in sys.modules))
"""
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
