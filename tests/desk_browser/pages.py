"""Everything that the desk serves to browsers, and whom: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class Who(Enum):
    ANYBODY = auto()
    """Who has not signed in as well."""
    SIGNED_IN = auto()
    HER_MANAGER = auto()
    """Whoever serves the customer that it is about; supervisors and owners serve everybody."""
    SUPERVISORS = auto()
    """And owners."""
    OWNERS = auto()


@dataclass(frozen=True)
class Served:
    """A route. `form` is what is posted. `refusal`: the status for those whom it is not for, 0 a redirect."""

    method: str
    path: str
    who: Who
    form: Mapping[str, str] = field(default_factory=dict)
    refusal: int = 404

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _get(path: str, who: Who) -> Served:
    return Served("GET", path, who)


def _post(path: str, who: Who, **form: str) -> Served:
    return Served("POST", path, who, form)


PAGES = (
    _get("/static/{digest}/{name}", Who.ANYBODY),
    _get("/sign-in", Who.ANYBODY),
    _get("/sign-in/code", Who.ANYBODY),
    _get("/invitations/{token}", Who.ANYBODY),
    _get("/", Who.SIGNED_IN),
    _get("/queue", Who.SIGNED_IN),
    _get("/call", Who.SIGNED_IN),
    _get("/events", Who.SIGNED_IN),
    _get("/watermark.svg", Who.SIGNED_IN),
    _get("/account", Who.SIGNED_IN),
    _get("/phone", Who.SIGNED_IN),
    _get("/account/second-factor", Who.SIGNED_IN),
    _get("/orders/{code}", Who.HER_MANAGER),
    _get("/doubts", Who.SIGNED_IN),
    _get("/orders/{code}/callers", Who.HER_MANAGER),
    _get("/orders/{code}/messages/{message_id}", Who.HER_MANAGER),
    _get("/orders/{code}/assignment", Who.SUPERVISORS),
    _get("/wall", Who.SUPERVISORS),
    _get("/managers", Who.SUPERVISORS),
    _get("/managers/{extension}", Who.SUPERVISORS),
    _get("/managers/{extension}/leave", Who.SUPERVISORS),
    _get("/results", Who.SUPERVISORS),
    _get("/alarms", Who.SUPERVISORS),
    _get("/alarms/unseen", Who.SUPERVISORS),
    _get("/audit", Who.SUPERVISORS),
    _get("/proposals", Who.SUPERVISORS),
    _get("/messages", Who.SUPERVISORS),
    _get("/messages/{strangers_message_id}", Who.SUPERVISORS),
    _get("/orders/{code}/contacts", Who.SUPERVISORS),
    _get("/number/{token}", Who.ANYBODY),
    _get("/phone/account/{token}", Who.ANYBODY),
    _get("/managers/{extension}/rules", Who.OWNERS),
    _get("/orders/{code}/contacts/{contact_id}", Who.OWNERS),
    _post("/sign-in", Who.ANYBODY, login="101", password="guess"),
    _post("/sign-in/code", Who.ANYBODY, code="123456"),
    _post("/sign-in/language", Who.ANYBODY, language="ru"),
    _post("/invitations/{token}", Who.ANYBODY, password="four words by chance"),
    _post("/theme", Who.ANYBODY, theme="dark"),
    _post("/keys", Who.ANYBODY, keys="on"),
    _post("/sign-out", Who.SIGNED_IN),
    _post("/language", Who.SIGNED_IN, language="en"),
    _post("/next", Who.SIGNED_IN),
    _post("/phone/browser", Who.SIGNED_IN),
    _post("/phone/links", Who.SIGNED_IN, app="linphone"),
    _post("/account/sessions/{session_id}/end", Who.SIGNED_IN),
    _post("/account/password", Who.SIGNED_IN, old="guess", new="four words by chance"),
    _post("/account/second-factor", Who.SIGNED_IN),
    _post("/account/second-factor/confirm", Who.SIGNED_IN, code="123456"),
    _post("/orders/{code}/calls", Who.HER_MANAGER),
    # A call may be over before the click arrives: whose it was is not told.
    Served("POST", "/calls/{call_id}/hang-up", Who.HER_MANAGER, refusal=0),
    _post("/calls/{call_id}/capture", Who.HER_MANAGER),
    Served("POST", "/calls/{call_id}/capture/end", Who.HER_MANAGER, refusal=0),
    _post("/orders/{code}/number-links", Who.HER_MANAGER),
    _post("/orders/{code}/callers", Who.HER_MANAGER, caller="7"),
    _post("/number/{token}", Who.ANYBODY, number="+44 7700 900199"),
    _post("/number/{token}/do-not-call", Who.ANYBODY),
    _post("/orders/{code}/notes", Who.HER_MANAGER, text="forged"),
    _post("/orders/{code}/outcomes", Who.HER_MANAGER, outcome="do-not-call"),
    _post("/orders/{code}/outcomes/{outcome_id}/undo", Who.HER_MANAGER),
    _get("/orders/{code}/contacts/{contact_id}/habits", Who.HER_MANAGER),
    _post("/orders/{code}/contacts/{contact_id}/habits", Who.HER_MANAGER, language="ru"),
    _post("/orders/{code}/comparisons", Who.HER_MANAGER, contact_id="1", number="+44 7700 900199"),
    _post("/orders/{code}/texts", Who.HER_MANAGER, template="tried-to-reach"),
    _post("/doubts/{contact_id}", Who.HER_MANAGER, how="wrong", confirmed="yes"),
    _post("/orders/{code}/assignment", Who.SUPERVISORS, extension="102"),
    _post("/orders/{code}/contacts/{contact_id}/never", Who.SUPERVISORS, never="yes"),
    _post("/managers/{extension}/leave", Who.SUPERVISORS, kind="departure"),
    _post("/alarms/{alarm_id}/seen", Who.SUPERVISORS),
    _post("/proposals/{contact_id}", Who.SUPERVISORS, accept="yes"),
    _post("/messages/{strangers_message_id}", Who.SUPERVISORS, order="1042"),
    _post("/orders/{code}/contacts", Who.SUPERVISORS, number="+44 7700 900199"),
    _post("/managers", Who.OWNERS, name="Eve", extension="199", role="owner"),
    _post("/managers/{extension}/extension", Who.OWNERS, extension="198", confirmed="yes"),
    _post("/managers/{extension}/limits", Who.OWNERS, calls_per_day="1", confirmed="yes"),
    _post("/managers/{extension}/enabled", Who.OWNERS, enabled="no"),
    _post("/managers/{extension}/invitations", Who.OWNERS),
    _post("/orders/{code}/contacts/{contact_id}", Who.OWNERS, reason="because I want to", code="123456"),
)
