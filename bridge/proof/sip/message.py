"""SIP messages: reading and writing them (RFC 3261, sections 7, 19, 20 and 25).

Messages are mutable on purpose: a leak test takes one that is about to be sent and makes it say anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

HeaderList = list[tuple[str, str]]
HeaderLines = Iterable[tuple[str, str]]

_COMPACT_NAMES = {  # RFC 3261, section 7.3.3, and the RFCs that added to it
    "b": "Referred-By",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}

REASON_PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    603: "Decline",
}

_REQUEST_LINE = re.compile(r"(?P<method>[!%'*+\-.`~\w]+) (?P<uri>\S+) SIP/2\.0")
_STATUS_LINE = re.compile(r"SIP/2\.0 (?P<status>[1-6]\d\d) ?(?P<reason>.*)")
_HEADER_LINE = re.compile(r"(?P<name>[!%'*+\-.`~\w]+)\s*:\s*(?P<value>.*?)\s*", re.DOTALL)
_FOLD = re.compile(r"\r?\n[ \t]+")
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")


class MalformedMessage(ValueError):
    """The bytes are no SIP message; the text says which rule they break."""


@dataclass(kw_only=True)
class Message:
    """What requests and responses share: headers in the order of the wire, and a body."""

    headers: HeaderList = field(default_factory=list)
    body: bytes = b""

    @property
    def start_line(self) -> str:
        raise NotImplementedError

    def all(self, name: str) -> list[str]:
        """Every value of a header, one per line of the wire."""
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next(iter(self.all(name)), None)

    def require(self, name: str) -> str:
        """The first value of a header; raises MalformedMessage where there is none."""
        value = self.get(name)
        if value is None:
            raise MalformedMessage(f"no {name} header")
        return value

    def add(self, name: str, value: str) -> None:
        """Append a header; one of the same name stays."""
        self.headers.append((name, value))

    def set(self, name: str, value: str) -> None:
        """Give a header one value, in the place of its first one."""
        position = next(
            (at for at, (known, _) in enumerate(self.headers) if known.lower() == name.lower()),
            len(self.headers),
        )
        self.remove(name)
        self.headers.insert(position, (name, value))

    def remove(self, name: str) -> None:
        self.headers[:] = [(known, value) for known, value in self.headers if known.lower() != name.lower()]

    def set_body(self, content_type: str, body: bytes) -> None:
        self.set("Content-Type", content_type)
        self.body = body

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of the CSeq header."""
        number, _, method = self.require("CSeq").partition(" ")
        if not number.isdigit():
            raise MalformedMessage("the CSeq header has no number")
        return int(number), method.strip()

    @property
    def call_id(self) -> str:
        return self.require("Call-ID")

    @property
    def branch(self) -> str:
        """The branch of the topmost Via."""
        return self.top_via_parameter("branch")

    def top_via_parameter(self, name: str) -> str:
        top = self.require("Via").split(",")[0]
        return parameters(top.partition(";")[2]).get(name, "")

    @property
    def from_address(self) -> NameAddress:
        return NameAddress.parse(self.require("From"))

    @property
    def to_address(self) -> NameAddress:
        return NameAddress.parse(self.require("To"))

    def encode(self) -> bytes:
        """The bytes for the wire. Content-Length is always computed, after the other headers."""
        lines = [self.start_line]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() != "content-length"]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


@dataclass
class Request(Message):
    method: str
    uri: str

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"


@dataclass
class Response(Message):
    status: int
    reason: str

    @property
    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


def parse(data: bytes) -> Request | Response:
    """Read one datagram. Raises MalformedMessage."""
    end = _END_OF_HEADERS.search(data)
    if end is None:
        raise MalformedMessage("no empty line after the headers")
    text = data[: end.start()].decode("utf-8", "surrogateescape")
    first, *rest = re.split(r"\r?\n", _FOLD.sub(" ", text))
    message = _parse_start_line(first)
    message.headers = [_parse_header(line) for line in rest]
    message.body = _body(message, data[end.end() :])
    return message


def _parse_start_line(line: str) -> Request | Response:
    if request := _REQUEST_LINE.fullmatch(line):
        return Request(request["method"], request["uri"])
    if status := _STATUS_LINE.fullmatch(line):
        return Response(int(status["status"]), status["reason"])
    raise MalformedMessage("the first line is neither a request's nor a response's")


def _parse_header(line: str) -> tuple[str, str]:
    match = _HEADER_LINE.fullmatch(line)
    if match is None:
        raise MalformedMessage("a header line has no name")
    return _COMPACT_NAMES.get(match["name"].lower(), match["name"]), match["value"]


def _body(message: Message, rest: bytes) -> bytes:
    """RFC 3261, section 18.3: over UDP surplus bytes are cut, missing ones are an error."""
    announced = message.get("Content-Length")
    if announced is None:
        return rest
    if not announced.isdigit():
        raise MalformedMessage("the Content-Length is no number")
    if int(announced) > len(rest):
        raise MalformedMessage("the body is shorter than its Content-Length")
    return rest[: int(announced)]


def parameters(text: str) -> dict[str, str]:
    """`;`-separated parameters, names in lower case; a parameter without a value is empty."""
    found = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name.strip():
            found[name.strip().lower()] = value.strip().strip('"')
    return found


@dataclass(frozen=True)
class NameAddress:
    """`"Display" <sip:user@host>;tag=x`, the form of From, To and Contact."""

    uri: str
    display: str = ""
    tag: str = ""

    _FORM = re.compile(
        r'\s*(?:"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<bare>[^<"]*?))\s*<(?P<uri>[^>]*)>(?P<rest>.*)'
    )

    @classmethod
    def parse(cls, value: str) -> NameAddress:
        match = cls._FORM.match(value)
        if match is None:  # an addr-spec: its parameters are the header's (RFC 3261, section 20)
            uri, _, rest = value.strip().partition(";")
            return cls(uri, "", parameters(rest).get("tag", ""))
        display = re.sub(r"\\(.)", r"\1", match["quoted"] or match["bare"] or "")
        return cls(match["uri"], display, parameters(match["rest"]).get("tag", ""))

    def __str__(self) -> str:
        escaped = self.display.replace("\\", "\\\\").replace('"', '\\"')
        display = f'"{escaped}" ' if escaped else ""
        return f"{display}<{self.uri}>" + (f";tag={self.tag}" if self.tag else "")


@dataclass(frozen=True)
class Uri:
    """The parts of a SIP URI that routing needs."""

    user: str
    host: str
    port: int

    _FORM = re.compile(
        r"sips?:(?:(?P<user>[^@]*)@)?(?P<host>\[[^\]]+\]|[^:;?>]+)(?::(?P<port>\d+))?", re.IGNORECASE
    )

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Raises MalformedMessage for anything but a sip: or sips: URI."""
        match = cls._FORM.match(text)
        if match is None:
            raise MalformedMessage("not a SIP URI")
        return cls(match["user"] or "", match["host"], int(match["port"] or 5060))


def reason_phrase(status: int) -> str:
    return REASON_PHRASES.get(status, "Unassigned")
