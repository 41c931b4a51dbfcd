"""What may be the address of a webhook, or of a shop. Where it may lead to, `bridge.outgoing` says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from bridge.intake.masking import holds_number

_LONGEST: Final = 500


class UrlRefused(ValueError):
    """No such address; the message says what is one, and never repeats it."""


def checked_url(url: str, private_networks: Iterable[str]) -> None:
    """Raises UrlRefused. Which address its host has is looked at when it is connected to."""
    _check(url, private_networks, "webhook", "webhooks.private_networks", "https://crm.example/hook")


def checked_site(url: str, private_networks: Iterable[str]) -> str:
    """A shop's address, without a slash at its end. Raises UrlRefused."""
    _check(url, private_networks, "shop", "shops.private_networks", "https://shop.example")
    parts = urlsplit(url)
    if parts.query:
        raise UrlRefused("A shop's address has no query: where its orders are is known.")
    if holds_number(parts.path):
        raise UrlRefused("A shop's address has what looks like a phone number; it would be shown.")
    return url.rstrip("/")


def _check(url: str, private_networks: Iterable[str], whose: str, key: str, example: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or not url.isprintable() or " " in url or len(url) > _LONGEST:
        raise UrlRefused(f"A {whose}'s address is a URL, {_LONGEST} characters at most, such as {example}.")
    if parts.scheme == "http" and not list(private_networks):
        raise UrlRefused(f"A {whose}'s address begins with https://: plain http is for {key} alone.")
    if parts.username is not None or parts.fragment:
        raise UrlRefused(f"A {whose}'s address has no user, no password and no fragment.")
    if not _is_address(parts.hostname or "") and holds_number(parts.hostname or ""):
        raise UrlRefused(f"A {whose}'s host looks like a phone number; it would be on record as such.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
