"""SRTP and SRTCP (RFC 3711) with AES_CM_128_HMAC_SHA1_80, keyed by SDP (RFC 4568): Asterisk's `sdes`."""

from __future__ import annotations

import hmac
import struct
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

MASTER_BYTES: Final = 30
"""Of what SDP carries: the master key, and the master salt behind it."""

_KEY_BYTES: Final = 16
_SALT_BYTES: Final = 14
_AUTH_BYTES: Final = 20
_TAG_BYTES: Final = 10
_RTP_LABEL, _RTCP_LABEL = 0, 3  # section 4.3.2; the two that follow each are of authentication and salt
_RTCP_CLEAR_BYTES: Final = 8
_ENCRYPTED: Final = 1 << 31


class NotAuthentic(ValueError):
    """The packet is not of who has the key."""


class Direction:
    """Packets of one side. RTP's index goes on from packet to packet, so each side has its own object."""

    def __init__(self, master: bytes) -> None:
        self._rtp = _SessionKeys(master, _RTP_LABEL)
        self._rtcp = _SessionKeys(master, _RTCP_LABEL)
        self._indexes: dict[int, int] = {}
        self._reports = 0

    def sealed_rtp(self, packet: bytes) -> bytes:
        index = self._index(packet)
        head = _header_bytes(packet)
        sealed = packet[:head] + self._rtp.mixed(packet[head:], _ssrc_of_rtp(packet), index)
        return sealed + self._rtp.tag(sealed + struct.pack("!I", index >> 16))

    def opened_rtp(self, packet: bytes) -> bytes:
        """Raises NotAuthentic."""
        sealed, tag = packet[:-_TAG_BYTES], packet[-_TAG_BYTES:]
        if len(sealed) < _header_bytes(packet):
            raise NotAuthentic("shorter than its header")
        index = self._index(sealed)
        if not hmac.compare_digest(tag, self._rtp.tag(sealed + struct.pack("!I", index >> 16))):
            raise NotAuthentic("a tag of another key")
        head = _header_bytes(sealed)
        return sealed[:head] + self._rtp.mixed(sealed[head:], _ssrc_of_rtp(sealed), index)

    def sealed_rtcp(self, packet: bytes) -> bytes:
        index, self._reports = self._reports, self._reports + 1
        (ssrc,) = struct.unpack_from("!I", packet, 4)
        mixed = self._rtcp.mixed(packet[_RTCP_CLEAR_BYTES:], ssrc, index)
        sealed = packet[:_RTCP_CLEAR_BYTES] + mixed + struct.pack("!I", _ENCRYPTED | index)
        return sealed + self._rtcp.tag(sealed)

    def opened_rtcp(self, packet: bytes) -> bytes:
        """Raises NotAuthentic."""
        sealed, tag = packet[:-_TAG_BYTES], packet[-_TAG_BYTES:]
        if len(sealed) < _RTCP_CLEAR_BYTES + 4 or not hmac.compare_digest(tag, self._rtcp.tag(sealed)):
            raise NotAuthentic("a tag of another key")
        (ssrc,), (index,) = struct.unpack_from("!I", sealed, 4), struct.unpack("!I", sealed[-4:])
        body = sealed[_RTCP_CLEAR_BYTES:-4]
        if index & _ENCRYPTED:
            body = self._rtcp.mixed(body, ssrc, index & ~_ENCRYPTED)
        return sealed[:_RTCP_CLEAR_BYTES] + body

    def _index(self, packet: bytes) -> int:
        """The packet's place in the stream, of which it tells 16 bits: the nearest to the latest (3.3.1)."""
        sequence = int.from_bytes(packet[2:4])
        ssrc = _ssrc_of_rtp(packet)
        before = self._indexes.get(ssrc, sequence)
        rounds = range(max(0, (before >> 16) - 1), (before >> 16) + 2)
        index = min((each << 16 | sequence for each in rounds), key=lambda each: abs(each - before))
        self._indexes[ssrc] = max(before, index)
        return index


class _SessionKeys:
    """Made from a master key and salt for one protocol (section 4.3)."""

    def __init__(self, master: bytes, first_label: int) -> None:
        self._key = _derived(master, first_label, _KEY_BYTES)
        self._auth = _derived(master, first_label + 1, _AUTH_BYTES)
        self._salt = int.from_bytes(_derived(master, first_label + 2, _SALT_BYTES))

    def mixed(self, text: bytes, ssrc: int, index: int) -> bytes:
        """Sealed where it was open, and open where it was sealed (section 4.1.1)."""
        start = self._salt << 16 ^ ssrc << 64 ^ index << 16
        return _mixed(self._key, start, text)

    def tag(self, text: bytes) -> bytes:
        return hmac.digest(self._auth, text, "sha1")[:_TAG_BYTES]


def _derived(master: bytes, label: int, length: int) -> bytes:
    key, salt = master[:_KEY_BYTES], int.from_bytes(master[_KEY_BYTES:])
    return _mixed(key, (salt ^ label << 48) << 16, bytes(length))


def _mixed(key: bytes, start: int, text: bytes) -> bytes:
    return Cipher(AES(key), CTR(start.to_bytes(16))).encryptor().update(text)


def _ssrc_of_rtp(packet: bytes) -> int:
    (ssrc,) = struct.unpack_from("!I", packet, 8)
    return int(ssrc)


def _header_bytes(packet: bytes) -> int:
    """RFC 3550, section 5.1: contributing sources and an extension are not encrypted."""
    length = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10 and len(packet) >= length + 4:
        (words,) = struct.unpack_from("!H", packet, length + 2)
        length += 4 + 4 * int(words)
    return length
