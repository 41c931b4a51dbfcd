"""Checks of AMI: off, or on for the daemon alone, whose user hears of phones and failed sign-ins only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bridge.asterisk.ami import rights
from bridge.doctor.checks.exposure import bound
from bridge.doctor.checks.managers import is_weak
from bridge.doctor.conf import Section, is_true
from bridge.doctor.model import Change, Check, Facts, Gravity, Spot, correct, setting_spot

_PLACING_CALLS: Final = frozenset({"all", "originate", "system", "config", "command", "call"})
_FILE: Final = "manager.conf"


def _is_on(facts: Facts) -> bool:
    setting = facts.conf(_FILE).last("general", "enabled")
    return setting is not None and is_true(setting.value)


def _is_wanted(facts: Facts) -> bool:
    return facts.config is not None and facts.config.ami.enabled


def _users(facts: Facts) -> Iterator[Section]:
    if _is_on(facts):
        yield from (each for each in facts.conf(_FILE).in_use() if each.name.lower() != "general")


def _ours(facts: Facts) -> Section | None:
    """The daemon's user, where config.yaml wants one and manager.conf has it."""
    if facts.config is None or not facts.config.ami.enabled:
        return None
    name = facts.config.ami.user
    return next((each for each in _users(facts) if each.name == name), None)


def _words(user: Section, name: str) -> set[str]:
    setting = user.last(name)
    return {word.strip().lower() for word in setting.value.split(",")} - {""} if setting else set()


def _enabled(facts: Facts) -> Iterator[Spot]:
    conf = facts.conf(_FILE)
    if _is_on(facts) and not _is_wanted(facts):
        setting = conf.last("general", "enabled")
        yield setting_spot(
            conf, "general", setting, "enabled=no", "AMI is on, and the daemon makes no use of it"
        )


def _bind(facts: Facts) -> Iterator[Spot]:
    if _is_on(facts):
        yield from bound(facts.conf(_FILE), "bindaddr", "AMI listens to other machines")


def _weak(facts: Facts) -> Iterator[Spot]:
    for user in _users(facts):
        setting = user.last("secret")
        if setting is None or is_weak(setting.value, user.name):
            place = setting.place if setting else user.place
            yield Spot(place, f"the secret of AMI's user {user.name} can be guessed")


def _permit(facts: Facts) -> Iterator[Spot]:
    for user in _users(facts):
        if user.last("permit") is None and user.last("acl") is None:
            change = Change(
                user.place,
                ("deny=0.0.0.0/0.0.0.0", f"permit={rights.PERMIT}"),
                insert=True,
                section=f"[{user.name}](+)",
            )
            yield Spot(user.place, f"AMI's user {user.name} may come from anywhere", change)


def _write(facts: Facts) -> Iterator[Spot]:
    for user in _users(facts):
        setting = user.last("write")
        if setting is not None and _words(user, "write") & _PLACING_CALLS:
            yield Spot(setting.place, f"AMI's user {user.name} may dial, redirect or reconfigure",
                       correct(user, setting, "write="))  # fmt: skip


def _reads_too_much(facts: Facts) -> Iterator[Spot]:
    user = _ours(facts)
    if user is not None and not _words(user, "read") <= set(rights.READ):
        setting = user.last("read")
        what = f"AMI's user {user.name} hears of calls, and so of numbers and keys"
        yield Spot(
            setting.place if setting else user.place,
            what,
            correct(user, setting, f"read={','.join(rights.READ)}"),
        )


def _not_filtered(facts: Facts) -> Iterator[Spot]:
    """A filter that includes lets more through, and one that is missing lets through what it would keep."""
    user = _ours(facts)
    if user is None:
        return
    others = [each for each in user.settings if each.name.lower().startswith("eventfilter")]
    for setting in others:
        if setting.name.lower() != "eventfilter" or setting.value not in rights.FILTERS:
            yield Spot(setting.place, f"AMI's user {user.name} has a filter of events that is not ours")
    missing = [each for each in rights.FILTERS if each not in {setting.value for setting in others}]
    if missing:
        lines = tuple(f"eventfilter={each}" for each in missing)
        change = Change(user.place, lines, insert=True, section=f"[{user.name}](+)")
        yield Spot(user.place, f"AMI's user {user.name} lacks filters of events", change)


def _others(facts: Facts) -> Iterator[Spot]:
    if _is_wanted(facts):
        ours = _ours(facts)
        for user in _users(facts):
            if user is not ours:
                yield Spot(user.place, f"AMI has the user {user.name} beside the daemon's")


def _missing(facts: Facts) -> Iterator[Spot]:
    if not _is_wanted(facts):
        return
    if not _is_on(facts):
        yield Spot(facts.config_place("ami"), "config.yaml has AMI on, and manager.conf has it off")
    elif _ours(facts) is None:
        yield Spot(facts.config_place("ami"), "manager.conf has no user of the name that ami.user says")


CHECKS = (
    Check(
        "ami-enabled",
        Gravity.WARNING,
        "The Asterisk Manager Interface's events show every number that is dialled directly.",
        "Set `enabled=no` in `[general]` of manager.conf; or `ami.enabled: true` in config.yaml, so that "
        "the daemon listens to it.",
        _enabled,
    ),
    Check(
        "ami-bind",
        Gravity.CRITICAL,
        "Other machines can reach the Asterisk Manager Interface, unencrypted.",
        "Set `bindaddr=127.0.0.1` in manager.conf.",
        _bind,
    ),
    Check(
        "ami-weak-secret",
        Gravity.CRITICAL,
        "Whoever guesses this secret sees and places calls.",
        "Make one with `openssl rand -hex 24`.",
        _weak,
    ),
    Check(
        "ami-permit",
        Gravity.WARNING,
        "Any address may log in as this user of the Asterisk Manager Interface.",
        "Set `deny=0.0.0.0/0.0.0.0` and a `permit=` for the machine that needs it.",
        _permit,
    ),
    Check(
        "ami-write",
        Gravity.WARNING,
        "This user of the Asterisk Manager Interface can place or redirect calls past the daemon.",
        "Leave `write=` empty where the program only watches, as the daemon does.",
        _write,
    ),
    Check(
        "ami-read",
        Gravity.WARNING,
        "The daemon's user of the Asterisk Manager Interface may hear of numbers dialled and keys pressed.",
        f"Set `read={','.join(rights.READ)}`, as docs/ami.md shows.",
        _reads_too_much,
    ),
    Check(
        "ami-filter",
        Gravity.WARNING,
        "More events reach the daemon's user of the Asterisk Manager Interface than those that it needs.",
        "Give it the lines `eventfilter=` of docs/ami.md, and no others.",
        _not_filtered,
    ),
    Check(
        "ami-others",
        Gravity.WARNING,
        "Somebody beside the daemon may listen to the Asterisk Manager Interface.",
        "Take the user out of manager.conf; where its program is needed, let it read neither `call` nor "
        "`dialplan` nor `dtmf`.",
        _others,
    ),
    Check(
        "ami-missing",
        Gravity.WARNING,
        "The daemon is to listen to the Asterisk Manager Interface and can't: nothing is known of phones.",
        "Run `call-bridge init` again, or follow docs/ami.md.",
        _missing,
    ),
)
