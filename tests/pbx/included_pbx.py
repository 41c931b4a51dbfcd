"""A private Asterisk that includes our files as an integrator would, with two managers and a trunk."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from asterisk_log import said_of_files

from labkit import ports
from labkit.asterisk import Asterisk, find_asterisk, short_run_folder
from labkit.places import DIALPLAN

SHIPPED = DIALPLAN / "asterisk"
PASSWORD = "only-for-this-test"
SHOP_NUMBER = "+442079460000"
CARRIER_HOST = "127.0.0.2"
EXAMPLE = re.compile(r"^; --- example ---\n(.*?)^; --- end of example ---$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Complaint:
    """A warning or an error of Asterisk's log."""

    source: str
    text: str


def include(path: Path) -> str:
    return f'#include "{path}"\n'


def everything_shipped() -> dict[str, str]:
    """By file name, all that Asterisk reads but asterisk.conf and pjsip.conf."""
    texts = {path.name: include(path) for path in SHIPPED.glob("*.conf") if path.name != "asterisk.conf"}
    texts["extensions.conf"] = include(DIALPLAN / "extensions-call-bridge.conf")
    texts["call-bridge-ari-password.conf"] = f"password={PASSWORD}\n"
    return texts


def example(file_name: str) -> str:
    """The commented example of a template file, as a reader would use it."""
    found = EXAMPLE.search((DIALPLAN / file_name).read_text())
    assert found, f"{file_name} shows no example"
    lines = [line.removeprefix(";") for line in found[1].splitlines()]
    return "\n".join(lines).replace("password=", f"password={PASSWORD}") + "\n"


class IncludedPbx:
    """Starts with the given files; `folder` and everything in it is the test's own."""

    def __init__(self, folder: Path) -> None:
        self.sip_port = ports.free_port("127.0.0.1", socket.SOCK_DGRAM)
        self.ari_port = ports.free_port("127.0.0.1", socket.SOCK_STREAM)
        self.asterisk = Asterisk(find_asterisk(), folder, short_run_folder())

    @property
    def sip_address(self) -> tuple[str, int]:
        return "127.0.0.1", self.sip_port

    @property
    def ari_url(self) -> str:
        return f"http://127.0.0.1:{self.ari_port}"

    def start(self, texts: Mapping[str, str]) -> Self:
        """`texts` are configuration files by name."""
        self.asterisk.write_main_configuration()
        main = self.asterisk.etc / "asterisk.conf"
        main.write_text(main.read_text() + include(SHIPPED / "asterisk.conf"))
        for name, text in texts.items():
            path = self.asterisk.etc / name
            path.touch(mode=0o600)
            path.write_text(text)
        self.asterisk.start()
        return self

    def stop(self) -> None:
        self.asterisk.stop()
        shutil.rmtree(self.asterisk.run_folder)

    def rx(self, command: str) -> str:
        return self.asterisk.rx(command)

    def pjsip(self, *more: str) -> str:
        """pjsip.conf with both templates' examples used as they stand; 102 speaks Russian."""
        transport = f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{self.sip_port}\n"
        manager = example("pjsip-managers.conf")
        second = manager.replace("101", "102").replace("language=en", "language=ru")
        trunk = example("pjsip-trunk.conf").replace("192.0.2.10", CARRIER_HOST)
        files = (include(DIALPLAN / name) for name in ("pjsip-managers.conf", "pjsip-trunk.conf"))
        return "\n".join((transport, *files, manager, second, trunk, *more))

    def http(self) -> str:
        return include(SHIPPED / "http.conf") + f"[general](+)\nbindport={self.ari_port}\n"

    @property
    def log(self) -> str:
        return (self.asterisk.log_folder / "messages.log").read_text()

    def complaints(self) -> set[Complaint]:
        log = said_of_files(self.log)
        found = re.findall(r"^\[[^]]*\] (?:WARNING|ERROR)\[\S+ (\S+): (.*)$", log, re.MULTILINE)
        return {Complaint(source, text.replace(str(self.asterisk.folder), "")) for source, text in found}
