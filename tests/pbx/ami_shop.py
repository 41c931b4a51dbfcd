"""A shop whose daemon listens to AMI by a relay that keeps every byte, and others who listen there."""

from __future__ import annotations

import asyncio
import re
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callback_shop import EXTENSIONS, PJSIP, SUPERVISOR
from shop import until

from bridge.asterisk.ami.rights import FILTERS, PERMIT, READ, manager_conf_user
from labkit import ports
from labkit.lab import Lab
from labkit.pbxfiles import write_private
from labkit.plan import CARRIER_HOST, UDP

LOOPBACK = "127.0.0.1"
USER, SECRET = "call-bridge", "only-for-these-tests-1"
OURS = ",".join(READ)
OTHERS = {
    "all-unfiltered": ("all", ()),
    "all-filtered": ("all", FILTERS),
    "ours-unfiltered": (OURS, ()),
}
"""What others may read, and by which filters: each of these lacks something of what the daemon's user has."""

SETTINGS: dict[str, dict[str, Any]] = {
    "callbacks": {"first_seconds": 1, "ring_seconds": 10, "stand_ins": "supervisors", "ask_code": False},
    "captures": {"key_seconds": 5, "longest_seconds": 60},
    "desk": {"second_factor": []},
    # Sealed, no number is in any event: what is to be seen here is what keeps those from us that have one.
    "trunk": {"sealed": None, "direct": "PJSIP/{number}@trunk"},
    "log": {"level": "debug", "format": "json"},
}


class Relay:
    """Between the daemon and AMI, in threads of its own: fixtures of any event loop can use it."""

    def __init__(self, port: int) -> None:
        self.heard = bytearray()
        """What Asterisk has said."""
        self.asked = bytearray()
        self.connections = 0
        self._behind = port
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((LOOPBACK, self._behind))
            except OSError:
                client.close()
                continue
            self.connections += 1
            self._sockets += [client, server]
            for way in ((client, server, self.asked), (server, client, self.heard)):
                threading.Thread(target=_pass_on, args=way, daemon=True).start()

    def cut(self) -> None:
        """End every connection."""
        for each in self._sockets:
            _end(each)
        self._sockets.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut()


def _pass_on(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            kept += data
            sink.sendall(data)
    _end(source)
    _end(sink)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@dataclass
class Listener:
    heard: bytearray = field(default_factory=bytearray)


@dataclass
class AmiShop:
    lab: Lab
    relay: Relay
    port: int

    @asynccontextmanager
    async def listening(self, user: str) -> AsyncIterator[Listener]:
        """Somebody who has logged in, and keeps all that comes."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port, limit=1 << 24)
        writer.write(f"Action: Login\r\nUsername: {user}\r\nSecret: {SECRET}\r\n\r\n".encode())
        listener = Listener()

        async def read() -> None:
            while data := await reader.read(65536):
                listener.heard += data

        async with asyncio.TaskGroup() as group:
            reading = group.create_task(read())
            await until(lambda: b"Authentication accepted" in listener.heard, "a listener who was let in")
            try:
                yield listener
            finally:
                writer.close()
                reading.cancel()

    def answers(self, port: int, user: str = USER) -> dict[str, str]:
        """What Asterisk answers this user to actions that would tell or change something, by action."""
        actions = {
            "CoreShowChannels": "",
            "Status": "",
            "Getvar": "Variable: CHANNEL(name)\r\n",
            "GetConfig": "Filename: manager.conf\r\n",
            "Filter": "Operation: Add\r\nFilter: .*\r\n",
            "Reload": "Module: pbx_config.so\r\n",
            "Originate": "Channel: PJSIP/101\r\nContext: a\r\nExten: s\r\nPriority: 1\r\n",
            "Command": "Command: core show channels\r\n",
        }
        with socket.create_connection((LOOPBACK, port)) as link, link.makefile("rwb") as file:
            file.write(
                f"Action: Login\r\nUsername: {user}\r\nSecret: {SECRET}\r\nEvents: off\r\n\r\n".encode()
            )
            for name, more in actions.items():
                file.write(f"Action: {name}\r\nActionID: {name}\r\n{more}\r\n".encode())
            file.write(b"Action: Logoff\r\n\r\n")
            file.flush()
            said = file.read().decode()
        return {name: _answer_to(name, said) for name in actions}


def _answer_to(name: str, said: str) -> str:
    found = re.search(rf"Response: (\w+)\r\nActionID: {name}\r\nMessage: ([^\r]*)", said)
    return f"{found[1]}: {found[2]}" if found else "no answer"


def manager_conf(port: int) -> str:
    users = [*manager_conf_user(USER), f"secret={SECRET}"]
    for name, (read, filters) in OTHERS.items():
        users += ["", f"[{name}]", f"secret={SECRET}", f"permit={PERMIT}", f"read={read}"]
        users += [f"eventfilter={each}" for each in filters]
    return "\n".join(["", "[general](+)", "enabled=yes", f"port={port}", "", *users, ""])


@contextmanager
def ami_shop(folder: Path) -> Iterator[AmiShop]:
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(folder, managers=3, carrier=carrier)
    port = ports.free_port(LOOPBACK, socket.SOCK_STREAM)
    texts = {"extensions.conf": EXTENSIONS, "pjsip.conf": PJSIP, "manager.conf": manager_conf(port)}
    for name, text in texts.items():
        with (lab.asterisk.etc / name).open("a") as file:
            file.write(text)
    relay = Relay(port)
    try:
        lab.start_asterisk()
        lab.prepare()
        secret = lab.record.secrets / "ami-secret"
        write_private(secret, f"{SECRET}\n")
        ami = {"enabled": True, "port": relay.port, "user": USER, "secret_file": str(secret)}
        lab.configure(SETTINGS | {"ami": ami})
        with sqlite3.connect(lab.database_path) as database:
            database.execute("UPDATE managers SET role = 'supervisor' WHERE extension = ?", (SUPERVISOR,))
        database.close()
        lab.start_daemon()
        yield AmiShop(lab, relay, port)
    finally:
        lab.down()
        relay.close()
