"""Checks of the machine, and of the version of Asterisk that runs on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bridge.doctor.conf import Place, is_true
from bridge.doctor.model import Check, Facts, Gravity, Spot

OLDEST_MAJOR: Final = 20
_CLOCK_SECONDS: Final = 2.0
_FREE_LOW: Final = 1_000_000_000  # bytes; months of calls and audit
_FREE_NONE: Final = 50_000_000  # bytes; SQLite needs room for its write-ahead log to work at all

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Advisory:
    """A security advisory of the Asterisk project. `fixed`: the first release without the fault, by branch;
    `certified`: the same of certified releases, as (branch, number after "cert").

    From the change logs of the releases named, which list the advisories they resolve; 21.12.3 and the
    certified releases of 2026 from CERT-FR's notice CERTFR-2026-AVI-0805. Newer branches never had the fault.
    `matters`: whether this PBX is set up so that the fault is of use to anybody.
    """

    id: str
    fixed: tuple[Version, ...]
    certified: tuple[tuple[str, int], ...]
    matters: Callable[[Facts], bool]
    meaning: str


def _always(_: Facts) -> bool:
    return True


def _has_read_only_user(facts: Facts) -> bool:
    every = (section.last("read_only") for section in facts.conf("ari.conf").in_use())
    return any(setting is not None and is_true(setting.value) for setting in every)


def _has_ami(facts: Facts) -> bool:
    setting = facts.conf("manager.conf").last("general", "enabled")
    return setting is not None and is_true(setting.value)


ADVISORIES: Final = (
    Advisory(
        "GHSA-vrfp-mg3q-3959",
        ((20, 20, 1), (21, 12, 3), (22, 10, 1), (23, 4, 1)),
        (("20.7", 11), ("22.8", 3)),
        _always,
        "ARI's setChannelVar gets past `live_dangerously=no`: whoever has ARI's password can write files.",
    ),
    Advisory(
        "GHSA-wcvv-g26m-wx5c",
        ((20, 20, 1), (21, 12, 3), (22, 10, 1), (23, 4, 1)),
        (("20.7", 11), ("22.8", 3)),
        _has_read_only_user,
        "A read-only user of ARI can load modules, and so run programs, over the event WebSocket.",
    ),
    Advisory(
        "GHSA-c4cg-9275-6w44",
        ((20, 9, 2), (21, 4, 2)),
        (("20.7", 2),),
        _has_ami,
        "A user of AMI who may originate calls can run programs.",
    ),
    Advisory(
        "GHSA-33x6-fj46-6rfh",
        ((20, 11, 1), (21, 6, 1), (22, 1, 1)),
        (("20.7", 4),),
        _has_ami,
        "A user of AMI can list files outside the configuration folder.",
    ),
)


def parsed(version: str) -> tuple[Version, int | None]:
    """The numbers of "22.10.1~dfsg", and of "certified/20.7-cert2" the last one apart."""
    numbers = re.search(r"\d+(?:\.\d+)*", version)
    certificate = re.search(r"cert(\d+)", version.partition("-")[2]) if "cert" in version else None
    return (
        tuple(map(int, numbers[0].split("."))) if numbers else (),
        int(certificate[1]) if certificate else None,
    )


def is_affected(version: str, advisory: Advisory) -> bool:
    """Whether a release has the fault. A branch older than all that were fixed has it for good."""
    release, certificate = parsed(version)
    if not release:
        return False
    if certificate is not None:
        branch = ".".join(map(str, release))
        fixed_in = dict(advisory.certified).get(branch)
        return certificate < fixed_in if fixed_in is not None else release[0] < advisory.fixed[0][0]
    for fixed in advisory.fixed:
        if fixed[0] == release[0]:
            return release < fixed
    return release[0] < advisory.fixed[0][0]


def _advisory_check(advisory: Advisory) -> Check:
    releases = [".".join(map(str, fixed)) for fixed in advisory.fixed]
    certified = [f"{branch}-cert{number}" for branch, number in advisory.certified]

    def look(facts: Facts) -> Iterator[Spot]:
        if facts.ari is not None and is_affected(facts.ari.version, advisory) and advisory.matters(facts):
            yield Spot(None, f"Asterisk {facts.ari.version} has {advisory.id}")

    return Check(
        id=f"advisory-{advisory.id.lower()}",
        gravity=Gravity.WARNING,
        meaning=advisory.meaning,
        remedy=f"Update Asterisk: fixed in {', '.join(releases)}, certified {', '.join(certified)}. "
        "A distribution may have mended an older version; its security tracker knows.",
        look=look,
    )


def _too_old(facts: Facts) -> Iterator[Spot]:
    release = parsed(facts.ari.version)[0] if facts.ari else ()
    if facts.ari is not None and release and release[0] < OLDEST_MAJOR:
        yield Spot(None, f"Asterisk {facts.ari.version} is older than {OLDEST_MAJOR}")


def _clock(facts: Facts) -> Iterator[Spot]:
    if facts.ari is not None and abs(facts.ari.clock_ahead) > _CLOCK_SECONDS:
        yield Spot(
            None, f"Asterisk's clock differs from this machine's by {abs(facts.ari.clock_ahead):.0f} s"
        )


def _clock_insane(facts: Facts) -> Iterator[Spot]:
    """A machine that lost its clock wakes in the past: before the newest advisory that this program knows."""
    if facts.machine.read_at.year < 2026:
        yield Spot(None, f"this machine believes that it is {facts.machine.read_at.year}")


def _core_limit(facts: Facts) -> Iterator[Spot]:
    limit = facts.machine.core_limit
    if limit is not None and limit != 0:
        size = "any size" if limit < 0 else f"{limit} bytes"
        where = "a program" if facts.machine.core_pattern.startswith("|") else "a file"
        yield Spot(None, f"the running Asterisk may dump its memory, {size}, to {where}")


def _unit_limit(facts: Facts) -> Iterator[Spot]:
    for unit, settings in facts.machine.units.items():
        if settings.get("LimitCORE", "").partition(":")[0] != "0":
            yield Spot(Place(unit), f"LimitCORE=0 is missing: systemctl edit {unit.name}")


def _disk(low: int, high: int, what: str) -> Callable[[Facts], Iterator[Spot]]:
    def look(facts: Facts) -> Iterator[Spot]:
        free = facts.machine.free_bytes
        if free is not None and low <= free < high:
            yield Spot(facts.config_place("store"), f"{what}: {free // 1_000_000} MB are free")

    return look


CHECKS = (
    *map(_advisory_check, ADVISORIES),
    Check(
        "asterisk-too-old",
        Gravity.CRITICAL,
        "This Asterisk is one that call-bridge was not made for, and gets no security fixes any more.",
        f"Update to Asterisk {OLDEST_MAJOR} or newer.",
        _too_old,
    ),
    Check(
        "clock-differs",
        Gravity.WARNING,
        "Working hours, limits and records are wrong by as much as the clocks differ.",
        "Let both machines get their time by NTP: `timedatectl set-ntp true`.",
        _clock,
    ),
    Check(
        "clock-past",
        Gravity.WARNING,
        "Working hours, limits and records are wrong, and certificates seem invalid.",
        "Set the clock, by NTP at best: `timedatectl set-ntp true`.",
        _clock_insane,
    ),
    Check(
        "core-dumps",
        Gravity.WARNING,
        "A crash writes Asterisk's memory to disk, hidden numbers included.",
        "Set `LimitCORE=0` in its systemd unit, and don't start it with -g.",
        _core_limit,
    ),
    Check(
        "core-dumps-unit",
        Gravity.NOTICE,
        "The service may be started so that a crash writes its memory to disk.",
        "`systemctl edit` it, and write `[Service]` and `LimitCORE=0`.",
        _unit_limit,
    ),
    Check(
        "disk-low",
        Gravity.WARNING,
        "The disk of the database will be full in a while, and then no call is placed.",
        "Make room, or move the database: `store: path:` of config.yaml.",
        _disk(_FREE_NONE, _FREE_LOW, "the database's disk is nearly full"),
    ),
    Check(
        "disk-full",
        Gravity.CRITICAL,
        "The database can't grow, so calls can't be put on record and are not placed.",
        "Make room on the disk of the database now.",
        _disk(0, _FREE_NONE, "the database's disk is full"),
    ),
)
