"""A carrier says the number in every way there is; the manager's phone must receive none of them.

Each way has a number of its own, so that one loud call tries hundreds of ways, and a finding names its way.
"""

from __future__ import annotations

import re
import struct
from collections.abc import AsyncIterator, Iterator

import pytest
from page import PAGE, page
from shop import carrier_of
from ways import BODIES, HEADERS, ON_REQUESTS, SDES_ITEMS, SDP_LINES, Way, Ways

from labkit import ports
from labkit.capture import Datagram, Direction, Protocol, Recording
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP
from labkit.scan import Scanner
from labkit.sip import carrier as carriers
from labkit.sip.call import Call
from labkit.sip.carrier import Carrier
from labkit.sip.message import Message, Request, Response, Uri
from labkit.sip.phone import Phone
from labkit.sip.rtp import HeaderExtension
from labkit.sip.sdp import PCMA

NUMBER = "+447700900123"  # of order 1042
# What Asterisk has no module for, or no use, it lets fall without an answer; OPTIONS, UPDATE, INFO and
# re-INVITE with the same headers are answered, so it is not the headers that it falls over.
UNANSWERED = {"MESSAGE", "body-message", "NOTIFY", "body-notify", "body-info"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.up(tmp_path_factory.mktemp("leaks"), carrier=carrier)
    yield lab
    lab.down()


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with Phone("101", lab.managers["101"].password, server=lab.sip_address) as phone:
        await phone.register()
        yield phone
        for call in phone.calls:
            await call.hang_up()


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


class LoudCarrier:
    """Makes a carrier say each way's number in its place, and remembers which messages it has sent."""

    def __init__(self, carrier: Carrier, ways: Ways) -> None:
        self.ways = ways
        self.said: set[str] = set()
        self.answers: dict[str, int] = {}
        carrier.alter = self.alter
        carrier.behaviour = self.behave

    def alter(self, message: Message) -> None:
        place = self.place_of(message)
        if place is None:
            return
        for (where, name), way in self.ways.headers.items():
            if where == place:
                header, value, _ = HEADERS[name]
                message.add(header, value.format(n=way.number))
        if message.body and message.get("Content-Type") == "application/sdp":
            message.set_body("application/sdp", self.with_sdp_lines(place, message.body))
        if place == "200" and (contact := message.get("Contact")):
            uri = contact[contact.index("<") : contact.index(">") + 1]
            message.set("Contact", f'"{self.ways.display.number}" {uri}')
        self.said.add(place)

    @staticmethod
    def place_of(message: Message) -> str | None:
        """The name of a message that is to be loud: responses to INVITE, and requests in the dialog."""
        if isinstance(message, Response):
            return str(message.status) if message.cseq[1] == "INVITE" and message.status > 100 else None
        assert isinstance(message, Request)
        return message.method if message.method in ON_REQUESTS else None

    def with_sdp_lines(self, place: str, body: bytes) -> bytes:
        text = body.decode()
        session, media = text[: text.index("m=")], text[text.index("m=") :]
        for (where, name), way in self.ways.sdp.items():
            if where == place:
                line = SDP_LINES[name].format(n=way.number)
                if line.startswith("s="):
                    session = session.replace("s=-", line, 1)
                elif line.startswith("a="):
                    media += line + "\r\n"
                else:
                    session = session.replace("t=", line + "\r\nt=", 1) if line[0] in "iuepk" else session
        return (session + media).encode()

    async def behave(self, call: Call) -> None:
        speak_as_the_manager(call)
        call.ring()
        await call.send_early_media()
        await call.answer()

    async def talk(self, call: Call) -> None:
        """All that can be said while the call is up."""
        for name, (method, content_type, text, _) in BODIES.items():
            body = (content_type, text.format(n=self.ways.bodies[name].number).encode())
            await self.say(call, name, method, body)
        for method in ("OPTIONS", "UPDATE", "INFO", "NOTIFY", "MESSAGE"):
            await self.say(call, method, method, None)
        self.answers["INVITE"] = (await call.reinvite()).status
        await self.talk_in_media(call)

    async def say(self, call: Call, name: str, method: str, body: tuple[str, bytes] | None) -> None:
        """Send a request; one that Asterisk lets fall has been said all the same."""
        try:
            self.answers[name] = (await call.request(method, body=body, within=2)).status
        except TimeoutError:
            self.answers[name] = 0

    async def talk_in_media(self, call: Call) -> None:
        ways, media = self.ways, call.media
        media.sdes_items = [(kind, ways.sdes[name].number) for name, kind in SDES_ITEMS.items()]
        media.send_report()
        app = ways.rtcp_app.number.encode().ljust(16, b"\0")
        media.send_raw_rtcp(struct.pack("!BBHI4s", 0x80, 204, 2 + len(app) // 4, media.ssrc, b"NUMB") + app)
        extension = ways.extension.number.encode().ljust(16, b"\0")
        media.extension = HeaderExtension(0x1234, extension)
        media.csrc = tuple(int(part) for part in thirds(ways.csrc.number))
        media.ssrc = int(ways.ssrc.number[-9:])
        before = media.sent_packets
        await media.wait_for_audio(len(media.received_audio) + 25)
        assert media.sent_packets > before
        await media.send_dtmf(ways.dtmf.number.removeprefix("+"))
        packet = struct.pack("!BBHII", 0x80, 77, 1, 1, media.ssrc) + ways.unknown_payload.number.encode()
        media.send_raw(packet)
        reason = ways.rtcp_bye.number.encode()
        bye = struct.pack("!BBHIB", 0x81, 203, 0, media.ssrc, len(reason)) + reason
        bye += b"\0" * (-len(bye) % 4)
        media.send_raw_rtcp(bye[:2] + struct.pack("!H", len(bye) // 4 - 1) + bye[4:])


def speak_as_the_manager(call: Call) -> None:
    """Choose the phone's codec, A-law: between two codecs Asterisk could not join the media if it would, and
    nothing that RTP says could ever be found.
    """
    call.invite.body, offers = re.subn(rb"(m=audio \d+ RTP/AVP) 0 8\b", rb"\1 8", call.invite.body)
    assert offers == 1, "Asterisk offers both codecs"


def thirds(number: str) -> list[str]:
    """A number as contributing sources, of which none holds it whole: the last nine digits, the rest."""
    digits = number.removeprefix("+")
    return [digits[-9:], digits[:3]]


def leaked(ways: list[Way], recording: Recording) -> list[str]:
    """The ways whose number is among what the phone received."""
    signalling = Recording()
    for datagram in recording.only(direction=Direction.RECEIVED, protocol=Protocol.SIP):
        signalling.add(datagram)
    media_ways = ("rtp", "rtcp", "dtmf")
    return [
        f"{way.name}: {finding.form}"
        for way in ways
        for finding in Scanner(way.number, "GB").scan_recording(
            recording if way.name.startswith(media_ways) else signalling
        )
    ]


async def test_nothing_that_a_carrier_says_reaches_the_manager(phone: Phone, carrier: Carrier) -> None:
    ways = Ways()
    loud = LoudCarrier(carrier, ways)
    call = await phone.dial("*1042")
    await call.answered()
    customer = await carrier.called()
    assert Uri.parse(customer.invite.uri).user == NUMBER
    await customer.media.wait_for_audio(25)
    codecs = {packet.payload_type for leg in (call, customer) for packet in leg.received_audio}
    assert codecs == {PCMA}, "both legs speak alike"
    await loud.talk(customer)
    await call.media.wait_for_audio(100)
    await customer.hang_up()
    await call.ended()
    assert loud.said >= {"180", "183", "200", *ON_REQUESTS}, "everything was said"
    assert {name for name, status in loud.answers.items() if not status} <= UNANSWERED
    assert leaked([*ways.all(), Way("the customer's own", NUMBER, "")], phone.recording) == []


@pytest.mark.parametrize("status", [400, 403, 404, 410, 480, 484, 486, 488, 500, 503, 600, 603, 606])
async def test_nothing_that_a_failure_says_reaches_the_manager(
    phone: Phone, carrier: Carrier, status: int
) -> None:
    ways = Ways()
    way = ways.reason_phrase
    headers = [(name, value.format(n=way.number)) for name, value, _ in HEADERS.values()]
    carrier.behaviour = carriers.refuse(status, f"{way.number} is not here", headers=headers)
    call = await phone.dial("*1042")
    await call.answered()  # to be told
    await call.hang_up()
    assert (await carrier.called()).final is not None
    assert leaked([way, Way("the customer's own", NUMBER, "")], phone.recording) == []


async def test_nothing_that_a_redirection_says_reaches_the_manager(phone: Phone, carrier: Carrier) -> None:
    moved = "+447700900199"
    host, port = carrier.address
    carrier.behaviour = carriers.redirect(f"sip:{moved}@{host}:{port}")
    carrier.when(moved, carriers.answer())
    call = await phone.dial("*1042")
    await call.answered()
    await call.hang_up()
    found = leaked([Way("302", moved, ""), Way("the customer's own", NUMBER, "")], phone.recording)
    assert found == []


def test_the_page_of_ways_is_made_from_these() -> None:
    assert PAGE.read_text() == page(), "run python tests/leaks/page.py"


def test_the_search_would_see_each_of_these_numbers() -> None:
    """Planted in a message that a phone could have received, every way's number is found."""
    ways = Ways().all()
    assert len({way.number for way in ways}) == len(ways) >= 60
    for way in ways:
        recording = Recording()
        text = f"SIP/2.0 200 OK\r\nX-Planted: {way.number}\r\n\r\n".encode()
        recording.add(
            Datagram(
                monotonic_us=0,
                wall_us=0,
                direction=Direction.RECEIVED,
                protocol=Protocol.SIP,
                source=("127.0.0.1", 1),
                destination=("127.0.0.1", 2),
                data=text,
            )
        )
        assert leaked([way], recording) or way.name.startswith(("rtp", "rtcp", "dtmf")), way.name
        assert Scanner(way.number, "GB").scan(text)
