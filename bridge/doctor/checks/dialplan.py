"""Checks of the dialplan: what managers can reach in it, and what dials past the daemon.

What a line does is not worked out, only what it names: a context that is named where a call can jump counts
as reachable. No line is ever quoted, as a number may stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bridge.doctor.checks.options import Option, option_check
from bridge.doctor.conf import Place, Section, Setting
from bridge.doctor.model import Change, Check, Facts, Gravity, Spot
from bridge.doctor.pjsip import MANAGERS_CONTEXT, lines, manager_endpoints, trunk_endpoints, value_of
from bridge.doctor.places import OTHER_DIALPLANS

OURS: Final = frozenset(
    {
        "call-bridge-managers",
        "call-bridge-order",
        "call-bridge-refuse",
        "call-bridge-trunk",
        "call-bridge-callers",
        "call-bridge-capture",
        "call-bridge-closed",
        "call-bridge-strip",
    }
)
_FOR_CALLS_FROM_OUTSIDE: Final = frozenset(
    {
        "call-bridge-strip",
        "call-bridge-trunk",
        "call-bridge-callers",
        "call-bridge-capture",
        "call-bridge-closed",
    }
)
_NO_CONTEXTS: Final = frozenset({"general", "globals"})
_JUMPS: Final = re.compile(
    r"goto|gotoif|gotoiftime|gosub|gosubif|macro|macroif|execif|execiftime|dial|queue|originate|page|followme"
    r"|return|trysystem|background|read|channelredirect|feature|while",
    re.IGNORECASE,
)
_LISTENING: Final = re.compile(
    r"\b(chanspy|extenspy|mixmonitor|monitor|record|voicemail|voicemailmain|minivm\w*|pickup|pickupchan"
    r"|parkedcall|park|confbridge|dictate)\s*\(",
    re.IGNORECASE,
)
_PROGRAMS: Final = re.compile(
    r"\b(system|trysystem|agi|eagi|externalivr)\s*\(|\$\{(shell|env|file)\(", re.IGNORECASE
)
_REVEALING: Final = re.compile(
    r"\b(verbose|noop|log|sayd\w*|saynumber|sendtext|userevent)\s*\(.*(callerid|exten)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Step:
    """One priority: the extension it belongs to, and its application with arguments, unread."""

    extension: str
    call: str
    setting: Setting

    @property
    def application(self) -> str:
        return self.call.partition("(")[0].strip().lower()


def contexts(facts: Facts) -> dict[str, Section]:
    """The dialplan's contexts. Asterisk puts sections of one name together, as `_all` does."""
    found: dict[str, Section] = {}
    for section in facts.conf("extensions.conf").in_use():
        if section.name.lower() not in _NO_CONTEXTS:
            found.setdefault(section.name, section)
    return found


def _all(facts: Facts, context: str) -> list[Setting]:
    every = facts.conf("extensions.conf").in_use()
    return [setting for section in every if section.name == context for setting in section.settings]


def steps(facts: Facts, context: str) -> Iterator[Step]:
    extension = ""
    for setting in _all(facts, context):
        kind, value = setting.name.lower(), setting.value
        if kind == "exten":
            extension, _, value = value.partition(",")
        elif kind != "same":
            continue
        _, _, call = value.partition(",")
        yield Step(extension.strip(), call.strip(), setting)


def _includes(facts: Facts, context: str) -> list[Setting]:
    return [setting for setting in _all(facts, context) if setting.name.lower() == "include"]


def _next(facts: Facts, context: str, known: Iterable[str]) -> set[str]:
    found = {setting.value.partition(",")[0].strip() for setting in _includes(facts, context)}
    for step in steps(facts, context):
        if _JUMPS.fullmatch(step.application):
            found |= {
                name for name in known if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", step.call)
            }
    return found


def reachable(facts: Facts) -> set[str]:
    """The contexts that a manager's phone can get to."""
    known = set(contexts(facts))
    endpoints = manager_endpoints(facts.confs.get("pjsip.conf"), facts.config, facts.managers).values()
    waiting = {value_of(endpoint, "context") for endpoint in endpoints} | {MANAGERS_CONTEXT}
    found: set[str] = set()
    while waiting:
        context = waiting.pop()
        if context in known and context not in found:
            found.add(context)
            waiting |= _next(facts, context, known)
    return found


# --- The looks ----------------------------------------------------------------------------------------


