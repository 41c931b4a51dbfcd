"""The little of SDP (RFC 8866) and offer/answer (RFC 3264) that an audio call needs."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from bridge.proof.sip.srtp import MASTER_BYTES

PCMU, PCMA = 0, 8
TELEPHONE_EVENT = 101  # ours in offers; dynamic, so an answer takes the offerer's (RFC 3264, section 6.1)

CODEC_NAMES = {PCMU: "PCMU", PCMA: "PCMA"}

_RTPMAP_EVENT = re.compile(r"a=rtpmap:(\d+) telephone-event/8000", re.IGNORECASE)
_CRYPTO = re.compile(r"a=crypto:(\d+) AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/=]+)")
_DIRECTION = re.compile(r"a=(sendrecv|sendonly|recvonly|inactive)\s*")
_MIRRORED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class NoAudio(ValueError):
    """The description offers no audio that these peers can speak."""


@dataclass(frozen=True)
class Crypto:
    """The key that one side seals its sound by (RFC 4568). `tag` is its number in the offer."""

    tag: int
    master: bytes = field(repr=False)

    @classmethod
    def of(cls, lines: list[str]) -> Crypto | None:
        """The first of the one suite that these peers speak."""
        for line in lines:
            if found := _CRYPTO.match(line):
                try:
                    master = base64.b64decode(found[2], validate=True)
                except binascii.Error:
                    continue
                if len(master) == MASTER_BYTES:
                    return cls(int(found[1]), master)
        return None

    def __str__(self) -> str:
        return f"a=crypto:{self.tag} AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(self.master).decode()}"


@dataclass(frozen=True)
class AudioDescription:
    """One audio stream as one side describes it. `formats` are payload types, most wanted first.

    With `crypto` it is encrypted.
    """

    host: str
    port: int
    formats: tuple[int, ...]
    telephone_event: int | None
    direction: str = "sendrecv"
    crypto: Crypto | None = None

    @classmethod
    def parse(cls, body: bytes) -> AudioDescription:
        """Raises NoAudio."""
        lines = body.decode("utf-8", "replace").splitlines()
        media = next((line for line in lines if line.startswith("m=audio ")), None)
        connection = [line for line in lines if line.startswith("c=IN IP4 ")]
        if media is None or not connection:
            raise NoAudio("no audio line or no IPv4 address")
        _, port, profile, *formats = media.split()
        event = next((match for line in lines if (match := _RTPMAP_EVENT.match(line))), None)
        direction = next((match for line in lines if (match := _DIRECTION.fullmatch(line))), None)
        return cls(
            host=connection[-1].split()[2],  # a media-level address follows, and overrides, the session's
            port=int(port.partition("/")[0]),
            formats=tuple(int(number) for number in formats if number.isdigit()),
            telephone_event=int(event[1]) if event else None,
            direction=direction[1] if direction else "sendrecv",
            crypto=Crypto.of(lines) if "SAVP" in profile else None,
        )

    @property
    def codec(self) -> int:
        """The first payload type that both sides know. Raises NoAudio."""
        for number in self.formats:
            if number in CODEC_NAMES:
                return number
        raise NoAudio("neither PCMA nor PCMU")

    def answered_at(self, host: str, port: int, master: bytes = b"") -> AudioDescription:
        """Our answer to this offer; where that is encrypted, ours seals by `master`. Raises NoAudio."""
        return AudioDescription(
            host,
            port,
            (self.codec,),
            self.telephone_event,
            direction=_MIRRORED[self.direction],
            crypto=Crypto(self.crypto.tag, master) if self.crypto else None,
        )

    def encode(self, *, session: int = 1, version: int = 1) -> bytes:
        formats = [*self.formats, *([self.telephone_event] if self.telephone_event is not None else [])]
        lines = [
            "v=0",
            f"o=- {session} {version} IN IP4 {self.host}",
            "s=-",
            f"c=IN IP4 {self.host}",
            "t=0 0",
            f"m=audio {self.port} {'RTP/SAVP' if self.crypto else 'RTP/AVP'} {' '.join(map(str, formats))}",
            *([str(self.crypto)] if self.crypto else []),
            *(f"a=rtpmap:{number} {CODEC_NAMES[number]}/8000" for number in self.formats),
        ]
        if self.telephone_event is not None:
            lines += [
                f"a=rtpmap:{self.telephone_event} telephone-event/8000",
                f"a=fmtp:{self.telephone_event} 0-15",
            ]
        lines += ["a=ptime:20", f"a={self.direction}", ""]
        return "\r\n".join(lines).encode("ascii")


def offer(host: str, port: int, master: bytes = b"") -> AudioDescription:
    """With `master` of encrypted sound alone."""
    return AudioDescription(
        host, port, (PCMA, PCMU), TELEPHONE_EVENT, crypto=Crypto(1, master) if master else None
    )
