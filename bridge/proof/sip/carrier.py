"""The other side of the trunk: a carrier that behaves as it is told.

A behaviour is a coroutine function of the call; the ones that tests need every day are made by the functions
below, and anything else is written in place::

    carrier.behaviour = refuse(486)
    carrier.when("+447700900123", ring_for_ever())

    async def talkative(call: Call) -> None:
        call.respond(183, headers=[("P-Asserted-Identity", "<sip:...>")])
        await call.answer()
        await call.request("INFO", body=("text/plain", b"..."))

    carrier.behaviour = talkative

What every message says can be changed by `alter`; see `bridge.proof.sip.ua`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bridge.proof.capture import Address, Recording
from bridge.proof.sip.call import Call
from bridge.proof.sip.message import HeaderLines, NameAddress, Uri
from bridge.proof.sip.tasks import until
from bridge.proof.sip.transaction import Timers
from bridge.proof.sip.transport import Transport
from bridge.proof.sip.ua import UserAgent

Behaviour = Callable[[Call], Awaitable[None]]


def answer(*, after: float = 0.2, hang_up_after: float | None = None) -> Behaviour:
    """180 at once, 200 after so many seconds; then talk until the other side, or `hang_up_after`, ends it."""

    async def behave(call: Call) -> None:
        call.ring()
        await asyncio.sleep(after)
        await _answer_and_maybe_hang_up(call, hang_up_after)

    return behave


def answer_naming_the_callee(*, after: float) -> Behaviour:
    """As `answer`, and as talkative as carriers are: every response says who has been reached."""

    async def behave(call: Call) -> None:
        headers = _names_of_the_callee(call)
        call.respond(180, headers=headers)
        await asyncio.sleep(after)
        await call.answer(headers=headers)

    return behave


def ring_naming_the_callee() -> Behaviour:
    async def behave(call: Call) -> None:
        call.respond(180, headers=_names_of_the_callee(call))

    return behave


def refuse_naming_the_callee(status: int) -> Behaviour:
    """A failure whose reason, and every header that can say so, names who was called."""

    async def behave(call: Call) -> None:
        number = Uri.parse(call.invite.uri).user
        text = f"{number} can not be reached"
        said = [("Reason", f'SIP;cause={status};text="{text}"'), ("Warning", f'399 carrier "{text}"')]
        call.respond(status, text, headers=[*_names_of_the_callee(call), *said])

    return behave


async def name_the_callee_again(call: Call) -> None:
    """In a conversation, by each request that can. Raises TimeoutError.

    Each time by another name: an identity that is said again is no news, and a PBX passes on none.
    """
    await call.request("UPDATE", headers=_names_of_the_callee(call, "Line {number}"))
    await call.reinvite(headers=_names_of_the_callee(call, "Phone {number}"))


def _names_of_the_callee(call: Call, display: str = "{number}") -> HeaderLines:
    number = Uri.parse(call.invite.uri).user
    callee = f'"{display.format(number=number)}" <sip:{number}@{call.agent.address[0]}>'
    return [
        ("P-Asserted-Identity", callee),
        ("Remote-Party-ID", f"{callee};party=called;privacy=off;screen=yes"),
    ]


def answer_with_early_media(*, after: float = 0.5, hang_up_after: float | None = None) -> Behaviour:
    """183 with audio at once, 200 after so many seconds."""

    async def behave(call: Call) -> None:
        await call.send_early_media()
        await asyncio.sleep(after)
        await _answer_and_maybe_hang_up(call, hang_up_after)

    return behave


async def _answer_and_maybe_hang_up(call: Call, hang_up_after: float | None) -> None:
    await call.answer()
    if call.established and hang_up_after is not None:
        await asyncio.sleep(hang_up_after)
        await call.hang_up()


def ring_for_ever() -> Behaviour:
    async def behave(call: Call) -> None:
        call.ring()

    return behave


def refuse(status: int, reason: str | None = None, *, headers: HeaderLines = ()) -> Behaviour:
    """A failure at once: 486 busy, 404 no such number, 484, 480, 503, 500, 603 ..."""

    async def behave(call: Call) -> None:
        call.respond(status, reason, headers=headers)

    return behave


def redirect(contact: str, *, status: int = 302) -> Behaviour:
    """Send the call to another URI."""

    async def behave(call: Call) -> None:
        call.redirect(contact, status=status)

    return behave


def silence() -> Behaviour:
    """Not even a 100: as a carrier behind a dead link."""

    async def behave(call: Call) -> None:
        pass

    return behave


class Carrier(UserAgent):
    """Takes the trunk's calls, answers its OPTIONS, and places calls to the shop's number.

    `server` is the PBX's address for `call`; without it, where the latest request came from.
    """

    def __init__(
        self,
        bind: Address = ("127.0.0.2", 5060),
        *,
        server: Address | None = None,
        behaviour: Behaviour | None = None,
        recording: Recording | None = None,
        timers: Timers | None = None,
        sends_audio: bool = True,
        transport: Transport = Transport.UDP,
    ) -> None:
        super().__init__(
            bind,
            user="carrier",
            recording=recording,
            timers=timers,
            tone_hz=620,
            sends_audio=sends_audio,
            transport=transport,
        )
        self.behaviour = behaviour or answer()
        self.server = server
        self._rules: list[tuple[str, Behaviour]] = []

    def when(self, number: str, behaviour: Behaviour) -> None:
        """Behave so when that user part is called; the latest rule for a number holds."""
        self._rules.insert(0, (number, behaviour))

    async def called(self, number_of_calls: int = 1, *, within: float = 10.0) -> Call:
        """Wait for the n-th call since the start, counted from 1. Raises TimeoutError."""
        what = f"call {number_of_calls} at the carrier"
        await until(lambda: len(self.incoming_calls) >= number_of_calls, self._arrival, what, within)
        return self.incoming_calls[number_of_calls - 1]

    @property
    def incoming_calls(self) -> list[Call]:
        return [call for call in self.calls if call.invite_transaction is not None]

    async def call(self, did: str, *, from_: str, display: str = "", headers: HeaderLines = ()) -> Call:
        """Call the shop's number from an outside number; returns at once."""
        await self.open()
        server = self._known_server()
        host, port = self.address
        caller = NameAddress(f"sip:{from_}@{host}:{port}", display)
        uri = f"sip:{did}@{server[0]}:{server[1]}"
        return await Call.outgoing(self, uri, server, from_=caller, headers=headers)

    def on_invite(self, call: Call) -> None:
        number = Uri.parse(call.invite.uri).user
        behaviour = next((known for wanted, known in self._rules if wanted == number), self.behaviour)
        self.tasks.start(_behave(behaviour, call), "behaviour of the carrier")

    def _known_server(self) -> Address:
        server = self.server or self.latest_source
        if server is None:
            raise RuntimeError("the carrier has no server and nobody has called it yet")
        return server


async def _behave(behaviour: Behaviour, call: Call) -> None:
    await behaviour(call)
