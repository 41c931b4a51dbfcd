"""What keeps numbers in, thing by thing, and how to take each away from a lab that runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

from dialling import DIALLING
from opened_code import launcher
from ordinary import ordinary_pbx
from shop import settings

from labkit.lab import Lab
from labkit.places import DIALPLAN

EXTENSIONS, MANAGERS, TRUNK = "extensions-call-bridge.conf", "pjsip-managers.conf", "pjsip-trunk.conf"
ARI = "asterisk/ari.conf"
ASTERISK = "asterisk/asterisk.conf"
CDR = "asterisk/cdr.conf"
CEL = "asterisk/cel.conf"
FEATURES = "asterisk/features.conf"
HTTP = "asterisk/http.conf"
LOGGER = "asterisk/logger.conf"
MANAGER = "asterisk/manager.conf"
MODULES = "asterisk/modules.conf"
PJPROJECT = "asterisk/pjproject.conf"
RTP = "asterisk/rtp.conf"
"""Shipped files, by their place below dialplan/."""

RELOADED_BY = {
    "ari.conf": "module reload res_ari.so",
    "cdr.conf": "module reload cdr",
    "cel.conf": "module reload cel",
    "extensions.conf": "dialplan reload",
    "features.conf": "module reload features",
    "http.conf": "module reload http",
    "logger.conf": "logger reload",
    "manager.conf": "manager reload",
    "pjproject.conf": "module reload res_pjproject.so",
    "pjsip.conf": "module reload res_pjsip.so",
    "rtp.conf": "module reload res_rtp_asterisk.so",
}
"""By file of Asterisk's."""

ENDING_ASTERISK = {"res_parking"}
"""Modules that, unloaded, take Asterisk 22.10.1 with them."""

Line = tuple[str, str, str]
"""A shipped file, a line as shipped, and the same line opened."""


@dataclass(frozen=True)
class Closing:
    """One thing that keeps numbers in: lines of shipped files, modules left out, or something in code.

    `modules` get loaded; `code` is one of `opened_code`'s.
    """

    name: str
    lines: tuple[Line, ...] = ()
    modules: tuple[str, ...] = ()
    code: str = ""

    def __str__(self) -> str:
        return self.name

    @property
    def takes_a_restart(self) -> bool:
        return any(map(_read_at_start, self.lines))


def setting(file: str, *settings: str, opened: str = "yes") -> Closing:
    """A setting whose opposite is `opened`."""
    lines = tuple((file, line, f"{line.partition('=')[0]}={opened}") for line in settings)
    return Closing(f"`{'`, `'.join(settings)}` {whose(file)}", lines)


def whose(file: str) -> str:
    names = {MANAGERS: "of the manager's phone", TRUNK: "of the trunk"}
    return names.get(file) or f"in `{Path(file).name}`"


def left_out(*modules: str) -> Closing:
    """A module that is not loaded, after those that it needs."""
    return Closing(f"`{modules[-1]}` is not loaded", modules=modules)


