"""The redirect server: tells Asterisk, and nobody else, where a token leads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from bridge.asterisk.sealed.sip import Request, read_request, response
from bridge.asterisk.sealed.tokens import Destination, Lead, Tokens
from bridge.asterisk.trunk import NotDiallable, NumberFormat, diallable
from bridge.vault import HiddenNumber

log = structlog.get_logger()

Address = tuple[str, int]

_SECONDS_BETWEEN_WARNINGS: Final = 60.0

_UNSURPASSED_Q: Final = 2_147_483
"""The highest q that PJSIP reads (PJSIP_MAX_Q1000). Of equal ones it tries first what came first."""

_KEEPS_CAUSES_SINCE: Final = {20: 19, 22: 9, 23: 3}
"""By branch of Asterisk, the first release whose channels end with the carrier's own status, whatever PJSIP
does after it: "chan_pjsip: Set correct cause codes for non-2XX responses". 21 never had it, 24 always."""


class RedirectServer(asyncio.DatagramProtocol):
    """Answers INVITEs for tokens with 302 and the Contact that a carrier describes.

    `carrier` tells, for each call, a SIP URI with {number} in it: "sip:{number}@192.0.2.10:5060", for tokens
    that have no carrier of their own. The server listens on loopback, which this machine alone can reach, and
    tells only who knows a token and speaks from `asterisk`, the address that Asterisk's SIP comes from.

    An INVITE for a token that is reserved gets no answer before it is issued or void, not even 100: who hears
    nothing asks again, and so finds out by itself when there is no daemon any more that could answer.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        carrier: Callable[[], str],
        number_format: NumberFormat,
        asterisk: Address,
    ) -> None:
        self._tokens = tokens
        self._carrier = carrier
        self._number_format = number_format
        self._asterisk = asterisk
        self._transport: asyncio.DatagramTransport | None = None
        self._own_address: Address | None = None
        self._stops_carriers = False
        self._held: dict[str, Request] = {}
        """INVITEs that wait for their answer, by token."""
        self._next_warnings: dict[str, float] = {}

    @asynccontextmanager
    async def listening(self, address: Address) -> AsyncIterator[None]:
        """Serve on a loopback address. Raises OSError where it is taken."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=address
        )
        self._transport, self._own_address = transport, address
        try:
            yield
        finally:
            transport.close()

    def reserve(self) -> str:
        """A new token that may be dialled, and leads nowhere before `issue`."""
        return self._tokens.reserve(_now())

    def issue(self, token: str, number: HiddenNumber, carrier: str | None) -> None:
        """Let it lead to this number, at this carrier or, if None, at the trunk's own."""
        self._tokens.issue(token, number, _now(), carrier=carrier)
        if (held := self._held.pop(token, None)) is not None:
            self._send(self._redirect(held))

    def void(self, token: str) -> None:
        """Let it lead nowhere for good: nobody is to be called."""
        self._tokens.void(token)
        if (held := self._held.pop(token, None)) is not None:
            self._send(self._redirect(held))

    def know_asterisk(self, version: str) -> None:
        """Which Asterisk asks: told after every connect, and before anything is dialled by it."""
        self._stops_carriers = keeps_causes(version)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if addr != self._asterisk:
            self._warn("a message came from elsewhere than trunk.sealed.asterisk")
            return
        request = read_request(data)
        if request is not None:
            self._send(self._answer(request))

    def _send(self, answer: bytes | None) -> None:
        if self._transport is not None and answer is not None:
            self._transport.sendto(answer, self._asterisk)

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

    def _redirect(self, request: Request) -> bytes | None:
        destination = self._tokens.take(request.user, request.transaction, _now())
        match destination:
            case Lead.NOT_KNOWN_YET:
                self._hold(request)
                return None
            case Lead.NOWHERE:
                return response(request, 480, "Temporarily Unavailable")
            case None:
                self._warn("a token that is worth nothing was dialled")
                return response(request, 404, "Not Found")
        try:
            contacts = self._contacts(destination)
        except NotDiallable:
            log.error("a contact's sealed value is not a phone number")
            return response(request, 484, "Address Incomplete")
        return response(request, 302, "Moved Temporarily", contacts)

    def _hold(self, request: Request) -> None:
        """With it, let go of those whose token has run out."""
        self._held = {token: held for token, held in self._held.items() if self._tokens.is_reserved(token)}
        self._held[request.user] = request

    def _contacts(self, destination: Destination) -> tuple[tuple[str, str], ...]:
        """The carrier, and after it a full stop.

        PJSIP tries the Contacts it has been given in turn, after any failure but a 6xx, and those that a
        carrier adds by a 3xx of its own come last. So the second Contact is where each failure leads, and it
        is one at which PJSIP gives up: its method is not INVITE (RFC 3261, section 19.1.1).
        """
        uri = destination.carrier or self._carrier()
        carrier = f"<{uri.replace('{number}', diallable(destination.number, self._number_format))}>"
        if not self._stops_carriers or self._own_address is None:
            return (("Contact", carrier),)
        host, port = self._own_address
        full_stop = f"<sip:full-stop@{host}:{port};method=BYE>"
        return tuple(("Contact", f"{contact};q={_UNSURPASSED_Q}") for contact in (carrier, full_stop))

    def _warn(self, event: str) -> None:
        """Now and again: whoever can send us datagrams must not be able to fill the disk with our log."""
        if _now() >= self._next_warnings.get(event, 0.0):
            self._next_warnings[event] = _now() + _SECONDS_BETWEEN_WARNINGS
            log.warning(event)


def keeps_causes(version: str) -> bool:
    """Whether that Asterisk tells how the carrier ended a call that PJSIP was stopped from taking further.

    Others would give every busy line the cause of the stop itself. Unknown and certified versions count as
    such.
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        return False
    branch, release = int(found[1]), int(found[2])
    return branch >= 24 or (branch in _KEEPS_CAUSES_SINCE and release >= _KEEPS_CAUSES_SINCE[branch])


def _now() -> float:
    return asyncio.get_running_loop().time()
