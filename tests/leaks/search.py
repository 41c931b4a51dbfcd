"""Looking for ways' numbers in what a phone received."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from ways import Way

from bridge.proof.capture import Datagram, Direction, Protocol, Recording
from bridge.proof.scan import Scanner
from bridge.proof.sip.sdp import CODEC_NAMES

CUSTOMER = Way("the customer's own number", "+447700900123", "everything", medium="media")
"""Of order 1042 in the lab's sample; looked for in everything."""


@cache
def scanner(number: str) -> Scanner:
    return Scanner(number, "GB")


def leaked(ways: Iterable[Way], recording: Recording) -> list[str]:
    """The ways whose number is among what was received, each with the forms that were found."""
    everything = once_each(recording.only(direction=Direction.RECEIVED))
    signalling = once_each(recording.only(direction=Direction.RECEIVED, protocol=Protocol.SIP))
    media = [way for way in ways if way.medium == "media"]
    said_in_signalling = [way for way in ways if way.medium != "media"]
    suspects = [(way, everything) for way in media]
    suspects += [(way, signalling) for way in suspected(said_in_signalling, signalling)]
    return [
        f"{way.name}: {', '.join(sorted(forms))}"
        for way, place in suspects
        if (forms := {finding.form for finding in scanner(way.number).scan_recording(place)})
    ]


ALONE_STANDING_TAIL = re.compile(rb"(?<![0-9A-Za-z])\d{7}(?![0-9A-Za-z])")


def suspected(ways: Iterable[Way], signalling: Recording) -> list[Way]:
    """The ways of which something may be there: most often none, in a tenth of the time of looking for each.

    Ten ways' numbers differ in the last digit alone. What they share, nine national digits, is the least that
    can be told from chance, and is looked for in every form; the last seven digits by themselves, which lack
    it, are looked for besides. Numbers in binary would be missed: those are looked for in media.
    """
    tails = {tail.decode() for datagram in signalling for tail in ALONE_STANDING_TAIL.findall(datagram.data)}
    found: dict[str, bool] = {}
    suspects = []
    for way in ways:
        stem = way.number[:-1]
        if stem not in found:
            found[stem] = bool(scanner(stem).scan_recording(signalling))
        if found[stem] or way.number[-7:] in tails:
            suspects.append(way)
    return suspects


def once_each(datagrams: Iterable[Datagram]) -> Recording:
    """Without what has been said before: retransmissions, and sound that is the same but for its counters."""
    recording = Recording()
    for datagram in {essence(datagram): datagram for datagram in datagrams}.values():
        recording.add(datagram)
    return recording


def essence(datagram: Datagram) -> bytes:
    """Of sound all but sequence number and timestamp (RFC 3550, section 5.1); the lab's tone soon repeats."""
    data = datagram.data
    sound = datagram.protocol is Protocol.RTP and data[1] & 0x7F in CODEC_NAMES
    return data[:2] + data[8:] if sound else data


def unheard(ways: Iterable[Way], said: Recording, phone: Recording) -> list[str]:
    """The ways that would not be found, had the phone received what the carrier sent.

    Empty means that each was really said, and that `leaked` can hear it. The customer's own number is heard
    in a copy of all that the phone did receive.
    """
    plain, media = said_plainly(said), media_said(said)
    deaf = [way.name for way in ways if not would_be_heard(way, plain.get(way.digits, media))]
    copy = phone.copy()
    copy.add(replace(phone.only(protocol=Protocol.SIP)[0], direction=Direction.RECEIVED, data=PLANTED))
    return deaf if leaked([CUSTOMER], copy) else [*deaf, CUSTOMER.name]


PLANTED = f"SIP/2.0 200 OK\r\nX-Planted: <sip:{CUSTOMER.number}@carrier.example>\r\n\r\n".encode()


def would_be_heard(way: Way, recording: Recording) -> bool:
    return bool(leaked([way], recording) if way.medium == "media" else suspected([way], recording))


def media_said(said: Recording) -> Recording:
    """RTP and RTCP as sent, all of it, as some forms need several packets; and INFOs that stand for keys."""
    recording = Recording()
    for datagram in once_each(said.only(direction=Direction.SENT)):
        if datagram.protocol is not Protocol.SIP or b"Signal=" in datagram.data:
            recording.add(replace(datagram, direction=Direction.RECEIVED))
    return recording


def said_plainly(said: Recording) -> dict[str, Recording]:
    """For each number in what was sent the first piece that says it, as if it were received.

    Of signalling that is a message of the first line and those that say the number; of media the datagram.
    """
    recordings: dict[str, Recording] = {}
    for datagram in once_each(said.only(direction=Direction.SENT)):
        for number in set(BRITISH_NUMBER.findall(datagram.data)):
            if number.decode() in recordings:
                continue
            data = lines_with(number, datagram.data) if datagram.protocol is Protocol.SIP else datagram.data
            recordings[number.decode()] = recording = Recording()
            recording.add(replace(datagram, direction=Direction.RECEIVED, data=data))
    return recordings


BRITISH_NUMBER = re.compile(rb"44\d{10}")


def lines_with(number: bytes, message: bytes) -> bytes:
    first, *others = message.split(b"\r\n")
    return b"\r\n".join([first, *(line for line in others if number in line), b"", b""])
