"""`prove` where no call comes about: what is said, the exit code, and that the password is not told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_stub import ScriptedDaemon, serving
from shop_command import ShopCommand
from sqlalchemy.exc import OperationalError

from bridge.api.client import ApiClient
from bridge.api.errors import ApiProblem
from bridge.asterisk.ari import LinkDown
from bridge.asterisk.loopback import NotLoopback
from bridge.cli.prove import PASSWORD_VARIABLE, ProofExit
from bridge.switchboard.proofs import ByAProxy, InPanic, NoKeys

PASSWORD = "only-for-this-test"
REFUSALS = [
    (NotLoopback(), 403, "not_loopback"),
    (InPanic(), 403, "panic"),
    (NoKeys(), 403, "sealed"),
    (ByAProxy(), 409, "outbound_proxy"),
    (LinkDown("asterisk.config"), 503, "no_link"),
    (OperationalError("", None, Exception()), 503, "database"),
]


@pytest.fixture(autouse=True)
def locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)


@pytest.fixture
def daemon(shop: ShopCommand) -> Iterator[ScriptedDaemon]:
    daemon = ScriptedDaemon()
    with serving(daemon, shop.socket):
        yield daemon


@pytest.mark.parametrize(("refusal", "status", "reason"), REFUSALS, ids=lambda value: str(value) or None)
async def test_what_the_daemon_refuses_is_told_by_a_stable_word(
    shop: ShopCommand, daemon: ScriptedDaemon, refusal: Exception, status: int, reason: str
) -> None:
    daemon.proofs.refusal = refusal
    async with ApiClient(shop.socket) as api:
        with pytest.raises(ApiProblem) as problem:
            await api.expect_proof("101", "127.0.0.1:5080")
    assert (problem.value.status, problem.value.reason) == (status, reason)


def test_a_refusal_of_the_daemon_ends_the_proof_in_its_words(
    shop: ShopCommand, daemon: ScriptedDaemon
) -> None:
    daemon.proofs.refusal = InPanic()
    ended = shop("prove", "--extension", "101", "--asterisk-etc", shop.folder, typed=PASSWORD)
    assert ended.exit_code == ProofExit.NOT_MADE
    assert "No proof could be made: All calls are stopped" in ended.err
    assert ended.out == ""
    assert PASSWORD not in ended.err


def test_a_fault_in_the_daemon_is_no_proof(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    daemon.proofs.refusal = RuntimeError(PASSWORD)
    ended = shop("prove", "--extension", "101", "--asterisk-etc", shop.folder, typed=PASSWORD)
    assert ended.exit_code == ProofExit.NOT_MADE
    assert "See the daemon's log" in ended.err
    assert PASSWORD not in ended.err


def test_without_a_daemon_there_is_no_proof(shop: ShopCommand) -> None:
    ended = shop("prove", "--extension", "101", "--language", "ru", typed=PASSWORD)
    assert ended.exit_code == ProofExit.NOT_MADE
    assert "Доказать не удалось" in ended.err
    assert "call-bridge serve" in ended.err


def test_without_a_configuration_there_is_no_proof(shop: ShopCommand) -> None:
    shop.config.write_text("shop: 5\n")
    ended = shop("prove", "--extension", "101", typed=PASSWORD)
    assert ended.exit_code == ProofExit.NOT_MADE
    assert "config.yaml" in ended.err


@pytest.mark.parametrize("server", ["host:port", ":5060", "192.0.2.1:"])
def test_a_server_that_is_no_address_is_told(shop: ShopCommand, server: str) -> None:
    ended = shop("prove", "--extension", "101", "--server", server, typed=PASSWORD)
    assert ended.exit_code == ProofExit.NOT_MADE
    assert "HOST:PORT" in ended.err


@pytest.mark.parametrize(("language", "said"), [("en", "Type it when asked"), ("ru", "Введите его")])
def test_a_password_that_nobody_gives_is_told_before_anything_is_dialled(
    shop: ShopCommand, language: str, said: str
) -> None:
    ended = shop("prove", "--extension", "101", "--language", language, typed="\n")
    assert ended.exit_code == ProofExit.NOT_MADE
    assert said in ended.err
    assert "sip-password-101.conf" in ended.err


def test_a_password_file_that_is_not_there_is_told(shop: ShopCommand) -> None:
    ended = shop("prove", "--extension", "101", "--password-file", shop.folder / "none")
    assert ended.exit_code == ProofExit.NOT_MADE
    assert "none: No such file" in ended.err


def test_a_password_can_be_no_argument(shop: ShopCommand) -> None:
    ended = shop("prove", "--extension", "101", "--password", PASSWORD)
    assert ended.exit_code == ProofExit.NOT_MADE
    assert PASSWORD not in ended.err


async def test_a_daemon_that_has_closed_an_idle_connection_is_asked_by_another(tmp_path: Path) -> None:
    """As it does between two calls of a proof, just when it is asked for the next."""
    body = b'{"code":"000000123456","seconds":30}'
    answer = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    answering: list[asyncio.Task[None] | None] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.current_task())
        await reader.readuntil(b"}")
        writer.write(answer % (len(body), body))
        await reader.read(1)  # of the next question, or the end
        writer.close()
        await writer.wait_closed()

    socket = tmp_path / "socket"
    async with await asyncio.start_unix_server(answer_once, socket), ApiClient(socket) as api:
        for _ in range(3):
            assert (await api.expect_proof("101", "127.0.0.1:5080")).seconds == 30
    await asyncio.gather(*filter(None, answering))