class Shop:
    """A lab whose closings can be taken away one by one while it runs.

    What takes a restart to change, and the way of dialling, stay as they are until others are wanted.
    """

    def __init__(self, lab: Lab, opened_code: Path) -> None:
        self.lab = lab
        self._opened_code = opened_code
        self._loaded: list[str] = []
        self._started_with: list[Line] = []
        self._files = ExitStack()
        self._dialling = ExitStack()
        self._way = "sealed"

    @contextmanager
    def without(self, closings: Iterable[Closing]) -> Iterator[None]:
        """Without these, and then with them again."""
        closings = tuple(closings)
        lines = [line for closing in closings for line in closing.lines]
        self._start_with(sorted(line for line in lines if _read_at_start(line)))
        self._load(tuple(dict.fromkeys(module for closing in closings for module in closing.modules)))
        self._opened_code.write_text("\n".join(closing.code for closing in closings if closing.code))
        try:
            with lines_opened(self.lab, [line for line in lines if not _read_at_start(line)]):
                yield
        finally:
            self._opened_code.write_text("")

    def dial(self, way: str) -> None:
        """Have the daemon dial customers in this way, one of `DIALLING`."""
        if way != self._way:
            self._dialling.close()
            if DIALLING[way]:
                self._dialling.enter_context(settings(self.lab, DIALLING[way]))
            self._way = way

    def close(self) -> None:
        """Have it as it was."""
        self.dial("sealed")
        self._start_with([])
        self._load(())

    def _start_with(self, lines: list[Line]) -> None:
        if lines == self._started_with:
            return
        self._files.close()
        self._files.enter_context(_lines_written(self.lab, lines))
        self._started_with = lines
        self._restart()

    def _load(self, modules: Sequence[str]) -> None:
        """Have these loaded, in this order, besides what the shipped files load, and no others."""
        unwanted = [module for module in reversed(self._loaded) if module not in modules]
        if not ENDING_ASTERISK & set(unwanted) and all(map(self._unload, unwanted)):
            self._loaded = [module for module in self._loaded if module in modules]
        else:  # some stay until Asterisk ends
            self._restart()
        for module in modules:
            if module not in self._loaded and self._exists(module):
                answer = self.lab.asterisk.rx(f"module load {module}.so")
                assert "Loaded" in answer, answer
                self._loaded.append(module)

    def _unload(self, module: str) -> bool:
        return "Unloaded" in self.lab.asterisk.rx(f"module unload {module}.so")

    def _exists(self, module: str) -> bool:
        """What a newer Asterisk's modules need, an older one may not have."""
        return (self.lab.asterisk.installation.modules / f"{module}.so").exists()

    def _restart(self) -> None:
        self.lab.stop_daemon()
        self.lab.asterisk.stop()
        self.lab.start_asterisk()
        self.lab.start_daemon()
        self._loaded = []


@contextmanager
def opened_shop(lab: Lab, folder: Path) -> Iterator[Shop]:
    """The lab with a daemon that can be opened. `folder` is for a file or two."""
    opened = folder / "opened"
    opened.write_text("")
    lab.stop_daemon()
    start = partial(lab.start_daemon, program=(launcher(folder / "call-bridge", opened),))
    with patch.object(lab, "start_daemon", start), ordinary_pbx(lab):
        lab.start_daemon()
        shop = Shop(lab, opened)
        yield shop
        shop.close()
        lab.stop_daemon()
    lab.start_daemon()


@contextmanager
def lines_opened(lab: Lab, lines: list[Line]) -> Iterator[None]:
    """While Asterisk runs."""
    commands = dict.fromkeys(RELOADED_BY[_read_from(line)] for line in lines)
    try:
        with _lines_written(lab, lines):
            for command in commands:
                lab.asterisk.rx(command)
            yield
    finally:
        for command in commands:
            lab.asterisk.rx(command)


@contextmanager
def _lines_written(lab: Lab, lines: list[Line]) -> Iterator[None]:
    """In Asterisk's files the shipped ones, these lines changed, stand in the place of their #include."""
    own = {name: (lab.asterisk.etc / name).read_text() for name in map(_read_from, lines)}
    try:
        for name, text in own.items():
            opened = _opened(text, [line for line in lines if _read_from(line) == name])
            (lab.asterisk.etc / name).write_text(opened)
        yield
    finally:
        for name, text in own.items():
            (lab.asterisk.etc / name).write_text(text)


def _read_from(line: Line) -> str:
    """The file of Asterisk's that includes the shipped one."""
    name = Path(line[0]).name
    return {MANAGERS: "pjsip.conf", TRUNK: "pjsip.conf", EXTENSIONS: "extensions.conf"}.get(name, name)


def _read_at_start(line: Line) -> bool:
    """And never again, whatever is reloaded."""
    return line[0] == ASTERISK or (line[0] == PJPROJECT and line[1].startswith("log_level="))


def _opened(text: str, lines: list[Line]) -> str:
    for file in {file for file, _, _ in lines}:
        shipped = DIALPLAN / file
        text = text.replace(f'#include "{shipped}"', shipped.read_text())
    for file, line, other in lines:
        head, found, tail = _halves(text, file, line)
        assert found, f"{file} does not say {line}"
        text = head + other + tail
    return text


def _halves(text: str, file: str, line: str) -> tuple[str, str, str]:
    """The text before and after a line of the part that came from `file`."""
    first = (DIALPLAN / file).read_text().splitlines()[0]
    start = text.index(first)
    head, found, tail = text[start:].partition(f"\n{line}\n")
    return text[:start] + head + "\n", found, "\n" + tail