def _trunk_pattern(facts: Facts) -> re.Pattern[str]:
    """What names a line to the carrier: `PJSIP/...@trunk`, `PJSIP/trunk/...`, a global variable for it."""
    names = {line.endpoint for line in lines(facts.config)}
    names |= {section.name for _, section in trunk_endpoints(facts.confs.get("pjsip.conf"), facts.config)}
    alternatives = "|".join(map(re.escape, sorted(names)))
    literal = rf"PJSIP/(?:[^,&)]*@)?(?:{alternatives})(?![\w-])"
    variables = [
        re.escape(setting.name)
        for section in facts.conf("extensions.conf").in_use()
        if section.name.lower() == "globals"
        for setting in section.settings
        if setting.value in names or re.search(literal, setting.value, re.IGNORECASE)
    ]
    by_variable = [rf"\$\{{(?:GLOBAL\()?(?:{'|'.join(variables)})\)?\}}"] if variables else []
    return re.compile("|".join([literal, *by_variable]), re.IGNORECASE)


def _dials_trunk(facts: Facts, *, by_managers: bool) -> Iterator[Spot]:
    pattern = _trunk_pattern(facts)
    theirs = reachable(facts)
    for context in contexts(facts):
        if (context in theirs) is by_managers:
            for step in steps(facts, context):
                if pattern.search(step.call):
                    yield Spot(step.setting.place, f"[{context}] dials by the trunk")


def _reachable_dial(facts: Facts) -> Iterator[Spot]:
    yield from _dials_trunk(facts, by_managers=True)


def _other_dial(facts: Facts) -> Iterator[Spot]:
    yield from _dials_trunk(facts, by_managers=False)


def _reached(pattern: re.Pattern[str], what: str) -> Callable[[Facts], Iterator[Spot]]:
    def look(facts: Facts) -> Iterator[Spot]:
        for context in sorted(reachable(facts)):
            for step in steps(facts, context):
                if pattern.search(step.call):
                    yield Spot(step.setting.place, f"[{context}] {what}: {step.application}")

    return look


def _missing(facts: Facts) -> Iterator[Spot]:
    there = contexts(facts)
    missing = sorted(OURS - _FOR_CALLS_FROM_OUTSIDE - set(there))
    if missing:
        yield Spot(
            Place(facts.conf("extensions.conf").path), f"extensions.conf has no context {', '.join(missing)}"
        )


def _included(facts: Facts) -> Iterator[Spot]:
    for name in sorted(OURS):
        for setting in _includes(facts, name):
            change = Change(setting.place, (f";include => {setting.value}",), insert=False, section="")
            yield Spot(setting.place, f"[{name}] includes another context", change)


def _hints(facts: Facts) -> Iterator[Spot]:
    for context in sorted(reachable(facts)):
        for setting in _all(facts, context):
            if re.match(r"[^,]*,\s*hint\s*,", setting.value, re.IGNORECASE):
                yield Spot(setting.place, f"[{context}] has a hint")


def _open_pattern(facts: Facts) -> Iterator[Spot]:
    """A pattern that takes any tail, in a context that goes to the daemon with what was dialled."""
    for context in contexts(facts):
        for step in steps(facts, context):
            open_ended = step.extension.startswith("_") and step.extension.endswith((".", "!"))
            hands_over = step.application == "stasis" or "call-bridge-order" in step.call
            if open_ended and hands_over and "EXTEN" in step.call:
                yield Spot(step.setting.place, f"[{context}] hands a pattern without end to the daemon")


def _strip(facts: Facts) -> Iterator[Spot]:
    """Calls from the carrier forget their number in the first step of `s`, or of each extension."""
    there = contexts(facts)
    endpoints = trunk_endpoints(facts.confs.get("pjsip.conf"), facts.config)
    for context in dict.fromkeys(
        value_of(section, "context") for line, section in endpoints if not line.sealed
    ):
        if context in there and not strips(facts, context):
            yield Spot(there[context].place, f"[{context}] does not strip the caller's number")


def strips(facts: Facts, context: str) -> bool:
    """Whether calls that land in this context forget who is calling, there or in a context it includes."""
    included = (setting.value.partition(",")[0].strip() for setting in _includes(facts, context))
    places = (context, *included)
    return any("call-bridge-strip" in step.call for place in places for step in steps(facts, place))


def _elsewhere(facts: Facts) -> Iterator[Spot]:
    for name in OTHER_DIALPLANS:
        if facts.etc / name in facts.files:
            yield Spot(Place(facts.etc / name), f"{name} is there")
    for context in sorted(reachable(facts)):
        for setting in _all(facts, context):
            if setting.name.lower() == "switch":
                yield Spot(setting.place, f"[{context}] looks extensions up elsewhere")


def _application(facts: Facts) -> Iterator[Spot]:
    """The name in [globals]; what our own file writes there keeps another value, and is no name itself."""
    sections = [each for each in facts.conf("extensions.conf").in_use() if each.name.lower() == "globals"]
    written = [setting for section in sections for setting in section.all("CALLBRIDGE_APP")]
    setting = next((each for each in written[::-1] if not each.value.startswith("$")), None)
    application = facts.config.asterisk.application if facts.config else "call-bridge"
    if (setting.value if setting else "call-bridge") != application:
        place = setting.place if setting else facts.config_place("application")
        yield Spot(place, "CALLBRIDGE_APP is not asterisk.application of config.yaml")


