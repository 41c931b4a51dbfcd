"""The redirect server: a token is worth one number, to one transaction, for seconds; nothing else is."""

from __future__ import annotations

import asyncio
import socket

from hypothesis import given
from hypothesis import strategies as st

from bridge.asterisk.sealed import RedirectServer, Tokens
from bridge.asterisk.sealed.sip import read_request
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


async def ask(tokens: Tokens, datagram: bytes, *, number_format: str = "+e164") -> str:
    """The server's answer to one datagram; empty where there is none."""
    server = RedirectServer(tokens, carrier=CARRIER, number_format=number_format)  # type: ignore[arg-type]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    loop = asyncio.get_running_loop()
    async with server.listening(address):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.setblocking(False)
            peer.bind(("127.0.0.1", 0))
            peer.sendto(datagram, address)
            # OPTIONS is always answered: whatever came before has been dealt with when its answer is here.
            peer.sendto(invite("ping", method="OPTIONS", branch="z9hG4bKlast"), address)
            answers: list[str] = []
            while not answers or "cseq: 1 OPTIONS" not in answers[-1]:
                answers.append((await loop.sock_recv(peer, 65_535)).decode())
    return answers[0] if len(answers) > 1 else ""


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_token_leads_to_the_number_at_the_carrier() -> None:
    tokens = Tokens()
    answer = await ask(tokens, invite(tokens.issue(NUMBER, now())))
    assert answer.startswith("SIP/2.0 302 ")
    assert "Contact: <sip:+447700900123@192.0.2.10:5060>\r\n" in answer


async def test_a_carrier_that_wants_no_plus_gets_none() -> None:
    tokens = Tokens()
    answer = await ask(tokens, invite(tokens.issue(NUMBER, now())), number_format="e164")
    assert "<sip:447700900123@" in answer


async def test_a_retransmission_gets_the_same_answer() -> None:
    tokens = Tokens()
    token = tokens.issue(NUMBER, now())
    assert await ask(tokens, invite(token)) == await ask(tokens, invite(token))


async def test_a_token_is_worth_nothing_to_a_second_transaction() -> None:
    tokens = Tokens()
    token = tokens.issue(NUMBER, now())
    await ask(tokens, invite(token))
    answer = await ask(tokens, invite(token, branch="z9hG4bKtwo"))
    assert answer.startswith("SIP/2.0 404 ")
    assert "7700900123" not in answer


async def test_a_guess_is_worth_nothing() -> None:
    tokens = Tokens()
    tokens.issue(NUMBER, now())
    assert (await ask(tokens, invite("bcdfghjklmnpqrstvwxzbcdfghjklm"))).startswith("SIP/2.0 404 ")


def test_a_token_that_is_late_is_worth_nothing() -> None:
    tokens = Tokens()
    token = tokens.issue(NUMBER, now=100.0)
    assert tokens.take(token, "one", now=109.9) is NUMBER
    assert tokens.take(token, "one", now=110.0) is None


def test_tokens_do_not_pile_up() -> None:
    tokens = Tokens()
    for second in range(1000):
        tokens.issue(NUMBER, now=float(second))
    assert len(tokens) <= 11


def test_tokens_are_all_different_and_never_look_like_numbers() -> None:
    tokens = Tokens()
    issued = {tokens.issue(NUMBER, now=0.0) for _ in range(1000)}
    assert len(issued) == 1000
    assert all(token.isalpha() and len(token) == 30 for token in issued)


async def test_an_ack_is_not_answered_and_an_unknown_method_is_refused() -> None:
    assert await ask(Tokens(), invite("x", method="ACK")) == ""
    assert (await ask(Tokens(), invite("x", method="REFER"))).startswith("SIP/2.0 405 ")


async def test_noise_is_not_answered() -> None:
    for noise in (b"", b"\r\n\r\n", b"\xff" * 100, b"INVITE sip:x SIP/2.0\r\n\r\n", invite("x")[:60]):
        assert await ask(Tokens(), noise) == ""


@given(st.binary(max_size=400))
def test_no_datagram_at_all_upsets_the_reader(datagram: bytes) -> None:
    read_request(datagram)


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_header_at_all_upsets_the_reader(first: str, second: str) -> None:
    request = read_request(invite("x").replace(b"Content-Length: 0", f"{first}:{second}".encode()))
    assert request is None or request.user == "x"
