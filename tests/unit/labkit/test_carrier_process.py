"""The simulated carrier as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from bridge.proof.capture import Protocol, Recording
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import parse
from bridge.proof.sip.phone import Phone
from labkit.places import SCRIPTS


async def start_carrier(bind: str, record: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "labkit.carrier", "--bind", bind, "--record", record),
        *("--answer-after", "0"),
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_carrier_process_records_and_ends_at_sigterm(tmp_path: Path) -> None:
    process = await start_carrier("127.0.0.2:0", tmp_path / "record")
    assert process.stdout is not None
    port = int((await process.stdout.readline()).rpartition(b":")[2])
    async with Phone("101", "x", server=("127.0.0.2", port)) as phone:
        call = await phone.dial("1")
        await call.answered()
        await call.hang_up()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 5) == 0
    messages = [
        parse(entry.data).start_line
        for entry in Recording.load(tmp_path / "record").only(protocol=Protocol.SIP)
    ]
    assert messages[-1] == "SIP/2.0 200 OK"


async def test_a_carrier_whose_port_is_taken_says_so(tmp_path: Path) -> None:
    async with Carrier(("127.0.0.2", 0)) as carrier:
        process = await start_carrier(f"127.0.0.2:{carrier.address[1]}", tmp_path / "record")
        _, complaint = await asyncio.wait_for(process.communicate(), 5)
    assert process.returncode == 1
    assert complaint.startswith(b"carrier: cannot use 127.0.0.2:")
