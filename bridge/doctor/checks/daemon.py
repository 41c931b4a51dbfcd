"""Checks of the daemon: its configuration, its keys, and whether it and Asterisk are ready."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from bridge.doctor.checks.endpoints import FOR_BOTH, FOR_MANAGERS, Wanted
from bridge.doctor.checks.exposure import is_loopback
from bridge.doctor.conf import Place, Section
from bridge.doctor.model import Check, Facts, Gravity, Spot
from bridge.doctor.pjsip import manager_endpoints, same, trunk_endpoints, value_of

_NO_WATCHDOG: Final = ("", "0", "infinity")


def _config(facts: Facts) -> Iterator[Spot]:
    for problem in facts.config_problems:
        text = f"{problem.key}: {problem.message}" if problem.key else problem.message
        yield Spot(Place(problem.path, problem.line or 0), text)


def _database(facts: Facts) -> Iterator[Spot]:
    if facts.database_trouble is not None:
        yield Spot(facts.config_place("store"), facts.database_trouble)


def _no_managers(facts: Facts) -> Iterator[Spot]:
    if facts.managers is not None and not facts.managers:
        yield Spot(None, "no manager is in the database")


def _keys(facts: Facts) -> Iterator[Spot]:
    if facts.keys_trouble is not None:
        yield Spot(facts.config_place("keys"), facts.keys_trouble)


def _keys_wrong(facts: Facts) -> Iterator[Spot]:
    if facts.keys_wrong:
        yield Spot(
            facts.config_place("keys"), f"not the keys of this database: {', '.join(facts.keys_wrong)}"
        )


def _plain_http(facts: Facts) -> Iterator[Spot]:
    if facts.config is None:
        return
    url = urlsplit(facts.config.asterisk.ari_url)
    if url.scheme == "http" and not is_loopback(url.netloc):
        yield Spot(facts.config_place("ari_url"), "ARI is asked over plain http on another machine")


def _log_level(facts: Facts) -> Iterator[Spot]:
    if facts.config is not None and facts.config.log.level == "debug":
        yield Spot(facts.config_place("level"), "the daemon's log level is debug")


def _ari_silent(facts: Facts) -> Iterator[Spot]:
    if facts.ari_trouble is not None:
        yield Spot(facts.config_place("ari_url"), f"ARI did not answer as it should ({facts.ari_trouble})")


def _daemon_silent(facts: Facts) -> Iterator[Spot]:
    if facts.daemon_trouble is not None:
        yield Spot(None, facts.daemon_trouble)


def _daemon_sealed(facts: Facts) -> Iterator[Spot]:
    if facts.daemon is not None and facts.daemon.sealed:
        yield Spot(None, "the daemon runs without its keys")


def _daemon_unlinked(facts: Facts) -> Iterator[Spot]:
    if facts.daemon is not None and not facts.daemon.link:
        yield Spot(None, "the daemon has no link to Asterisk")


def _config_changed(facts: Facts) -> Iterator[Spot]:
    if facts.daemon is not None and facts.daemon.config_changed:
        yield Spot(None, f"{facts.config_path} has changed since the daemon loaded it")


def _watchdog(facts: Facts) -> Iterator[Spot]:
    for unit, settings in facts.machine.units.items():
        if unit.name != "call-bridge.service":
            continue
        if settings.get("WatchdogSec", "0") in _NO_WATCHDOG:
            yield Spot(Place(unit), "WatchdogSec= is missing")
        elif settings.get("Type") not in ("notify", "notify-reload"):
            yield Spot(Place(unit), "Type=notify is missing, so systemd does not listen to the daemon")


def _differences(facts: Facts, section: Section, wanted: tuple[Wanted, ...]) -> list[str]:
    """The settings that the running endpoint has otherwise than its file."""
    live = facts.ari.endpoints.get(section.name, {}) if facts.ari else {}
    return [
        each.name
        for each in wanted
        if each.name in live and not same(live[each.name], _as_live(value_of(section, each.name)))
    ]


def _as_live(value: str) -> str:
    """pjsip answers `true` and `false` for what may be written as yes, on, 1."""
    return {"true": "yes", "on": "yes", "1": "1", "false": "no", "off": "no"}.get(value.lower(), value)


def _not_reloaded(facts: Facts) -> Iterator[Spot]:
    conf = facts.confs.get("pjsip.conf")
    managers = manager_endpoints(conf, facts.config, facts.managers).values()
    trunks = [section for _, section in trunk_endpoints(conf, facts.config)]
    for section in (*managers, *trunks):
        wanted = FOR_BOTH if section in trunks else FOR_MANAGERS
        if different := _differences(facts, section, wanted):
            yield Spot(section.place, f"[{section.name}] runs with another {', '.join(different)}")


def _not_known(facts: Facts) -> Iterator[Spot]:
    """Endpoints that only the files have. Where ARI may not tell of any, nothing is said."""
    live = facts.ari.endpoints if facts.ari else {}
    if any(live.values()):
        for name in (name for name, values in live.items() if not values):
            yield Spot(None, f"the running Asterisk has no endpoint [{name}]")


CHECKS = (
    Check(
        "config-faults",
        Gravity.CRITICAL,
        "The daemon does not start with this configuration.",
        "Correct the line; `call-bridge check-config` looks again.",
        _config,
    ),
    Check(
        "database-unusable",
        Gravity.CRITICAL,
        "The daemon does not start without its database.",
        "Do as the message says. In a new shop `call-bridge managers add` makes the database.",
        _database,
    ),
    Check(
        "managers-none",
        Gravity.NOTICE,
        "Nobody may call anybody yet.",
        "`call-bridge managers add EXTENSION --name NAME`.",
        _no_managers,
    ),
    Check(
        "keys-unusable",
        Gravity.CRITICAL,
        "Without its keys the daemon opens no number, and dials nothing.",
        "Do as the message says.",
        _keys,
    ),
    Check(
        "keys-wrong",
        Gravity.CRITICAL,
        "The numbers in this database were sealed with other keys, and can't be opened.",
        "Restore the key ring that belongs to the database from its copy.",
        _keys_wrong,
    ),
    Check(
        "plain-http",
        Gravity.WARNING,
        "ARI's password, and numbers that are dialled directly, cross the network readable.",
        "Use https, or run the daemon on Asterisk's machine.",
        _plain_http,
    ),
    Check(
        "daemon-log-debug",
        Gravity.NOTICE,
        "The daemon's log is long; no number is in it at any level.",
        "Set `log: level: info` in config.yaml.",
        _log_level,
    ),
    Check(
        "ari-silent",
        Gravity.CRITICAL,
        "ARI can't be used with the configured address, user and password, so nothing is dialled.",
        "See that Asterisk runs, and that http.conf, ari.conf and `asterisk:` of config.yaml agree.",
        _ari_silent,
    ),
    Check(
        "daemon-silent",
        Gravity.CRITICAL,
        "No daemon answers, so nothing is dialled and managers hear that something is wrong.",
        "Start it, `systemctl start call-bridge` or `call-bridge serve`, and see its log.",
        _daemon_silent,
    ),
    Check(
        "daemon-sealed",
        Gravity.CRITICAL,
        "The daemon runs without its keys, and refuses every call.",
        "See its log for the reason, correct it, and reload or restart the daemon.",
        _daemon_sealed,
    ),
    Check(
        "daemon-unlinked",
        Gravity.CRITICAL,
        "The daemon is not connected to Asterisk, so nothing is dialled.",
        "See its log for the reason.",
        _daemon_unlinked,
    ),
    Check(
        "config-not-loaded",
        Gravity.WARNING,
        "The daemon goes by an older configuration than the one that is in the file.",
        "`systemctl reload call-bridge`; if it is refused, `call-bridge status` says why.",
        _config_changed,
    ),
    Check(
        "unit-watchdog",
        Gravity.WARNING,
        "A daemon that hangs is not noticed, and no call is placed until somebody restarts it.",
        "Take the shipped unit, call-bridge.service, and make changes with `systemctl edit`.",
        _watchdog,
    ),
    Check(
        "pjsip-not-reloaded",
        Gravity.WARNING,
        "Asterisk still works with settings that the files don't have any more.",
        "`asterisk -rx 'module reload res_pjsip.so'`.",
        _not_reloaded,
    ),
    Check(
        "pjsip-not-known",
        Gravity.CRITICAL,
        "Asterisk has refused or not yet read an endpoint that is in its files.",
        "`asterisk -rx 'module reload res_pjsip.so'`, and see Asterisk's log for why it was refused.",
        _not_known,
    ),
)
