"""An everyday softphone, baresip, as the manager's: what people use must work, not our own peers alone."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from shop import carrier_of, next_result, nothing_left, records, until

from bridge.proof.sip.carrier import Carrier
from labkit import debian, ports
from labkit.lab import Lab
from labkit.plan import UDP
from labkit.processes import start

CONFIG = """\
module_path {modules}
module g711.so
module ausine.so
module aufile.so
module_app account.so
module_app menu.so
module cons.so
audio_source ausine,440
ausrc_srate 48000
audio_player aufile,{folder}/heard.wav
audio_alert aufile,{folder}/alert.wav
sip_listen 127.0.0.1:0
net_interface 127.0.0.1
cons_listen 127.0.0.1:{port}
"""


class Baresip:
    """A running baresip with one account; commands go to its console, which listens on UDP."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        peers = debian.unpacked(debian.SIP_PEERS)
        modules = next(peers.path.rglob("baresip/modules"))
        self._console = ("127.0.0.1", ports.free_port("127.0.0.1", UDP))
        self._log = folder / "baresip.log"
        host, port = lab.sip_address
        account = f"<sip:101@{host}:{port}>;auth_pass={lab.managers['101'].password};regint=60\n"
        (folder / "accounts").write_text(account)
        config = CONFIG.format(modules=modules, folder=folder, port=self._console[1])
        (folder / "config").write_text(config)
        command = [*peers.command("usr/bin/baresip"), "-f", str(folder)]
        self.process = start(command, log=self._log, folder=folder, environment={})

    def has_said(self, text: str) -> bool:
        return text in self._log.read_text(errors="replace")

    def command(self, text: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as console:
            console.sendto(text.encode() + b"\n", self._console)


@pytest.fixture
def baresip(lab: Lab, tmp_path: Path) -> Iterator[Baresip]:
    phone = Baresip(lab, tmp_path)
    yield phone
    phone.process.end()


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


async def test_baresip_dials_an_order_and_talks(lab: Lab, baresip: Baresip, carrier: Carrier) -> None:
    before = records(lab)
    await until(lambda: baresip.has_said("200 OK"), "a registered baresip")
    host, port = lab.sip_address
    baresip.command(f"/dial sip:*1042@{host}:{port}")
    customer = await carrier.called()
    await customer.media.wait_for_audio(50)
    await until(lambda: baresip.has_said("Call established"), "a call that baresip calls established")
    baresip.command("/hangup")
    await customer.ended()
    assert (await next_result(lab, before)).result == "talked"
    assert not baresip.has_said("7700900123")
    await nothing_left(lab)
