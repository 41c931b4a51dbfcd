"""What may be a webhook's address. Which addresses it may lead to, `bridge.outgoing` says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from bridge.intake.masking import holds_number

_LONGEST: Final = 500


class UrlRefused(ValueError):
    """No address for webhooks; the message says what is one, and never repeats it."""


def checked_url(url: str, private_networks: Iterable[str]) -> None:
    """Raises UrlRefused. Which address its host has is looked at when it is connected to."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or not url.isprintable() or " " in url or len(url) > _LONGEST:
        raise UrlRefused(
            f"A webhook's address is a URL, {_LONGEST} characters at most, such as https://crm.example/hook."
        )
    if parts.scheme == "http" and not list(private_networks):
        raise UrlRefused(
            "A webhook's address begins with https://: plain http is for webhooks.private_networks alone."
        )
    if parts.username is not None or parts.fragment:
        raise UrlRefused("A webhook's address has no user, no password and no fragment.")
    if not _is_address(parts.hostname or "") and holds_number(parts.hostname or ""):
        raise UrlRefused("A webhook's host looks like a phone number; it would be on record as such.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
