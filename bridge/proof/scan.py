"""The number scanner: finds a phone number in bytes, in whatever dress it comes.

Two rules keep chance out. The whole number (in E.164, or at least its national significant number) counts
wherever it stands, inside a longer run of digits too: ten given digits turn up by chance once in 10^10
places. The last seven digits alone would do so once in 10^7, and SIP is full of random digits, so they count
only where they stand by themselves, with neither a letter nor a digit at their sides; tags, branches and
Call-IDs, which join random digits to more of them, pass. Packed and binary forms are looked for in the
national number's length or more (40 bits), except SSRC and CSRC, which are whole 32-bit fields.

Not looked for: speech, keys pressed as audible tones, RTP timestamps, encryption.

Its time grows with the size of what it reads and no faster, whatever that is: it reads what carriers and
attackers say. So no pattern here may begin to read one stretch over again from each of its places.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import phonenumbers

from bridge.proof.capture import Datagram, Direction, Protocol, Recording
from bridge.proof.sip.message import MalformedMessage, parse
from bridge.proof.sip.rtp import MalformedPacket, RtpPacket, dtmf_digits

_TAIL_DIGITS = 7
_SHORTEST_NATIONAL = 9
_MOST_SEPARATORS = 4
_FIRST_DYNAMIC = 96  # payload types, RFC 3551, section 3

# Between two digits: ASCII punctuation of phone numbers, and every space, dash and invisible character that
# Unicode names as such (categories Zs, Pd, Cf).
_SEPARATOR = (
    r"[\s\-.()/_\u00a0\u00ad\u1680\u2000-\u200f\u2010-\u2015\u202f\u205f\u2060\u2212\u3000"
    r"\ufe58\ufe63\ufeff\uff0d]"
)
_DIGIT_BASES = (0x30, 0xFF10, 0x0660, 0x06F0)  # ASCII, full-width, Arabic-Indic, Extended Arabic-Indic
_DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_TOKEN = re.compile(rb"[^\s<>\"]+")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{10,}")
_HEX_RUN = re.compile(rb"[0-9A-Fa-f](?:[:\s-]?[0-9A-Fa-f]){17,}")
_WIDE_TEXT = (  # UTF-16 of mostly ASCII text, both byte orders
    re.compile(rb"(?:[\x20-\x7e]\x00){7,}"),
    re.compile(rb"(?:\x00[\x20-\x7e]){7,}"),
)
_FIELD = re.compile(r"(?:(?<![\w.\-])(?P<name>[\w.\-]++)\s*+)?[:=]\s*+(?P<value>[^\r\n;,&]*)")
_NIBBLES_SWAPPED = bytes((byte & 0x0F) << 4 | byte >> 4 for byte in range(256))
_NO_DIGITS = re.compile("[^0-9]+")
_WORDS = re.compile("|".join(_DIGIT_WORDS), re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """`form` says how the number was dressed; `offset` is where it starts in the scanned bytes.

    Where the scanned bytes were put together from several datagrams, `offset` counts in the joined bytes.
    """

    form: str
    offset: int
    where: str = ""


class Scanner:
    """Looks for one number. `region` is the ISO country in whose national form `number` may be ("GB").

    Raises ValueError for a number of fewer than nine national digits: it could not be told from chance.
    """

    def __init__(self, number: str, region: str) -> None:
        parsed = phonenumbers.parse(number, region)
        self._e164 = f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"
        self._national = phonenumbers.national_significant_number(parsed)
        if len(self._national) < _SHORTEST_NATIONAL:
            raise ValueError("too short a number to be told from chance")
        national_format = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
        self._trunk = "".join(character for character in national_format if character.isdigit())

    def __repr__(self) -> str:
        return "Scanner(***)"

    @property
    def sample(self) -> str:
        """The number itself, in E.164 with a plus: for planting."""
        return f"+{self._e164}"

    @property
    def texts(self) -> tuple[str, ...]:
        """The ways of writing the whole number without separators, longest first: for covering it up."""
        return self.sample, self._e164, self._trunk, self._national

    def scan(self, data: bytes) -> list[Finding]:
        """Every form found in the bytes, each once at its first place."""
        first: dict[str, Finding] = {}
        for finding in self._all_findings(data):
            known = first.get(finding.form)
            if known is None or finding.offset < known.offset:
                first[finding.form] = finding
        return sorted(first.values(), key=lambda finding: (finding.offset, finding.form))

    def scan_recording(
        self, recording: Recording, direction: Direction | None = Direction.RECEIVED
    ) -> list[Finding]:
        """Every datagram alone, and what is spread over several: keys, payloads, fields of messages."""
        datagrams = recording.only(direction=direction)
        findings = [
            Finding(finding.form, finding.offset, f"{datagram.protocol} datagram {index}")
            for index, datagram in enumerate(datagrams)
            for finding in self._scan_datagram(datagram)
        ]
        return findings + self._scan_messages(datagrams) + self._scan_streams(datagrams)

    # Within one piece

    def _all_findings(self, data: bytes) -> Iterator[Finding]:
        yield from self._plain(data)
        for view in _decoded_views(data):
            for finding in self._plain(view.data):
                yield Finding(f"{view.form}: {finding.form}", view.offset)
        yield from self._packed(data)
        yield from self._spelled_over_fields(data)

    def _plain(self, data: bytes) -> Iterator[Finding]:
        """The number as text, each form at its first place. Of nested forms only the longest is told."""
        text = data.decode("utf-8", "surrogateescape")
        if self._in_every_form.search(text) is None:
            return
        taken = bytearray(len(text))
        for form, pattern in self._text_patterns:
            places = [match.span() for match in pattern.finditer(text) if not taken[match.start()]]
            for start, end in places:
                taken[start:end] = b"\1" * (end - start)
            if places:
                before = text[: places[0][0]]
                yield Finding(form, len(before.encode("utf-8", "surrogateescape")))

    @cached_property
    def _in_every_form(self) -> re.Pattern[str]:
        """What each of the patterns below has in it, one or the other, and hardly anything else has."""
        # Whoever calls a mobile in Argentina from there writes digits in between, and so has another end.
        ends = dict.fromkeys(form[-_TAIL_DIGITS:] for form in (self._national, self._trunk))
        return re.compile("|".join(_spelled(way) for end in ends for way in (end, end[::-1])))

    @cached_property
    def _text_patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        """Longest forms first."""
        tail = self._national[-_TAIL_DIGITS:]
        enum = r"\.".join(reversed(self._e164))
        return [
            ("ENUM", re.compile(enum)),
            ("E.164 with plus", re.compile(rf"(?:\+|00){_SEPARATOR}*{_spelled(self._e164)}")),
            ("E.164", re.compile(_spelled(self._e164))),
            ("national with trunk prefix", re.compile(_spelled(self._trunk))),
            ("national", re.compile(_spelled(self._national))),
            ("reversed", re.compile(_spelled(self._e164[::-1]))),
            ("reversed national", re.compile(_spelled(self._national[::-1]))),
            ("last seven digits", re.compile(rf"(?<![^\W_]){_spelled(tail)}(?![^\W_])")),
        ]

    def _packed(self, data: bytes) -> Iterator[Finding]:
        """BCD, its nibble-swapped kin TBCD (3GPP TS 29.002), and binary integers."""
        for form, packed in (("BCD", data), ("TBCD", data.translate(_NIBBLES_SWAPPED))):
            position = packed.hex().find(self._national)
            if position >= 0:
                yield Finding(form, position // 2)
        for name, needle in self._integers:
            position = data.find(needle)
            if position >= 0:
                yield Finding(name, position)

    @cached_property
    def _integers(self) -> list[tuple[str, bytes]]:
        number = int(self._e164)
        length = (number.bit_length() + 7) // 8
        return [
            ("binary integer", number.to_bytes(length, "big")),
            ("binary integer, little-endian", number.to_bytes(length, "little")),
            ("hexadecimal integer", f"{number:x}".encode()),
            ("hexadecimal integer", f"{number:X}".encode()),
        ]

    def _spelled_over_fields(self, data: bytes) -> Iterator[Finding]:
        """One or a few digits per line, header or parameter, with names that may hold digits themselves."""
        text = data.decode("utf-8", "replace")
        lines = [_digits(line) for line in text.splitlines()]
        values = [_digits(match["value"]) for match in _FIELD.finditer(text)]
        last_values = [_digits(re.split("[:=]", line)[-1]) for line in re.split(r"[\r\n;,&]+", text)]
        words = _WORDS.sub(lambda word: str(_DIGIT_WORDS.index(word[0].lower())), text)
        if self._in_digits([words]) and not self._in_digits([text]):
            yield Finding("spelled in words", 0)
        # A whole number in one field is told as what it is; here only what several fields spell together.
        for name, parts in (("lines", lines), ("fields", values), ("parameters", last_values)):
            if self._in_digits(["".join(parts)]) and not self._in_digits(parts):
                yield Finding(f"spelled over {name}", 0)
                return

    def _in_digits(self, texts: Iterable[str]) -> bool:
        wanted = (self._national, self._national[::-1])
        return any(number in _digits(text) for text in texts for number in wanted)

    # Within one datagram

    def _scan_datagram(self, datagram: Datagram) -> Iterator[Finding]:
        yield from self.scan(datagram.data)
        if datagram.protocol is Protocol.RTP:
            yield from self._rtp_identifiers(datagram.data)
        elif datagram.protocol is Protocol.RTCP:
            yield from self._rtcp_sources(datagram.data)

    def _rtp_identifiers(self, data: bytes) -> Iterator[Finding]:
        try:
            packet = RtpPacket.parse(data)
        except MalformedPacket:
            return
        if packet.ssrc in self._field_values:
            yield Finding("SSRC", 8)
        for index, source in enumerate(packet.csrc):
            if source in self._field_values:
                yield Finding("CSRC", 12 + 4 * index)
        if self._in_digits(["".join(map(str, packet.csrc))]):
            yield Finding("spelled over CSRCs", 12)

    def _rtcp_sources(self, data: bytes) -> Iterator[Finding]:
        """The SSRC of each packet of a compound one; SDES texts are text and were scanned as such."""
        position = 0
        while position + 8 <= len(data):
            if int.from_bytes(data[position + 4 : position + 8]) in self._field_values:
                yield Finding("RTCP SSRC", position + 4)
            position += 4 + 4 * int.from_bytes(data[position + 2 : position + 4])

    @cached_property
    def _field_values(self) -> set[int]:
        """The number, or as much of its end as 32 bits hold."""
        ends = {int(self._national[-length:]) for length in range(_TAIL_DIGITS, len(self._national) + 1)}
        return {value for value in {*ends, int(self._e164)} if value < 1 << 32}

    # Over several datagrams

    def _scan_messages(self, datagrams: Sequence[Datagram]) -> list[Finding]:
        """A digit or two per message, in the same header or body field each time; INFO's DTMF is sent so."""
        spread: dict[str, list[str]] = {}
        for datagram in datagrams:
            if datagram.protocol is Protocol.SIP:
                for name, value in _fields_of(datagram.data):
                    spread.setdefault(name, []).append(_digits(value))
        return [
            Finding("spelled over messages", 0, f"field {name}")
            for name, parts in spread.items()
            if self._in_digits(["".join(parts)]) and not self._in_digits(parts)
        ]

    def _scan_streams(self, datagrams: Sequence[Datagram]) -> list[Finding]:
        streams: dict[tuple[object, ...], list[RtpPacket]] = {}
        for datagram in datagrams:
            if datagram.protocol is Protocol.RTP:
                try:
                    packet = RtpPacket.parse(datagram.data)
                except MalformedPacket:
                    continue
                streams.setdefault((datagram.source, datagram.destination), []).append(packet)
        return [finding for packets in streams.values() for finding in self._scan_stream(packets)]

    def _scan_stream(self, packets: list[RtpPacket]) -> Iterator[Finding]:
        """Keys under any payload type that may be telephone-event, and payloads and extensions joined."""
        for event_type in {
            packet.payload_type for packet in packets if packet.payload_type >= _FIRST_DYNAMIC
        }:
            keys = dtmf_digits(packets, event_type)
            if self._in_digits([keys]) or self._national[-_TAIL_DIGITS:] in keys:
                yield Finding("DTMF", 0, "telephone events")
        for payload_type in {packet.payload_type for packet in packets}:
            payloads = b"".join(packet.payload for packet in packets if packet.payload_type == payload_type)
            for finding in self._plain(payloads):
                yield Finding(f"RTP payloads joined: {finding.form}", finding.offset)
        extensions = b"".join(packet.extension.data for packet in packets if packet.extension)
        # A byte or two per packet, padded to four with zeros.
        for finding in self._plain(extensions.replace(b"\0", b"")):
            yield Finding(f"RTP extensions joined: {finding.form}", finding.offset)


