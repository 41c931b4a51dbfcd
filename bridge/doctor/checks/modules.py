"""Checks of what Asterisk loads: by modules.conf, and now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bridge.doctor.conf import Place, Setting, is_true
from bridge.doctor.model import Change, Check, Facts, Gravity, Spot

_LOADING: Final = frozenset({"load", "load-now", "preload", "require", "preload-require"})


@dataclass(frozen=True, slots=True)
class Family:
    """Modules that should stay out, for one reason."""

    id: str
    pattern: str
    gravity: Gravity
    meaning: str


N, W, C = Gravity.NOTICE, Gravity.WARNING, Gravity.CRITICAL

FAMILIES: Final = (
    Family("native-rtp", "bridge_native_rtp", C, "Two phones' sound is joined past Asterisk, with each other's addresses and headers."),  # noqa: E501
    Family("messaging", "res_pjsip_messaging", C, "The two sides of a call can send each other text."),
    Family("diversion", "res_pjsip_diversion", C, "Diversion and History-Info headers are sent and believed."),  # noqa: E501
    Family("exten-state", r"res_pjsip_exten_state|res_pjsip_.*_body_generator", C, "Phones are told who talks with whom."),  # noqa: E501
    Family("sip-logger", "res_pjsip_logger", W, "Every SIP message, with all its numbers, can be written to the log by one command."),  # noqa: E501
    Family("sip-history", "res_pjsip_history", W, "Every SIP message, with all its numbers, can be kept in memory by one command."),  # noqa: E501
    Family("hep", "res_hep(_.*)?", C, "Every SIP message, with all its numbers, is sent to a capture server."),  # noqa: E501
    Family("cdr", "cdr_.*|app_cdr|app_forkcdr|func_cdr|res_cdrel_custom", C, "A list of all calls, with their numbers, is written."),  # noqa: E501
    Family("cel", "cel_.*|app_celgenuserevent", C, "Every step of every call, with its numbers, is written down."),  # noqa: E501
    Family("chanspy", "app_chanspy|app_extenspy", C, "Other people's calls can be listened to from a phone."),
    Family("recording", "app_mixmonitor|app_monitor|res_monitor|app_record", W, "Calls can be recorded to files."),  # noqa: E501
    Family("voicemail", "app_voicemail.*|app_minivm|app_directory", W, "Mailboxes keep callers' numbers, and speak them."),  # noqa: E501
    Family("parking", "res_parking|app_parkandannounce", W, "A parked call can be taken by anybody."),
    Family("pickup", "app_directed_pickup|app_pickupchan", W, "Other people's calls can be picked up."),
    Family("originate", "app_originate|app_disa|app_followme|app_queue", W, "The dialplan can place calls past the daemon."),  # noqa: E501
    Family("spool", "pbx_spool", W, "Whatever lies in a folder is dialled."),
    Family("programs", "app_system|func_shell|func_env|app_externalivr|res_agi|app_agi", W, "The dialplan can run programs and read files."),  # noqa: E501
    Family("dial", "app_dial", N, "The dialplan can dial past the daemon; a dialplan of your own may need it."),  # noqa: E501
    Family("config-wizard", "res_pjsip_config_wizard", N, "Endpoints can come from pjsip_wizard.conf, which is not looked at here."),  # noqa: E501
    Family("anonymous", "res_pjsip_endpoint_identifier_anonymous", W, "Callers whom nobody knows are let in."),  # noqa: E501
    Family("realtime", "res_config_.*|pbx_realtime|func_realtime", N, "Settings can come from a database, which is not looked at here."),  # noqa: E501
    Family("other-dialplan", "pbx_ael|pbx_lua|pbx_dundi", N, "There is a dialplan outside extensions.conf, which is not looked at here."),  # noqa: E501
    Family("other-channels", "chan_sip|chan_iax2|chan_skinny|chan_mgcp|chan_unistim|chan_motif|chan_ooh323|chan_console", W, "Phones can come in by another protocol, for which none of these settings counts."),  # noqa: E501
)  # fmt: skip

NEEDED: Final = (
    "bridge_holding",
    "bridge_simple",
    "bridge_softmix",
    "chan_bridge_media",
    "chan_pjsip",
    "chan_rtp",
    "func_frame_drop",
    "app_stasis",
    "res_stasis",
    "res_stasis_playback",
    "res_stasis_snoop",
    "res_ari",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_bridges",
    "res_ari_channels",
    "res_ari_endpoints",
    "res_ari_events",
    "res_ari_playbacks",
    "res_pjsip_pubsub",
    "res_pjsip_header_funcs",
    "res_pjsip_refer",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_authenticator_digest",
    "res_rtp_asterisk",
    "pbx_config",
)
"""Without these a masked call fails, or a refusal that keeps numbers in is not heard as one."""


def loading(facts: Facts) -> list[Setting]:
    """The lines of modules.conf that load a module which no later line takes out again."""
    section = facts.conf("modules.conf").section("modules")
    settings = section.settings if section else []
    barred = {_module(each) for each in settings if each.name.lower() == "noload"}
    return [each for each in settings if each.name.lower() in _LOADING and _module(each) not in barred]


def loads_all(facts: Facts) -> bool:
    """Whether Asterisk loads whatever is installed."""
    setting = facts.conf("modules.conf").first("modules", "autoload")
    return setting is not None and is_true(setting.value)


def planned(facts: Facts) -> set[str]:
    """All that modules.conf lets Asterisk load."""
    named = {_module(each) for each in loading(facts)}
    if not loads_all(facts):
        return named
    section = facts.conf("modules.conf").section("modules")
    barred = {_module(each) for each in section.all("noload")} if section else set()
    return named | (facts.installed - barred)


def _module(setting: Setting) -> str:
    return setting.value.removesuffix(".so")


def _check(family: Family) -> Check:
    pattern = re.compile(family.pattern)

    def look(facts: Facts) -> Iterator[Spot]:
        written = [each for each in loading(facts) if pattern.fullmatch(_module(each))]
        for setting in written:
            change = Change(
                setting.place, (f"noload={_module(setting)}.so",), insert=False, section="[modules](+)"
            )
            yield Spot(setting.place, f"{_module(setting)} is loaded by this line", change)
        running = facts.ari.modules if facts.ari else frozenset()
        for module in sorted(set(filter(pattern.fullmatch, running)) - {_module(each) for each in written}):
            yield Spot(None, f"{module} runs now: asterisk -rx 'module unload {module}.so'")

    return Check(
        id=f"module-{family.id}",
        gravity=family.gravity,
        meaning=family.meaning,
        remedy="Take the `load` line out of modules.conf, write `noload` for it, and restart Asterisk.",
        look=look,
    )


def _autoload(facts: Facts) -> Iterator[Spot]:
    if not loads_all(facts):
        return
    conf = facts.conf("modules.conf")
    named = {_module(each) for each in loading(facts)}
    bad = sorted(module for module in planned(facts) - named if _is_forbidden(module))
    setting = conf.first("modules", "autoload")
    if setting is not None and not facts.installed:
        yield Spot(setting.place, "autoload=yes loads what is installed, which can't be seen from here")
    elif setting is not None and bad:
        lines = tuple(f"noload={module}.so" for module in bad)
        change = Change(setting.place, lines, insert=True, section="[modules](+)")
        yield Spot(setting.place, f"autoload=yes loads {len(bad)} modules that should stay out", change)


def _is_forbidden(module: str) -> bool:
    return any(re.fullmatch(each.pattern, module) for each in FAMILIES if each.gravity > Gravity.NOTICE)


def _needed(facts: Facts) -> Iterator[Spot]:
    there = planned(facts)
    # Where everything is loaded and the folder of the modules can't be seen, nothing can be said.
    if loads_all(facts) and not facts.installed:
        return
    missing = [module for module in NEEDED if module not in there]
    if missing:
        yield missing_lines(facts, missing)


def missing_lines(facts: Facts, modules: list[str]) -> Spot:
    """That modules are not loaded, with the lines that would load them."""
    conf = facts.conf("modules.conf")
    section = conf.section("modules")
    place = section.place if section else Place(conf.path)
    lines = tuple(f"load={module}.so" for module in modules)
    change = Change(place, lines if section else ("[modules]", *lines), insert=True, section="[modules](+)")
    return Spot(place, f"not loaded: {', '.join(modules)}", change)


def _not_running(facts: Facts) -> Iterator[Spot]:
    if facts.ari is None:
        return
    planned_now = planned(facts)
    missing = [module for module in NEEDED if module in planned_now and module not in facts.ari.modules]
    if missing:
        yield Spot(None, f"not running: {', '.join(missing)}")


CHECKS = (
    *map(_check, FAMILIES),
    Check(
        "modules-autoload",
        Gravity.WARNING,
        "Everything that is installed is loaded, modules that show or keep numbers among it.",
        "Take `dialplan/asterisk/modules.conf` (`autoload=no`), or bar each of them with `noload`.",
        _autoload,
    ),
    Check(
        "modules-needed",
        Gravity.CRITICAL,
        "A module is not loaded without which masked calls fail, or are not masked.",
        "Write a `load` line for each of them, and restart Asterisk.",
        _needed,
    ),
    Check(
        "modules-not-running",
        Gravity.CRITICAL,
        "A module that modules.conf asks for does not run, so masked calls fail, or are not masked.",
        "See Asterisk's log for why, or restart Asterisk if modules.conf was changed since it began.",
        _not_running,
    ),
)
