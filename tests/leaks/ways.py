"""Everything a carrier could say the customer's number in, each way known by a number of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

MANAGER_SETTINGS = "dialplan/pjsip-managers.conf: send_*, trust_*"
BACK_TO_BACK = "Asterisk is a back-to-back user agent: no header crosses it by itself"
INHIBITED = (
    MANAGER_SETTINGS + "; at the moment of joining also by the bridge, which inhibits connected-line updates"
)
OWN_SDP = "Asterisk writes each side's SDP itself"
OWN_RTP = (
    "bridge_native_rtp not loaded; bridge type proxy_media; FRAME_DROP: each alone keeps media in Asterisk"
)
DROPPED = "FRAME_DROP on the customer's leg; res_pjsip_messaging not loaded"
UNREACHED = "the manager is told in our words; reasons and warnings end at Asterisk"

# What each response or request of a dialog can carry. {n} is the number.
HEADERS = {
    "p-asserted-identity": ("P-Asserted-Identity", '"{n}" <sip:{n}@carrier.example>', INHIBITED),
    "p-asserted-identity-tel": ("P-Asserted-Identity", "<tel:{n}>", INHIBITED),
    "remote-party-id": (
        "Remote-Party-ID",
        '"{n}" <sip:{n}@carrier.example>;party=called;screen=yes;privacy=off',
        INHIBITED,
    ),
    "diversion": ("Diversion", '"{n}" <sip:{n}@carrier.example>;reason=unconditional', BACK_TO_BACK),
    "history-info": ("History-Info", "<sip:{n}@carrier.example>;index=1", BACK_TO_BACK),
    "p-called-party-id": ("P-Called-Party-ID", "<sip:{n}@carrier.example>", BACK_TO_BACK),
    "p-preferred-identity": ("P-Preferred-Identity", "<sip:{n}@carrier.example>", BACK_TO_BACK),
    "p-associated-uri": ("P-Associated-URI", "<sip:{n}@carrier.example>", BACK_TO_BACK),
    "p-charging-vector": ("P-Charging-Vector", "icid-value={n}", BACK_TO_BACK),
    "call-info": ("Call-Info", "<http://carrier.example/{n}>;purpose=info", BACK_TO_BACK),
    "alert-info": ("Alert-Info", "<http://carrier.example/{n}.wav>", BACK_TO_BACK),
    "error-info": ("Error-Info", "<sip:{n}@carrier.example>", BACK_TO_BACK),
    "reply-to": ("Reply-To", '"{n}" <sip:{n}@carrier.example>', BACK_TO_BACK),
    "subject": ("Subject", "your call to {n}", BACK_TO_BACK),
    "organization": ("Organization", "The house of {n}", BACK_TO_BACK),
    "user-agent": ("User-Agent", "switch-for-{n}", BACK_TO_BACK),
    "server": ("Server", "switch-for-{n}", BACK_TO_BACK),
    "warning": ("Warning", '399 carrier.example "{n} is roaming"', UNREACHED),
    "reason": ("Reason", 'Q.850;cause=16;text="{n}"', UNREACHED),
    "user-to-user": ("User-to-User", "{n};encoding=ascii", BACK_TO_BACK),
    "session-id": ("Session-ID", "{n}", BACK_TO_BACK),
    "identity": ("Identity", "eyJ.{n}.x;info=<https://carrier.example/{n}>", BACK_TO_BACK),
    "geolocation": ("Geolocation", "<sip:{n}@carrier.example>", BACK_TO_BACK),
    "referred-by": ("Referred-By", "<sip:{n}@carrier.example>", BACK_TO_BACK),
    "privacy": ("Privacy", "id;{n}", BACK_TO_BACK),
    "in-reply-to": ("In-Reply-To", "{n}@carrier.example", BACK_TO_BACK),
    "retry-after": ("Retry-After", "120 (call {n} later)", BACK_TO_BACK),
    "timestamp": ("Timestamp", "{n}", BACK_TO_BACK),
    "date": ("Date", "Tue, 24 Nov 2026 {n} GMT", BACK_TO_BACK),
    "mime-version": ("MIME-Version", "1.0 ({n})", BACK_TO_BACK),
    "answer-mode": ("Answer-Mode", "Manual;id={n}", BACK_TO_BACK),
    "feature-caps": ("Feature-Caps", '*;+g.3gpp.id="{n}"', BACK_TO_BACK),
    "x-header": ("X-Called-Number", "{n}", BACK_TO_BACK),
}
ON_RESPONSES = ("180", "183", "200")
ON_REQUESTS = ("INVITE", "UPDATE", "INFO", "NOTIFY", "OPTIONS", "MESSAGE", "BYE")
PLACES = (*ON_RESPONSES, *ON_REQUESTS)

SDP_LINES = {
    "sdp-session-name": "s=call to {n}",
    "sdp-information": "i=call to {n}",
    "sdp-uri": "u=http://carrier.example/{n}",
    "sdp-email": "e={n}@carrier.example",
    "sdp-phone": "p={n}",
    "sdp-attribute": "a=x-number:{n}",
    "sdp-cname": "a=ssrc:1 cname:{n}",
    "sdp-label": "a=label:{n}",
    "sdp-tool": "a=tool:{n}",
    "sdp-key": "k=clear:{n}",
}

BODIES = {
    "body-message": ("MESSAGE", "text/plain", "you are talking to {n}", DROPPED),
    "body-info": ("INFO", "text/plain", "{n}", BACK_TO_BACK),
    "body-info-dtmf": ("INFO", "application/dtmf-relay", "Signal={n}\r\nDuration=160\r\n", DROPPED),
    "body-notify": ("NOTIFY", "message/sipfrag", "SIP/2.0 200 {n}", BACK_TO_BACK),
    "body-update": ("UPDATE", "text/plain", "{n}", BACK_TO_BACK),
}

SDES_ITEMS = {"cname": 1, "name": 2, "email": 3, "phone": 4, "loc": 5, "tool": 6, "note": 7}


@dataclass(frozen=True)
class Way:
    """One way for a number to reach the manager's phone, and what closes it."""

    name: str
    number: str
    closed_by: str


