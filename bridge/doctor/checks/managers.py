"""Checks of managers' phones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bridge.doctor.checks.endpoints import FOR_MANAGERS, FOR_MANAGERS_AORS, settings_checks
from bridge.doctor.conf import Section
from bridge.doctor.model import Check, Facts, Gravity, Spot, correct
from bridge.doctor.pjsip import codecs, endpoint_names, manager_endpoints, names_in, objects, value_of

SHORTEST_PASSWORD: Final = 12
_COMMON: Final = frozenset({"password", "asterisk", "secret", "changeme", "admin", "test", "amp111"})
_CODECS: Final = frozenset({"alaw", "ulaw"})


def is_weak(password: str, *names: str) -> bool:
    """Whether a password could be guessed: short, well known, made of a name, or of few different signs."""
    lowered = password.lower()
    known = any(word in lowered for word in _COMMON) or any(
        name and name.lower() == lowered for name in names
    )
    return len(password) < SHORTEST_PASSWORD or known or len(set(password)) < SHORTEST_PASSWORD // 3


def _endpoints(facts: Facts) -> list[Section]:
    return [*manager_endpoints(facts.confs.get("pjsip.conf"), facts.config, facts.managers).values()]


def _aors(facts: Facts) -> list[Section]:
    every = objects(facts.confs.get("pjsip.conf"), "aor")
    names = [name for endpoint in _endpoints(facts) for name in names_in(endpoint, "aors")]
    return [every[name] for name in dict.fromkeys(names) if name in every]


def _no_auth(facts: Facts) -> Iterator[Spot]:
    auths = objects(facts.confs.get("pjsip.conf"), "auth")
    for endpoint in _endpoints(facts):
        if not any(name in auths for name in names_in(endpoint, "auth")):
            yield Spot(endpoint.place, f"[{endpoint.name}] asks for no password")


def _weak_password(facts: Facts) -> Iterator[Spot]:
    auths = objects(facts.confs.get("pjsip.conf"), "auth")
    for endpoint in _endpoints(facts):
        for auth in (auths[name] for name in names_in(endpoint, "auth") if name in auths):
            setting = auth.last("password")
            if setting is not None and is_weak(setting.value, value_of(auth, "username"), endpoint.name):
                yield Spot(setting.place, f"the password of [{auth.name}] can be guessed")


def _missing(facts: Facts) -> Iterator[Spot]:
    every = objects(facts.confs.get("pjsip.conf"), "endpoint")
    for name in endpoint_names(facts.config, facts.managers or ()):
        if name not in every:
            yield Spot(None, f"pjsip.conf has no endpoint for the manager {name}")


def _callerid(facts: Facts) -> Iterator[Spot]:
    for endpoint in _endpoints(facts):
        number = re.search(r"<([^>]*)>", value_of(endpoint, "callerid"))
        if number is None or number[1] != endpoint.name:
            wanted = f'callerid="{endpoint.name}" <{endpoint.name}>'
            setting = endpoint.last("callerid")
            yield Spot(
                setting.place if setting else endpoint.place,
                f"[{endpoint.name}] callerid is not the extension",
                correct(endpoint, setting, wanted),
            )


def _codecs(facts: Facts) -> Iterator[Spot]:
    for endpoint in _endpoints(facts):
        if more := codecs(endpoint) - _CODECS:
            setting = endpoint.last("allow")
            yield Spot(
                setting.place if setting else endpoint.place,
                f"[{endpoint.name}] also takes {', '.join(sorted(more))}",
                correct(endpoint, setting, "allow=!all,alaw,ulaw"),
            )


def _several_aors(facts: Facts) -> Iterator[Spot]:
    for endpoint in _endpoints(facts):
        if len(names_in(endpoint, "aors")) > 1:
            setting = endpoint.last("aors")
            yield Spot(setting.place if setting else endpoint.place, f"[{endpoint.name}] rings several AORs")


def _subscribe_context(facts: Facts) -> Iterator[Spot]:
    for endpoint in _endpoints(facts):
        setting = endpoint.last("subscribe_context")
        if setting is not None and setting.value:
            yield Spot(
                setting.place,
                f"[{endpoint.name}] has a subscribe_context",
                correct(endpoint, setting, "subscribe_context="),
            )


CHECKS = (
    *settings_checks("manager", FOR_MANAGERS, _endpoints),
    *settings_checks("manager", FOR_MANAGERS_AORS, _aors),
    Check(
        "manager-no-auth",
        Gravity.CRITICAL,
        "Whoever writes this manager's name into a SIP request is taken for the manager.",
        "Give the endpoint `auth=` with a section of template `call-bridge-manager-auth`.",
        _no_auth,
    ),
    Check(
        "manager-weak-password",
        Gravity.WARNING,
        "A stranger who guesses this password calls customers in the manager's name.",
        f"Make one with `openssl rand -base64 24`; {SHORTEST_PASSWORD} characters is the least.",
        _weak_password,
    ),
    Check(
        "manager-endpoint-missing",
        Gravity.WARNING,
        "This manager is in the database, and has no phone that could be called.",
        "Add the endpoint as `dialplan/pjsip-managers.conf` shows, or disable the manager: "
        "`call-bridge managers disable EXTENSION`.",
        _missing,
    ),
    Check(
        "manager-callerid",
        Gravity.WARNING,
        "The phone itself says who is calling, and colleagues and records believe it.",
        'Set `callerid="101" <101>`, with the extension in both places.',
        _callerid,
    ),
    Check(
        "manager-codecs",
        Gravity.NOTICE,
        "Sound is transcoded for this phone, or carries more than sound.",
        "Set `disallow=all` and `allow=alaw,ulaw`, the two that every carrier and phone has.",
        _codecs,
    ),
    Check(
        "manager-several-aors",
        Gravity.WARNING,
        "A second AOR is a second phone that rings along.",
        "Let `aors=` name one AOR.",
        _several_aors,
    ),
    Check(
        "manager-subscribe-context",
        Gravity.WARNING,
        "Extensions of this context can be watched by the phone once subscriptions are allowed.",
        "Take `subscribe_context=` out.",
        _subscribe_context,
    ),
)
