"""`call-bridge prove` as a sysadmin runs it on a lab."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bridge.cli.prove import PASSWORD_VARIABLE
from labkit.lab import CALL_BRIDGE, Lab


@dataclass(frozen=True)
class Told:
    exit_code: int
    answer: str
    notices: str
    processes: str
    """The command lines of everything that ran meanwhile."""


async def prove(lab: Lab, *options: str | Path, password: str | None = None, typed: str = "") -> Told:
    """Run the command as a sysadmin would. The password of 101 is in the environment, where none is given.

    What is `typed` comes from a pipe.
    """
    command = [CALL_BRIDGE, "--config", lab.config_path, "prove", "--asterisk-etc", lab.asterisk.etc]
    whose = () if "--extension" in options else ("--extension", "101")
    own = {"LANG": "C.UTF-8", "COLUMNS": "200"}
    if not typed and "--password-file" not in options:
        own[PASSWORD_VARIABLE] = password or lab.managers["101"].password
    process = await asyncio.create_subprocess_exec(
        *map(str, [*command, *whose, *options]),
        env={**os.environ, **own},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    seen: set[str] = set()
    async with asyncio.TaskGroup() as group:
        talking = group.create_task(process.communicate(typed.encode()))
        while not talking.done():
            seen |= command_lines()
            await asyncio.wait({talking}, timeout=0.1)
    answer, notices = talking.result()
    assert process.returncode is not None
    return Told(process.returncode, answer.decode(), notices.decode(), "\n".join(seen))


def command_lines() -> set[str]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found
