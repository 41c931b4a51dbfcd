"""A whole shop on one machine: Asterisk, the daemon, managers with phone accounts, orders, and a carrier.

    lab = Lab.up(folder, managers=2)
    ...
    lab.down()

`up` is made of steps that can be taken one by one: `create`, `start_carrier`, `start_asterisk`, `prepare`,
`start_daemon`; `start_desk` starts the web desk beside them.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import yaml

from bridge.rules import Role
from bridge.store.database import Database
from bridge.store.managers import add_manager
from labkit import daemonfiles, deskphone, pbxfiles, plan, ports
from labkit.asterisk import LONGEST_SOCKET_PATH, Asterisk, find_asterisk
from labkit.errors import LabError
from labkit.locks import locked
from labkit.places import SCRIPTS, VENV
from labkit.processes import Process, start
from labkit.readiness import answers_ok, serves_ok, wait_until_ready
from labkit.record import ARI_USER, LabManager, LabRecord

SAMPLE_ORDERS = SCRIPTS / "labkit" / "sample" / "orders.csv"
PHONE = "phone-"
CALL_BRIDGE = VENV / "bin" / "call-bridge"


class AlreadyUpError(LabError):
    """`up` was asked for a lab that runs."""


class Lab:
    """A lab in a folder; every fact about it is in `record` and in the folder's lab.json."""

    def __init__(self, record: LabRecord) -> None:
        self.record = record

    @cached_property
    def asterisk(self) -> Asterisk:
        """Found (or fetched) when first asked for: ending a lab needs none."""
        record = self.record
        return Asterisk(find_asterisk(), record.folder, record.run_folder, record.processes.get("asterisk"))

    # ------------------------------------------------------------------ its facts

    @property
    def folder(self) -> Path:
        return self.record.folder

    @property
    def ari_url(self) -> str:
        return self.record.ari_url

    @property
    def ari_user(self) -> str:
        return ARI_USER

    @property
    def ari_password(self) -> str:
        return self.record.ari_password

    @property
    def sip_address(self) -> tuple[str, int]:
        return self.record.bind, self.record.sip_port

    @property
    def carrier_address(self) -> tuple[str, int]:
        host, _, port = self.record.carrier.rpartition(":")
        return host, int(port)

    @property
    def managers(self) -> dict[str, LabManager]:
        """By extension."""
        return self.record.managers

    @property
    def config_path(self) -> Path:
        return self.record.config_path

    @property
    def database_path(self) -> Path:
        return self.record.database_path

    @property
    def api_socket(self) -> Path:
        """The daemon's API; in the run folder where the lab's own path is too long for a socket."""
        path = self.record.var / "call-bridge.sock"
        fits = len(os.fsencode(path)) < LONGEST_SOCKET_PATH
        return path if fits else self.record.run_folder / path.name

    @property
    def desk_socket(self) -> Path:
        """The daemon's API for the desk, in the same place."""
        return self.api_socket.with_name(daemonfiles.DESK_SOCKET)

    @property
    def desk_url(self) -> str:
        return self.record.desk_url

    def log(self, name: str) -> Path:
        """Where the process `name` (asterisk-console, daemon, carrier, desk) writes what it has to say."""
        return self.record.log_folder / f"{name}.log"

    # ------------------------------------------------------------------ all of it

    @classmethod
    def up(
        cls,
        folder: Path,
        *,
        managers: int = 2,
        carrier: str | None = None,
        sip_port: int | None = None,
        orders: Path | None = None,
        bind: str = "127.0.0.1",
        roles: Mapping[str, Role] | None = None,
        settings: dict[str, dict[str, Any]] | None = None,
    ) -> Self:
        """Start a lab in `folder` and return when a call can be made.

        `roles` are those of extensions that are more than a manager's; `settings` are laid over those of
        config.yaml, section by section. `carrier` is HOST:PORT; without it a
        simulated one is started. `orders` is a CSV file to import; without it a new lab gets the sample.
        A folder that held a lab before keeps its passwords and database, so phones that are set up stay so.

        Raises AlreadyUpError and LabError; what was started until then is ended.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock", f"another run that is starting the lab in {folder}"):
            lab = cls.create(
                folder, managers=managers, carrier=carrier, sip_port=sip_port, bind=bind, roles=roles
            )
            try:
                if lab.record.carrier_is_simulated:
                    lab.start_carrier()
                lab.start_asterisk()
                lab.prepare(orders)
                lab.configure(settings or {})
                lab.start_daemon()
            except BaseException:
                lab.down()
                raise
        return lab

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        managers: int = 2,
        carrier: str | None = None,
        sip_port: int | None = None,
        bind: str = "127.0.0.1",
        roles: Mapping[str, Role] | None = None,
    ) -> Self:
        """Decide on every fact and write Asterisk's configuration; start nothing. Raises as `up` does."""
        folder = folder.resolve()
        previous = LabRecord.load(folder)
        if previous and previous.up:
            raise AlreadyUpError(f"the lab in {folder} is up already (`scripts/lab down` ends it)")
        record = plan.decide(
            folder,
            previous,
            managers=managers,
            carrier=carrier,
            sip_port=sip_port,
            bind=bind,
            roles=roles or {},
        )
        lab = cls(record)
        lab._write_configuration()
        return lab

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The lab that was made in `folder`, running or not; None when there is none."""
        record = LabRecord.load(folder.resolve())
        return cls(record) if record else None

    def down(self) -> None:
        """End exactly the processes that this lab started; its files stay."""
        phones = [name for name in self.record.processes if name.startswith(PHONE)]
        for name in (*phones, "desk", "daemon", "asterisk", "carrier"):
            self._end(name)
        if self.record.run_folder.name.startswith("call-bridge-"):
            shutil.rmtree(self.record.run_folder, ignore_errors=True)

    # ------------------------------------------------------------------ step by step

    def start_carrier(self) -> None:
        """Start the simulated carrier and return when it listens."""
        command = [sys.executable, "-m", "labkit.carrier"]
        options = ["--bind", self.record.carrier, "--record", str(self.record.carrier_recording)]
        process = self._start("carrier", [*command, *options], {"PYTHONPATH": str(SCRIPTS)})
        host, port = self.carrier_address
        wait_until_ready(
            "the carrier", process, lambda: not ports.is_free(host, port, (plan.UDP,)), self.log("carrier")
        )

    def start_asterisk(self) -> None:
        """Start Asterisk and return when it has booted."""
        try:
            self.asterisk.start()
        finally:
            if self.asterisk.process:
                self._remember("asterisk", self.asterisk.process)

    def prepare(self, orders: Path | None = None) -> None:
        """Write config.yaml, and make keys, managers and orders through the `call-bridge` command.

        What an earlier lab in the folder has finished is kept; `orders` are imported in any case.
        """
        if self.record.prepared:
            daemonfiles.write(self.record, self.api_socket)
        else:
            self._make_database()
        if orders or not self.record.prepared:
            self.call_bridge("orders", "import", str((orders or SAMPLE_ORDERS).resolve()))
        self.record.prepared = True
        self.record.save()

    def _make_database(self) -> None:
        for folder in (self.record.var, self.record.secrets):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        daemonfiles.write(self.record, self.api_socket)
        self.call_bridge("keys", "new")
        asyncio.run(self._add_managers())

    async def _add_managers(self) -> None:
        """Straight into the database: the command takes half a second for each, and a crowd has hundreds."""
        async with await Database.open(self.database_path) as database:
            for extension, manager in self.managers.items():
                await add_manager(database, manager.name, extension, manager.role, actor="lab")

    def configure(self, changes: dict[str, dict[str, Any]]) -> None:
        """Lay settings over those of config.yaml, section by section; the next daemon has them."""
        settings = daemonfiles.merged(yaml.safe_load(self.config_path.read_text()), changes)
        text = yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)
        pbxfiles.write_private(self.config_path, text)

    def start_daemon(
        self,
        *,
        until: str = "/readyz",
        program: Sequence[str | Path] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the daemon and return when it answers GET `until` with 200.

        One that is sealed, or in a panic, is never ready: of such a one "/healthz" says that it lives.
        `program` is what takes the place of the `call-bridge` command, if anything.
        """
        command = [*map(str, program or (CALL_BRIDGE,)), "--config", str(self.config_path), "serve"]
        process = self._start("daemon", command, environment or {})
        wait_until_ready(
            "the daemon", process, lambda: answers_ok(self.api_socket, until), self.log("daemon")
        )

    def start_desk(self) -> None:
        """Start the web desk, at `desk_url`, and return when it answers browsers."""
        command = [str(CALL_BRIDGE), "--config", str(self.config_path), "desk", "serve"]
        process = self._start("desk", command, {})
        port = self.record.desk_port
        wait_until_ready(
            "the desk", process, lambda: serves_ok("127.0.0.1", port, "/sign-in"), self.log("desk")
        )

    def stop_desk(self) -> None:
        self._end("desk")

    def start_phone(self, extension: str) -> None:
        """Start a phone that is picked up by itself, and return when it is registered."""
        host, port = self.sip_address
        server = f"{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        name = PHONE + extension
        log = self.log(name)
        log.unlink(missing_ok=True)
        process = self._start(
            name,
            [sys.executable, "-m", "labkit.deskphone", extension, server],
            {
                "PYTHONPATH": str(SCRIPTS),
                deskphone.PASSWORD_VARIABLE: self.managers[extension].password,
            },
        )
        wait_until_ready(
            f"the phone {extension}", process, lambda: deskphone.REGISTERED in log.read_text(), log
        )

    def stop_daemon(self) -> None:
        """End the daemon as systemd would; Asterisk and its calls stay."""
        self._end("daemon")

    def kill_daemon(self) -> None:
        """End the daemon as a crash would."""
        self.record.processes["daemon"].kill()

    def restart_daemon(self) -> None:
        self.stop_daemon()
        self.start_daemon()

    def examine(self) -> list[str]:
        """What `call-bridge doctor` finds amiss in this lab, a line each."""
        done = self._run("doctor", "--asterisk-etc", str(self.asterisk.etc), "--json")
        findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        return [
            f"{finding['id']} ({finding['file']}:{finding['line']}): {finding['meaning']}"
            for finding in findings
            if finding["gravity"] != "notice"
        ]

    def call_bridge(self, *arguments: str, typed: str = "") -> str:
        """Run the `call-bridge` command on this lab; what it prints. Raises LabError when it fails."""
        done = self._run(*arguments, typed=typed)
        if done.returncode != 0:
            step = " ".join(arguments[:2])
            raise LabError(f"call-bridge {step} failed:\n{(done.stderr or done.stdout).strip()}")
        return done.stdout

    # ------------------------------------------------------------------ within

    def _run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        if not CALL_BRIDGE.exists():
            raise LabError(f"{CALL_BRIDGE} is missing: run scripts/lab or scripts/test, which install it")
        return subprocess.run(
            [CALL_BRIDGE, "--config", self.config_path, *arguments],
            cwd=self.folder,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    def _write_configuration(self) -> None:
        for folder in (self.folder, self.record.secrets, self.record.var, self.record.log_folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.folder.chmod(0o700)
        self.asterisk.write_main_configuration(f'#include "{pbxfiles.SHIPPED / "asterisk.conf"}"\n')
        pbxfiles.write(self.record, self.asterisk.etc)
        self.record.save()

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> Process:
        process = start(command, log=self.log(name), folder=self.folder, environment=environment)
        self._remember(name, process)
        return process

    def _remember(self, name: str, process: Process) -> None:
        """At once, so that whatever goes wrong later, `down` knows what to end."""
        self.record.processes[name] = process
        self.record.save()

    def _end(self, name: str) -> None:
        process = self.record.processes.pop(name, None)
        if process:
            process.end()
            self.record.save()
