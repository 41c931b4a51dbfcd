"""Whose each request of the desk's API is, and how it looks when it is forged: somebody else's ids in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Whose(Enum):
    """Who is served by a request."""

    ANYBODY = auto()
    """Whoever comes to the door, who knows nothing yet."""
    ONESELF = auto()
    """Everybody who has signed in, about themselves, and never with what is somebody else's."""
    THE_CUSTOMERS_MANAGER = auto()
    """Whoever serves the customer that it concerns; supervisors and owners serve everybody."""
    SUPERVISORS = auto()
    """Supervisors and owners."""
    OWNERS = auto()


@dataclass(frozen=True)
class Ids:
    """What belongs to one manager, as others might learn of it, over a shoulder or by guessing.

    `live_call` goes on; the others lie behind. `proposal` is a contact that was found in a note.
    """

    code: str
    extension: str
    contact: int
    note: int
    outcome: int
    past_call: str
    live_call: str
    session: str
    alarm: int
    proposal: int
    message: str


# Such as were never given to anything.
NOBODYS = Ids(
    code="999999999999",
    extension="999",
    contact=10**9,
    note=10**9,
    outcome=10**9,
    past_call="cb-" + "z" * 16,
    live_call="cb-" + "y" * 16,
    session="z" * 16,
    alarm=10**9,
    proposal=10**9,
    message="z" * 20,
)

Body = Mapping[str, Any] | None


@dataclass(frozen=True)
class Request:
    """`path` is as the routes have it; `asks` is what it becomes, and its body, with somebody's ids."""

    method: str
    path: str
    whose: Whose
    query: str = ""
    body: Mapping[str, Any] | None = None

    def asks(self, ids: Ids) -> tuple[str, Body]:
        places = {
            "{code}": ids.code,
            "{extension}": ids.extension,
            "{call_id}": ids.live_call,
            "{outcome_id}": str(ids.outcome),
            "{session_id}": ids.session,
            "{alarm_id}": str(ids.alarm),
            "{message_id}": ids.message,
            "{contact_id}": str(ids.proposal),
            "{token}": "z" * 45,
        }
        path = self.path
        for name, value in places.items():
            path = path.replace(name, value)
        if self.body is None:
            return path + self.query, None
        return path + self.query, {
            name: getattr(ids, value.removeprefix("ids.")) if str(value).startswith("ids.") else value
            for name, value in self.body.items()
        }


HERS, ONESELF = Whose.THE_CUSTOMERS_MANAGER, Whose.ONESELF
BROWSER = {"address": "192.0.2.1", "agent": "forger"}

