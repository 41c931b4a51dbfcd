"""What is looked at, and what is found: facts, checks, findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from pathlib import Path

from bridge.config import Config, ConfigProblem
from bridge.doctor.conf import Conf, Place, Section, Setting
from bridge.store import audit_check

# --- Facts --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileState:
    """A file's permission bits and its owner's id."""

    mode: int
    owner: int


@dataclass(frozen=True, slots=True)
class LogChannel:
    """One target of Asterisk's running logger."""

    name: str
    levels: frozenset[str]


@dataclass(frozen=True, slots=True)
class AriFacts:
    """What a running Asterisk says of itself. `modules`: those that run, without ".so".

    `endpoints`: what pjsip's endpoints are set to now, by name, for those that concern us.
    `clock_ahead`: seconds by which Asterisk's clock is ahead of ours.
    """

    version: str
    modules: frozenset[str]
    logs: tuple[LogChannel, ...]
    endpoints: Mapping[str, Mapping[str, str]]
    clock_ahead: float


@dataclass(frozen=True, slots=True)
class DaemonState:
    """The daemon's own answer, through its socket.

    `config_changed`: the file of its configuration is another now than when it was loaded.
    """

    sealed: bool
    link: bool
    config_changed: bool = False


@dataclass(frozen=True, slots=True)
class OperatorState:
    """What became of an attempt to connect to the operator of text messages.

    `known`: whether its name leads to addresses. `allowed`: whether the configuration lets one of them be
    connected to. `trouble`: why there is no connection all the same.
    """

    known: bool = True
    allowed: bool = True
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """`core_limit`: bytes of a core dump that the running Asterisk may write, -1 without limit, None where
    no Asterisk is seen. `units`: systemd units of Asterisk and call-bridge with their settings, drop-ins
    included; of those given more than once the last. `free_bytes`: on the database's disk.
    `asterisk_user`: the id of the user that Asterisk runs as, None where that is not seen.
    """

    core_limit: int | None
    core_pattern: str
    units: Mapping[Path, Mapping[str, str]]
    free_bytes: int | None
    read_at: datetime
    asterisk_user: int | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """What the database has on record. `audit` is None where its keys are the daemon's alone.

    `waiting_data_keys`: how many customers' data keys are wrapped by another key than the current one.
    """

    last_backup: datetime | None
    audit: audit_check.Finding | None
    waiting_data_keys: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the checks look at, collected once.

    A value of None was not asked for or could not be had; the `..._trouble` beside it says why.
    `managers`: the extensions of the managers in the database who aren't disabled.
    `installed`: names of the modules that this Asterisk has, loaded or not.
    """

    etc: Path
    confs: Mapping[str, Conf]
    unreadable: Mapping[Path, str]
    files: Mapping[Path, FileState]
    installed: frozenset[str]
    config_path: Path
    config: Config | None
    config_lines: tuple[str, ...] = field(repr=False)
    config_problems: tuple[ConfigProblem, ...]
    managers: tuple[str, ...] | None
    database_trouble: str | None
    keys_trouble: str | None
    keys_wrong: tuple[str, ...]
    records: Records | None
    ari_password: str | None = field(repr=False)
    ari: AriFacts | None
    ari_trouble: str | None
    daemon: DaemonState | None
    daemon_trouble: str | None
    machine: Machine
    texts_token_trouble: str | None = None
    operator: OperatorState | None = None

    def conf(self, name: str) -> Conf:
        """The file `name` of the configuration folder; one that doesn't exist is empty."""
        return self.confs.get(name) or Conf(self.etc / name)

    def config_place(self, key: str) -> Place:
        """The line of config.yaml where `key` (its last part) is first given."""
        for number, line in enumerate(self.config_lines, start=1):
            if line.strip().startswith(f"{key}:"):
                return Place(self.config_path, number)
        return Place(self.config_path)


# --- Findings -----------------------------------------------------------------------------------------


class Gravity(IntEnum):
    """How bad it is. Critical: numbers can be had, or nothing can be dialled. Warning: they can be had once
    something else goes wrong. Notice: worth knowing."""

    NOTICE = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Change:
    """`lines` instead of the line at `place`, or, with `insert`, below it.

    For line 0 the first of them is the heading of a section that the file, if there is one, lacks.
    `section` is the heading that the lines belong under: what they need in another file.
    """

    place: Place
    lines: tuple[str, ...]
    insert: bool
    section: str


@dataclass(frozen=True, slots=True)
class Spot:
    """One place where something is wrong. `what` holds no secret and no value that might be a number."""

    place: Place | None
    what: str
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A question with an id that stays the same for good.

    `meaning` says in one sentence what it means when this is found, `remedy` what to do.
    """

    id: str
    gravity: Gravity
    meaning: str
    remedy: str
    look: Callable[[Facts], Iterable[Spot]]


@dataclass(frozen=True, slots=True)
class Finding:
    check: Check
    spot: Spot


# --- Changes to settings ------------------------------------------------------------------------------


def correct(section: Section, setting: Setting | None, line: str) -> Change:
    """`line` instead of the setting where it is written, or at the head of a section that lacks it."""
    if setting is not None:
        return Change(setting.place, (line,), insert=False, section=f"[{section.name}](+)")
    return Change(section.place, (line,), insert=True, section=f"[{section.name}](+)")


def correct_in(conf: Conf, section_name: str, setting: Setting | None, line: str) -> Change:
    """The same where the section, or the whole file, may be missing."""
    section = conf.section(section_name)
    if section is not None:
        return correct(section, setting, line)
    return Change(Place(conf.path), (f"[{section_name}]", line), insert=True, section="")


def setting_spot(conf: Conf, section_name: str, setting: Setting | None, line: str, what: str) -> Spot:
    """A setting that should be `line`, wherever it is written now."""
    change = correct_in(conf, section_name, setting, line)
    return Spot(setting.place if setting else change.place, what, change)
