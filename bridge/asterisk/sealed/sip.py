"""As much of SIP (RFC 3261) as a redirect server on loopback needs: one request in, one response out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_COMPACT: Final = {"v": "via", "f": "from", "t": "to", "i": "call-id"}
_COPIED: Final = ("via", "from", "to", "call-id", "cseq")  # section 8.2.6.2
_REQUEST_LINE: Final = re.compile(r"([A-Z]+) sip:([^@ ;]*)(?:@[^ ]*)? SIP/2\.0", re.ASCII)
_BRANCH: Final = re.compile(r";\s*branch=([^;,\s]+)", re.ASCII)
_MOST_BYTES: Final = 16_384
_MOST_HEADERS: Final = 100


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A request as received. `user` is the user part of its URI; `headers` those that a response repeats."""

    method: str
    user: str
    transaction: str
    headers: tuple[tuple[str, str], ...]


def read_request(datagram: bytes) -> Request | None:
    """None for anything that is no request we could answer. Never raises."""
    if len(datagram) > _MOST_BYTES:
        return None
    lines = datagram.decode("utf-8", "replace").partition("\r\n\r\n")[0].split("\r\n")
    first = _REQUEST_LINE.fullmatch(lines[0])
    if first is None or len(lines) > _MOST_HEADERS:
        return None
    headers = tuple(header for line in lines[1:] if (header := _header(line)) is not None)
    values = dict(reversed(headers))  # of several Vias the top one counts
    branch = _BRANCH.search(values.get("via", ""))
    if branch is None or any(name not in values for name in _COPIED):
        return None
    return Request(first[1], first[2], f"{branch[1]} {values['call-id']}", headers)


def response(request: Request, status: int, reason: str, extra: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A response to the request, with a tag of our own in To where there was none."""
    lines = [f"SIP/2.0 {status} {reason}"]
    for name, value in request.headers:
        tag = ";tag=redirect" if name == "to" and ";tag=" not in value else ""
        lines.append(f"{name}: {value}{tag}")
    lines += [f"{name}: {value}" for name, value in extra]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


def _header(line: str) -> tuple[str, str] | None:
    """A header that a response repeats, by its long name in small letters."""
    name, colon, value = line.partition(":")
    name = name.strip().lower()
    name = _COMPACT.get(name, name)
    return (name, value.strip()) if colon and name in _COPIED else None
