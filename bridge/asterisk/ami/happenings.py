"""What AMI tells, as small types: its events are read here, and nowhere else.

Of an event are read the fields that are named here. A failed sign-in's event has the challenge and both
answers to it, too, with which somebody could try passwords at leisure: they go no further.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.asterisk.happenings import managers_endpoint
from bridge.rules.sip_attacks import Tried

_TRIED: Final = {
    "ChallengeResponseFailed": Tried.PASSWORDS,
    "InvalidPassword": Tried.PASSWORDS,
    "InvalidAccountID": Tried.NAMES,
}
_PEER_STATUS: Final = "PeerStatus"
_REACHED: Final = {"Reachable": True, "Unreachable": False}

EVENTS: Final = (_PEER_STATUS, *_TRIED)
"""All that are listened to; Asterisk is to send no others."""


@dataclass(frozen=True, slots=True)
class PhoneSeen:
    """Whether a call would reach a manager's phone: one is registered, and answers where it is asked."""

    extension: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class TriedInVain:
    """Somebody was turned away. `address` is whom they said to be: with UDP it can be made up."""

    address: str
    tried: Tried


class Reader:
    """`manager_endpoint` is like "PJSIP/{extension}"."""

    def __init__(self, manager_endpoint: str) -> None:
        self._phone = re.compile(managers_endpoint(manager_endpoint), re.ASCII)

    def extension_of(self, endpoint: str) -> str | None:
        """Of the manager whose phone this is, of an endpoint such as PJSIP/101."""
        found = self._phone.fullmatch(endpoint)
        return None if found is None else found["extension"]

    def read(self, event: Mapping[str, object]) -> PhoneSeen | TriedInVain | None:
        """None for what does not concern us, or is not as documented."""
        name = event.get("Event")
        if name == _PEER_STATUS:
            return self._phone_seen(event)
        tried = _TRIED.get(name) if isinstance(name, str) else None
        address = _address(event.get("RemoteAddress"))
        return None if tried is None or address is None else TriedInVain(address, tried)

    def _phone_seen(self, event: Mapping[str, object]) -> PhoneSeen | None:
        peer, status = event.get("Peer"), event.get("PeerStatus")
        extension = self.extension_of(peer) if isinstance(peer, str) else None
        reachable = _REACHED.get(status) if isinstance(status, str) else None
        return None if extension is None or reachable is None else PhoneSeen(extension, reachable)


def _address(remote: object) -> str | None:
    """Of "IPV4/UDP/192.0.2.1/5060"."""
    parts = remote.split("/") if isinstance(remote, str) else []
    return parts[2] if len(parts) == 4 and parts[0] in {"IPV4", "IPV6"} else None
