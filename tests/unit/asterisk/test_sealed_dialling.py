"""The redirect server: a token is worth one number, to one transaction of Asterisk's, for seconds."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bridge.asterisk.sealed import RedirectServer, Tokens
from bridge.asterisk.sealed.sip import read_request
from bridge.asterisk.sealed.tokens import Destination, Lead
from bridge.asterisk.trunk import Gateway, Gateways, NumberFormat
from bridge.vault import read_number

NUMBER = read_number("+447700900123", "GB").number
CARRIER = "sip:{number}@192.0.2.10:5060"


def invite(user: str, *, branch: str = "z9hG4bKone", method: str = "INVITE") -> bytes:
    return (
        f"{method} sip:{user}@127.0.0.1:5071 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch={branch}\r\n"
        "From: <sip:shop@127.0.0.1>;tag=a\r\n"
        f"To: <sip:{user}@127.0.0.1>\r\n"
        "Call-ID: one\r\n"
        f"CSeq: 1 {method}\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def udp_socket() -> socket.socket:
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setblocking(False)
    peer.bind(("127.0.0.1", 0))
    return peer


async def ask(
    tokens: Tokens,
    *datagrams: bytes,
    number_format: NumberFormat = "+e164",
    version: str = "20.18.0",
    stranger: bool = False,
) -> list[str]:
    """The server's answers to Asterisk of that version, or to a stranger, who sends these datagrams."""
    with udp_socket() as free:
        address = free.getsockname()
    with udp_socket() as asterisk, udp_socket() as elsewhere:
        server = RedirectServer(
            tokens,
            carrier=lambda: CARRIER,
            number_format=number_format,
            asterisk=asterisk.getsockname(),
        )
        server.know_asterisk(version)
        async with server.listening(address):
            for datagram in datagrams:
                (elsewhere if stranger else asterisk).sendto(datagram, address)
            answers = await answers_so_far(asterisk, address)
            if stranger:
                with pytest.raises(BlockingIOError):
                    elsewhere.recv(65_535)
    return answers


async def answers_so_far(asterisk: socket.socket, address: tuple[str, int]) -> list[str]:
    """OPTIONS is always answered: whatever came before has been dealt with when its answer is here."""
    asterisk.sendto(invite("ping", method="OPTIONS", branch="z9hG4bKlast"), address)
    answers: list[str] = []
    while not answers or "cseq: 1 OPTIONS" not in answers[-1]:
        answers.append((await asyncio.get_running_loop().sock_recv(asterisk, 65_535)).decode())
    return answers[:-1]


class Server:
    """A redirect server, and Asterisk, who asks it and hears its answers."""

    def __init__(self, server: RedirectServer, asterisk: socket.socket, address: tuple[str, int]) -> None:
        self.server = server
        self._asterisk = asterisk
        self._address = address

    async def ask(self, *datagrams: bytes) -> list[str]:
        """All answers that there are by now to whatever was asked."""
        for datagram in datagrams:
            self._asterisk.sendto(datagram, self._address)
        return await answers_so_far(self._asterisk, self._address)


@asynccontextmanager
async def served() -> AsyncIterator[Server]:
    with udp_socket() as free:
        address = free.getsockname()
    with udp_socket() as asterisk:
        server = RedirectServer(
            Tokens(), carrier=lambda: CARRIER, number_format="+e164", asterisk=asterisk.getsockname()
        )
        async with server.listening(address):
            yield Server(server, asterisk, address)


async def ask_one(tokens: Tokens, datagram: bytes, **more: Any) -> str:
    """The server's answer to one datagram; empty where there is none."""
    return "".join(await ask(tokens, datagram, **more))


def now() -> float:
    return asyncio.get_running_loop().time()


def issued(tokens: Tokens, *, at: float | None = None, carrier: str | None = None) -> str:
    """A new token that leads to NUMBER, issued now or at another time."""
    issued_at = now() if at is None else at
    token = tokens.reserve(issued_at)
    tokens.issue(token, NUMBER, issued_at, carrier=carrier)
    return token


