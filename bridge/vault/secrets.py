"""Small secrets, such as those of a second factor and of a webhook, sealed for the database.

    version (1) | nonce (12) | ciphertext | tag (16)

AES-256-GCM under a key derived from the ring's audit key, which does not rotate, so that an old secret opens
as long as the ring is the shop's. The associated data ties each to its place: copied to another's row, it
does not open. Nonces are random, of which one key takes more than a shop makes (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import secrets
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.vault.errors import SealBroken
from bridge.vault.keys import SecretKey

_VERSION = 1
_NONCE_SIZE = 12
_OF_ACCOUNTS = b"call-bridge account secrets 1"
_OF_PROGRAMS = b"call-bridge program secrets 1"


class SecretSealer:
    """Seals and opens secrets of accounts. Nothing in it changes: any thread may use it."""

    __slots__ = ("_cipher",)

    def __init__(self, audit_key: SecretKey) -> None:
        self._cipher = audit_key.derive(_OF_ACCOUNTS).cipher()

    def seal(self, secret: bytes, *, manager_id: int) -> bytes:
        """The secret as bytes that open in this manager's row alone."""
        return _seal(self._cipher, secret, _binding(manager_id))

    def open(self, sealed: bytes, *, manager_id: int) -> bytes:
        """Undo `seal`; raises SealBroken."""
        return _open(self._cipher, sealed, _binding(manager_id))


class ProgramSecrets:
    """Seals and opens secrets shared with programs, each by a name of its own: "webhook 3".

    Nothing in it changes: any thread may use it.
    """

    __slots__ = ("_cipher",)

    def __init__(self, audit_key: SecretKey) -> None:
        self._cipher = audit_key.derive(_OF_PROGRAMS).cipher()

    def seal(self, secret: bytes, whose: str) -> bytes:
        """The secret as bytes that open under this name alone."""
        return _seal(self._cipher, secret, whose.encode())

    def open(self, sealed: bytes, whose: str) -> bytes:
        """Undo `seal`; raises SealBroken."""
        return _open(self._cipher, sealed, whose.encode())


def _seal(cipher: AESGCM, secret: bytes, bound_to: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_SIZE)
    return bytes([_VERSION]) + nonce + cipher.encrypt(nonce, secret, bound_to)


def _open(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    nonce, ciphertext = sealed[1 : 1 + _NONCE_SIZE], sealed[1 + _NONCE_SIZE :]
    if sealed[:1] != bytes([_VERSION]) or len(nonce) < _NONCE_SIZE:
        raise SealBroken("The secret was sealed in a format that this version does not know.")
    try:
        return cipher.decrypt(nonce, ciphertext, bound_to)
    except InvalidTag:
        raise SealBroken("The sealed secret was altered, or belongs elsewhere.") from None


def _binding(manager_id: int) -> bytes:
    return b"call-bridge account secret" + struct.pack(">Bq", _VERSION, manager_id)
