"""The redirect server: tells Asterisk, and nobody else, where a token leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bridge.asterisk.sealed.sip import Request, read_request, response
from bridge.asterisk.sealed.tokens import Tokens
from bridge.asterisk.trunk import NotDiallable, NumberFormat, diallable
from bridge.vault import HiddenNumber

log = structlog.get_logger()

Address = tuple[str, int]


class RedirectServer(asyncio.DatagramProtocol):
    """Answers INVITEs for tokens with 302 and the Contact that `carrier` describes.

    `carrier` is a SIP URI with {number} in it, "sip:{number}@192.0.2.10:5060". The server listens on
    loopback, which this machine alone can reach, and tells only who knows a token: Asterisk does, nobody
    else.
    """

    def __init__(self, tokens: Tokens, *, carrier: str, number_format: NumberFormat) -> None:
        self._tokens = tokens
        self._carrier = carrier
        self._number_format = number_format
        self._transport: asyncio.DatagramTransport | None = None

    @asynccontextmanager
    async def listening(self, address: Address) -> AsyncIterator[None]:
        """Serve on a loopback address. Raises OSError where it is taken."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=address
        )
        self._transport = transport
        try:
            yield
        finally:
            transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self._transport is None:
            return
        request = read_request(data)
        if request is not None and (answer := self._answer(request)) is not None:
            self._transport.sendto(answer, addr)

    def _answer(self, request: Request) -> bytes | None:
        match request.method:
            case "INVITE":
                return self._redirect(request)
            case "OPTIONS":
                return response(request, 200, "OK")  # Asterisk's qualify: so it knows that we serve
            case "ACK":
                return None
            case "CANCEL":
                return response(request, 481, "Call/Transaction Does Not Exist")
        return response(request, 405, "Method Not Allowed", (("Allow", "INVITE, ACK, OPTIONS, CANCEL"),))

    def _redirect(self, request: Request) -> bytes:
        now = asyncio.get_running_loop().time()
        number = self._tokens.take(request.user, request.transaction, now)
        if number is None:
            log.warning("a token that is worth nothing was dialled")
            return response(request, 404, "Not Found")
        try:
            contact = self._contact(number)
        except NotDiallable:
            log.error("a contact's sealed value is not a phone number")
            return response(request, 484, "Address Incomplete")
        return response(request, 302, "Moved Temporarily", (("Contact", contact),))

    def _contact(self, number: HiddenNumber) -> str:
        return f"<{self._carrier.replace('{number}', diallable(number, self._number_format))}>"