async def test_a_token_leads_to_the_number_at_the_carrier() -> None:
    tokens = Tokens()
    answer = await ask_one(tokens, invite(issued(tokens)))
    assert answer.startswith("SIP/2.0 302 ")
    assert "Contact: <sip:+447700900123@192.0.2.10:5060>\r\n" in answer


async def test_a_token_of_a_proof_leads_to_the_carrier_of_the_proof_alone() -> None:
    tokens = Tokens()
    loopback = "sip:{number}@127.0.0.1:5080"
    answer = await ask_one(tokens, invite(issued(tokens, carrier=loopback)))
    assert "Contact: <sip:+447700900123@127.0.0.1:5080>\r\n" in answer
    assert "192.0.2.10" not in answer


async def test_a_carrier_that_wants_no_plus_gets_none() -> None:
    tokens = Tokens()
    answer = await ask_one(tokens, invite(issued(tokens)), number_format="e164")
    assert "<sip:447700900123@" in answer


async def test_a_retransmission_gets_the_same_answer() -> None:
    tokens = Tokens()
    token = issued(tokens)
    assert await ask_one(tokens, invite(token)) == await ask_one(tokens, invite(token))


async def test_a_token_is_worth_nothing_to_a_second_transaction() -> None:
    tokens = Tokens()
    token = issued(tokens)
    await ask_one(tokens, invite(token))
    answer = await ask_one(tokens, invite(token, branch="z9hG4bKtwo"))
    assert answer.startswith("SIP/2.0 404 ")
    assert "7700900123" not in answer


async def test_who_dials_a_token_before_it_leads_anywhere_hears_nothing_until_it_does() -> None:
    async with served() as asked:
        token = asked.server.reserve()
        assert await asked.ask(invite(token)) == []
        assert await asked.ask(invite(token)) == [], "nor when it asks again"
        asked.server.issue(token, NUMBER, None)
        (answer,) = await asked.ask()
        assert answer.startswith("SIP/2.0 302 ")
        assert "Contact: <sip:+447700900123@192.0.2.10:5060>" in answer


async def test_a_token_that_waits_is_good_for_whoever_dialled_it_first() -> None:
    async with served() as asked:
        token = asked.server.reserve()
        await asked.ask(invite(token))
        (answer,) = await asked.ask(invite(token, branch="z9hG4bKtwo"))
        assert answer.startswith("SIP/2.0 404 ")
        asked.server.issue(token, NUMBER, None)
        (answer,) = await asked.ask()
        assert "branch=z9hG4bKone" in answer
        (answer,) = await asked.ask(invite(token, branch="z9hG4bKtwo"))
        assert answer.startswith("SIP/2.0 404 "), "nor later"


async def test_a_token_that_is_dialled_after_it_was_issued_waits_for_nothing() -> None:
    async with served() as asked:
        token = asked.server.reserve()
        asked.server.issue(token, NUMBER, None)
        (answer,) = await asked.ask(invite(token))
        assert answer.startswith("SIP/2.0 302 ")


async def test_a_call_that_is_not_to_be_ends_for_who_waits_and_for_who_comes_later() -> None:
    async with served() as asked:
        waits, comes = asked.server.reserve(), asked.server.reserve()
        await asked.ask(invite(waits))
        asked.server.void(waits)
        asked.server.void(comes)
        (answer,) = await asked.ask()
        assert answer.startswith("SIP/2.0 480 ")
        with structlog.testing.capture_logs() as logged:
            for token in (waits, comes):
                (answer,) = await asked.ask(invite(token))
                assert answer.startswith("SIP/2.0 480 ")
        assert logged == [], "nobody has guessed anything"


