"""As much of SIP and RTP as the bench's peers need, no more: what is spent here is added to every way alike.

Messages of Asterisk are read as bytes, by their first letters; nothing is checked, for both sides are known.
"""

from __future__ import annotations

import struct

_SAMPLES = 160
SPEECH = b"bench" * (_SAMPLES // 5)
"""A packet's A-law: passed through it stays as it is, so that it can't be taken for a ringing tone."""

_RTP = struct.Struct("!BBHII")
_VERSION, _PCMA, _SOURCE = 0x80, 8, 0x42454E43

_COPIED = (b"Via:", b"Record-Route:", b"From:", b"Call-ID:", b"CSeq:")
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
)


def description(host: str, port: int) -> bytes:
    """The SDP of an endpoint that speaks A-law at this address, like most carriers."""
    return _SDP.format(host=host, port=port).encode()


def speech(number: int) -> bytes:
    """The packet of this number in a stream of speech, 20 ms each (RFC 3550, RFC 3551)."""
    timestamp = (number * _SAMPLES) & 0xFFFFFFFF
    return _RTP.pack(_VERSION, _PCMA, number & 0xFFFF, timestamp, _SOURCE) + SPEECH


def header(message: bytes, name: bytes) -> bytes:
    """The first value of a header, empty where there is none; `name` like b"Call-ID"."""
    start = message.find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    start += len(name) + 3
    return message[start : message.index(b"\r\n", start)].strip()


def status(message: bytes) -> int:
    """The status of a response; 0 for a request."""
    return int(message[8:11]) if message.startswith(b"SIP/2.0 ") else 0


def method(message: bytes) -> bytes:
    """The method of a request."""
    return message[: message.index(b" ")]


def user(request: bytes) -> str:
    """The user part of the request's URI."""
    return request[request.index(b"sip:") + 4 : request.index(b"@")].decode()


def contact_uri(message: bytes) -> bytes:
    """Where requests within the dialog go."""
    contact = header(message, b"Contact")
    return contact[contact.index(b"<") + 1 : contact.index(b">")]


def response(request: bytes, first_line: bytes, contact: bytes, body: bytes = b"") -> bytes:
    """An answer to a request; our tag is always the same, for Call-ID and From's tag tell dialogs apart."""
    lines = [b"SIP/2.0 " + first_line]
    for line in request[: request.index(b"\r\n\r\n")].split(b"\r\n")[1:]:
        if line.startswith(_COPIED):
            lines.append(line)
        elif line.startswith(b"To:"):
            lines.append(line if b";tag=" in line else line + b";tag=bench")
    lines.append(b"Contact: <" + contact + b">")
    if body:
        lines.append(b"Content-Type: application/sdp")
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])
