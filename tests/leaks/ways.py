"""Everything a carrier could say the customer's number in, each way known by a number of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

BACK_TO_BACK = "Asterisk is a back-to-back user agent: no header crosses it by itself"
# The bridge's inhibition of connected-line updates covers the moment of joining, and FRAME_DROP what follows.
IDENTITY = (
    "each alone: `trust_id_inbound=no` and `trust_connected_line=no` of the trunk; `send_connected_line=no`, "
    "and `send_pai=no` with `send_rpid=no`, of the manager's phone; the bridge's inhibition of "
    "connected-line updates with `FRAME_DROP(RX)` of CONNECTED_LINE on the customer's leg"
)
FROM = "Asterisk takes no identity from it in a dialogue: RFC 4916 is not implemented there"
DIVERSION = (
    "each alone: `res_pjsip_diversion` is not loaded; `send_diversion=no` with `send_history_info=no`, of "
    "the manager's phone; `FRAME_DROP(RX)` of REDIRECTING on the customer's leg"
)
REASON = "Asterisk takes a cause from it, and no words"
OWN_WORDS = "the manager is told in our words: what a failure says ends at Asterisk"
OWN_SDP = "Asterisk writes each side's SDP itself"
OWN_RTP = (
    "each alone keeps media in Asterisk: bridge type `proxy_media`; `bridge_native_rtp` not loaded; "
    "`FRAME_DROP(RX)` on the customer's leg, by the daemon or by `set_var=` of the sealed trunk"
)
KEYS = "`FRAME_DROP(RX)` of DTMF on the customer's leg"
TEXT = "`res_pjsip_messaging` is not loaded; also `FRAME_DROP(RX)` of TEXT on the customer's leg"
VIDEO = (
    f"{OWN_SDP}; what the stream carries, each alone: `max_video_streams=0`; `allow=alaw,ulaw`; "
    "`FRAME_DROP(RX)` of VIDEO on the customer's leg"
)
FAX = (
    f"{OWN_SDP}; what the stream carries, each alone: `t38_udptl=no`; `res_pjsip_t38` is not loaded; "
    "`FRAME_DROP(RX)` of MODEM on the customer's leg"
)
AFTER_THE_ANSWER = "the legs are bridged only when the customer has answered"
CALLS_IN = (
    "each alone: the trunk's context `call-bridge-trunk` leads to no manager; `callerid=` of the trunk; "
    "`app_dial` is not loaded"
)
TEXTS_IN = "each alone: the trunk's `message_context=call-bridge-refuse`; `res_pjsip_messaging` is not loaded"

# Headers by way: name, value with {n} for the number, and what closes the way. The values keep to the grammar
# (RFC 3261 and the RFC of the header): Asterisk drops a message with a syntax error whole.
IDENTITIES = {
    "p-asserted-identity": ("P-Asserted-Identity", '"{n}" <sip:{n}@carrier.example>', IDENTITY),
    "p-asserted-identity-tel": ("P-Asserted-Identity", '"{n}" <tel:{n}>', IDENTITY),
    "remote-party-id": (
        "Remote-Party-ID",
        '"{n}" <sip:{n}@carrier.example>;party=called;screen=yes;privacy=off',
        IDENTITY,
    ),
    "p-preferred-identity": ("P-Preferred-Identity", '"{n}" <sip:{n}@carrier.example>', BACK_TO_BACK),
}
DIVERSIONS = {
    "diversion": ("Diversion", '"{n}" <sip:{n}@carrier.example>;reason=unconditional', DIVERSION),  # RFC 5806
    "history-info": ("History-Info", '"{n}" <sip:{n}@carrier.example>;index=1', DIVERSION),  # RFC 7044
}
ALONE = {**IDENTITIES, **DIVERSIONS}
"""Of several in one message Asterisk takes one, the first of these: each has messages of its own."""

HEADERS = {
    **{name: ALONE[name] for name in ("p-asserted-identity", "p-preferred-identity", "diversion")},
    "reason": ("Reason", 'Q.850;cause=16;text="{n}"', REASON),
    "reason-sip": ("Reason", 'SIP;cause=200;text="{n} answered elsewhere"', REASON),
    "reason-stir": ("Reason", 'STIR;cause=436;text="{n}"', REASON),  # RFC 9410
    "warning": ("Warning", '399 carrier.example "{n} is roaming"', OWN_WORDS),
    "error-info": ("Error-Info", "<sip:{n}@carrier.example>", OWN_WORDS),
    "retry-after": ("Retry-After", "120 (call {n} later)", OWN_WORDS),
    **{
        name.lower(): (name, value, BACK_TO_BACK)
        for name, value in (
            ("P-Called-Party-ID", '"{n}" <sip:{n}@carrier.example>'),
            ("P-Associated-URI", "<sip:{n}@carrier.example>"),
            ("P-Served-User", "<sip:{n}@carrier.example>;sescase=term"),
            ("P-Profile-Key", "<sip:{n}@carrier.example>"),
            ("P-User-Database", "<aaa://{n}.carrier.example>"),
            ("P-Refused-URI-List", "<sip:{n}@carrier.example>"),
            ("P-Charge-Info", "<sip:{n}@carrier.example>"),  # RFC 8496
            ("P-Charging-Vector", "icid-value={n};orig-ioi=carrier.example"),
            ("P-Charging-Function-Addresses", 'ccf="{n}"'),
            ("P-Access-Network-Info", '3GPP-UTRAN-TDD;utran-cell-id-3gpp="{n}"'),
            ("P-Visited-Network-ID", '"home of {n}"'),
            ("P-Early-Media", "sendrecv;for={n}"),
            ("P-Asserted-Service", "urn:urn-7:3gpp-service.{n}"),
            ("P-Media-Authorization", "{n}"),
            ("P-Answer-State", 'Confirmed;of="{n}"'),
            ("P-DCS-Billing-Info", '"{n}"/0;charge="{n}"'),
            ("P-DCS-Trace-Party-ID", "<sip:{n}@carrier.example>"),  # RFC 5503
            ("P-DCS-LAES", "carrier.example;bcid={n}"),
            ("P-DCS-Redirect", "<sip:{n}@carrier.example>;count=1"),
            ("P-Preferred-Service", "urn:urn-7:3gpp-service.{n}"),
            ("P-Private-Network-Indication", "{n}.example"),  # RFC 7316
            ("P-RTP-Stat", "OS={n}"),
            ("Additional-Identity", "<sip:{n}@carrier.example>"),  # 3GPP TS 24.229
            ("Origination-Id", "{n}"),
            ("Relayed-Charge", "charge={n}"),
            ("Call-Info", "<http://carrier.example/{n}>;purpose=info"),
            ("Alert-Info", "<http://carrier.example/{n}.wav>"),
            ("Reply-To", '"{n}" <sip:{n}@carrier.example>'),
            ("Subject", "your call to {n}"),
            ("Organization", "The house of {n}"),
            ("User-Agent", "switch-for-{n}"),
            ("Server", "switch-for-{n}"),
            ("User-to-User", "{n};encoding=ascii;purpose=isdn-uui"),  # RFC 7433
            ("Session-ID", "{n};remote={n}"),  # RFC 7989
            ("Identity", "eyJ.{n}.x;info=<https://carrier.example/{n}>"),  # RFC 8224
            ("Identity-Info", "<https://carrier.example/{n}>;alg=rsa-sha1"),
            ("Geolocation", "<sip:{n}@carrier.example>"),  # RFC 6442
            ("Geolocation-Routing", "yes;for={n}"),
            ("Geolocation-Error", '100 "{n} is nowhere"'),
            ("Session-Expires", "1800;for={n}"),  # RFC 4028
            ("Min-SE", "90;for={n}"),
            ("Referred-By", '"{n}" <sip:{n}@carrier.example>'),  # RFC 3892
            ("Refer-Sub", "false;of={n}"),
            ("Refer-Events-At", "<sip:{n}@carrier.example>"),  # RFC 7614
            ("Join", "{n}@carrier.example;to-tag={n};from-tag=x"),  # RFC 3911
            ("Target-Dialog", "{n}@carrier.example;local-tag={n};remote-tag=x"),  # RFC 4538
            ("Privacy", "id;{n}"),  # RFC 3323
            ("In-Reply-To", "{n}@carrier.example"),
            ("Content-Disposition", 'session;handling=optional;name="{n}"'),
            ("Content-Language", "x-{n}"),
            ("Content-ID", "<{n}@carrier.example>"),
            ("Accept", "application/x-{n}"),
            ("Supported", "x-{n}"),
            ("Allow", "X{n}"),
            ("Accept-Language", "x-{n}"),
            ("Accept-Contact", '*;sip.instance="{n}"'),
            ("Reject-Contact", '*;sip.instance="{n}"'),
            ("Request-Disposition", "proxy, {n}"),
            ("Authentication-Info", 'nextnonce="{n}"'),
            ("Proxy-Authentication-Info", 'nextnonce="{n}"'),  # RFC 7615
            ("Security-Server", 'tls;for="{n}"'),  # RFC 3329
            ("SIP-ETag", "{n}"),  # RFC 3903
            ("Path", "<sip:{n}@carrier.example;lr>"),  # RFC 3327
            ("Service-Route", "<sip:{n}@carrier.example;lr>"),
            ("Timestamp", "{n}"),
            ("Date", "Tue, 24 Nov 2026 {n} GMT"),
            ("MIME-Version", "1.0 ({n})"),
            ("Answer-Mode", "Manual;id={n}"),
            ("Feature-Caps", '*;+g.3gpp.id="{n}"'),
            ("Recv-Info", "x-{n}"),
            ("Info-Package", "x-{n}"),  # RFC 6086
            ("Priority", "x-{n}"),
            ("Policy-Contact", "<sip:{n}@carrier.example>"),
            ("Permission-Missing", "sip:{n}@carrier.example"),
            ("Trigger-Consent", "sip:{n}@carrier.example"),
            ("Max-Breadth", "60 ({n})"),
            ("Resource-Priority", "x-{n}.0"),
            ("Cellular-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp={n}"),
            ("Allow-Events", "x-{n}"),
            ("X-Called-Number", "{n}"),
            ("X-Asterisk-HangupCause", "{n}"),
            ("X-Split", "0; a={n}; b={n}"),
        )
    },
}
ON_RESPONSES = ("180", "181", "182", "183", "199", "200")
ON_REQUESTS = ("INVITE", "UPDATE", "INFO", "NOTIFY", "OPTIONS", "MESSAGE", "REFER", "BYE")
PLACES = (*ON_RESPONSES, *ON_REQUESTS)
"""The messages of an answered call, each of which carries every header."""

REFUSALS = "a refusal"
"""The place of headers on final responses of 300 and more."""

PLACES_ALONE = ("180", "181", "183", "200", "INVITE", "UPDATE")
"""Where Asterisk takes an identity or a diversion from."""

SDP_LINES = {
    "session-name": "s=call to {n}",
    "origin-user": "o={n} 1 1 IN IP4 127.0.0.2",
    "information": "i=call to {n}",
    "uri": "u=http://carrier.example/{n}",
    "email": "e={n}@carrier.example ({n})",
    "phone": "p={n}",
    "bandwidth": "b=X-{n}:64",
    "key": "k=clear:{n}",
    "attribute": "a=x-number:{n}",
    "cname": "a=ssrc:1 cname:{n}",
    "media-stream": "a=msid:{n} {n}",
    "mid": "a=mid:{n}",
    "label": "a=label:{n}",
    "content": "a=content:{n}",
    "tool": "a=tool:{n}",
    "category": "a=cat:{n}",
    "format": "a=fmtp:8 number={n}",
    "language": "a=lang:{n}",
    "keywords": "a=keywds:{n}",
    "group": "a=group:LS {n}",
    "feedback": "a=rtcp-fb:8 x-{n}",
    "identity": "a=identity:{n}",
    "source-filter": "a=source-filter: incl IN IP4 * {n}.example",
    "crypto": "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{n}",
    "ice-user": "a=ice-ufrag:{n}",
    "ice-password": "a=ice-pwd:{n}",
    "rtcp-address": "a=rtcp:9 IN IP4 {n}.example",
    "candidate": "a=candidate:{n} 1 UDP 1 127.0.0.2 9 typ host",
    "extension-map": "a=extmap:1 urn:x-{n}",
}
OFFERED_STREAMS = {
    "video": ("m=video 40000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=label:{n}", VIDEO),
    "fax": ("m=image 40002 udptl t38\r\na=T38FaxVersion:0\r\na=T38VendorInfo:{n}", FAX),
    "text": ("m=text 40004 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\na=label:{n}", OWN_SDP),
    "chat": ("m=message 40006 TCP/MSRP *\r\na=path:msrp://127.0.0.2:40006/{n};tcp", OWN_SDP),
    "application": ("m=application 40008 UDP/BFCP *\r\na=userid:{n}", OWN_SDP),
}

PARTS = "multipart/mixed;boundary=part"
BODIES = {
    "text message": ("MESSAGE", "text/plain", "you are talking to {n}", TEXT),
    "INFO of text": ("INFO", "text/plain", "{n}", BACK_TO_BACK),
    "INFO of a key": ("INFO", "application/dtmf-relay", "Signal={n}\r\nDuration=160\r\n", KEYS),
    "INFO of XML": ("INFO", "application/media_control+xml", "<number>{n}</number>", BACK_TO_BACK),
    "NOTIFY of a transfer": ("NOTIFY", "message/sipfrag", "SIP/2.0 200 {n}", BACK_TO_BACK),
    "NOTIFY of a dialogue": ("NOTIFY", "application/dialog-info+xml", "<d>{n}</d>", BACK_TO_BACK),
    "UPDATE with a body that is no SDP": ("UPDATE", "text/plain", "{n}", BACK_TO_BACK),
    "OPTIONS with a body": ("OPTIONS", "text/plain", "{n}", BACK_TO_BACK),
    "INFO of advice of charge": ("INFO", "application/vnd.etsi.aoc+xml", "<aoc>{n}</aoc>", BACK_TO_BACK),
    "INFO of ISUP": ("INFO", "application/isup;version=itu-t92+", "{n}", BACK_TO_BACK),  # RFC 3372
    "INFO of several parts": ("INFO", PARTS, "--part\r\n\r\n{n}\r\n--part--\r\n", BACK_TO_BACK),
    "UPDATE of several parts": ("UPDATE", PARTS, "--part\r\n\r\n{n}\r\n--part--\r\n", BACK_TO_BACK),
    "where the other side is": ("INFO", "application/pidf+xml", "<gml:pos>{n}</gml:pos>", BACK_TO_BACK),
    "that somebody is typing": ("MESSAGE", "application/im-iscomposing+xml", "<by>{n}</by>", TEXT),
    "CPIM": ("MESSAGE", "message/cpim", "From: <im:{n}@carrier.example>\r\n\r\nhello", TEXT),  # RFC 3862
    "text of several parts": ("MESSAGE", PARTS, "--part\r\n\r\n{n}\r\n--part--\r\n", TEXT),
    "vCard": ("MESSAGE", "text/vcard", "BEGIN:VCARD\r\nTEL:{n}\r\nEND:VCARD", TEXT),
}

SDES_ITEMS = {"CNAME": 1, "NAME": 2, "EMAIL": 3, "PHONE": 4, "LOC": 5, "TOOL": 6, "NOTE": 7, "PRIV": 8}
"""RFC 3550, section 6.5."""

ODD_PAYLOADS = {"comfort noise": 13, "unknown payload type": 77, "redundancy": 121, "real-time text": 98}
"""Payload types that were not agreed on, or agreed on by nobody: RFC 3389, RFC 2198, RFC 4103."""

RTCP_REPORTS = {"transport feedback": 205, "payload feedback": 206, "extended report": 207, "of no RFC": 222}
"""RTCP packet types that carry what they like: RFC 4585, RFC 3611."""

STRANGERS = {
    # RFC 8489: a binding request whose SOFTWARE follows.
    "STUN": b"\x00\x01\x00\x14\x21\x12\xa4\x42call-bridge-\x80\x22\x00\x10",
    "ZRTP": b"\x10\x00\x00\x01ZRTP\x00\x00\x00\x01\x50\x5a\x00\x0cHello   1.10",  # RFC 6189: a client's name
    "DTLS": b"\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10",  # RFC 6347
}
"""What else a media socket may get, up to where text stands in it."""

OUTSIDE = {
    **dict.fromkeys(("OPTIONS", "NOTIFY", "INFO", "SUBSCRIBE", "PUBLISH", "REFER"), BACK_TO_BACK),
    "MESSAGE": TEXTS_IN,
    "INVITE": CALLS_IN,
}
"""What a carrier may send to a manager's extension outside of any call."""


