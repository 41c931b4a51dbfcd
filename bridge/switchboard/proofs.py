"""Proof calls: what a manager's phone gets to see of a number, shown with a number that nobody has.

A proof call is a call like any other, by the same dialplan, endpoints, states and seals, but for three
things: the sysadmin asks for it, its number is a canary that belongs to no customer, and its trunk leads to a
carrier on this machine. It is in the audit and nowhere else: it has no order and no record, and counts
against no limit.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.asterisk.loopback import Transport, loopback_carrier
from bridge.calls.model import Message, Result
from bridge.rules import Reason
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.panic import current_panic, put_on_record_unless_panic
from bridge.store.records import SealedContact
from bridge.store.schema import ContactKind
from bridge.switchboard.admission import MESSAGES, Admitted, Asked, Refused
from bridge.switchboard.board import Switchboard
from bridge.switchboard.live_call import Parts
from bridge.vault import Vault, canary

log = structlog.get_logger()

_SECONDS_TO_DIAL: Final = 30
_SECONDS_TO_TALK: Final = 60
_NOBODY: Final = 0
"""The id of a customer, and of a contact, that no table has: the database counts from 1."""


class ByAProxy(Exception):
    """The trunk's endpoint has an outbound proxy, so that its calls go there, wherever they are sent."""


class InPanic(Exception):
    """Somebody has stopped all calls."""


class NoKeys(Exception):
    """The daemon is sealed."""


@dataclass(frozen=True, slots=True)
class ProofCall:
    """What is to be dialled, and for how many seconds that means a proof."""

    code: str
    seconds: int


class Proofs:
    """Makes the switchboard take one dialled code for a proof."""

    def __init__(self, switchboard: Switchboard, parts: Parts, database: Database) -> None:
        self._switchboard = switchboard
        self._parts = parts
        self._database = database

    async def expect(self, extension: str, carrier: str, transport: Transport) -> ProofCall:
        """Let the next call of this extension that dials the returned code be a proof.

        `carrier` is where a carrier listens, a loopback address such as "127.0.0.1:5080". Raises NotLoopback,
        InPanic, NoKeys, ByAProxy, SQLAlchemyError, and AriError where Asterisk can't tell of the trunk's
        endpoint.
        """
        pbx = self._parts.pbx.to(loopback_carrier(carrier, transport))
        if await current_panic(self._database) is not None:
            raise InPanic
        if self._parts.vault is None:
            raise NoKeys
        if await pbx.has_outbound_proxy():
            raise ByAProxy
        gate = _Gate(self._database, self._parts.vault, self._parts.language)
        code = _new_code()
        self._switchboard.expect(
            extension, code, replace(self._parts, pbx=pbx, admission=gate, counted=False, captures=None)
        )
        asyncio.get_running_loop().call_later(
            _SECONDS_TO_DIAL, self._switchboard.expect_no_longer, extension, code
        )
        log.info("a proof call is expected", extension=extension)
        return ProofCall(code, _SECONDS_TO_DIAL)


@dataclass(frozen=True, slots=True)
class _Gate:
    """Admits a proof call whatever the rules say of calls to customers, but not in a panic."""

    database: Database
    vault: Vault
    language: str

    async def ask(self, asked: Asked) -> Admitted | Refused:
        entry = AuditEntry(now_ms(), f"extension {asked.extension}", "prove", f"proof call {asked.code}")
        try:
            if not await put_on_record_unless_panic(self.database, entry):
                return Refused(Reason.PANIC, Reason.PANIC.value, MESSAGES[Reason.PANIC], self.language)
        except SQLAlchemyError as error:
            log.error("the database failed; no proof is made", error=type(error).__name__)
            return Refused(None, "database", Message.OUT_OF_SERVICE, self.language)
        return Admitted(_sealed_canary(self.vault), self.language, _SECONDS_TO_TALK, on_its_way=None)

    async def recorded(self, _admitted: Admitted) -> None:
        """It has been put on record already, with the look whether there is a panic."""

    async def find_next(self, _asked: Asked, _tried: SealedContact, _result: Result) -> None:
        """A proof has one number."""


def _sealed_canary(vault: Vault) -> SealedContact:
    """Sealed as a customer's number is, so that the seal has its part in the proof."""
    data_key = vault.new_data_key(_NOBODY)
    kind = ContactKind.PHONE.value
    sealed = vault.seal(canary(), customer_id=_NOBODY, contact_id=_NOBODY, kind=kind, data_key=data_key)
    return SealedContact(
        contact_id=_NOBODY,
        customer_id=_NOBODY,
        kind=kind,
        label=None,
        sealed=sealed,
        data_key=data_key,
        region="GB",
        line_type="mobile",
    )


def _new_code() -> str:
    """Six zeros, which no shop begins a code with, and six digits by chance."""
    return f"{secrets.randbelow(1_000_000):012}"
