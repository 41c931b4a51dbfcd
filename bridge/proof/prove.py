"""Makes the calls of a proof on a PBX: a phone on one side, a carrier on loopback on the other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from bridge.intake.masking import without_numbers
from bridge.proof.capture import Address
from bridge.proof.provetexts import ProveTexts
from bridge.proof.sip.call import Call, CallRefused
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.transport import Transport
from bridge.proof.story import Story
from bridge.proof.trials import Trial
from bridge.vault import is_canary

CARRIER_HOST: Final = "127.0.0.1"
_FROM_FICTION: Final = "GB"
_SECONDS_TO_ANSWER: Final = 5.0

Expect = Callable[[str], Awaitable[str]]
"""Tells the daemon where the carrier listens, as HOST:PORT; returns the code to dial."""


class ProofNotMade(Exception):
    """There is nobody to make a proof with; the message says what to do, in the reader's language."""


@dataclass(frozen=True)
class ManagersPhone:
    """A phone that dials and is never rung: it does not register, so the manager's own stays as it is.

    `user` is what it calls itself in SIP: the name of the extension's endpoint. `auth_user` is what the
    password belongs to: `username=` of the endpoint's section of type auth.
    """

    extension: str
    user: str
    auth_user: str
    password: str = field(repr=False)
    server: Address
    prefix: str
    transport: Transport = Transport.UDP
    offers_srtp: bool = False

    @property
    def told_as(self) -> str:
        """The extension, for a screen: whoever mistook a number for one does not see it again."""
        return without_numbers(self.extension)

    @property
    def speaks(self) -> str:
        return f"{self.transport.upper()}, {'SRTP' if self.offers_srtp else 'RTP'}"


async def make_call(trial: Trial, phone: ManagersPhone, expect: Expect, texts: ProveTexts) -> Story:
    """One proof call, from beginning to end. Raises ProofNotMade, and what `expect` raises."""
    host = _host_towards(phone.server)
    async with (
        Carrier((CARRIER_HOST, 0), behaviour=trial.behaviour, transport=phone.transport) as carrier,
        Phone(
            phone.user,
            phone.password,
            server=phone.server,
            local_host=host,
            auth_user=phone.auth_user,
            transport=phone.transport,
            offers_srtp=phone.offers_srtp,
        ) as peer,
    ):
        code = await expect(f"{carrier.address[0]}:{carrier.address[1]}")
        await _require_an_answer(peer, texts)
        call = await peer.dial(f"{phone.prefix}{code}")
        missing: tuple[str, ...] = ()
        try:
            await trial.conduct(call, carrier)
        except CallRefused as refusal:
            raise ProofNotMade(_refused(refusal, phone, texts)) from None
        except TimeoutError as error:
            missing = (texts.cut_short.format(what=error),)
        finally:
            await _let_go(call)
        return Story(
            peer.recording,
            carrier.recording,
            number=_called_number(carrier, texts),
            region=_FROM_FICTION,
            texts=texts.story,
            ending=trial.ending,
            known_to_be_missing=missing,
        )


async def _require_an_answer(peer: Phone, texts: ProveTexts) -> None:
    """Whatever the PBX answers to OPTIONS, it is there. Raises ProofNotMade where it isn't."""
    host, port = peer.server
    try:
        async with asyncio.timeout(_SECONDS_TO_ANSWER):
            await peer.request("OPTIONS", f"sip:{host}:{port}", peer.server)
    except TimeoutError:
        told = texts.pbx_silent.format(server=f"{host}:{port}", transport=peer.transport.upper())
        raise ProofNotMade(told) from None


async def _let_go(call: Call) -> None:
    """End what has not ended: no call is left in the PBX."""
    with contextlib.suppress(TimeoutError):
        await call.hang_up()


def _refused(refusal: CallRefused, phone: ManagersPhone, texts: ProveTexts) -> str:
    status = refusal.final.status
    said = {401: texts.not_let_in, 403: texts.not_let_in, 488: texts.no_sound}.get(status, texts.pbx_refused)
    return said.format(extension=phone.told_as, answer=status, prefix=phone.prefix)


def _called_number(carrier: Carrier, texts: ProveTexts) -> str:
    """The canary, as the carrier and nobody else was told it, with its plus. Raises ProofNotMade."""
    if not carrier.incoming_calls:
        raise ProofNotMade(texts.carrier_not_called)
    number = "+" + Uri.parse(carrier.incoming_calls[0].invite.uri).user.removeprefix("+")
    if not is_canary(number):
        raise ProofNotMade(texts.another_number)
    return number


def _host_towards(server: Address) -> str:
    """This machine's address as the PBX there sees it. Nothing is sent. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        return str(probe.getsockname()[0])