LOUD = "test_nothing_that_a_carrier_says_reaches_the_manager"
SAID_ALONE = "test_no_identity_said_alone_reaches_the_manager"
REFUSED = "test_nothing_that_a_refusal_says_reaches_the_manager"
REDIRECTED = "test_nothing_that_a_redirection_says_reaches_the_manager"
FORKED = "test_no_tag_of_a_fork_reaches_the_manager"
TOO_LATE = "test_an_answer_that_comes_too_late_reaches_nobody"


@dataclass(frozen=True)
class Way:
    """One way for a number to reach the manager's phone, what closes it, and the test that tries it."""

    name: str
    number: str
    closed_by: str
    medium: str = "SIP"
    """Where the number is said: "SIP", or "media" for RTP and RTCP."""
    test: str = LOUD

    @property
    def digits(self) -> str:
        return self.number.removeprefix("+")


def fictional_numbers() -> Iterator[str]:
    """British numbers reserved for fiction: mobiles from 200 on, then London's but for the shop's own."""
    mobiles = (f"+447700900{last:03}" for last in range(200, 1000))
    return chain(mobiles, (f"+442079460{last:03}" for last in range(100, 1000)))


class Ways:
    """All ways, each with its number."""

    def __init__(self) -> None:
        self._fresh = fictional_numbers()
        self._all: list[Way] = []
        # Those that need numbers of a mobile's size come first.
        self.csrc = self._media("CSRC list")
        self.ssrc = self._media("SSRC")
        self.extension = self._media("RTP header extension")
        self.padding = self._media("RTP padding")
        self.odd_payloads = {name: self._media(name) for name in ODD_PAYLOADS}
        self.keys = self._way("telephone events", KEYS, "media")
        self.keys_by_info = self._way("INFO, one for each key", KEYS, "media")
        self.early_sound = self._way("sound before the answer", AFTER_THE_ANSWER, "media")
        self.sdes = {name: self._media(f"RTCP SDES {name}") for name in SDES_ITEMS}
        self.rtcp_app = self._media("RTCP APP")
        self.rtcp_bye = self._media("reason of an RTCP BYE")
        self.rtcp_reports = {name: self._media(f"RTCP {name}") for name in RTCP_REPORTS}
        self.strangers = {name: self._media(f"{name} on the port of sound") for name in STRANGERS}
        self.headers = {
            (place, name): self._way(
                f"{header} ({name}) on {place}", closed_by, test=REFUSED if place == REFUSALS else LOUD
            )
            for place in (*PLACES, REFUSALS)
            for name, (header, _, closed_by) in HEADERS.items()
        }
        self.alone = {
            (place, name): self._way(f"{header} ({name}) alone on {place}", closed_by, test=SAID_ALONE)
            for place in PLACES_ALONE
            for name, (header, _, closed_by) in ALONE.items()
        }
        self.sdp = {
            (place, name): self._way(f"SDP `{line[:2]}` ({name}) on {place}", OWN_SDP)
            for place in ("183", "200", "INVITE")
            for name, line in SDP_LINES.items()
        }
        self.streams = {
            name: self._way(f"mid-call offer of {name}", closed_by)
            for name, (_, closed_by) in OFFERED_STREAMS.items()
        }
        self.bodies = {name: self._way(name, closed_by) for name, (_, _, _, closed_by) in BODIES.items()}
        self.outside = {
            method: self._way(f"{method} to a manager's extension", closed_by)
            for method, closed_by in OUTSIDE.items()
        }
        self.parts_beside_sdp = self._way("a part beside the SDP of a re-INVITE", OWN_SDP)
        self.refer_to = self._way("target of a transfer", "`allow_transfer=no` of the trunk")
        self.contact_display = self._way("display name of Contact", BACK_TO_BACK)
        self.contact_user = self._way("user of Contact", BACK_TO_BACK)
        self.contact_parameter = self._way("parameter of Contact", BACK_TO_BACK)
        self.record_route = self._way("Record-Route", BACK_TO_BACK)
        self.tag = self._way("tag of To", BACK_TO_BACK)
        self.from_display = self._way("display name of From in a dialogue", FROM)
        self.from_user = self._way("user of From in a dialogue", FROM)  # RFC 4916
        self.reason_phrase = self._way("reason phrase", OWN_WORDS)
        self.refusal_reason = self._way("reason phrase of a refusal", OWN_WORDS, test=REFUSED)
        self.realm = self._way("realm of a challenge", OWN_WORDS, test=REFUSED)
        self.moved_to = self._way(
            "target of a redirection", "the manager's leg knows of no target", test=REDIRECTED
        )
        self.moved_display = self._way("display name of a redirection's Contact", OWN_WORDS, test=REDIRECTED)
        self.fork_tag = self._way("tags of several early dialogues", BACK_TO_BACK, test=FORKED)
        self.late = self._way("an answer that crosses the CANCEL", AFTER_THE_ANSWER, test=TOO_LATE)

    def all(self) -> list[Way]:
        return list(self._all)

    def tried_by(self, test: str) -> list[Way]:
        return [way for way in self._all if way.test == test]

    def all_media(self) -> list[Way]:
        """Those in what RTP and RTCP carry besides sound and keys."""
        return [way for way in self._all if way.closed_by == OWN_RTP]

    def _media(self, name: str) -> Way:
        return self._way(name, OWN_RTP, "media")

    def _way(self, name: str, closed_by: str, medium: str = "SIP", test: str = LOUD) -> Way:
        way = Way(name, next(self._fresh), closed_by, medium, test)
        self._all.append(way)
        return way
