"""An everyday softphone, baresip, as the manager's: what people use must work, not our own peers alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import aiohttp
import pytest
from shop import carrier_of, next_result, nothing_left, records, until

from bridge.proof.sip.carrier import Carrier
from labkit import debian, ports
from labkit.deskapi import DeskApi
from labkit.deskpeople import admit, sign_in, taken
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

    def __init__(self, folder: Path, account: str) -> None:
        peers = debian.unpacked(debian.SIP_PEERS)
        modules = next(peers.path.rglob("baresip/modules"))
        self._console = ("127.0.0.1", ports.free_port("127.0.0.1", UDP))
        self._log = folder / "baresip.log"
        (folder / "accounts").write_text(f"{account};regint=60\n")
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
    host, port = lab.sip_address
    password = lab.managers["101"].password
    phone = Baresip(tmp_path, f"<sip:101@{host}:{port}>;auth_pass={password}")
    yield phone
    phone.process.end()


@pytest.fixture
def desk(lab: Lab) -> Iterator[None]:
    lab.start_desk()
    yield
    lab.stop_desk()


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


async def test_baresip_dials_an_order_and_talks(lab: Lab, baresip: Baresip, carrier: Carrier) -> None:
    await dials_and_talks(lab, baresip, carrier)


async def dials_and_talks(lab: Lab, baresip: Baresip, carrier: Carrier) -> None:
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


# --- set up from the desk ---


async def account_served(lab: Lab, app: str) -> Element:
    """What the desk serves the phone of 101, as a manager has it done who has signed in."""
    hand_over = ("managers", "phone", "101")
    await asyncio.to_thread(lab.call_bridge, *hand_over, typed=lab.managers["101"].password)
    async with DeskApi(lab.desk_socket) as api:
        token = await sign_in(api, await admit(lab, api, "101"))
        made = taken(await api.ask("POST", "/v1/phone/links", {"app": app}, token=token))
    async with aiohttp.ClientSession() as http, http.get(lab.desk_url + made["path"]) as answer:
        assert answer.status == 200
        return ElementTree.fromstring(await answer.read())


def of_linphone(root: Element) -> str:
    """The account as baresip writes it, of exactly what was served."""
    told = {entry.attrib["name"]: entry.text or "" for entry in root.iter() if "overwrite" in entry.attrib}
    codecs = ",".join(entry.text or "" for entry in root.iter() if entry.attrib.get("name") == "mime")
    user = f"auth_user={told['userid']};auth_pass={told['passwd']}"
    outbound = told["reg_proxy"].strip("<>")
    return f'<{told["reg_identity"]}>;outbound="{outbound}";{user};audio_codecs={codecs}'


def of_zoiper(root: Element) -> str:
    told = {element.tag: element.text or "" for element in root.iter()}
    server = f"{told['SIP_domain']};transport={told['SIP_transport_type'].lower()}"
    user = f"auth_user={told['SIP_auth_username']};auth_pass={told['password']}"
    return f"<sip:{told['username']}@{server}>;{user}"


@pytest.mark.parametrize(("app", "as_baresip"), [("linphone", of_linphone), ("zoiper", of_zoiper)])
async def test_an_account_that_the_desk_serves_registers_and_talks(
    lab: Lab, desk: None, carrier: Carrier, tmp_path: Path, app: str, as_baresip: Callable[[Element], str]
) -> None:
    phone = Baresip(tmp_path, as_baresip(await account_served(lab, app)))
    try:
        await dials_and_talks(lab, phone, carrier)
    finally:
        phone.process.end()
    for log in ("daemon", "desk"):
        assert lab.managers["101"].password not in lab.log(log).read_text()
