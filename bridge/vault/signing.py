"""What is made by the ring's audit key alone: the audit's signatures, and marks of requests.

By its signature the audit tells its own rows from those of somebody else.
"""

from __future__ import annotations

import hmac

from bridge.vault.keys import SecretKey

SIGNATURE_SIZE = 32  # HMAC-SHA-256, not truncated

_PURPOSE = b"call-bridge audit 1"
_REQUESTS = b"call-bridge requests 1"


class AuditSigner:
    """Signs with a key derived from the ring's audit key. Nothing in it changes: any thread may use it."""

    __slots__ = ("_key",)

    def __init__(self, audit_key: SecretKey) -> None:
        self._key = audit_key.derive(_PURPOSE)

    def sign(self, message: bytes) -> bytes:
        """32 bytes, HMAC-SHA-256 (RFC 2104) of the message."""
        return hmac.digest(self._key.material(), message, "sha256")

    def is_signature(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is that of the message; told in the same time whatever it is."""
        return hmac.compare_digest(signature, self.sign(message))


class RequestMarker:
    """Marks by which a request is known again. Nothing in it changes: any thread may use it.

    A request may hold a number, and of the few numbers there are a plain hash would tell which.
    """

    __slots__ = ("_key",)

    def __init__(self, audit_key: SecretKey) -> None:
        self._key = audit_key.derive(_REQUESTS)

    def mark(self, *parts: bytes) -> bytes:
        """32 bytes, HMAC-SHA-256 of the parts, each after its length."""
        message = b"".join(len(part).to_bytes(8) + part for part in parts)
        return hmac.digest(self._key.material(), message, "sha256")
