"""docs/man: manual pages of section 1 for the program and each command, made from the command line itself.

The macros are those of man(7), https://man7.org/linux/man-pages/man7/groff_man.7.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

import typer.main

from bridge.cli.exits import Exit
from bridge.cli.main import app

_PROGRAM: Final = "call-bridge"

_OF_EVERY_COMMAND: Final = {"help"}

_FILES: Final = {
    "./config.yaml, /etc/call-bridge/config.yaml": "The configuration: the first of them that is there.",
    "/var/lib/call-bridge": "The database, the keys and the sockets, as the documents place them.",
}


def pages() -> dict[str, str]:
    """The texts by their files' names, `call-bridge.1` and `call-bridge-orders.1` among them."""
    program = typer.main.get_command(app)
    lines = {_PROGRAM: _of_program(program)}
    lines |= {f"{_PROGRAM}-{name}": _of_command(name, command) for name, command in _commands(program)}
    return {f"{title}.1": "".join(f"{line}\n" for line in page) for title, page in lines.items()}


def _of_program(program: Any) -> Iterator[str]:
    yield from _head(_PROGRAM, program.help)
    yield ".SH SYNOPSIS"
    yield rf".B {_escaped(_PROGRAM)}"
    yield r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]"
    yield from _options(program)
    yield ".SH COMMANDS"
    for name, command in _commands(program):
        yield from _item(rf"\fB{_escaped(f'{_PROGRAM}-{name}')}\fR(1)", _first_sentence(command.help))
    yield ".SH EXIT STATUS"
    for code in Exit:
        yield from _item(rf"\fB{code.value}\fR", code.meaning)
    yield ".SH FILES"
    for files, meaning in _FILES.items():
        yield from _item(rf"\fI{_escaped(files)}\fR", meaning)


def _of_command(name: str, command: Any) -> Iterator[str]:
    yield from _head(f"{_PROGRAM}-{name}", command.help)
    yield ".SH SYNOPSIS"
    for path, one in _leaves(name, command):
        yield rf".B {_escaped(f'{_PROGRAM} {path}')}"
        yield _usage(one)
        yield ".br"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(command.help)
    for path, one in _leaves(name, command):
        if one is not command:
            yield f'.SH "{_escaped(path)}"'
            yield from _paragraphs(one.help)
        yield from _options(one, heading=".SS" if one is not command else ".SH")
    yield ".SH SEE ALSO"
    yield rf"\fB{_escaped(_PROGRAM)}\fR(1), which has the exit codes"


def _head(title: str, text: str) -> Iterator[str]:
    yield f'.TH "{_escaped(title.upper())}" 1 "" "{_PROGRAM}" "{_PROGRAM}"'
    yield ".SH NAME"
    yield rf"{_escaped(title)} \- {_escaped(_first_sentence(text).rstrip('.'))}"


def _commands(group: Any) -> Iterator[tuple[str, Any]]:
    for name in group.commands:
        command = group.commands[name]
        if not command.hidden:
            yield name, command


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The command, or those of a group; a group that does something by itself is one of its own."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    if command.invoke_without_command:
        yield name, command
    for below, one in _commands(command):
        yield f"{name} {below}", one


def _usage(command: Any) -> str:
    arguments = [rf"\fI{_escaped(_metavar(each))}\fR" for each in command.params if _is_argument(each)]
    return " ".join([r"[\fIOPTIONS\fR]", *arguments])


def _options(command: Any, heading: str = ".SH") -> Iterator[str]:
    told = [each for each in command.params if not each.hidden and each.name not in _OF_EVERY_COMMAND]
    if told:
        yield f"{heading} OPTIONS"
    for each in told:
        yield from _item(_signature(each), _meaning(each))


def _signature(parameter: Any) -> str:
    if _is_argument(parameter):
        return rf"\fI{_escaped(_metavar(parameter))}\fR"
    names = ", ".join(rf"\fB{_escaped(name)}\fR" for name in (*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else rf"{names} \fI{_escaped(_metavar(parameter))}\fR"


def _metavar(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if parameter.metavar:
        return str(parameter.metavar)
    return "|".join(kind) if issubclass(kind, StrEnum) else str(parameter.name).upper()


def _meaning(parameter: Any) -> str:
    variable = f" The environment variable {parameter.envvar} says the same." if parameter.envvar else ""
    return (parameter.help or "") + variable


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _item(term: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield term
    yield _escaped(text)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield ".PP"
        yield _escaped(" ".join(paragraph.split()))


def _first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence."""
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]


def _escaped(text: str) -> str:
    """Text as roff takes it: no backslash, hyphen, dot or quote of it is an instruction."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return re.sub(r"^(?=[.'])", r"\\&", escaped, flags=re.MULTILINE)
