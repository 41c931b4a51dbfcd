"""`call-bridge desk serve`, as a service manager runs it."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import yaml

from bridge.cli.exits import Exit
from labkit.lab import CALL_BRIDGE
from labkit.places import CHECKOUT


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def command(folder: Path, **desk: object) -> list[str]:
    """With the shipped configuration, but for the desk's own settings."""
    settings = yaml.safe_load((CHECKOUT / "config.yaml").read_text())
    settings["desk"] |= desk
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings))
    return [str(CALL_BRIDGE), "--config", str(config), "desk", "serve"]


@pytest.fixture
def served(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    desk = subprocess.Popen(
        command(tmp_path, listen=f"127.0.0.1:{port}"), stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    yield desk
    if desk.poll() is None:
        desk.kill()
    desk.communicate()


async def page(port: int, path: str) -> tuple[int, str]:
    """Once the desk is there."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}{path}", allow_redirects=False) as answer:
                    return answer.status, await answer.text()
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)


async def test_it_serves_without_keys_database_or_daemon_and_ends_when_told_to(
    served: subprocess.Popen[str], port: int, tmp_path: Path
) -> None:
    status, text = await page(port, "/sign-in")
    assert (status, "Sign in" in text) == (200, True)
    assert (await page(port, "/orders/1042"))[0] == 303
    served.send_signal(signal.SIGTERM)
    _, said = await asyncio.to_thread(served.communicate, timeout=20)
    assert served.returncode == 0
    assert "Traceback" not in said
    assert "1042" not in said  # no address of a page is logged
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml"}


def test_an_address_that_is_taken_is_told_with_its_key(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            command(tmp_path, listen=listen), capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == Exit.NOT_STARTED
    assert f"desk.listen: {listen} can't be used (Address already in use)" in done.stderr


def test_a_certificate_that_is_not_there_is_told(tmp_path: Path, port: int) -> None:
    tls = {"certificate": "no-such.pem", "key": "no-such.key"}
    done = subprocess.run(
        command(tmp_path, listen=f"127.0.0.1:{port}", tls=tls),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == Exit.NOT_STARTED
    assert "The desk did not start" in done.stderr
    assert "Traceback" not in done.stderr
