"""Processes that hold numbers leave no copy of their memory; seen in processes of their own."""

from __future__ import annotations

import subprocess
import sys

SEEN = """
import ctypes, resource
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))  # 3: PR_GET_DUMPABLE
"""
ALLOW = """
import resource
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
"""
COMMAND = """
import bridge.cli.main as cli
cli.run = lambda arguments: 0
try:
    cli.main()
except SystemExit:
    pass
"""


def seen(*lines: str) -> str:
    program = "\n".join([*lines, SEEN])
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_every_command_the_daemon_included_can_neither_be_dumped_nor_looked_into() -> None:
    assert seen(ALLOW, COMMAND) == "0 (0, 0)\n"


def test_other_programs_can_be() -> None:
    assert seen(ALLOW).startswith("1 ")
