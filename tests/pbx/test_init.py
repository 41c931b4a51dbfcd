"""A real Asterisk with its own package's files, after `call-bridge init`: it carries masked calls."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from shop import until_async

from bridge.doctor.conf import read_conf
from bridge.proof.capture import Direction
from bridge.proof.scan import Scanner
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.asterisk import Asterisk, find_asterisk, short_run_folder
from labkit.lab import CALL_BRIDGE
from labkit.processes import Process, start
from labkit.readiness import answers_ok, wait_until_ready

NUMBER = "+447700900123"
CARRIER_HOST = "127.0.0.2"
OWN = "[globals]\nOWN=1\n\n[our-office]\nexten => 200,1,Answer()\n"


class SetUp:
    """The PBX as its owner had it but for ports, which other tests use, too; then init; then the daemon."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sip_port = ports.free_port("127.0.0.1", socket.SOCK_DGRAM)
        self.carrier_port = ports.free_port(CARRIER_HOST, socket.SOCK_DGRAM)
        self.asterisk = Asterisk(find_asterisk(), root, short_run_folder())
        self.daemon: Process | None = None
        self._packages_files()

    @property
    def etc(self) -> Path:
        return self.asterisk.etc

    @property
    def config(self) -> Path:
        return self.root / "etc/call-bridge/config.yaml"

    @property
    def socket(self) -> Path:
        return self.asterisk.run_folder / "call-bridge.sock"

    def _packages_files(self) -> None:
        installed = (self.asterisk.installation.root or Path("/")) / "etc/asterisk"
        shutil.copytree(installed, self.etc)
        self.asterisk.write_main_configuration()
        (self.root / "var/lib").mkdir(parents=True)
        rtp = ports.free_range("127.0.0.1", 40, socket.SOCK_DGRAM)
        http = ports.free_port("127.0.0.1", socket.SOCK_STREAM)
        for name, more in {
            "extensions.conf": OWN,
            "pjsip.conf": f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{self.sip_port}\n",
            "http.conf": f"bindport={http}\n",
            "rtp.conf": f"[general](+)\nrtpstart={rtp}\nrtpend={rtp + 39}\n",
        }.items():
            with (self.etc / name).open("a") as file:
                file.write(f"\n{more}")

    def call_bridge(self, *arguments: str | Path, typed: str = "") -> str:
        done = subprocess.run(
            [CALL_BRIDGE, "--config", self.config, *arguments],
            input=typed,
            env={**os.environ, "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def init(self, *arguments: str) -> str:
        return self._on_copy("init", *arguments)

    def apply(self) -> str:
        return self._on_copy("apply")

    def _on_copy(self, command: str, *arguments: str) -> str:
        config = Path("/etc/call-bridge/config.yaml")
        done = subprocess.run(
            [CALL_BRIDGE, "--config", config, command, "--root", self.root, "--yes", *arguments],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        shop = ("--shop-name", "Shop", "--shop-number", "+442079460000", "--country", "GB")
        carrier = f"{CARRIER_HOST}:{self.carrier_port}"
        self.init(*shop, "--timezone", "Europe/London", "--carrier", carrier, "--managers", "101")
        self._as_of_this_machine()
        self.asterisk.start()
        self.call_bridge("managers", "add", "101", "--name", "Anna")
        self.call_bridge("orders", "add", "1042", "--name", "Boris", "--manager", "101", typed=f"{NUMBER}\n")
        log = self.root / "daemon.log"
        self.daemon = start(
            [str(CALL_BRIDGE), "--config", str(self.config), "serve"], log=log, folder=self.root
        )
        wait_until_ready("the daemon", self.daemon, lambda: answers_ok(self.socket, "/readyz"), log)

    def _as_of_this_machine(self) -> None:
        """A copy's paths are those of the machine it is of. And two ports are other tests', too."""
        listen = ports.free_port("127.0.0.1", socket.SOCK_DGRAM)
        text = self.config.read_text()
        for name in (self.socket.name, "desk.sock"):
            text = text.replace(f"/var/lib/call-bridge/{name}", str(self.socket.with_name(name)))
        text = text.replace("/var/lib/", f"{self.root}/var/lib/").replace(
            "127.0.0.1:5071", f"127.0.0.1:{listen}"
        )
        text = re.sub(r'\["08:00-21:00"\]', '["00:00-24:00"]', text)
        self.config.write_text(text)
        ours = self.etc / "call-bridge/pjsip.conf"
        ours.write_text(ours.read_text().replace("127.0.0.1:5071", f"127.0.0.1:{listen}"))

    def stop(self) -> None:
        if self.daemon is not None:
            self.daemon.end()
        self.asterisk.stop()
        shutil.rmtree(self.asterisk.run_folder)

    @property
    def sip_password(self) -> str:
        return (self.etc / "call-bridge/sip-password-101.conf").read_text().removeprefix("password=").strip()


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SetUp]:
    pbx = SetUp(tmp_path_factory.mktemp("set-up"))
    try:
        pbx.start()
        yield pbx
    finally:
        pbx.stop()


@pytest.fixture
async def phone(pbx: SetUp) -> AsyncIterator[Phone]:
    async with Phone("101", pbx.sip_password, server=("127.0.0.1", pbx.sip_port)) as phone:
        await phone.register()
        yield phone


async def test_an_order_that_is_dialled_becomes_a_masked_call(pbx: SetUp, phone: Phone) -> None:
    async with Carrier((CARRIER_HOST, pbx.carrier_port)) as carrier:
        await asyncio.to_thread(pbx.asterisk.rx, "pjsip qualify trunk")
        await until_async(lambda: _is_up(pbx), "a carrier that Asterisk knows to be alive", within=40)
        call = await phone.dial("*1042")
        await call.answered(within=20)
        customer = await carrier.called()
        assert Uri.parse(customer.invite.uri).user == NUMBER
        await call.media.wait_for_audio(25)
        await call.hang_up()
        await customer.ended()
    scanner = Scanner(NUMBER, "GB")
    received = phone.recording.only(direction=Direction.RECEIVED)
    assert len(received) > 25
    assert [found for datagram in received for found in scanner.scan(datagram.data)] == []


async def _is_up(pbx: SetUp) -> bool:
    told = await asyncio.to_thread(pbx.asterisk.rx, "pjsip show contacts")
    return re.search(r"Contact:\s+trunk/.*\bAvail\b", told) is not None


async def test_a_phone_of_the_shop_rings_on_request(pbx: SetUp, phone: Phone) -> None:
    async with asyncio.TaskGroup() as group:
        told = group.create_task(asyncio.to_thread(pbx.init, "--ring", "101"))
        call = await phone.incoming(within=30)
        await call.answer()
    assert "It was answered." in told.result()


def test_what_was_written_since_is_applied_to_a_running_asterisk_and_daemon(pbx: SetUp) -> None:
    ours, ends = pbx.etc / "call-bridge/pjsip.conf", "[102](call-bridge-manager)\nauth=101\naors=101\n"
    ours.write_text(f"{ours.read_text()}\n{ends}")
    extensions = pbx.etc / "extensions.conf"
    extensions.write_text(f"{extensions.read_text()}\n[added]\nexten => 1,1,Hangup()\n")
    assert "Unable to find" in pbx.asterisk.rx("pjsip show endpoint 102")
    pbx.config.write_text(pbx.config.read_text().replace("name: Shop", "name: Our Shop"))
    told = pbx.apply()
    assert "Asterisk has read its dialplan and its SIP settings again." in told
    assert "The daemon goes by " in told
    assert "configuration on disk" not in pbx.call_bridge("status"), "the daemon has read it"
    assert "Unable to find" not in pbx.asterisk.rx("pjsip show endpoint 102")
    assert "'1' =>" in pbx.asterisk.rx("dialplan show added")


def test_what_the_pbx_did_before_it_does_now(pbx: SetUp) -> None:
    assert "'200'" in pbx.asterisk.rx("dialplan show our-office")
    assert "OWN=1" in pbx.asterisk.rx("dialplan show globals")
    assert "CALLBRIDGE_PREFIX=*" in pbx.asterisk.rx("dialplan show globals")


def test_asterisk_has_no_complaint_of_what_init_wrote(pbx: SetUp) -> None:
    for name in ("extensions.conf", "pjsip.conf", "ari.conf", "http.conf"):
        conf = read_conf(pbx.etc / name, pbx.etc)
        assert conf is not None
        assert [trouble for trouble in conf.troubles if "call-bridge" in str(trouble.place)] == []
    logs = "\n".join(path.read_text() for path in pbx.asterisk.log_folder.glob("*") if path.is_file())
    assert [line for line in logs.splitlines() if "call-bridge" in line and "ERROR" in line] == []
