"""What plug-ins have in common: JSON read without surprise, secrets compared in even time, times, logins."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from bridge.shops import Delivery, Login, NotSigned, Unreadable


def expect_hmac(delivery: Delivery, header: str, secret: str) -> None:
    """That the header is the base64 of the body's HMAC-SHA256. Raises NotSigned."""
    signature = base64.b64encode(hmac.digest(secret.encode(), delivery.body, "sha256"))
    expect_same(delivery.headers.get(header, ""), signature.decode())


def expect_same(given: str, wanted: str) -> None:
    """Raises NotSigned."""
    if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise NotSigned


def json_object(body: bytes) -> dict[str, Any]:
    """Raises Unreadable."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Unreadable
    return told


def json_objects(body: bytes, name: str | None = None) -> list[dict[str, Any]]:
    """Those of a list: the body itself, or what an object has by this name. Raises Unreadable."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if name is not None:
        told = told.get(name) if isinstance(told, dict) else None
    if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
        raise Unreadable
    return told


def basic(login: Login) -> dict[str, str]:
    """The header of HTTP's basic authentication."""
    both = base64.b64encode(f"{login.key}:{login.secret}".encode())
    return {"Authorization": f"Basic {both.decode()}"}


def utc(at_ms: int, *, zone: str = "") -> str:
    """ISO 8601's, to the second, with this behind it."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{at.replace(tzinfo=None).isoformat()}{zone}"


def part(told: dict[str, Any], name: str) -> dict[str, Any]:
    """The object of this name, empty where there is none."""
    inner = told.get(name)
    return inner if isinstance(inner, dict) else {}


def parts(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of the list of this name."""
    inner = told.get(name)
    return [each for each in inner if isinstance(each, dict)] if isinstance(inner, list) else []


def text(told: dict[str, Any], name: str) -> str:
    """A text or a whole number, on one line; empty where there is none."""
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return " ".join(str(value).split())


def texts(told: dict[str, Any], *names: str) -> str:
    """Those that are there, with spaces between."""
    return " ".join(filter(None, (text(told, name) for name in names)))


def items(lines: list[dict[str, Any]], title: str) -> tuple[str, ...]:
    """What is ordered: the title, and how many where that is not one."""
    told = ((text(line, title), text(line, "quantity")) for line in lines)
    return tuple(f"{name} × {count}" if count not in ("", "1") else name for name, count in told if name)


def time_ms(told: dict[str, Any], name: str) -> int | None:
    """ISO 8601's; one without a zone is UTC's. Raises Unreadable."""
    written = text(told, name)
    if not written:
        return None
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        at = None
    if at is None:
        raise Unreadable
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