def numbers() -> Iterator[str]:
    """UK numbers reserved for fiction, each once."""
    for last in count(200):
        yield f"+447700900{last}"


class Ways:
    """All ways, each with its number."""

    def __init__(self) -> None:
        fresh = numbers()
        self.headers = {
            (place, name): Way(f"{name} on {place}", next(fresh), closed_by)
            for place in PLACES
            for name, (_, _, closed_by) in HEADERS.items()
        }
        self.sdp = {
            (place, name): Way(f"{name} on {place}", next(fresh), OWN_SDP)
            for place in ("200", "INVITE")
            for name in SDP_LINES
        }
        self.bodies = {
            name: Way(name, next(fresh), closed_by) for name, (_, _, _, closed_by) in BODIES.items()
        }
        self.sdes = {name: Way(f"rtcp-sdes-{name}", next(fresh), OWN_RTP) for name in SDES_ITEMS}
        self.rtcp_app = Way("rtcp-app", next(fresh), OWN_RTP)
        self.rtcp_bye = Way("rtcp-bye-reason", next(fresh), OWN_RTP)
        self.extension = Way("rtp-header-extension", next(fresh), OWN_RTP)
        self.csrc = Way("rtp-csrc", next(fresh), OWN_RTP)
        self.ssrc = Way("rtp-ssrc", next(fresh), OWN_RTP)
        self.unknown_payload = Way("rtp-unknown-payload-type", next(fresh), OWN_RTP)
        self.dtmf = Way("dtmf-rfc4733", next(fresh), DROPPED)
        self.display = Way("contact-display-on-200", next(fresh), BACK_TO_BACK)
        self.reason_phrase = Way("reason-phrase-of-a-failure", next(fresh), UNREACHED)

    def all(self) -> list[Way]:
        return [
            *self.headers.values(),
            *self.sdp.values(),
            *self.bodies.values(),
            *self.sdes.values(),
            self.rtcp_app,
            self.rtcp_bye,
            self.extension,
            self.csrc,
            self.ssrc,
            self.unknown_payload,
            self.dtmf,
            self.display,
            self.reason_phrase,
        ]
