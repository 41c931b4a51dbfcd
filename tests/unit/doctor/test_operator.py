"""The way to the operator of text messages: found as the daemon would find it, and nothing is said there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bridge.doctor import operator
from bridge.doctor.model import OperatorState
from bridge.doctor.operator import ask_operator

LOOPBACK = ("127.0.0.0/8",)


@dataclass
class Listener:
    port: int = 0
    heard: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def listening(answer: bytes = b"") -> AsyncIterator[Listener]:
    """Somebody who notes what comes, and answers it with this."""
    listener, over = Listener(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while said := await reader.read(4096):
                listener.heard.append(said)
                writer.write(answer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        listener.port = server.sockets[0].getsockname()[1]
        yield listener
        async with asyncio.timeout(5):
            await over.wait()


async def test_an_operator_that_takes_connections_is_well_and_hears_nothing() -> None:
    async with listening() as listener:
        state = await ask_operator(f"http://127.0.0.1:{listener.port}/messages", LOOPBACK)
    assert state == OperatorState()
    assert listener.heard == []


async def test_one_that_takes_none_is_told_by_the_kind_of_fault() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        state = await ask_operator(f"http://127.0.0.1:{taken.getsockname()[1]}/", LOOPBACK)
    assert state == OperatorState(trouble="ConnectionRefusedError")


async def test_one_that_speaks_no_tls_is_told_in_words_of_ours() -> None:
    async with listening(b"HTTP/1.1 400 secret\r\n\r\n") as listener:
        state = await ask_operator(f"https://127.0.0.1:{listener.port}/", LOOPBACK)
    assert state == OperatorState(trouble="it does not speak TLS")


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://127.0.0.1/", ()),
        ("https://10.1.2.3/", ("192.168.0.0/16",)),
        ("http://192.0.2.9/", LOOPBACK),
        ("https://[::1]/", LOOPBACK),
    ],
)
async def test_an_address_that_nothing_is_sent_to_is_not_connected_to(
    url: str, private: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connects(*_: object) -> None:
        pytest.fail("it was connected to")

    monkeypatch.setattr(operator, "_trouble_with", connects)
    assert await ask_operator(url, private) == OperatorState(allowed=False)


async def test_a_name_that_is_nobodys_is_not_known() -> None:
    assert await ask_operator("https://sms.invalid/", ()) == OperatorState(known=False)


async def test_one_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TLS handshake that nobody answers."""
    monkeypatch.setattr(operator, "_SECONDS", 0.2)
    async with listening() as listener:
        state = await ask_operator(f"https://127.0.0.1:{listener.port}/", LOOPBACK)
    assert state.trouble == "no answer within 0 s"
