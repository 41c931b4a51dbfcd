"""The bench's shop: a lab with every contender's way in, and limits that a bench can live with."""

from __future__ import annotations

import asyncio
import csv
import secrets
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchkit.contenders import Contender
from benchkit.contenders.callbridge import DIRECT_APP
from benchkit.contenders.plain import FAMILY
from benchkit.programs import numbers
from benchkit.settings import HOST, Settings
from bridge.store.database import Database
from bridge.store.managers import add_manager
from labkit import daemonfiles, pbxfiles, ports
from labkit.daemonfiles import NO_LIMITS, PLENTY
from labkit.lab import CALL_BRIDGE, Lab
from labkit.pbxfiles import write_private
from labkit.places import CHECKOUT, SCRIPTS
from labkit.plan import CARRIER_HOST, TCP, UDP
from labkit.processes import Process, start
from labkit.readiness import answers_ok, get, wait_until_ready

FIRST_ORDER = 1000
# From Ofcom's range for fiction: +447700900000 to +447700900999.
_NUMBER = "+447700900{:03}"
_RTP_PORTS_OF_A_CALL = 4
"""Two for each leg."""

# app_dial and the look-ups of (a) to (d), with what these need; all else is as shipped.
_MODULES = ("app_dial", "func_db", "res_curl", "func_curl", "res_speech", "res_agi")

# Everything is on; only what would refuse the ten thousandth call of a day is raised.
_LIMITS = {**NO_LIMITS, "live_per_manager": PLENTY}


@dataclass(frozen=True)
class SecondDaemon:
    """A call-bridge beside the lab's own, at the same Asterisk."""

    config: Path
    database: Path
    socket: Path


class Site:
    """Made by `open_site`. Managers have one order each: `code_of` tells it."""

    def __init__(self, lab: Lab, settings: Settings, contenders: tuple[Contender, ...]) -> None:
        self.lab = lab
        self.settings = settings
        self.contenders = contenders
        self.programs: dict[str, Process] = {}
        self.direct = _second(lab, "direct")

    @property
    def folder(self) -> Path:
        return self.lab.folder

    @property
    def managers(self) -> list[str]:
        """Extensions."""
        return list(self.lab.managers)

    @property
    def asterisk(self) -> Process:
        return self.lab.record.processes["asterisk"]

    @property
    def daemon(self) -> Process:
        """The one that dials sealed."""
        return self.lab.record.processes["daemon"]

    def code_of(self, extension: str) -> str:
        return str(FIRST_ORDER + self.managers.index(extension))

    def number_of(self, extension: str) -> str:
        """Whom this manager's order leads to."""
        return _NUMBER.format(self.managers.index(extension))

    # --- making it ---

    def prepare(self) -> None:
        """Write all files; make the keys, the database and its copies, and the table of numbers."""
        self._write_asterisk_files()
        self._write_daemon_files()
        self.lab.call_bridge("keys", "new")
        asyncio.run(self._add_managers())
        self.lab.call_bridge("orders", "import", str(self._write_orders()))
        numbers.write(self.settings.numbers, self._rows())
        _copy_database(self.lab.database_path, self.direct.database)
        self.settings.save(self._settings_path)

    def start(self) -> None:
        """Start Asterisk and every contender. Raises LabError."""
        self.lab.start_asterisk()
        for code, number in self._rows():
            self.lab.asterisk.rx(f"database put {FAMILY} {code} {number}")
        for contender in self.contenders:
            contender.start(self)

    def stop(self) -> None:
        for name in list(self.programs):
            self.end_program(name)
        self.lab.down()

    # --- processes ---

    def start_program(
        self, name: str, *, port: int | None = None, socket_path: Path | None = None, application: str = ""
    ) -> None:
        """Start a contender's program; return when it listens, or serves its application."""

        def is_ready() -> bool:
            if port is not None:
                return not ports.is_free(HOST, port, (TCP,))
            if socket_path is not None:
                return socket_path.exists()
            return application in self.lab.asterisk.rx("ari show apps")

        if socket_path is not None:
            socket_path.unlink(missing_ok=True)
        command = [sys.executable, "-m", f"benchkit.programs.{name}", str(self._settings_path)]
        environment = {"PYTHONPATH": f"{SCRIPTS}:{CHECKOUT}"}
        log = self.lab.log(name)
        self.programs[name] = start(command, log=log, folder=self.folder, environment=environment)
        wait_until_ready(name, self.programs[name], is_ready, log)

    def end_program(self, name: str) -> None:
        self.programs.pop(name).end()

    def start_daemon(self) -> None:
        """Unless another way has done so."""
        if "daemon" not in self.lab.record.processes:
            self.lab.start_daemon()

    def start_second_daemon(self) -> None:
        command: list[str | Path] = [CALL_BRIDGE, "--config", self.direct.config, "serve"]
        log = self.lab.log("direct")
        self.programs["direct"] = process = start(command, log=log, folder=self.folder)
        wait_until_ready("direct", process, lambda: answers_ok(self.direct.socket, "/readyz"), log)

    def carrier_is_up(self) -> bool:
        """Whether Asterisk, and the daemon, where a way has it, have heard from the carrier."""
        contacts = self.lab.asterisk.rx("pjsip show contacts")
        online = any("trunk/" in line and "Avail" in line for line in contacts.splitlines())
        api = self.lab.api_socket
        return online and (not api.exists() or "callbridge_carrier_up 1.0" in get(api, "/metrics"))

    # --- files ---

    @property
    def _settings_path(self) -> Path:
        return self.folder / "bench.json"

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Codes and numbers."""
        for extension in self.managers:
            yield self.code_of(extension), self.number_of(extension)

    def _write_orders(self) -> Path:
        path = self.folder / "orders.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["order", "name", "phone", "manager"])
            for extension, (code, number) in zip(self.managers, self._rows(), strict=True):
                writer.writerow([code, f"Customer of {extension}", number, extension])
        return path

    async def _add_managers(self) -> None:
        async with await Database.open(self.lab.database_path) as database:
            for extension, manager in self.lab.managers.items():
                await add_manager(database, manager.name, extension, actor="bench")

    def _write_asterisk_files(self) -> None:
        for name, text in asterisk_files(self).items():
            write_private(self.lab.asterisk.etc / name, text)

    def _write_daemon_files(self) -> None:
        record = self.lab.record
        daemonfiles.write(record, self.lab.api_socket)
        own = yaml.safe_load(record.config_path.read_text())
        own["rules"] = {**own["rules"], "limits": _LIMITS}
        own["calls"] = {**own["calls"], "max_live": PLENTY}
        sealed = {**own, "agi": {"listen": self.settings.token_agi}}
        write_private(record.config_path, yaml.safe_dump(sealed))
        self.direct.config.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(self.direct.config, yaml.safe_dump(_direct(own, self.direct)))


def asterisk_files(site: Site) -> dict[str, str]:
    """The lab's own files, which include the shipped ones, with what the contenders add below them."""
    texts = pbxfiles.texts(site.lab.record)
    extensions = "\n".join(contender.extensions(site) for contender in site.contenders)
    contexts = "".join(contender.contexts(site) for contender in site.contenders)
    loads = "\n".join(f"load={name}.so" for name in _MODULES)
    return texts | {
        "modules.conf": f"{texts['modules.conf']}\n[modules](+)\n{loads}\n",
        "extensions.conf": f"{texts['extensions.conf']}\n[call-bridge-managers](+)\n{extensions}{contexts}",
        "manager.conf": texts["manager.conf"] + "".join(one.manager(site) for one in site.contenders),
    }


