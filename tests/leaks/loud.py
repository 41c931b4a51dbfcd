"""A carrier that says each way's number in its place."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from dataclasses import replace

from ways import (
    ALONE,
    BODIES,
    HEADERS,
    ODD_PAYLOADS,
    OFFERED_STREAMS,
    ON_REQUESTS,
    OUTSIDE,
    PARTS,
    PLACES_ALONE,
    REFUSALS,
    RTCP_REPORTS,
    SDES_ITEMS,
    SDP_LINES,
    STRANGERS,
    Way,
    Ways,
)

from bridge.proof.capture import Address
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Message, NameAddress, Request, Response
from bridge.proof.sip.rtp import PCMA, HeaderExtension, RtpPacket

REQUEST_SECONDS = 5.0
FAX_SECONDS = 10.0
"""Asterisk may wait five seconds for the other side to agree to a fax."""

HEARD_PACKETS = 15


class LoudCarrier:
    """Makes `carrier` say everything; `server` is where Asterisk's SIP is.

    `answers` has the status of each request in the dialogue, 0 where none came.
    """

    def __init__(self, carrier: Carrier, ways: Ways, server: Address) -> None:
        self.ways = ways
        self.answers: dict[str, int] = {}
        self._carrier = carrier
        self._server = server
        self._extra_stream: str | None = None
        self._in_parts = False
        carrier.alter = self.alter
        carrier.behaviour = self.behave

    # What every message says

    def alter(self, message: Message) -> None:
        place = place_of(message)
        if place is None:
            return
        for name, (header, value, _) in HEADERS.items():
            message.add(header, value.format(n=self.ways.headers[place, name].number))
        if message.body and message.get("Content-Type") == "application/sdp":
            message.set_body("application/sdp", self._loud_sdp(place, message.body))
            if self._in_parts:
                message.set_body(PARTS, self._beside_another_part(message.body))
        if place == "200":
            self._write_loud_contact(message)

    def _write_loud_contact(self, message: Message) -> None:
        ways, (host, port) = self.ways, self._carrier.address
        uri = f"sip:{ways.contact_user.number}@{host}:{port}"
        message.set(
            "Contact", f'"{ways.contact_display.number}" <{uri}>;note="{ways.contact_parameter.number}"'
        )
        message.set("Record-Route", f"<sip:{ways.record_route.number}@{host}:{port};lr>")
        assert isinstance(message, Response)
        message.reason = f"OK by {ways.reason_phrase.number}"

    def _loud_sdp(self, place: str, body: bytes) -> bytes:
        lines = body.decode().splitlines()
        for name, template in SDP_LINES.items():
            line = template.format(n=self.ways.sdp[place, name].number)
            lines = with_sdp_line(lines, line)
        if self._extra_stream:
            stream = OFFERED_STREAMS[self._extra_stream][0].format(
                n=self.ways.streams[self._extra_stream].number
            )
            lines += stream.splitlines()
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _beside_another_part(self, description: bytes) -> bytes:
        """RFC 5621, section 3: a body of several parts, of which one is the session's description."""
        other = self.ways.parts_beside_sdp.number.encode()
        return (
            b"--part\r\nContent-Type: application/sdp\r\n\r\n%b\r\n"
            b"--part\r\nContent-Type: text/plain\r\n\r\n%b\r\n"
            b"--part--\r\n"
        ) % (description, other)

    # A call

    async def behave(self, call: Call) -> None:
        host, port = self._carrier.address
        uri = f"sip:{self.ways.from_user.number}@{host}:{port}"
        call.local = NameAddress(uri, self.ways.from_display.number, self.ways.tag.digits)
        call.ring()
        for status in (181, 182, 199):
            call.respond(status)
        await call.send_early_media()
        await self._sound_early(call)
        await call.answer()

    async def _sound_early(self, call: Call) -> None:
        before = call.media.sent_packets
        while call.media.sent_packets < before + 2 * HEARD_PACKETS:
            call.media.send_raw(self._rtp(self.ways.early_sound.digits.encode().ljust(160, b"\xd5")))
            await asyncio.sleep(0.02)

    async def talk(self, call: Call) -> None:
        """All that can be said while the call is up."""
        await self.send_requests(call)
        self.answers["INVITE"] = (await call.reinvite()).status
        await self.offer_streams(call)
        self._in_parts = True
        self.answers["parts"] = (await call.reinvite()).status
        self._in_parts = False
        await self.talk_in_media(call)
        await self.press_keys(call)
        await self._talk_outside()

    async def send_requests(self, call: Call) -> None:
        """All that is not INVITE. Asterisk handles a dialogue's requests in turn, and lets fall those that it
        has no module for: what is unanswered when the next one is answered stays so.
        """
        async with asyncio.TaskGroup() as group:
            for request in self._requests():
                sending = group.create_task(self._send(call, *request))
                await asyncio.sleep(0)  # it is on its way
                await call.request("OPTIONS")
                sending.cancel()

    def _requests(self) -> Iterator[tuple[str, str, tuple[str, bytes] | None]]:
        """Name, method and body."""
        for name, (method, content_type, text, _) in BODIES.items():
            yield name, method, (content_type, text.format(n=self.ways.bodies[name].number).encode())
        for method in ON_REQUESTS:
            if method not in ("INVITE", "BYE"):
                yield method, method, None

    async def _send(self, call: Call, name: str, method: str, body: tuple[str, bytes] | None) -> None:
        headers = {
            "NOTIFY": [("Event", "refer"), ("Subscription-State", "active")],
            "REFER": [("Refer-To", f"<sip:{self.ways.refer_to.number}@carrier.example>")],
        }
        self.answers[name] = 0
        answer = await call.request(method, headers=headers.get(method, []), body=body)
        self.answers[name] = answer.status

    async def offer_streams(self, call: Call) -> None:
        for name in OFFERED_STREAMS:
            self._extra_stream = name
            self.answers[name] = (await call.reinvite(within=FAX_SECONDS)).status
        self._extra_stream = None

    async def talk_in_media(self, call: Call) -> None:
        ways, media = self.ways, call.media
        for packet in self._rtcp_packets(media.ssrc):
            media.send_raw_rtcp(packet)
        media.sdes_items = [
            (kind, ("\1x" if name == "PRIV" else "") + ways.sdes[name].number)
            for name, kind in SDES_ITEMS.items()
        ]
        media.send_report()
        media.extension = HeaderExtension(0x1234, padded(ways.extension.number))
        # No source holds the number whole: its last nine digits, and the rest.
        media.csrc = (int(ways.csrc.digits[-9:]), int(ways.csrc.digits[:3]))
        media.ssrc = int(ways.ssrc.digits[-9:])
        await media.wait_for_audio(len(media.received_audio) + HEARD_PACKETS)
        for name, payload_type in ODD_PAYLOADS.items():
            for _ in range(3):
                media.send_raw(self._rtp(ways.odd_payloads[name].digits.encode(), payload_type))
        media.send_raw(self._padded_rtp())
        for name, beginning in STRANGERS.items():
            media.send_raw(beginning + padded(ways.strangers[name].number))
        await media.wait_for_audio(len(media.received_audio) + HEARD_PACKETS)

    async def press_keys(self, call: Call) -> None:
        """As telephone events and, as old carriers do, one INFO a key."""
        await call.send_dtmf(self.ways.keys.digits)
        for key in self.ways.keys_by_info.digits:
            body = ("application/dtmf-relay", f"Signal={key}\r\nDuration=160\r\n".encode())
            await call.request("INFO", body=body)
        await call.media.wait_for_audio(len(call.media.received_audio) + HEARD_PACKETS)

    def _rtp(self, payload: bytes, payload_type: int = PCMA) -> bytes:
        return RtpPacket(payload_type, sequence=1, timestamp=1, ssrc=1, payload=payload).encode()

    def _padded_rtp(self) -> bytes:
        """RFC 3550, section 5.1: the last octet of the padding counts it."""
        padding = self.ways.padding.digits.encode() + b"\0\0\0"
        packet = self._rtp(b"\xd5" * 160 + padding + bytes([len(padding) + 1]))
        return bytes([packet[0] | 0x20]) + packet[1:]

    def _rtcp_packets(self, ssrc: int) -> list[bytes]:
        """Feedback and reports; APP and BYE with a reason (RFC 3550, sections 6.6 and 6.7)."""
        reports = [
            struct.pack("!BBHII", 0x81, kind, 6, ssrc, ssrc) + padded(self.ways.rtcp_reports[name].number)
            for name, kind in RTCP_REPORTS.items()
        ]
        app = struct.pack("!BBHI4s", 0x80, 204, 6, ssrc, b"NUMB") + padded(self.ways.rtcp_app.number)
        reason = self.ways.rtcp_bye.number.encode()
        text = bytes([len(reason)]) + reason
        text += bytes(-len(text) % 4)
        return [*reports, app, struct.pack("!BBHI", 0x81, 203, 1 + len(text) // 4, ssrc) + text]

    async def _talk_outside(self) -> None:
        """To a manager's extension, as if it were reachable from outside."""
        host, port = self._server
        async with asyncio.TaskGroup() as all_at_once:
            for method in OUTSIDE:
                if method != "INVITE":
                    all_at_once.create_task(self._send_outside(method, f"sip:101@{host}:{port}"))
        caller = self.ways.outside["INVITE"].number
        call = await self._carrier.call("101", from_=caller, display=caller)
        self.answers["INVITE outside"] = (await call.settled()).status
        await call.hang_up()

    async def _send_outside(self, method: str, uri: str) -> None:
        number = self.ways.outside[method].number
        headers = [("Event", "presence"), ("Expires", "60"), ("Content-Type", "text/plain")]
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await self._carrier.request(
                    method, uri, self._server, headers=headers, body=number.encode()
                )
        except TimeoutError:
            self.answers[f"{method} outside"] = 0
        else:
            self.answers[f"{method} outside"] = answer.status


def padded(number: str) -> bytes:
    """A number in sixteen octets: binary formats count in words."""
    return number.encode().ljust(16, b"\0")


def place_of(message: Message) -> str | None:
    """Where in a call a message stands: responses to INVITE by status, requests by method."""
    if isinstance(message, Response):
        if message.cseq[1] != "INVITE" or message.status == 100:
            return None
        return str(message.status) if message.status < 300 else REFUSALS
    assert isinstance(message, Request)
    return message.method if message.method in ON_REQUESTS else None


def with_sdp_line(lines: list[str], line: str) -> list[str]:
    """RFC 8866, section 5: the order of a description's lines is fixed."""
    if line[0] == "a":
        return [*lines, line]
    if line[0] in "so":
        return [line if known[0] == line[0] else known for known in lines]
    after = {"i": "os", "u": "osi", "e": "osiu", "p": "osiue", "b": "osiuepc", "k": "osiuepcbt"}[line[0]]
    session = next(index for index, known in enumerate(lines) if known[0] == "m")
    position = 1 + max(index for index, known in enumerate(lines[:session]) if known[0] in after)
    return [*lines[:position], line, *lines[position:]]


class OneIdentity:
    """A carrier that says one identity or diversion a message, of which `turn` decides."""

    def __init__(self, carrier: Carrier, ways: Ways, turn: int) -> None:
        names = list(ALONE)
        self._headers: dict[str, tuple[str, str]] = {}
        self.ways: list[Way] = []
        for index, place in enumerate(PLACES_ALONE):
            name = names[(index + turn) % len(names)]
            way = ways.alone[place, name]
            header, value, _ = ALONE[name]
            self._headers[place] = (header, value.format(n=way.number))
            self.ways.append(way)
        carrier.alter = self.alter
        carrier.behaviour = self.behave

    def alter(self, message: Message) -> None:
        place = place_of(message)
        if place in self._headers:
            message.add(*self._headers[place])

    async def behave(self, call: Call) -> None:
        call.ring()
        call.respond(181)
        await call.send_early_media()
        await call.answer()

    async def talk(self, call: Call) -> None:
        await call.request("UPDATE")
        await call.reinvite()


class ForkingCarrier:
    """Rings in several early dialogues (RFC 3261, section 12.1.2), each tag of which holds the number."""

    def __init__(self, carrier: Carrier, ways: Ways) -> None:
        self._number = ways.fork_tag.digits
        carrier.behaviour = self.behave

    async def behave(self, call: Call) -> None:
        own = call.local
        for fork in ("first", "second"):
            call.local = replace(own, tag=f"{self._number}-{fork}")
            call.ring()
        await call.send_early_media()
        call.local = replace(own, tag=f"{self._number}-third")
        await call.answer()