REQUESTS = (
    Request(
        "POST", "/v1/sign-in", Whose.ANYBODY, body={"login": "ids.extension", "password": "guess", **BROWSER}
    ),
    Request("POST", "/v1/second-factor", Whose.ANYBODY, body={"code": "123456"}),
    Request("GET", "/v1/invitations/{token}", Whose.ANYBODY),
    Request(
        "POST", "/v1/invitations/{token}", Whose.ANYBODY, body={"password": "four words by chance", **BROWSER}
    ),
    Request(
        "POST",
        "/v1/number-links/{token}",
        Whose.ANYBODY,
        body={"number": "+44 7700 900199", "address": "192.0.2.1"},
    ),
    Request("POST", "/v1/number-links/{token}/do-not-call", Whose.ANYBODY, body={"address": "192.0.2.1"}),
    Request("POST", "/v1/phone-links/{token}", Whose.ANYBODY, body={"address": "192.0.2.9"}),
    Request("GET", "/v1/phone", ONESELF),
    Request("POST", "/v1/phone/browser", ONESELF),
    Request("POST", "/v1/phone/links", ONESELF, body={"app": "linphone"}),
    Request("GET", "/v1/me", ONESELF),
    Request("POST", "/v1/sign-out", ONESELF),
    Request("GET", "/v1/sessions", ONESELF),
    Request("DELETE", "/v1/sessions/{session_id}", ONESELF),
    Request("POST", "/v1/password", ONESELF, body={"old": "guess", "new": "four words by chance"}),
    Request("POST", "/v1/second-factor/new", ONESELF),
    Request("POST", "/v1/second-factor/confirm", ONESELF, body={"code": "123456"}),
    Request("POST", "/v1/language", ONESELF, body={"language": "en"}),
    Request("GET", "/v1/queue", ONESELF, query="?filter=all&limit=100"),
    Request("POST", "/v1/queue/next", ONESELF),
    Request("GET", "/v1/calls/mine", ONESELF),
    Request("GET", "/v1/events", ONESELF),
    Request("GET", "/v1/orders/{code}", HERS),
    Request("POST", "/v1/orders/{code}/calls", HERS, body={"contact_id": "ids.contact"}),
    Request("DELETE", "/v1/calls/{call_id}", HERS),
    Request("POST", "/v1/calls/{call_id}/capture", HERS),
    Request("DELETE", "/v1/calls/{call_id}/capture", HERS),
    Request("POST", "/v1/orders/{code}/number-links", HERS),
    Request("GET", "/v1/orders/{code}/messages/{message_id}", HERS),
    Request("GET", "/v1/messages", Whose.SUPERVISORS),
    Request("GET", "/v1/messages/{message_id}", Whose.SUPERVISORS),
    Request("POST", "/v1/messages/{message_id}", Whose.SUPERVISORS, body={"order": "7001"}),
    Request("POST", "/v1/orders/{code}/callers", HERS, body={"caller": 7}),
    Request("PUT", "/v1/orders/{code}/notes", HERS, body={"note_id": "ids.note", "text": "forged"}),
    Request(
        "POST",
        "/v1/orders/{code}/outcomes",
        HERS,
        body={"outcome": "do-not-call", "call_id": "ids.past_call"},
    ),
    Request("DELETE", "/v1/outcomes/{outcome_id}", HERS),
    Request(
        "POST",
        "/v1/orders/{code}/comparisons",
        HERS,
        body={"number": "+44 7700 900199", "contact_id": "ids.contact"},
    ),
    Request("POST", "/v1/orders/{code}/texts", HERS, body={"template": "tried-to-reach"}),
    Request("GET", "/v1/doubts", ONESELF),
    Request("POST", "/v1/doubts/{contact_id}", HERS, body={"how": "wrong"}),
    Request("GET", "/v1/wall", Whose.SUPERVISORS),
    Request("GET", "/v1/managers", Whose.SUPERVISORS),
    Request("GET", "/v1/managers/{extension}/report", Whose.SUPERVISORS),
    Request("POST", "/v1/managers/{extension}/leave", Whose.SUPERVISORS, body={"kind": "departure"}),
    Request("POST", "/v1/orders/{code}/assignment", Whose.SUPERVISORS, body={"extension": "102"}),
    Request("PUT", "/v1/orders/{code}/contacts/{contact_id}/habits", HERS, body={"language": "ru"}),
    Request("POST", "/v1/orders/{code}/contacts/{contact_id}", Whose.SUPERVISORS, body={"never": True}),
    Request("GET", "/v1/results", Whose.SUPERVISORS, query="?days=7"),
    Request("GET", "/v1/alarms", Whose.SUPERVISORS),
    Request("POST", "/v1/alarms/{alarm_id}/seen", Whose.SUPERVISORS),
    Request("GET", "/v1/audit", Whose.SUPERVISORS),
    Request("GET", "/v1/proposals", Whose.SUPERVISORS),
    Request("POST", "/v1/proposals/{contact_id}", Whose.SUPERVISORS, body={"accept": True}),
    Request("POST", "/v1/orders/{code}/contacts", Whose.SUPERVISORS, body={"number": "+44 7700 900199"}),
    Request("POST", "/v1/managers", Whose.OWNERS, body={"name": "Eve", "extension": "199", "role": "owner"}),
    Request("GET", "/v1/managers/{extension}/rules", Whose.OWNERS),
    Request("POST", "/v1/managers/{extension}/extension", Whose.OWNERS, body={"extension": "198"}),
    Request("PUT", "/v1/managers/{extension}/limits", Whose.OWNERS, body={"calls_per_day": 1}),
    Request("POST", "/v1/managers/{extension}/enabled", Whose.OWNERS, body={"enabled": False}),
    Request("POST", "/v1/managers/{extension}/invitations", Whose.OWNERS),
    Request(
        "POST",
        "/v1/orders/{code}/disclosures",
        Whose.OWNERS,
        body={"contact_id": "ids.contact", "reason": "because I want to", "code": "123456"},
    ),
)


def not_of(*who: Whose) -> list[Request]:
    return [request for request in REQUESTS if request.whose not in who]


def of(*who: Whose) -> list[Request]:
    return [request for request in REQUESTS if request.whose in who]
