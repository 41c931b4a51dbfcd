"""The connection to AMI when the other side does not do its part. A real Asterisk shows that it works."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bridge.asterisk.ami import connection as ami
from bridge.asterisk.ami.connection import AmiAccess, AmiUnavailable, connected, stay
from bridge.config import config_of
from bridge.daemon import Daemon, NotStarted
from labkit.places import CHECKOUT

SECRET = "not-for-any-log"
LET_IN = "Response: Success\r\nActionID: {id}\r\nMessage: Authentication accepted\r\n\r\n"
TURNED_AWAY = "Response: Error\r\nActionID: {id}\r\nMessage: Authentication failed\r\n\r\n"


@asynccontextmanager
async def manager_interface(*answers: str, ends: bool = False) -> AsyncIterator[AmiAccess]:
    """Gives one answer to each action, then none to any more; or `ends` the connection then."""

    served = list[asyncio.Future[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over = asyncio.get_running_loop().create_future()
        served.append(over)
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        for answer in answers:
            action = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = dict(line.split(": ", 1) for line in action.strip().splitlines())
            writer.write(answer.format(id=fields["ActionID"]).encode())
        if not ends:
            await reader.read()  # until the other side ends it
        writer.close()
        await writer.wait_closed()
        over.set_result(None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield AmiAccess("127.0.0.1", server.sockets[0].getsockname()[1], "call-bridge", SECRET)
        await asyncio.gather(*served)


def ignore(_event: object) -> None:
    pass


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SECONDS_TO_CONNECT", "_SECONDS_TO_ANSWER", "_SECONDS_BETWEEN_PINGS"):
        monkeypatch.setattr(ami, name, 0.2)


@pytest.fixture(autouse=True)
def nothing_of_it_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert [each for each in caplog.records if "panoramisk" in each.name] == []
    assert SECRET not in caplog.text


async def test_one_who_is_turned_away_is_told_so() -> None:
    async with manager_interface(TURNED_AWAY, ends=True) as access:
        with pytest.raises(AmiUnavailable, match="turns this user away"):
            async with connected(access, ignore):
                pass


async def test_one_who_is_not_answered_gives_up() -> None:
    async with manager_interface() as access:
        with pytest.raises(AmiUnavailable, match="TimeoutError"):
            async with connected(access, ignore):
                pass


async def test_where_nobody_listens_that_is_told() -> None:
    async with manager_interface() as access:
        pass
    with pytest.raises(AmiUnavailable, match="ConnectionRefusedError"):
        async with connected(access, ignore):
            pass


async def test_a_connection_that_is_half_open_is_noticed_by_a_ping_without_an_answer() -> None:
    async with manager_interface(LET_IN) as access, connected(access, ignore) as connection:
        with pytest.raises(AmiUnavailable, match="no answer to a ping"):
            await stay(connection)


async def test_a_connection_that_is_closed_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami, "_SECONDS_BETWEEN_PINGS", 60)
    async with manager_interface(LET_IN, ends=True) as access, connected(access, ignore) as connection:
        with pytest.raises(AmiUnavailable, match="was closed"):
            async with asyncio.timeout(5):
                await stay(connection)


async def test_an_event_that_comes_in_pieces_is_heard_once_and_whole() -> None:
    heard = list[Any]()
    event = "Event: PeerStatus\r\nPeer: PJSIP/101\r\nPeerStatus: Reachable\r\n\r\n"
    async with (
        manager_interface(LET_IN + event[:30], event[30:], ends=True) as access,
        connected(access, heard.append) as connection,
    ):
        connection.send_action({"Action": "Ping"})
        await connection.lost.wait()
    assert [dict(each)["Peer"] for each in heard] == ["PJSIP/101"]


def test_without_panoramisk_the_daemon_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (CHECKOUT / "config.yaml").read_text().partition("\nami:\n")
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "secret").write_text(SECRET)
    on = text[2].replace("enabled: false", "enabled: true", 1)
    on = on.replace("secret_file: null", "secret_file: secret", 1)
    config = config_of("".join((*text[:2], on)), tmp_path / "config.yaml")
    daemon = SimpleNamespace(config=config, _client=None, phones=None, _database=None)
    assert Daemon._ami_watch(cast(Daemon, daemon)) is not None
    for name in ("bridge.asterisk.ami.connection", "bridge.switchboard.ami_watch"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "panoramisk", None)
    with pytest.raises(NotStarted, match=r"panoramisk is not installed.*pip install"):
        Daemon._ami_watch(cast(Daemon, daemon))
