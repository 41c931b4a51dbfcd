"""Proof calls over the API: the one request that asks for one, and what is said when there can be none."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy.exc import SQLAlchemyError

from bridge.api.problems import Problem
from bridge.asterisk.ari import AriError
from bridge.asterisk.loopback import NotLoopback, Transport
from bridge.switchboard.proofs import ByAProxy, InPanic, NoKeys, ProofCall


class ProofOrder(BaseModel):
    """Who will dial; where the carrier of the proof listens, such as "127.0.0.1:5080", and by what."""

    model_config = ConfigDict(extra="forbid", strict=True)

    extension: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    carrier: Annotated[str, StringConstraints(max_length=255)]
    transport: Transport = "udp"


class Prover(Protocol):
    """Who makes the switchboard expect a proof; raises as `bridge.switchboard.proofs.Proofs` does."""

    async def expect(self, extension: str, carrier: str, transport: Transport) -> ProofCall: ...


async def expect_proof(prover: Prover, wanted: ProofOrder) -> ProofCall:
    """Raises Problem."""
    try:
        return await prover.expect(wanted.extension, wanted.carrier, wanted.transport)
    except NotLoopback:
        told = "A proof is made with a carrier on this machine: an address of 127.0.0.0/8, and a port."
        raise Problem(HTTPStatus.FORBIDDEN, "not_loopback", told) from None
    except InPanic:
        told = "All calls are stopped, proofs too. `call-bridge panic status` says by whom and why."
        raise Problem(HTTPStatus.FORBIDDEN, "panic", told) from None
    except NoKeys:
        told = "The daemon has no key to seal a number with. See its log."
        raise Problem(HTTPStatus.FORBIDDEN, "sealed", told) from None
    except ByAProxy:
        told = "The trunk's endpoint has an outbound_proxy=: the proof's calls would go there. None is made."
        raise Problem(HTTPStatus.CONFLICT, "outbound_proxy", told) from None
    except AriError:
        told = "Asterisk does not answer the daemon, or does not have the trunk's endpoint."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no_link", told) from None
    except SQLAlchemyError:
        told = "The database does not answer, so a proof could not be put on record."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "database", told) from None