def _second(lab: Lab, name: str) -> SecondDaemon:
    folder = lab.folder / name
    return SecondDaemon(
        folder / "config.yaml", folder / "call-bridge.db", lab.record.run_folder / f"{name}.sock"
    )


def _direct(own: dict[str, Any], second: SecondDaemon) -> dict[str, Any]:
    """The lab's settings for a daemon beside its own, which dials direct."""
    trunk = {**own["trunk"], "direct": "PJSIP/{number}@trunk"}
    del trunk["sealed"]
    return {
        **own,
        "asterisk": {**own["asterisk"], "application": DIRECT_APP},
        "trunk": trunk,
        "store": {"path": str(second.database)},
        "api": {"socket": str(second.socket), "desk_socket": str(second.socket.with_suffix(".desk"))},
    }


def _copy_database(source: Path, target: Path) -> None:
    target.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)


@contextmanager
def open_site(
    folder: Path, contenders: tuple[Contender, ...], *, managers: int, most_live: int
) -> Iterator[Site]:
    """A site in a new folder, with room for so many live calls; ended in any case. Raises LabError."""
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(folder, managers=managers, carrier=carrier)
    record = lab.record
    rtp_ports = _RTP_PORTS_OF_A_CALL * most_live
    record.rtp_first_port = ports.free_range(record.bind, rtp_ports, UDP)
    record.rtp_last_port = record.rtp_first_port + rtp_ports - 1
    site = Site(lab, settings_of(lab), contenders)
    try:
        site.prepare()
        site.start()
        yield site
    finally:
        site.stop()


def settings_of(lab: Lab) -> Settings:
    """Free ports and fresh passwords for a lab's contenders."""
    return Settings(
        numbers=lab.folder / "numbers.sqlite3",
        curl_port=_port(),
        fastagi_port=_port(),
        token_agi=f"{HOST}:{_port()}",
        sip_port=lab.record.sip_port,
        ami_port=_port(),
        ami_click=lab.record.run_folder / "ami-click.sock",
        ari_port=lab.record.ari_port,
        ari_user=lab.ari_user,
        ami_secret=secrets.token_hex(15),
        ari_password=lab.ari_password,
    )


def _port() -> int:
    return ports.free_port(HOST, socket.SOCK_STREAM)
