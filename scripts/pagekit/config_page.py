"""docs/config.md: every key of config.yaml, of its comments, its values and the types in bridge/config.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from bridge.config import Config, Kind, Section
from bridge.reload import CHANGES_WHILE_RUNNING, KEYS_THAT_CHANGE_WHILE_RUNNING

_HEAD: Final = """\
# config.yaml, key by key

This page is made from `config.yaml`, which has the same in its comments, and from the code that reads it.
`call-bridge check-config` checks a file, and names each fault with its line. What is left out has its
default. Unknown keys are refused. Relative paths start at the folder that the file is in. No secret belongs
in it: files hold them.

[How a change takes effect](operations.md#changing-the-configuration).
"""

_KEY_LINE: Final = re.compile(r"(?P<indent> *)(?P<name>[a-z_]+):(?: (?P<value>.*?))?(?:\s+# (?P<remark>.*))?")


@dataclass(frozen=True, slots=True)
class Key:
    """One key as the file has it: its path, the text of its value and what the comment says."""

    path: tuple[str, ...]
    value: str
    comment: str

    @property
    def required(self) -> bool:
        return self.comment.startswith("Required")


def page(config_yaml: Path) -> str:
    """The whole text."""
    return "\n".join(_sections(list(keys_of(config_yaml.read_text(encoding="utf-8")))))


def keys_of(text: str) -> Iterator[Key]:
    """Every key of the file, sections too, in its order."""
    above: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip(" #"))
        elif (found := _KEY_LINE.fullmatch(line)) is not None:
            above[len(found["indent"]) // 2 :] = [found["name"]]
            told = " ".join(comment) or found["remark"] or ""
            yield Key(tuple(above), found["value"] or "", told)
            comment = []
        else:
            comment = []


def _sections(keys: Sequence[Key]) -> Iterator[str]:
    yield _HEAD
    for section in Config.model_fields:
        yield f"## {section}\n"
        yield f"{_when(section)}\n"
        yield "| key | default | it is | meaning |\n| --- | --- | --- | --- |"
        for key in keys:
            if key.path[0] == section and (key.value or key.comment):
                yield _row(key)
        yield ""


def _when(section: str) -> str:
    if section in CHANGES_WHILE_RUNNING:
        return "A reload takes changes over."
    besides = sorted(".".join(key) for key in KEYS_THAT_CHANGE_WHILE_RUNNING if key[0] == section)
    if besides:
        return (
            f"Changes take effect at a restart, but for `{'`, `'.join(besides)}`: a reload takes these over."
        )
    return "Changes take effect at a restart."


def _row(key: Key) -> str:
    cells = (f"`{'.'.join(key.path)}`", _default(key), _kind_of_field(field_of(key.path)), key.comment)
    return "| " + " | ".join(_cell(text) for text in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(key: Key) -> str:
    if not key.value:
        return ""
    return f"none; such as `{key.value}`" if key.required else f"`{key.value}`"


def field_of(path: Sequence[str], section: type[BaseModel] = Config) -> FieldInfo:
    """The field of a key in the typed configuration. Raises KeyError where there is none."""
    name, *below = path
    field = section.model_fields[name]
    return field_of(below, _section_in(field.annotation)) if below else field


def _section_in(annotation: Any) -> type[BaseModel]:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    raise KeyError(f"{annotation} is no section")


def _kind_of_field(field: FieldInfo) -> str:
    return _kind(field.annotation, field.metadata)


def _kind(annotation: Any, about: Sequence[Any]) -> str:
    """What a value of this type is, in words; `about` is what pydantic checks besides."""
    if (words := _own_words(about)) is not None:
        return words
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0], inner[1:])
    if origin in (Union, UnionType):
        some = [_kind(each, ()) for each in inner if each is not NoneType]
        return " or ".join([*some, *(["`null`"] if NoneType in inner else [])])
    if origin is Literal:
        return _one_of(inner)
    if origin in (frozenset, tuple):
        return f"a list of {_kind(inner[0], ())}"
    return _plain_kind(annotation, about)


def _own_words(about: Sequence[Any]) -> str | None:
    """The last word is the strictest: what is checked last."""
    for each in reversed(about):
        if isinstance(each, Kind):
            return each.words
        if isinstance(each, AfterValidator) and (wanted := getattr(each.func, "wanted", None)) is not None:
            return str(wanted)
    return None


def _plain_kind(annotation: Any, about: Sequence[Any]) -> str:
    if annotation is bool:
        return _one_of(("true", "false"))
    if annotation is int:
        return "a whole number" + _range(about)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _one_of([each.value for each in annotation])
    return "a section" if annotation is not str else "a text"


def _one_of(values: Sequence[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _range(about: Sequence[Any]) -> str:
    checks = [check for each in about for check in (each.metadata if isinstance(each, FieldInfo) else [each])]
    least = next((check.ge for check in checks if isinstance(check, Ge)), None)
    most = next((check.le for check in checks if isinstance(check, Le)), None)
    return "" if least is None or most is None else f", {least} to {most}"
