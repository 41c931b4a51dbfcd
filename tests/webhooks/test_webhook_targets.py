"""Where webhooks may be sent to: what only this machine reaches is reached by none, whatever a name says."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hook_shop import HookShop

from bridge.outgoing import Reach
from bridge.proof.sip import certificate
from bridge.webhooks.targets import UrlRefused, checked_url

PRIVATE = (
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1")


class Lying(AbstractResolver):
    """Says what it is told to say, one answer after the other: a name that changes its mind."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        said = self.answers.pop(0)
        return [ResolveResult(hostname=host, host=said, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_of_a_machine_or_a_network_of_ones_own_is_sent_to(address: str) -> None:
    assert not Reach().allows(address, encrypted=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_sent_to_by_https_alone(address: str) -> None:
    assert Reach().allows(address, encrypted=True)
    assert not Reach().allows(address, encrypted=False)


def test_a_network_of_the_configuration_is_sent_to_and_its_neighbours_are_not() -> None:
    reach = Reach.of(["10.1.0.0/16", "fd12::/16"])
    for address, allowed in (
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("fd12::7", True),
    ):
        assert reach.allows(address, encrypted=False) is allowed, address


@pytest.mark.parametrize(
    "url",
    [
        "", "shop.example/hook", "ftp://shop.example", "https://", "https://shop.example:0/", "https://[::1",
        "https://user:pass@shop.example/", "https://shop.example/#a", "https://shop.example/a b", "http://shop.example/",
        "https://shop.example/\x00", "https://пример.рф/", "https://shop.example/" + "a" * 500,
        "https://447700900123.example/",
    ],
)  # fmt: skip
def test_what_is_no_address_for_webhooks_is_refused_in_words_that_do_not_repeat_it(url: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        checked_url(url, [])
    assert "shop" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://crm.example/hook?key=abc", "https://203.0.113.10:8443/", "https://[2001:db8::1]/"]
)
def test_a_plain_address_is_taken(url: str) -> None:
    checked_url(url, [])


def test_plain_http_is_taken_where_there_are_networks_of_ones_own() -> None:
    checked_url("http://192.168.1.20/hook", ["192.168.1.20/32"])


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("[::1]", True),
        ("[::ffff:127.0.0.1]", True),
        # Not every machine and every version takes these for itself.
        ("localhost.", False),
        ("2130706433", False),
        ("0x7f.1", False),
    ],
)
async def test_this_machine_is_not_reached_under_any_of_its_names(
    shop: HookShop, host: str, is_known: bool
) -> None:
    shop.sending(networks=())
    for scheme in ("http", "https"):
        await shop.add("", url=f"{scheme}://{host}:{shop.program.port}/ok")
    await shop.call("abc")
    await shop.look()
    assert shop.program.heard() == []
    answers = {answer for (answer,) in await shop.rows("answer")}
    assert answers == {"forbidden"} if is_known else answers <= {"forbidden", "unreachable"}


async def test_a_name_that_changes_its_mind_is_connected_to_as_it_was_looked_at(shop: HookShop) -> None:
    """It is looked up once in an attempt, and is loopback's then: what it would be next is not asked."""
    lying = Lying("127.0.0.1", "1.1.1.1")
    shop.sending(networks=(), resolver=lying)
    await shop.add("", url=f"https://crm.example:{shop.program.port}/ok")
    await shop.call("abc")
    await shop.look()
    assert await shop.rows("answer") == [("forbidden",)]
    assert lying.answers == ["1.1.1.1"]
    assert shop.program.heard() == []


@asynccontextmanager
async def tls_program(context: ssl.SSLContext) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on loopback that answers 200 to whatever it reads: its port, and what it has read."""
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(shop: HookShop) -> None:
    async with tls_program(certificate.of_a_server("127.0.0.1")) as (port, heard):
        await shop.add("", url=f"https://127.0.0.1:{port}/ok")
        await shop.call("abc")
        await shop.look()
    assert await shop.rows("answer") == [("unreachable",)]
    assert heard == []


async def test_by_https_it_arrives(shop: HookShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a client that believes any certificate, as this machine's list has none of the test's."""
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", certificate.of_a_client())
    async with tls_program(certificate.of_a_server("127.0.0.1")) as (port, heard):
        await shop.add("", url=f"https://127.0.0.1:{port}/ok")
        await shop.call("abc")
        await shop.look()
    assert await shop.rows("answer") == [("arrived 200",)]
    assert heard[0].startswith(b"POST /ok HTTP/1.1\r\n")