@dataclass(frozen=True)
class _View:
    form: str
    offset: int
    data: bytes


def _decoded_views(data: bytes) -> Iterator[_View]:
    """Every stretch of the bytes that could be an encoding, decoded."""
    for match in _TOKEN.finditer(data):
        if _PERCENT.search(match[0]):
            decoded = _PERCENT.sub(lambda code: bytes([int(code[1], 16)]), match[0])
            yield _View("percent", match.start(), decoded)
    for match in _BASE64_RUN.finditer(data):
        run = match[0].translate(bytes.maketrans(b"-_", b"+/"))
        for skipped in range(4):
            yield _View("base64", match.start() + skipped, _base64_decoded(run[skipped:]))
    for match in _HEX_RUN.finditer(data):
        digits = re.sub(rb"[:\s-]", b"", match[0])
        for skipped in (0, 1):
            even = digits[skipped : skipped + (len(digits) - skipped) // 2 * 2]
            yield _View("hex", match.start() + skipped, binascii.unhexlify(even))
    for pattern in _WIDE_TEXT:
        for match in pattern.finditer(data):
            yield _View("UTF-16", match.start(), match[0].replace(b"\0", b""))


def _base64_decoded(run: bytes) -> bytes:
    return base64.b64decode(run[: len(run) // 4 * 4] + _padded(run[len(run) // 4 * 4 :]))


def _padded(rest: bytes) -> bytes:
    """The last, incomplete group; a single character holds no byte."""
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _spelled(digits: str) -> str:
    """A pattern for these digits, in any script, with a few separators between them."""
    alternatives = ("[" + "".join(chr(base + int(digit)) for base in _DIGIT_BASES) + "]" for digit in digits)
    return f"{_SEPARATOR}{{0,{_MOST_SEPARATORS}}}".join(alternatives)


def _digits(text: str) -> str:
    return _NO_DIGITS.sub("", text)


def _fields_of(data: bytes) -> Iterator[tuple[str, str]]:
    """Header names with their digits removed (X-D1 and X-D2 are one family), and the fields of the body."""
    try:
        message = parse(data)
    except MalformedMessage:
        return
    for name, value in message.headers:
        yield re.sub(r"\d", "", name).lower(), value
    for match in _FIELD.finditer(message.body.decode("utf-8", "replace")):
        yield f"body {(match['name'] or '').lower()}", match["value"]
