"""Checks of what Asterisk writes down: logs, call records, captures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from bridge.doctor.checks.options import Option, option_check
from bridge.doctor.conf import Setting
from bridge.doctor.model import Change, Check, Facts, Gravity, Spot

_NOT_A_FILE: Final = "console"
_QUIET: Final = ("warning", "error")


def _levels(setting: Setting) -> set[str]:
    """The levels of a line of [logfiles]; `[json]` and the like before them is the format."""
    text = re.sub(r"\[[^]]*\]", "", setting.value.lower())
    return {word.strip().partition("(")[0] for word in text.split(",")}


def _channels(facts: Facts) -> Iterator[tuple[Setting, set[str]]]:
    section = facts.conf("logger.conf").section("logfiles")
    for setting in section.settings if section else ():
        if setting.name.lower() != _NOT_A_FILE:
            yield setting, _levels(setting)


def _without(setting: Setting, unwanted: Iterable[str]) -> Change:
    kept = [level for level in _QUIET if level in _levels(setting)] or list(_QUIET)
    quieter = sorted(_levels(setting) - set(unwanted) - {"*", ""}, key=_order) or kept
    return Change(
        setting.place, (f"{setting.name} => {','.join(quieter)}",), insert=False, section="[logfiles](+)"
    )


def _order(level: str) -> tuple[int, str]:
    return (_QUIET.index(level) if level in _QUIET else len(_QUIET), level)


def _level_check(levels: tuple[str, ...], gravity: Gravity, meaning: str) -> Check:
    def look(facts: Facts) -> Iterator[Spot]:
        for setting, written in _channels(facts):
            if found := sorted(written & set(levels)):
                yield Spot(
                    setting.place, f"{setting.name} takes {', '.join(found)}", _without(setting, levels)
                )

    return Check(
        id=f"log-{levels[0]}",
        gravity=gravity,
        meaning=meaning,
        remedy="Leave `warning,error` in logger.conf, `asterisk -rx 'logger reload'`, delete the old log.",
        look=look,
    )


def _console(facts: Facts) -> Iterator[Spot]:
    section = facts.conf("logger.conf").section("logfiles")
    for setting in section.all(_NOT_A_FILE) if section else ():
        change = Change(setting.place, (f";{setting.name} => {setting.value}",), insert=False, section="")
        yield Spot(setting.place, "there is a console log", change)


def _running_logs(facts: Facts) -> Iterator[Spot]:
    """What was switched on by a command, which no file tells of."""
    noisy = {"verbose", "debug", "dtmf"}
    written = {setting.name: levels for setting, levels in _channels(facts)}
    for channel in facts.ari.logs if facts.ari else ():
        found = channel.levels & noisy
        in_file = written.get(channel.name, set())
        if found and not in_file & (found | {"*"}):
            yield Spot(
                None, f"the running log takes {', '.join(sorted(found))}: asterisk -rx 'logger reload'"
            )


def _hep(facts: Facts) -> Iterator[Spot]:
    """hep.conf alone does nothing; with it and without `enabled=no` it needs only the module."""
    if "hep.conf" not in facts.confs:
        return
    yield from option_check(_HEP).look(facts)


def _pjproject(facts: Facts) -> Iterator[Spot]:
    conf = facts.conf("pjproject.conf")
    for section in conf.in_use():
        kind = section.last("type")
        if kind is None or kind.value != "log_mappings":
            continue
        for name in ("asterisk_error", "asterisk_warning", "asterisk_notice", "asterisk_verbose"):
            setting = section.last(name)
            if setting is not None and set(re.findall(r"\d", setting.value)) & set("3456"):
                change = Change(setting.place, (f"{name}=",), insert=False, section="[log_mappings](+)")
                yield Spot(setting.place, f"{name} takes the SIP library's messages", change)


_HEP: Final = Option(
    "hep-enabled", "hep.conf", "general", "enabled", "no", "yes", Gravity.CRITICAL,
    "Every SIP message, with all its numbers, is sent to a capture server.",
)  # fmt: skip
_OPTIONS: Final = (
    Option("cdr-enabled", "cdr.conf", "general", "enable", "no", "yes", Gravity.CRITICAL,
           "Call detail records are kept: a list of who called which number."),
    Option("cel-enabled", "cel.conf", "general", "enable", "no", "no", Gravity.CRITICAL,
           "Channel events are logged: each step of each call, with its numbers."),
    Option("log-queue", "logger.conf", "general", "queue_log", "no", "yes", Gravity.NOTICE,
           "The log of queues holds callers' numbers.", first_counts=True, without_file="no"),
    Option("console-verbose", "asterisk.conf", "options", "verbose", "0", "0", Gravity.CRITICAL,
           "From verbosity 3 on every number that is dialled is shown on the console, and in the journal."),
    Option("console-debug", "asterisk.conf", "options", "debug", "0", "0", Gravity.CRITICAL,
           "Debugging shows everything, numbers among it."),
)  # fmt: skip

CHECKS = (
    _level_check(("verbose", "*"), Gravity.CRITICAL, "Every number that is dialled is written to this log."),
    _level_check(("debug",), Gravity.CRITICAL, "Everything, numbers among it, is written to this log."),
    _level_check(("dtmf",), Gravity.CRITICAL, "Every key that is pressed in a call is written to this log."),
    _level_check(
        ("notice", "security"),
        Gravity.WARNING,
        "Numbers of callers from unknown addresses, and what they dialled in vain, are written to this log.",
    ),
    Check(
        "log-console",
        Gravity.WARNING,
        "Asterisk adds `verbose` to its console unasked: started with -vvv it writes numbers to the journal.",
        "Take the `console` line out of logger.conf; `asterisk -r` shows a log without it.",
        _console,
    ),
    Check(
        "log-running",
        Gravity.CRITICAL,
        "A log was switched on by a command, and takes every number now.",
        "`asterisk -rx 'logger reload'` goes back to what logger.conf says.",
        _running_logs,
    ),
    *map(option_check, _OPTIONS),
    Check("hep-enabled", _HEP.gravity, _HEP.meaning, option_check(_HEP).remedy, _hep),
    Check(
        "pjproject-log",
        Gravity.WARNING,
        "The SIP library's own messages, addresses and numbers among them, get into a log of ours.",
        "Map levels 3 to 6 to `asterisk_debug` alone, as `dialplan/asterisk/pjproject.conf` does.",
        _pjproject,
    ),
)