def test_a_token_that_was_never_issued_is_worth_nothing_after_its_time() -> None:
    tokens = Tokens()
    token = tokens.reserve(100.0)
    assert tokens.take(token, "one", now=109.9) is Lead.NOT_KNOWN_YET
    assert tokens.take(token, "one", now=110.0) is None


def test_a_token_issued_late_is_as_good_as_one_issued_at_once() -> None:
    """A disk may take its time; Asterisk asks again and again meanwhile."""
    tokens = Tokens()
    token = tokens.reserve(100.0)
    assert tokens.take(token, "one", now=100.1) is Lead.NOT_KNOWN_YET
    tokens.issue(token, NUMBER, 109.0)
    assert tokens.take(token, "two", now=112.0) is None
    assert tokens.take(token, "one", now=112.0) == Destination(NUMBER, carrier=None)


async def test_those_who_wait_do_not_pile_up() -> None:
    """Those whose token has run out are let go of with the next one."""
    async with served() as asked:
        for number in range(30):
            token = asked.server.reserve()
            await asked.ask(invite(token, branch=f"z9hG4bK{number}"))
            asked.server._tokens.void(token)  # as if it had run out
        assert len(asked.server._held) == 1


async def test_a_guess_is_worth_nothing() -> None:
    tokens = Tokens()
    issued(tokens)
    assert (await ask_one(tokens, invite("bcdfghjklmnpqrstvwxzbcdfghjklm"))).startswith("SIP/2.0 404 ")


def test_a_token_that_is_late_is_worth_nothing() -> None:
    tokens = Tokens()
    token = issued(tokens, at=100.0)
    assert tokens.take(token, "one", now=109.9) == Destination(NUMBER, carrier=None)
    assert tokens.take(token, "one", now=110.0) is None


def test_tokens_do_not_pile_up() -> None:
    tokens = Tokens()
    for second in range(1000):
        issued(tokens, at=float(second))
    assert len(tokens) <= 11


def test_tokens_are_all_different_and_never_look_like_numbers() -> None:
    tokens = Tokens()
    made = {issued(tokens, at=0.0) for _ in range(1000)}
    assert len(made) == 1000
    assert all(token.isalpha() and len(token) == 30 for token in made)


async def test_an_ack_is_not_answered_and_an_unknown_method_is_refused() -> None:
    assert await ask_one(Tokens(), invite("x", method="ACK")) == ""
    assert (await ask_one(Tokens(), invite("x", method="REFER"))).startswith("SIP/2.0 405 ")


async def test_noise_is_not_answered() -> None:
    for noise in (b"", b"\r\n\r\n", b"\xff" * 100, b"INVITE sip:x SIP/2.0\r\n\r\n", invite("x")[:60]):
        assert await ask_one(Tokens(), noise) == ""


async def test_only_asterisk_is_told() -> None:
    """Whoever sees the token in Asterisk's events, and is quicker than it, still speaks from elsewhere."""
    tokens = Tokens()
    token = issued(tokens)
    assert await ask(tokens, invite(token), stranger=True) == []
    assert "302 " in await ask_one(tokens, invite(token)), "and the token is still good for Asterisk"


@pytest.mark.parametrize(
    "written",
    [
        str.upper,
        lambda token: f"{token};x=y",
        lambda token: f"{token};phone-context=example.com",
        lambda token: f"{token}:password",
        lambda token: f"%{ord(token[0]):02x}{token[1:]}",
        lambda token: f" {token}",
        lambda token: f"{token} ",
        lambda token: token[:-1],
        lambda token: f"{token}x",
        lambda token: f"{token}\x00",
        lambda token: f'"{token}"',
        lambda token: token * 400,
        lambda _: "",
    ],
)
async def test_a_token_written_in_another_way_is_worth_nothing(written: Callable[[str], str]) -> None:
    tokens = Tokens()
    answer = await ask_one(tokens, invite(written(issued(tokens))))
    assert answer == "" or answer.startswith("SIP/2.0 404 ")


