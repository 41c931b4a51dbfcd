"""Checks of text messages, where `texts.enabled` is true: whether one can be sent, and who can read it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Final
from urllib.parse import urlsplit

from bridge.config import Config
from bridge.doctor.checks.exposure import is_loopback
from bridge.doctor.conf import Place
from bridge.doctor.model import Check, Facts, Gravity, Spot
from bridge.doctor.places import CREDENTIAL_STORE
from bridge.texts import GROUP

_NOT_OWNER: Final = stat.S_IRWXG | stat.S_IRWXO
_THIS_MACHINE_ALONE: Final = frozenset({"localhost", "127.0.0.0/8", "127.0.0.1"})


def _sending(facts: Facts) -> Config | None:
    """The configuration of a shop that sends texts."""
    config = facts.config
    return config if config is not None and config.texts.enabled else None


def _token(facts: Facts) -> Iterator[Spot]:
    config = _sending(facts)
    path = config.texts.token_file if config else None
    if config is None or path is None:
        return
    token, database = facts.files.get(path), facts.files.get(config.store.path)
    if facts.texts_token_trouble is not None:
        yield Spot(facts.config_place("token_file"), f"the operator's token {facts.texts_token_trouble}")
    elif token is not None and token.mode & _NOT_OWNER:
        yield Spot(Place(path), f"other users can read it (mode {token.mode:04o}): chmod 0600 {path}")
    elif token is not None and database is not None and token.owner != database.owner:
        yield Spot(
            Place(path), f"it belongs to user {token.owner}, the daemon's database to user {database.owner}"
        )


def _credential(facts: Facts) -> Iterator[Spot]:
    config = _sending(facts)
    if config is None or config.texts.token_credential is None:
        return
    path = CREDENTIAL_STORE / config.texts.token_credential
    state = facts.files.get(path)
    if state is not None and state.mode & _NOT_OWNER:
        yield Spot(Place(path), f"other users can read it (mode {state.mode:04o}): chmod 0600 {path}")


def _gateway(facts: Facts) -> Iterator[Spot]:
    config = _sending(facts)
    if config is not None and not entry_points(group=GROUP, name=config.texts.gateway):
        yield Spot(facts.config_place("gateway"), f"no gateway named {config.texts.gateway} is installed")


def _address(facts: Facts) -> Iterator[Spot]:
    if _sending(facts) is None or facts.operator is None:
        return
    if not facts.operator.known:
        yield Spot(facts.config_place("texts"), "the name in texts.url is not known to this machine")
    elif not facts.operator.allowed:
        yield Spot(facts.config_place("texts"), "texts.url leads to addresses that nothing is sent to")


def _unreachable(facts: Facts) -> Iterator[Spot]:
    if _sending(facts) is not None and facts.operator is not None and facts.operator.trouble is not None:
        yield Spot(facts.config_place("texts"), f"no connection to texts.url: {facts.operator.trouble}")


def _plain(facts: Facts) -> Iterator[Spot]:
    config = _sending(facts)
    if config is None or config.texts.url is None:
        return
    url = urlsplit(config.texts.url)
    if url.scheme == "http" and not is_loopback(url.netloc):
        yield Spot(facts.config_place("texts"), "texts.url is plain http on another machine")


def _walled_in(facts: Facts) -> Iterator[Spot]:
    """Of a setting that is given more than once the last is known, and that is what somebody has added."""
    config = _sending(facts)
    if config is None or (config.texts.url and is_loopback(urlsplit(config.texts.url).netloc)):
        return
    for unit, settings in facts.machine.units.items():
        allowed = set(settings.get("IPAddressAllow", "").split())
        walls = unit.name == "call-bridge.service" and settings.get("IPAddressDeny") == "any"
        if walls and allowed <= _THIS_MACHINE_ALONE:
            yield Spot(Place(unit), "IPAddressAllow= lets the daemon reach this machine alone")


CHECKS = (
    Check(
        "texts-token",
        Gravity.WARNING,
        "No text message is sent: the operator's token is missing, empty, or not the daemon's alone.",
        "Write the token there, and `chmod 0600`, owner the daemon's user.",
        _token,
    ),
    Check(
        "texts-credential",
        Gravity.WARNING,
        "Whoever reads the operator's token can send texts at the shop's expense.",
        "Close the file to other users, and better let `systemd-creds encrypt` write it encrypted.",
        _credential,
    ),
    Check(
        "texts-gateway",
        Gravity.WARNING,
        "No text message is sent: there is no program for this operator.",
        "Install the package that has it beside call-bridge, or correct `texts: gateway:` of config.yaml.",
        _gateway,
    ),
    Check(
        "texts-address",
        Gravity.WARNING,
        "No text message is sent: the operator's address leads nowhere that numbers may go.",
        "Correct `texts: url:`; for an operator on a private address name its network in "
        "`texts: private_networks:`.",
        _address,
    ),
    Check(
        "texts-unreachable",
        Gravity.WARNING,
        "No text message is sent while the operator can't be reached; each is tried again for a day.",
        "Look for what is in the way: a firewall, the operator's certificate, the clock of this machine.",
        _unreachable,
    ),
    Check(
        "texts-plain-http",
        Gravity.WARNING,
        "Customers' numbers cross the network readable for whoever is on the way.",
        "Take an https address of the operator's.",
        _plain,
    ),
    Check(
        "texts-walled-in",
        Gravity.WARNING,
        "No text message is sent: systemd lets the daemon reach nothing but this machine.",
        "`systemctl edit call-bridge`: `[Service]` and `IPAddressAllow=` with the operator's addresses, or "
        "`any`; then restart it.",
        _walled_in,
    ),
)
