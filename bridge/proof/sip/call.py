"""One call of a peer: the INVITE's fate, the dialog it makes (RFC 3261, sections 12 to 15) and its audio."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.proof.capture import Address
from bridge.proof.sip import sdp
from bridge.proof.sip.message import (
    HeaderLines,
    MalformedMessage,
    Message,
    NameAddress,
    Request,
    Response,
    Uri,
)
from bridge.proof.sip.rtp import RtpPacket
from bridge.proof.sip.tasks import happens
from bridge.proof.sip.transaction import ClientTransaction, ServerTransaction, cancel_of

if TYPE_CHECKING:
    from bridge.proof.sip.ua import UserAgent

_ACCEPTED_IN_DIALOG = {"INFO", "NOTIFY", "OPTIONS", "MESSAGE"}


@dataclass(frozen=True)
class Final:
    """The response that settled an INVITE."""

    status: int
    reason: str


class CallRefused(Exception):
    """A call was not answered; `final` says with what."""

    def __init__(self, final: Final) -> None:
        super().__init__(f"{final.status} {final.reason}")
        self.final = final


class Call:
    """Made by `Phone.dial` and `Carrier.call`, or handed over by the peer when an INVITE came in.

    `provisional` holds the codes seen (or sent) before `final`; `requests` what came within the dialog.
    """

    def __init__(
        self, agent: UserAgent, *, call_id: str, local: NameAddress, remote: NameAddress, destination: Address
    ) -> None:
        self.agent = agent
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.provisional: list[int] = []
        self.final: Final | None = None
        self.requests: list[Request] = []
        self.responses: list[Response] = []
        self.media = agent.new_audio()
        self.invite_transaction: ServerTransaction | None = None
        self.ended_by_us = False
        self._reinvites: list[ServerTransaction] = []
        self._remote_target = remote.uri
        self._destination = destination
        self._routes: list[str] = []
        self._cseq = 1
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._cancelled = False
        self._invite: Request | None = None
        self._client_invite: ClientTransaction | None = None
        self._acks: dict[int, Request] = {}
        self._audio: asyncio.Task[None] | None = None
        self._sdp_version = 0

    @property
    def local_tag(self) -> str:
        return self.local.tag

    @property
    def invite(self) -> Request:
        """The INVITE as it was sent (the last try of it) or received."""
        assert self._invite is not None, "a call has its INVITE from the start"
        return self._invite

    @property
    def established(self) -> bool:
        return self.final is not None and self.final.status < 300 and not self._ended.is_set()

    @property
    def received_audio(self) -> list[RtpPacket]:
        return self.media.received_audio

    # Calls that we place

    @classmethod
    async def outgoing(
        cls,
        agent: UserAgent,
        uri: str,
        destination: Address,
        *,
        from_: NameAddress,
        headers: HeaderLines = (),
        body: tuple[str, bytes] | None = None,
    ) -> Call:
        """Send an INVITE; `body`, a content type and bytes, replaces the usual SDP offer."""
        local = NameAddress(from_.uri, from_.display, secrets.token_hex(4))
        call = cls(
            agent,
            call_id=secrets.token_hex(12),
            local=local,
            remote=NameAddress(uri),
            destination=destination,
        )
        await call.media.open(agent.address[0])
        invite = agent.new_request(
            "INVITE", uri, from_=local, to=call.remote, call_id=call.call_id, headers=headers
        )
        invite.set_body(*(body or call._offer()))
        agent.calls.append(call)
        call._start_invite(invite)
        agent.tasks.start(call._follow_invite(), f"INVITE of {agent.user}")
        return call

    async def settled(self, within: float = 10.0) -> Final:
        """Wait for the final response to the INVITE. Raises TimeoutError."""
        await happens(self._settled, "a final response to the INVITE", within, seen=self.provisional)
        assert self.final is not None
        return self.final

    async def answered(self, within: float = 10.0) -> None:
        """Wait for the answer. Raises CallRefused for another final response, TimeoutError for none."""
        final = await self.settled(within)
        if final.status >= 300:
            raise CallRefused(final)

    def _start_invite(self, invite: Request) -> None:
        self._cseq = invite.cseq[0]
        self._client_invite = self.agent.start(invite, self._destination)
        self._invite = invite

    async def _follow_invite(self) -> None:
        tried_password = False
        assert self._client_invite is not None
        while (response := await self._client_invite.responses.get()) is not None:
            self.responses.append(response)
            again = None if tried_password else self.agent.authorised(self.invite, response)
            if response.status < 200:
                self._progress(response)
            elif again is not None:
                tried_password = True
                self._start_invite(again)
            else:
                self._conclude(response)
                return
        self._settle(Final(408, "nobody answered the INVITE"))

    def _progress(self, response: Response) -> None:
        self.provisional.append(response.status)
        self._hear(response)
        if self._cancelled:
            self._send_cancel()

    def _conclude(self, response: Response) -> None:
        if response.status < 300:
            self._learn_remote(response, routes=list(reversed(response.all("Record-Route"))))
            self.remote = response.to_address
            self.acknowledge(response.cseq[0])
            self._hear(response)
        self._settle(Final(response.status, response.reason))
        if self._cancelled and self.established:  # the answer crossed our CANCEL
            self.agent.tasks.start(self._bye(within=5.0), "BYE after a late answer")

    def _settle(self, final: Final) -> None:
        self.final = final
        self._settled.set()
        if final.status >= 300:
            self._end()

    def acknowledge(self, cseq: int) -> None:
        """Send the ACK of a 2xx, the same one each time (RFC 3261, section 13.2.2.4)."""
        if cseq not in self._acks:
            ack = self._new_request("ACK")
            ack.set("CSeq", f"{cseq} ACK")
            self.agent.alter(ack)
            self._acks[cseq] = ack
        self.agent.send_raw(self._acks[cseq].encode(), self._destination)

    # Calls that come in

    @classmethod
    def incoming(cls, agent: UserAgent, arrived: ServerTransaction) -> Call:
        """Raises MalformedMessage where the INVITE lacks what a dialog is made of."""
        invite = arrived.request
        to = invite.to_address
        call = cls(
            agent,
            call_id=invite.call_id,
            local=NameAddress(to.uri, to.display, secrets.token_hex(4)),
            remote=invite.from_address,
            destination=arrived.source,
        )
        call._invite = invite
        call.invite_transaction = arrived
        call._learn_remote(invite, routes=invite.all("Record-Route"))
        return call

    def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: HeaderLines = (),
        body: tuple[str, bytes] | None = None,
    ) -> None:
        """Answer the INVITE with anything but a 2xx; `body` is a content type and bytes."""
        self._respond(status, reason, headers=headers, body=body)
        if status < 200:
            self.provisional.append(status)
        else:
            self._settle(Final(status, reason or ""))

    def ring(self) -> None:
        self.respond(180)

    def reject(self, status: int = 486) -> None:
        self.respond(status)

    def redirect(self, contact: str, *, status: int = 302) -> None:
        """Send a 3xx with that Contact, and no other."""
        response = self._response(status, None)
        response.set("Contact", f"<{contact}>")
        self._send_response(response)
        self._settle(Final(status, response.reason))

    async def send_early_media(self, *, headers: HeaderLines = ()) -> None:
        """183 with SDP, and audio from now on. Raises NoAudio."""
        description = await self._own_description()
        self.respond(183, headers=headers, body=description)
        self._hear(self.invite)

    async def answer(self, *, headers: HeaderLines = (), body: tuple[str, bytes] | None = None) -> None:
        """200 with SDP, or with `body` in its place; audio from now on.

        Raises NoAudio where the offer has none. The ACK is waited for by `acknowledged`.
        """
        if self.final is not None:
            return  # a CANCEL was quicker
        description = await self._own_description()
        self._respond(200, None, headers=headers, body=body or description)
        self._settle(Final(200, "OK"))
        self._hear(self.invite)

    async def acknowledged(self, within: float = 5.0) -> None:
        """Wait for the ACK of our answer. Raises TimeoutError."""
        assert self.invite_transaction is not None, "only an incoming call is acknowledged"
        await happens(self.invite_transaction.acknowledged, "an ACK", within)

    def receive_cancel(self) -> None:
        if self.final is None:
            self.respond(487)

    def receive_ack(self, ack: Request) -> None:
        if self.invite_transaction is not None:
            self.invite_transaction.acknowledge()
        for arrived in self._reinvites:
            arrived.acknowledge()
        self._hear(ack)  # after an INVITE without an offer the ACK carries the answer

    # Within the dialog

    async def request(
        self,
        method: str,
        *,
        headers: HeaderLines = (),
        body: tuple[str, bytes] | None = None,
        within: float = 5.0,
    ) -> Response:
        """Send a request in the dialog and wait for its final response. Raises TimeoutError."""
        request = self._new_request(method, headers=headers, body=body)
        async with asyncio.timeout(within):
            response = await self.agent.transact(request, self._destination)
        self._cseq = max(self._cseq, response.cseq[0])
        if method == "INVITE" and response.status < 300:
            self.acknowledge(response.cseq[0])
            self._hear(response)
        return response

    async def reinvite(self, *, headers: HeaderLines = (), within: float = 5.0) -> Response:
        """Offer the same audio again."""
        return await self.request("INVITE", headers=headers, body=self._offer(), within=within)

    async def send_dtmf(self, digits: str, *, within: float = 30.0) -> None:
        await self.media.send_dtmf(digits, within=within)

    async def hang_up(self, within: float = 5.0) -> None:
        """End the call in whatever way fits: BYE, CANCEL or a rejection. Raises TimeoutError."""
        if self._ended.is_set():
            return
        self.ended_by_us = True
        if self.established:
            await self._bye(within)
        elif self.invite_transaction is not None:
            self.respond(603)
        else:
            self.cancel()
        await self.ended(within)

    def cancel(self) -> None:
        """Withdraw an INVITE; before a provisional response the CANCEL waits for one (section 9.1)."""
        self._cancelled = True
        if self.provisional:
            self._send_cancel()

    async def ended(self, within: float = 10.0) -> None:
        """Wait for the end of the call, whoever ends it. Raises TimeoutError."""
        await happens(self._ended, "the end of the call", within, seen=self.final or self.provisional)

    def receive_request(self, arrived: ServerTransaction) -> None:
        request = arrived.request
        self.requests.append(request)
        if request.method == "BYE":
            self._answer(arrived, 200)
            self._end()
        elif request.method in ("INVITE", "UPDATE"):
            self._answer_offer(arrived)
        else:
            self._answer(arrived, 200 if request.method in _ACCEPTED_IN_DIALOG else 405)

    def _answer_offer(self, arrived: ServerTransaction) -> None:
        request = arrived.request
        if request.method == "UPDATE" and not request.body:
            self._answer(arrived, 200)
            return
        try:
            body = self._answer_to(request)
        except sdp.NoAudio:
            self._answer(arrived, 488)
            return
        self._learn_remote(request, routes=self._routes)
        if request.method == "INVITE":
            self._reinvites.append(arrived)
        self._answer(arrived, 200, body)
        self._hear(request)

    async def _bye(self, within: float) -> None:
        try:
            await self.request("BYE", within=within)
        finally:
            self._end()

    def _send_cancel(self) -> None:
        if self._client_invite is not None and self.final is None:
            self.agent.start(cancel_of(self.invite), self._destination)

    def _end(self) -> None:
        if self._audio is not None:
            self._audio.cancel()
        self.media.close()
        self._ended.set()

    # Messages

    def _new_request(
        self, method: str, *, headers: HeaderLines = (), body: tuple[str, bytes] | None = None
    ) -> Request:
        if method != "ACK":
            self._cseq += 1
        request = self.agent.new_request(
            method,
            self._remote_target,
            from_=self.local,
            to=self.remote,
            call_id=self.call_id,
            cseq=self._cseq,
            headers=[*(("Route", route) for route in self._routes), *headers],
        )
        if body is not None:
            request.set_body(*body)
        return request

    def _response(self, status: int, reason: str | None) -> Response:
        return self.agent.response(self.invite, status, reason, tag=self.local_tag)

    def _respond(
        self, status: int, reason: str | None, *, headers: HeaderLines, body: tuple[str, bytes] | None
    ) -> None:
        response = self._response(status, reason)
        response.headers.extend(headers)
        if body is not None:
            response.set_body(*body)
        self._send_response(response)

    def _send_response(self, response: Response) -> None:
        assert self.invite_transaction is not None, "only an incoming call is responded to"
        self.agent.respond(self.invite_transaction, response)

    def _answer(self, arrived: ServerTransaction, status: int, body: tuple[str, bytes] | None = None) -> None:
        response = self.agent.response(arrived.request, status, tag=self.local_tag)
        if body is not None:
            response.set_body(*body)
        self.agent.respond(arrived, response)

    def _learn_remote(self, message: Message, *, routes: list[str]) -> None:
        """Where the dialog's requests go: the route set, else the Contact (RFC 3261, section 12.1)."""
        self._routes = routes
        if contact := message.get("Contact"):
            self._remote_target = NameAddress.parse(contact).uri
        next_hop = NameAddress.parse(routes[0]).uri if routes else self._remote_target
        try:
            uri = Uri.parse(next_hop)
            self._destination = (str(ipaddress.IPv4Address(uri.host)), uri.port)
        except (MalformedMessage, ipaddress.AddressValueError):
            pass  # no address that we could reach without DNS: stay with the one that spoke to us

    # Audio

    def _offer(self) -> tuple[str, bytes]:
        master = self.media.master if self.agent.offers_srtp else b""
        return self._described(sdp.offer(self.agent.address[0], self.media.port, master))

    def _answer_to(self, message: Message) -> tuple[str, bytes]:
        """Raises NoAudio. A message without a description asks for an offer."""
        if not message.body:
            return self._offer()
        offered = sdp.AudioDescription.parse(message.body)
        answer = offered.answered_at(self.agent.address[0], self.media.port, self.media.master)
        return self._described(answer)

    def _described(self, description: sdp.AudioDescription) -> tuple[str, bytes]:
        self._sdp_version += 1
        return "application/sdp", description.encode(version=self._sdp_version)

    async def _own_description(self) -> tuple[str, bytes]:
        if not self.media.is_open:
            await self.media.open(self.agent.address[0])
        return self._answer_to(self.invite)

    def _hear(self, message: Message) -> None:
        """Send audio to where the message's description says. Without a usable one nothing changes."""
        if not message.body or self._ended.is_set():
            return
        try:
            remote = sdp.AudioDescription.parse(message.body)
            self.media.talk_to(remote, remote.codec)
        except sdp.NoAudio:
            return
        if self._audio is None and self.agent.sends_audio:
            self._audio = self.agent.tasks.start(self.media.run(), f"audio of {self.agent.user}")
