"""A SIP user agent: sockets, transactions and calls behind one port (RFC 3261).

The one way to make a peer say something unusual is `alter`: a function that gets every message, of whatever
kind, just before it is sent, and changes it in place::

    def name_the_callee(message: Message) -> None:
        if isinstance(message, Response) and message.status == 180:
            message.add("P-Asserted-Identity", "<sip:...>")

    carrier.alter = name_the_callee

`Call.request` sends any request in a dialog, `UserAgent.request` any outside of one, and
`UserAgent.send_raw` any bytes. Every wait takes `within`, in seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from bridge.proof.capture import Address, Protocol, Recording
from bridge.proof.sip import transaction
from bridge.proof.sip.call import Call
from bridge.proof.sip.digest import Credentials
from bridge.proof.sip.message import (
    HeaderLines,
    MalformedMessage,
    Message,
    NameAddress,
    Request,
    Response,
    parse,
    reason_phrase,
)
from bridge.proof.sip.rtp import AudioStream
from bridge.proof.sip.tasks import Tasks, until
from bridge.proof.sip.transaction import ClientTransaction, ServerTransaction, Timers
from bridge.proof.sip.transport import SipSocket, StreamSocket, Transport, UdpSocket

ALLOWED_METHODS = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, MESSAGE"

_ACCEPTED_OUTSIDE_DIALOGS = {"OPTIONS", "NOTIFY", "MESSAGE", "INFO"}
_KEPT_REQUESTS = 1000

TransactionKey = tuple[str, str]
T = TypeVar("T")
Alteration = Callable[[Message], None]


def unaltered(message: Message) -> None:
    """The alteration of a peer that behaves."""


class UserAgent:
    """Base of the peers. `user` and `display` are what it calls itself in From and Contact.

    Without `sends_audio` its calls are silent: for crowds of them, of which only the signalling matters.
    With `offers_srtp` it offers no sound but encrypted one; what it is offered it takes in either way.
    """

    def __init__(
        self,
        bind: Address,
        *,
        user: str,
        display: str = "",
        credentials: Credentials | None = None,
        recording: Recording | None = None,
        timers: Timers | None = None,
        tone_hz: int = 425,
        sends_audio: bool = True,
        transport: Transport = Transport.UDP,
        offers_srtp: bool = False,
    ) -> None:
        self.user = user
        self.display = display
        self.credentials = credentials
        self.recording = recording if recording is not None else Recording()
        self.transport = transport
        self.offers_srtp = offers_srtp
        self.timers = timers or Timers(reliable=transport is not Transport.UDP)
        self.tone_hz = tone_hz
        self.sends_audio = sends_audio
        self.alter: Alteration = unaltered
        self.tasks = Tasks()
        self.calls: deque[Call] = deque(maxlen=_KEPT_REQUESTS)
        self.latest_source: Address | None = None
        self.requests: deque[Request] = deque(maxlen=_KEPT_REQUESTS)
        self._arrival = asyncio.Event()
        self._bind = bind
        self._socket: SipSocket | None = None
        self._client: dict[TransactionKey, ClientTransaction] = {}
        self._server: dict[TransactionKey, ServerTransaction] = {}

    async def open(self) -> None:
        """Bind the SIP socket. Raises OSError when the address is taken."""
        if self._socket is not None:
            return
        if self.transport is Transport.UDP:
            self._socket = await UdpSocket.open(
                self._bind, recording=self.recording, protocol=Protocol.SIP, handler=self._receive
            )
        else:
            self._socket = await StreamSocket.open(
                self._bind,
                recording=self.recording,
                handler=self._receive,
                tasks=self.tasks,
                tls=self.transport is Transport.TLS,
            )

    async def close(self) -> None:
        """Hang up nothing, say nothing, stop everything. Raises what background work raised."""
        for started in self._client.values():
            started.stop()
        for arrived in self._server.values():
            arrived.stop()
        for call in self.calls:
            call.media.close()
        try:
            await self.tasks.close()
        finally:
            if self._socket is not None:
                self._socket.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def address(self) -> Address:
        return self._open_socket().address

    @property
    def contact_uri(self) -> str:
        host, port = self.address
        stream = "" if self.transport is Transport.UDP else f";transport={self.transport}"
        return f"sip:{self.user}@{host}:{port}{stream}"

    # Sending

    def send_raw(self, data: bytes, destination: Address) -> None:
        """Send any bytes from the SIP socket, unaltered."""
        self._open_socket().send(data, destination)

    def send(self, message: Message, destination: Address) -> None:
        """Send a message once, outside any transaction; an ACK goes so."""
        self.alter(message)
        self.send_raw(message.encode(), destination)

    def new_request(
        self,
        method: str,
        uri: str,
        *,
        from_: NameAddress,
        to: NameAddress,
        call_id: str | None = None,
        cseq: int = 1,
        headers: HeaderLines = (),
        body: bytes = b"",
    ) -> Request:
        request = Request(method, uri, body=body)
        request.headers = [
            ("Via", self.new_via()),
            ("Max-Forwards", "70"),
            ("From", str(from_)),
            ("To", str(to)),
            ("Call-ID", call_id or secrets.token_hex(12)),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", f"<{self.contact_uri}>"),
            ("User-Agent", "call-bridge-proof"),
            ("Allow", ALLOWED_METHODS),
            *headers,
        ]
        return request

    def new_via(self) -> str:
        host, port = self.address
        return f"SIP/2.0/{self.transport.upper()} {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport"

    def start(self, request: Request, destination: Address) -> ClientTransaction:
        """Send a request and keep it until its end; the caller reads `responses`."""
        self.alter(request)
        started = ClientTransaction(
            request,
            destination,
            send=self.send_raw,
            timers=self.timers,
            settled=lambda: self._forget_later(self._client, started.key),
        )
        self._client[started.key] = started
        return started

    async def transact(self, request: Request, destination: Address) -> Response:
        """Send a request other than INVITE and wait for its final response, answering one challenge.

        Raises TimeoutError when no final response comes.
        """
        response = await self._final_response(self.start(request, destination))
        authorised = self.authorised(request, response)
        if authorised is None:
            return response
        return await self._final_response(self.start(authorised, destination))

    async def request(
        self, method: str, uri: str, destination: Address, *, headers: HeaderLines = (), body: bytes = b""
    ) -> Response:
        """Send a request outside any dialog and wait for its final response. Raises TimeoutError."""
        from_ = NameAddress(self.contact_uri, self.display, secrets.token_hex(4))
        request = self.new_request(method, uri, from_=from_, to=NameAddress(uri), headers=headers, body=body)
        return await self.transact(request, destination)

    def authorised(self, request: Request, response: Response) -> Request | None:
        """The request again, answering the challenge in `response`; None when it holds none we can answer."""
        names = {401: ("WWW-Authenticate", "Authorization")}
        names[407] = ("Proxy-Authenticate", "Proxy-Authorization")
        if response.status not in names or self.credentials is None:
            return None
        challenge, answer = names[response.status]
        number, method = request.cseq
        again = Request(method, request.uri, headers=list(request.headers), body=request.body)
        again.set("Via", self.new_via())
        again.set("CSeq", f"{number + 1} {method}")
        again.add(answer, self.credentials.answer(response.all(challenge), method, request.uri))
        return again

    @staticmethod
    async def _final_response(started: ClientTransaction) -> Response:
        while (response := await started.responses.get()) is not None:
            if response.status >= 200:
                return response
        raise TimeoutError(f"nobody answered {started.request.method}")

    # Answering

    def response(
        self,
        request: Request,
        status: int,
        reason: str | None = None,
        *,
        tag: str,
        headers: HeaderLines = (),
        body: bytes = b"",
    ) -> Response:
        """RFC 3261, section 8.2.6.2."""
        answer = Response(status, reason if reason is not None else reason_phrase(status), body=body)
        answer.headers = [("Via", value) for value in request.all("Via")]
        answer.headers += [("Record-Route", value) for value in request.all("Record-Route")]
        to = request.require("To")
        tagged = to if request.to_address.tag or status == 100 else f"{to};tag={tag}"
        answer.headers += [
            ("From", request.require("From")),
            ("To", tagged),
            ("Call-ID", request.call_id),
            ("CSeq", request.require("CSeq")),
            ("Contact", f"<{self.contact_uri}>"),
            ("Allow", ALLOWED_METHODS),
            *headers,
        ]
        return answer

    def respond(self, to: ServerTransaction, response: Response) -> None:
        self.alter(response)
        to.respond(response)

    def new_audio(self) -> AudioStream:
        """The sound of a new call; a crowd's peers have another."""
        return AudioStream(self.recording, tone_hz=self.tone_hz)

    def on_invite(self, call: Call) -> None:
        """A call came in; peers decide here what becomes of it."""
        call.respond(480)

    # Receiving

    def received(self, method: str) -> list[Request]:
        """The requests with that method, retransmissions included."""
        return [request for request in self.requests if request.method == method]

    async def wait_for_request(self, method: str, *, times: int = 1, within: float = 10.0) -> Request:
        """Until a method has come so often, retransmissions included. Raises TimeoutError."""
        what = f"{method} {times} times"
        await until(lambda: len(self.received(method)) >= times, self._arrival, what, within)
        return self.received(method)[times - 1]

    def _receive(self, data: bytes, source: Address) -> None:
        if not data.strip():
            return  # a keep-alive (RFC 5626, section 3.5.1)
        # What cannot be understood is on record; a peer that died of it would end the test elsewhere.
        with contextlib.suppress(MalformedMessage):
            message = parse(data)
            if isinstance(message, Request):
                self._receive_request(message, source)
            else:
                self._receive_response(message)

    def _receive_response(self, response: Response) -> None:
        started = self._client.get(transaction.client_key(response))
        if started is None:
            return
        if started.final is not None and response.status < 300 and response.cseq[1] == "INVITE":
            self._acknowledge_again(response)
        started.receive(response)

    def _acknowledge_again(self, response: Response) -> None:
        call = self._find_call(response.call_id, response.from_address.tag)
        if call is not None:
            call.acknowledge(response.cseq[0])

    def _receive_request(self, request: Request, source: Address) -> None:
        self.requests.append(request)
        self.latest_source = source
        self._arrival.set()
        known = self._server.get(transaction.server_key(request))
        if request.method == "ACK":
            self._receive_ack(request, known)
        elif known is not None:
            known.receive_again()
        else:
            incoming = ServerTransaction(
                request,
                source,
                send=self.send_raw,
                timers=self.timers,
                settled=lambda: self._forget_later(self._server, transaction.server_key(request)),
            )
            self._server[incoming.key] = incoming
            self._dispatch(incoming)

    def _receive_ack(self, request: Request, known: ServerTransaction | None) -> None:
        if known is not None:
            known.acknowledge()
        elif call := self._find_call(request.call_id, request.to_address.tag):
            call.receive_ack(request)

    def _dispatch(self, incoming: ServerTransaction) -> None:
        request = incoming.request
        if request.method == "CANCEL":
            self._receive_cancel(incoming)
        elif request.to_address.tag:
            call = self._find_call(request.call_id, request.to_address.tag)
            if call is None:
                self._answer(incoming, 481)
            else:
                call.receive_request(incoming)
        elif request.method == "INVITE":
            call = Call.incoming(self, incoming)
            self.calls.append(call)
            self.on_invite(call)
        else:
            self._answer(incoming, 200 if request.method in _ACCEPTED_OUTSIDE_DIALOGS else 405)

    def _receive_cancel(self, incoming: ServerTransaction) -> None:
        invite = self._server.get((incoming.request.branch, "INVITE"))
        self._answer(incoming, 200 if invite else 481)
        for call in self.calls:
            if call.invite_transaction is not None and call.invite_transaction is invite:
                call.receive_cancel()

    def _answer(self, incoming: ServerTransaction, status: int) -> None:
        self.respond(incoming, self.response(incoming.request, status, tag=secrets.token_hex(4)))

    def _find_call(self, call_id: str, local_tag: str) -> Call | None:
        matching = (call for call in self.calls if (call.call_id, call.local_tag) == (call_id, local_tag))
        return next(matching, None)

    def _forget_later(self, table: dict[TransactionKey, T], key: TransactionKey) -> None:
        """A settled transaction still absorbs retransmissions for as long as the far end may send them."""
        asyncio.get_running_loop().call_later(self.timers.give_up, table.pop, key, None)

    def _open_socket(self) -> SipSocket:
        if self._socket is None:
            raise RuntimeError("open the peer first")
        return self._socket
