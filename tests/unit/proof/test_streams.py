"""SIP over TCP and TLS: messages come whole however they are cut, and everything is on record."""

from __future__ import annotations

import asyncio

import pytest

from bridge.proof.capture import Direction, Protocol
from bridge.proof.sip.carrier import Carrier, answer
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.transport import Transport

HOST = "127.0.0.1"
OPTIONS = (
    b"OPTIONS sip:x@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK%d\r\n"
    b"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\n%b\r\n%b"
)


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS])
async def test_a_call_goes_there_and_back_by_one_connection(transport: Transport) -> None:
    carrier = Carrier((HOST, 0), behaviour=answer(after=0), transport=transport)
    async with carrier, Phone("101", "", server=(HOST, 1), transport=transport) as phone:
        phone.server = carrier.address
        call = await phone.dial("1042")
        await call.answered()
        customer = await carrier.called()
        await customer.acknowledged()
        await customer.request("INFO")
        await call.hang_up()
        await customer.ended()
    assert call.invite.require("Via").startswith(f"SIP/2.0/{transport.upper()} ")
    assert f"transport={transport}" in customer.invite.require("Contact")
    for peer in (phone, carrier):
        sent = peer.recording.only(direction=Direction.SENT, protocol=Protocol.SIP)
        received = peer.recording.only(direction=Direction.RECEIVED, protocol=Protocol.SIP)
        assert [each.data[:4] for each in sent].count(b"INVI") <= 1, "nothing is said twice"
        assert sent
        assert received


async def test_messages_come_whole_however_they_are_cut() -> None:
    plain = OPTIONS % (1, 1, b"Content-Length: 0\r\n", b"")
    with_body = OPTIONS % (2, 2, b"l: 4\r\n", b"body")
    unmeasured = OPTIONS % (3, 3, b"", b"")
    stream = plain + b"\r\n\r\n" + with_body + unmeasured + b"the beginning of"
    async with Carrier((HOST, 0), transport=Transport.TCP) as carrier:
        reader, writer = await asyncio.open_connection(*carrier.address)
        for place in range(0, len(stream), 7):
            writer.write(stream[place : place + 7])
            await writer.drain()
        writer.write_eof()
        await carrier.wait_for_request("OPTIONS", times=3)
        assert [request.body for request in carrier.requests] == [b"", b"body", b""]

        def heard() -> bytes:
            return b"".join(each.data for each in carrier.recording.only(direction=Direction.RECEIVED))

        async with asyncio.timeout(5):
            while heard() != stream:
                await asyncio.sleep(0)
        assert (await reader.read()).count(b"SIP/2.0 200 OK") == 3
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS])
async def test_where_nobody_listens_nobody_answers(transport: Transport) -> None:
    async with Phone("101", "", server=(HOST, 9), transport=transport) as phone:
        with pytest.raises(TimeoutError):
            await phone.register(within=0.3)


async def test_a_plain_server_is_no_tls_server() -> None:
    carrier = Carrier((HOST, 0), transport=Transport.TCP)
    async with carrier, Phone("101", "", server=(HOST, 9), transport=Transport.TLS) as phone:
        phone.server = carrier.address
        with pytest.raises(TimeoutError):
            await phone.register(within=0.5)
