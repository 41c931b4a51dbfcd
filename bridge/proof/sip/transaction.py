"""SIP transactions: retransmission and matching (RFC 3261, section 17).

Names of timers are the RFC's. Of the RFC's four state machines only what the far end can see is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bridge.proof.capture import Address
from bridge.proof.sip.message import HeaderList, MalformedMessage, Request, Response

Send = Callable[[bytes, Address], None]


@dataclass(frozen=True)
class Timers:
    """Seconds. T1 is the round-trip estimate, T2 the longest pause between retransmissions.

    A `reliable` transport loses nothing: nothing is said twice (section 17.1.1.2).
    """

    t1: float = 0.5
    t2: float = 4.0
    reliable: bool = False

    @property
    def give_up(self) -> float:
        """Timers B, F, H: how long a transaction is tried."""
        return 64 * self.t1


class Retransmitter:
    """Sends one datagram at growing intervals until stopped or given up."""

    def __init__(
        self, send: Callable[[], None], timers: Timers, *, longest: float | None, given_up: Callable[[], None]
    ) -> None:
        self._send = send
        self._longest = longest
        self._interval = timers.t1
        loop = asyncio.get_running_loop()
        self._next = None if timers.reliable else loop.call_later(self._interval, self._again)
        self._end = loop.call_later(timers.give_up, self._give_up)
        self._given_up = given_up

    def stop(self) -> None:
        self._pause()
        self._end.cancel()

    def _pause(self) -> None:
        if self._next is not None:
            self._next.cancel()

    def _again(self) -> None:
        self._send()
        self._interval *= 2
        if self._longest is not None:
            self._interval = min(self._interval, self._longest)
        self._next = asyncio.get_running_loop().call_later(self._interval, self._again)

    def _give_up(self) -> None:
        self._pause()
        self._given_up()


class ClientTransaction:
    """A request on its way. `responses` yields each new response, and None when nobody answered in time.

    `settled` is called after the final response, or when none came.
    """

    def __init__(
        self,
        request: Request,
        destination: Address,
        *,
        send: Send,
        timers: Timers,
        settled: Callable[[], None],
    ) -> None:
        self.request = request
        self.destination = destination
        self.responses: asyncio.Queue[Response | None] = asyncio.Queue()
        self.final: Response | None = None
        self._send = send
        self._data = request.encode()
        self._acknowledgement: bytes | None = None
        self._settled = settled
        is_invite = request.method == "INVITE"
        self._transmit()
        self._retransmitter = Retransmitter(
            self._transmit,
            timers,
            longest=None if is_invite else timers.t2,
            given_up=self._give_up,
        )

    @property
    def key(self) -> tuple[str, str]:
        return self.request.branch, self.request.method

    def receive(self, response: Response) -> None:
        if self.final is not None:
            self._acknowledge()
        elif response.status < 200:
            if self.request.method == "INVITE":
                self._retransmitter.stop()  # section 17.1.1.2: now it waits without a limit
            self.responses.put_nowait(response)
        else:
            self._finish(response)

    def stop(self) -> None:
        self._retransmitter.stop()

    def _finish(self, response: Response) -> None:
        self.final = response
        self._retransmitter.stop()
        if self.request.method == "INVITE" and response.status >= 300:
            self._acknowledgement = failure_ack(self.request, response).encode()
            self._acknowledge()
        self.responses.put_nowait(response)
        self._settled()

    def _give_up(self) -> None:
        self.responses.put_nowait(None)
        self._settled()

    def _acknowledge(self) -> None:
        if self._acknowledgement is not None:
            self._send(self._acknowledgement, self.destination)

    def _transmit(self) -> None:
        self._send(self._data, self.destination)


class ServerTransaction:
    """A request that came, and the responses to it. `source` is where it came from (RFC 3581).

    `settled` is called after the final response was sent.
    """

    def __init__(
        self, request: Request, source: Address, *, send: Send, timers: Timers, settled: Callable[[], None]
    ) -> None:
        self.request = request
        self.source = source
        self.final_status: int | None = None
        self.acknowledged = asyncio.Event()
        self._send = send
        self._timers = timers
        self._settled = settled
        self._last: bytes | None = None
        self._retransmitter: Retransmitter | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.request.branch, self.request.method

    def respond(self, response: Response) -> None:
        """Send; a final answer to an INVITE is repeated until its ACK (sections 13.3.1.4 and 17.2.1)."""
        self._last = response.encode()
        self._repeat()
        if response.status >= 200:
            self.final_status = response.status
            if self.request.method == "INVITE":
                self._retransmitter = Retransmitter(
                    self._repeat, self._timers, longest=self._timers.t2, given_up=lambda: None
                )
            self._settled()

    def receive_again(self) -> None:
        """The request was retransmitted: so is the latest response."""
        self._repeat()

    def acknowledge(self) -> None:
        self.acknowledged.set()
        self.stop()

    def stop(self) -> None:
        if self._retransmitter is not None:
            self._retransmitter.stop()

    def _repeat(self) -> None:
        if self._last is not None:
            self._send(self._last, self.source)


def failure_ack(invite: Request, response: Response) -> Request:
    """The ACK that belongs to the INVITE's own transaction (RFC 3261, section 17.1.1.3)."""
    number, _ = invite.cseq
    headers: HeaderList = [
        ("Via", invite.require("Via")),
        ("From", invite.require("From")),
        ("To", response.require("To")),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{number} ACK"),
        ("Max-Forwards", "70"),
    ]
    headers += [("Route", value) for value in invite.all("Route")]
    return Request("ACK", invite.uri, headers=headers)


def cancel_of(invite: Request) -> Request:
    """The CANCEL that matches an INVITE (RFC 3261, section 9.1)."""
    cancel = failure_ack(invite, Response(487, "", headers=[("To", invite.require("To"))]))
    cancel.method = "CANCEL"
    cancel.set("CSeq", f"{invite.cseq[0]} CANCEL")
    return cancel


def server_key(request: Request) -> tuple[str, str]:
    """An ACK of a failure matches its INVITE's transaction (RFC 3261, section 17.2.3)."""
    return request.branch, "INVITE" if request.method == "ACK" else request.method


def client_key(response: Response) -> tuple[str, str]:
    """Raises MalformedMessage for a response that no transaction of ours can have caused."""
    branch = response.branch
    if not branch:
        raise MalformedMessage("a response without a branch")
    return branch, response.cseq[1]