def _recording_features(facts: Facts) -> Iterator[Spot]:
    section = facts.conf("features.conf").section("applicationmap")
    for setting in section.settings if section else ():
        change = Change(setting.place, (f";{setting.name} => {setting.value}",), insert=False, section="")
        yield Spot(setting.place, f"the feature {setting.name} is there", change)


_FEATURES: Final = (
    Option("features-pickup", "features.conf", "general", "pickupexten", "", "*8", Gravity.WARNING,
           "*8 picks up a ringing phone instead of being order code 8."),
    Option("features-blind-transfer", "features.conf", "featuremap", "blindxfer", "", "#", Gravity.WARNING,
           "A key transfers a call past the daemon."),
    Option("features-transfer", "features.conf", "featuremap", "atxfer", "", "", Gravity.WARNING,
           "A key transfers a call past the daemon."),
    Option("features-disconnect", "features.conf", "featuremap", "disconnect", "", "*", Gravity.NOTICE,
           "A key ends a call that somebody has dialled by Dial()."),
    Option("features-recording", "features.conf", "featuremap", "automixmon", "", "", Gravity.WARNING,
           "A key records a call to a file."),
    Option("features-parking", "features.conf", "featuremap", "parkcall", "", "", Gravity.WARNING,
           "A key parks a call, where anybody can take it."),
)  # fmt: skip

CHECKS = (
    Check(
        "dialplan-missing",
        Gravity.CRITICAL,
        "The contexts that take order codes are missing, so no manager can dial one.",
        "Add `#tryinclude` of `dialplan/extensions-call-bridge.conf` to extensions.conf.",
        _missing,
    ),
    Check(
        "dialplan-managers-dial",
        Gravity.CRITICAL,
        "A manager can dial by the trunk past the daemon: any number, unseen by rules and audit.",
        "Take the line, or the way to it, out of what managers' phones reach.",
        _reachable_dial,
    ),
    Check(
        "dialplan-others-dial",
        Gravity.WARNING,
        "Something dials by the trunk past the daemon, with a number that Asterisk's events and logs show.",
        "Let it use a line of its own, or take it out.",
        _other_dial,
    ),
    Check(
        "dialplan-included",
        Gravity.WARNING,
        "What an included context dials is reachable for managers.",
        "Hand over from a context of your own instead, as `dialplan/README.md` shows.",
        _included,
    ),
    Check(
        "dialplan-listening",
        Gravity.CRITICAL,
        "A manager's phone can listen to, record or pick up other people's calls.",
        "Take the line out of what managers' phones reach.",
        _reached(_LISTENING, "gives managers a way into calls"),
    ),
    Check(
        "dialplan-programs",
        Gravity.WARNING,
        "A manager's phone can start a program on the PBX.",
        "Take the line out of what managers' phones reach.",
        _reached(_PROGRAMS, "runs a program"),
    ),
    Check(
        "dialplan-speaks",
        Gravity.WARNING,
        "What was dialled, or who calls, is logged, sent or spoken on managers' calls.",
        "Take the line out of what managers' phones reach.",
        _reached(_REVEALING, "tells a number"),
    ),
    Check(
        "dialplan-hint",
        Gravity.WARNING,
        "Phones that may subscribe are told who talks.",
        "Take hints out of the contexts that managers' phones reach.",
        _hints,
    ),
    Check(
        "dialplan-open-pattern",
        Gravity.CRITICAL,
        "What a phone dials after a comma reaches the daemon as one more argument.",
        "Spell the lengths out, `_*XXXX`, as `dialplan/extensions-call-bridge.conf` does.",
        _open_pattern,
    ),
    Check(
        "dialplan-strip",
        Gravity.WARNING,
        "The number of a customer who calls back goes on into the dialplan.",
        "Begin with `Gosub(call-bridge-strip,s,1)`.",
        _strip,
    ),
    Check(
        "dialplan-elsewhere",
        Gravity.NOTICE,
        "There is more dialplan than this doctor can read.",
        "See that nothing in it dials by the trunk or is reachable for managers.",
        _elsewhere,
    ),
    Check(
        "dialplan-application",
        Gravity.CRITICAL,
        "The dialplan sends calls to another application than the daemon's, so none is served.",
        "Let CALLBRIDGE_APP in `[globals]` and `asterisk: application:` of config.yaml be the same.",
        _application,
    ),
    *map(option_check, _FEATURES),
    Check(
        "features-application",
        Gravity.WARNING,
        "Keys pressed in a call start applications.",
        "Take the line out of `[applicationmap]` of features.conf.",
        _recording_features,
    ),
)
