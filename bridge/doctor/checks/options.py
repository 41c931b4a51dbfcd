"""Single settings of files whose readers take a setting of one known section: a table row each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.doctor.model import Check, Facts, Gravity, Spot, setting_spot
from bridge.doctor.pjsip import same


@dataclass(frozen=True, slots=True)
class Option:
    """`wanted` in `[section]` of `file`. `default`: what Asterisk takes where nothing is written.

    `first_counts`: this file's reader takes the first of two settings, others take the last.
    `without_file`: what the default is where the file is missing, if it is another one.
    """

    id: str
    file: str
    section: str
    name: str
    wanted: str
    default: str
    gravity: Gravity
    meaning: str
    first_counts: bool = False
    without_file: str | None = None


def option_check(option: Option) -> Check:
    def look(facts: Facts) -> Iterator[Spot]:
        conf = facts.conf(option.file)
        default = option.default
        if option.file not in facts.confs and option.without_file is not None:
            default = option.without_file
        find = conf.first if option.first_counts else conf.last
        setting = find(option.section, option.name)
        if same(setting.value if setting else default, option.wanted):
            return
        what = f"[{option.section}] {option.name}"
        how = "is set otherwise" if setting else "is not set, and Asterisk's default is otherwise"
        line = f"{option.name}={option.wanted}"
        yield setting_spot(conf, option.section, setting, line, f"{what} {how}")

    return Check(
        id=option.id,
        gravity=option.gravity,
        meaning=option.meaning,
        remedy=f"Set `{option.name}={option.wanted}` in `[{option.section}]` of {option.file}.",
        look=look,
    )
