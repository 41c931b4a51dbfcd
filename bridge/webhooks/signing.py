"""Messages and their signatures, as Standard Webhooks has them (spec/standard-webhooks.md, version 1).

The library of that name would be one more dependency for the one line of HMAC that a sender needs; tests
verify with it what is signed here.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import Any, Final

from bridge.store.webhook_outbox import HookEvent, Message

_SECRET_BYTES: Final = 32
_PREFIX: Final = "whsec_"


def new_secret() -> bytes:
    return secrets.token_bytes(_SECRET_BYTES)


def secret_as_shown(secret: bytes) -> str:
    """As libraries that verify take it."""
    return _PREFIX + base64.b64encode(secret).decode()


def body_of(message: Message) -> bytes:
    """Codes and ids alone: whoever wants more asks the API, by a token of their own. The same each time."""
    at = datetime.fromtimestamp(message.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    told = {
        "type": message.type,
        "id": message.event_id,
        "timestamp": at.replace("+00:00", "Z"),
        "data": _data_of(message),
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _data_of(message: Message) -> dict[str, Any]:
    whose = {"call": message.call_id, "order": message.order_code}
    match message.type:
        case HookEvent.RESULT:
            return whose | {"result": message.result}
        case HookEvent.OUTCOME:
            said = {"outcome": message.result, "by_result": message.by_result, "undone": message.undone}
            return whose | said
    return {}


def signed_headers(secret: bytes, event_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """`at_s`: when this attempt is made, in seconds since the epoch. The id is that of each attempt."""
    signed = hmac.digest(secret, f"{event_id}.{at_s}.".encode() + body, "sha256")
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
