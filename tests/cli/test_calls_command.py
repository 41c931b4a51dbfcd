"""`call`, `calls` and `hang-up`, and the client under them, against the daemon's own API on a socket."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_stub import ScriptedDaemon, serving
from shop_command import ShopCommand

from bridge.api.app import REFUSALS, Readiness
from bridge.api.client import ApiClient
from bridge.api.errors import ApiProblem, ApiUnavailable
from bridge.cli.exits import Exit
from bridge.rules import Reason
from bridge.switchboard.board import SwitchboardFull


@pytest.fixture
def daemon(shop: ShopCommand) -> Iterator[ScriptedDaemon]:
    daemon = ScriptedDaemon()
    with serving(daemon, shop.socket):
        yield daemon


def test_a_call_is_placed_listed_and_hung_up(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    placed = json.loads(shop("call", "1042", "--as", "101", "--json").out)
    assert (placed["order"], placed["extension"]) == ("1042", "101")
    assert json.loads(shop("calls", "--json").out) == {"calls": [placed]}
    table = shop("calls").out
    assert "ringing-manager" in table
    assert placed["id"] in table
    assert shop("hang-up", placed["id"]).exit_code == Exit.DONE
    assert daemon.switchboard.calls == []


def test_another_of_the_customers_numbers_is_called_by_its_place(
    shop: ShopCommand, daemon: ScriptedDaemon
) -> None:
    shop("call", "1042", "--as", "101")
    shop("call", "1042", "--as", "101", "--contact", "2")
    assert daemon.switchboard.places == [1, 2]
    assert shop("call", "1042", "--as", "101", "--contact", "10").exit_code == Exit.USAGE


@pytest.mark.parametrize("reason", [Reason.NOT_YOURS, Reason.PANIC, Reason.OUTSIDE_HOURS])
def test_a_refusal_is_told_in_the_daemons_words(
    shop: ShopCommand, daemon: ScriptedDaemon, reason: Reason
) -> None:
    daemon.switchboard.answer = reason
    ended = shop("call", "1042", "--as", "101")
    assert (ended.exit_code, ended.err) == (Exit.REFUSED, REFUSALS[reason] + "\n")


def test_a_full_switchboard_is_told_from_a_refusal(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    daemon.switchboard.answer = SwitchboardFull
    assert shop("call", "1042", "--as", "101").exit_code == Exit.UNAVAILABLE


def test_a_call_that_is_over_is_not_hung_up(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    assert shop("hang-up", "bcdfg").exit_code == Exit.REFUSED
    assert shop("hang-up", "../../readyz").exit_code == Exit.REFUSED


def test_without_a_daemon_it_says_how_to_start_one(shop: ShopCommand) -> None:
    for command in (("call", "1042", "--as", "101"), ("calls",), ("calls", "--watch"), ("hang-up", "bcdfg")):
        ended = shop(*command)
        assert ended.exit_code == Exit.UNAVAILABLE
        assert "call-bridge serve" in ended.err


def test_watching_shows_calls_until_ctrl_c(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    shop("call", "1042", "--as", "101")
    program = "from bridge.cli.main import main; main()"
    command = [sys.executable, "-c", program, "--config", str(shop.config), "calls", "--watch"]
    ours, theirs = os.openpty()
    watching = subprocess.Popen(command, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"1042" not in shown:
        assert select.select([ours], [], [], 20)[0], "nothing was shown"
        shown += os.read(ours, 4096)
    watching.send_signal(signal.SIGINT)
    assert watching.wait(10) == Exit.DONE
    os.close(ours)


async def test_the_client_tells_why_no_call_could_be_placed(
    shop: ShopCommand, daemon: ScriptedDaemon
) -> None:
    daemon.readiness = Readiness(link=True, sealed=True)
    async with ApiClient(shop.socket) as api:
        now = await api.ready()
    assert (now.ready, now.sealed, now.link) == (False, True, True)


async def test_the_client_gives_programs_a_stable_word(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    daemon.switchboard.answer = Reason.NOT_YOURS
    async with ApiClient(shop.socket) as api:
        with pytest.raises(ApiProblem) as caught:
            await api.place_call("1042", "101")
    assert (caught.value.status, caught.value.reason) == (403, "not_yours")


async def test_the_client_tells_a_socket_that_nobody_listens_on(tmp_path: Path) -> None:
    left_behind = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left_behind))
    async with ApiClient(left_behind) as api:
        with pytest.raises(ApiUnavailable, match="no daemon answers"):
            await api.calls()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"", b"nonsense\r\n\r\n"]
)
async def test_the_client_is_not_taken_in_by_another_program(tmp_path: Path, answer: bytes) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    path = tmp_path / "socket"
    async with await asyncio.start_unix_server(say, path), ApiClient(path) as api:
        with pytest.raises(ApiUnavailable):
            await api.calls()