async def test_a_token_in_another_place_than_the_request_line_is_worth_nothing() -> None:
    tokens = Tokens()
    token = issued(tokens)
    elsewhere = invite("x").replace(b"To: <sip:x@", f"To: <sip:{token}@".encode())
    assert (await ask_one(tokens, elsewhere)).startswith("SIP/2.0 404 ")


async def test_a_datagram_as_long_as_they_get_is_not_read() -> None:
    tokens = Tokens()
    padded = invite(issued(tokens)).replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 60_000 + b"\r\n\r\n")
    assert await ask_one(tokens, padded) == ""


async def test_a_token_is_no_good_for_other_methods() -> None:
    tokens = Tokens()
    token = issued(tokens)
    for method in ("OPTIONS", "MESSAGE", "REFER", "CANCEL", "ACK", "BYE", "SUBSCRIBE", "invite"):
        assert "7700900123" not in await ask_one(tokens, invite(token, method=method))


async def test_a_flood_of_guesses_is_answered_and_fills_no_log() -> None:
    guesses = [invite(f"guess{number}", branch=f"z9hG4bK{number}") for number in range(100)]
    with structlog.testing.capture_logs() as logged:
        answers = await ask(Tokens(), *guesses)
    assert len(answers) == 100
    assert [line["event"] for line in logged] == ["a token that is worth nothing was dialled"]


async def test_a_flood_from_elsewhere_is_not_answered_and_fills_no_log() -> None:
    with structlog.testing.capture_logs() as logged:
        assert await ask(Tokens(), *[invite("x")] * 100, stranger=True) == []
    assert [line["event"] for line in logged] == ["a message came from elsewhere than trunk.sealed.asterisk"]


@pytest.mark.parametrize(
    "version", ["20.19.0", "20.20.1~dfsg", "22.9.0", "22.10.1~dfsg+~cs6.17", "23.3.0", "24.0.0", "25.1.0"]
)
async def test_behind_the_carrier_there_is_a_full_stop(version: str) -> None:
    tokens = Tokens()
    answer = await ask_one(tokens, invite(issued(tokens)), version=version)
    contacts = re.findall(r"^Contact: <(.*)>;q=(.*)\r$", answer, re.MULTILINE)
    assert [uri.partition("@")[0] for uri, _ in contacts] == ["sip:+447700900123", "sip:full-stop"]
    assert contacts[1][0].endswith(";method=BYE")
    assert contacts[0][1] == contacts[1][1], "of equal ones PJSIP takes the first first"


@pytest.mark.parametrize(
    "version", ["20.18.0", "21.12.3", "22.8.2", "23.2.0", "18.26.4", "certified/22.8-cert3", "GIT-22-4c2", ""]
)
async def test_an_asterisk_that_would_forget_the_cause_gets_none(version: str) -> None:
    tokens = Tokens()
    answer = await ask_one(tokens, invite(issued(tokens)), version=version)
    assert re.findall("^Contact: (.*)\r$", answer, re.MULTILINE) == ["<sip:+447700900123@192.0.2.10:5060>"]


def test_the_first_gateway_that_is_not_down_is_called() -> None:
    down: set[str] = set()
    gateways = Gateways(tuple(Gateway(uri, lambda uri=uri: uri in down) for uri in ("one", "two", "three")))  # type: ignore[misc]
    assert (gateways.uri(), gateways.all_down()) == ("one", False)
    down |= {"one", "three"}
    assert (gateways.uri(), gateways.all_down()) == ("two", False)
    down |= {"two"}
    assert (gateways.uri(), gateways.all_down()) == ("one", True)


@given(st.binary(max_size=400))
def test_no_datagram_at_all_upsets_the_reader(datagram: bytes) -> None:
    read_request(datagram)


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_header_at_all_upsets_the_reader(first: str, second: str) -> None:
    request = read_request(invite("x").replace(b"Content-Length: 0", f"{first}:{second}".encode()))
    assert request is None or request.user == "x"
