"""Streams besides sound: a carrier that offers one in a conversation, and a phone that takes it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from itertools import count

from bridge.proof.sip.call import Call
from bridge.proof.sip.message import Message, Response
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.rtp import RtpPacket
from bridge.proof.sip.sdp import PCMA, AudioDescription, offer

H264 = 96
VIDEO = f"m=video {{port}} RTP/AVP {H264}\r\na=rtpmap:{H264} H264/90000\r\n"
# ITU-T T.38, annex D.
FAX = (
    "m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"
    "a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
)


def take_streams(phone: Phone) -> None:
    """Let the phone accept whatever Asterisk offers, all of it at its one port of sound."""

    def accept(message: Message) -> None:
        if isinstance(message, Response) and message.cseq[1] == "INVITE" and message.status in (200, 488):
            call = phone.calls[-1]
            accepted = re.sub(rb"(m=\w+) [1-9]\d*", rb"\1 %d" % call.media.port, call.requests[-1].body)
            message.status, message.reason = 200, "OK"
            message.set_body("application/sdp", accepted)

    phone.alter = accept


async def video_of(customer: Call, number: str) -> Callable[[], None]:
    """Add a stream of video to the conversation. Each call of what is returned says the number in it."""
    sound = offer(customer.agent.address[0], customer.media.port).encode().decode()
    await _offer(customer, sound + VIDEO)
    sequence = count()

    def say() -> None:
        packet = RtpPacket(H264, next(sequence), timestamp=0, ssrc=1, payload=number.encode())
        customer.media.send_raw(packet.encode())

    return say


async def fax_of(customer: Call, number: str) -> Callable[[], None]:
    """Turn the conversation into a fax, which says the number as a fax's own identification does."""
    host = customer.agent.address[0]
    await _offer(customer, f"v=0\r\no=- 1 9 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n{FAX}")
    sequence = count()
    return lambda: customer.media.send_raw(_udptl(next(sequence), number.encode()))


async def _offer(customer: Call, description: str) -> None:
    """Offer it, and send to the last of its streams from now on, where it was taken."""
    body = description.format(port=customer.media.port).encode()
    answer = await customer.request("INVITE", body=("application/sdp", body), within=10)
    if taken := re.search(r"c=IN IP4 (\S+).*m=\w+ (\d+)", answer.body.decode(), re.DOTALL):
        stream = AudioDescription(taken[1], int(taken[2]), (), None, direction="inactive")
        customer.media.talk_to(stream, PCMA)


def _udptl(sequence: int, data: bytes) -> bytes:
    """ITU-T T.38, section 9.1: one primary IFP packet, and no redundant ones."""
    return struct.pack("!HB", sequence, len(data)) + data + b"\0\0"
