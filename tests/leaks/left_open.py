"""What Asterisk still shows, of a call dialled sealed, to whoever holds the machine; and what it does not.

A probe is one as in `insiders`. Of what is open it finds the number, on the real Asterisk; of what is closed
it finds none, dialled sealed.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import aiohttp
from eavesdropping import all_events, login
from insiders import (
    LOOPBACK,
    ami_events,
    answer,
    conversation,
    found,
    malformed_conversation,
    readers_login,
    written,
)
from openings import MANAGER, Closing, left_out, setting
from ordinary import hep_port
from probes import Probe, no_call_left, talking
from search import CUSTOMER
from shop import ari, until

from bridge.proof.sip.carrier import Carrier, answer_naming_the_callee, silence
from bridge.proof.sip.message import Message, Response
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab

CONSOLE = (
    "core show channels verbose",
    "core show channels concise",
    "core show calls",
    "pjsip show channels",
    "pjsip show channelstats",
    "pjsip show contacts",
    "pjsip show endpoints",
    "pjsip show aors",
    "bridge show all",
    "core show hints",
    "core show taskprocessors",
    "rtp show settings",
    "database show",
    "dialplan show globals",
    "ari show apps",
    "core show locks",
)
RESOURCES = ("channels", "bridges", "endpoints", "endpoints/PJSIP", "applications")
DEBUGGING = (
    "core set debug 9",
    "core set verbose 9",
    "pjproject set log level 6",
    "ari set debug all on",
    "rtp set debug on",
    "rtcp set debug on",
)
AS_BEFORE = (
    "core set debug 0",
    "core set verbose 0",
    "pjproject set log level 2",
    "ari set debug all off",
    "rtp set debug off",
    "rtcp set debug off",
)
EVERY_LEVEL = "debug,verbose,notice,warning,error"
LOG = "told.log"

_ALL_PROTOCOLS = 3  # ETH_P_ALL of linux/if_ether.h
_LARGEST_PACKET = 1 << 16
_RINGS_SECONDS = 0.2


# --- Asterisk's console -------------------------------------------------------------------------------


@contextmanager
def told(lab: Lab, on: Sequence[str], off: Sequence[str]) -> Iterator[None]:
    """With all that Asterisk says in a log of its own, and these commands given."""
    try:
        for command in (f"logger add channel {LOG} {EVERY_LEVEL}", *on):
            lab.asterisk.rx(command)
        yield
    finally:
        for command in (*off, f"logger remove channel {LOG}"):
            lab.asterisk.rx(command)
        (lab.asterisk.log_folder / LOG).unlink(missing_ok=True)


async def debugging(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Every switch that has to do with a call, and a carrier that names whom it has reached."""
    carrier.behaviour = answer_naming_the_callee(after=_RINGS_SECONDS)
    with told(lab, DEBUGGING, AS_BEFORE):
        return await written(LOG, conversation)(lab, phone, carrier)


async def debugging_a_broken_message(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    with told(lab, DEBUGGING, AS_BEFORE):
        return await written(LOG, malformed_conversation)(lab, phone, carrier)


async def sip_log(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    with told(lab, ["pjsip set logger on"], ["pjsip set logger off"]):
        return await written(LOG, conversation)(lab, phone, carrier)


async def sip_capture(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "all.pcap")
        for command in (f"pjsip set logger pcap {path}", "pjsip set logger on"):
            lab.asterisk.rx(command)
        number = await conversation(phone, carrier)
        lab.asterisk.rx("pjsip set logger off")
        return found("the capture", number, path.read_bytes()) if path.exists() else []


async def sip_history(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    lab.asterisk.rx("pjsip set history on")
    number = await conversation(phone, carrier)
    shown = lab.asterisk.rx("pjsip show history")
    for command in ("pjsip set history off", "pjsip set history clear"):
        lab.asterisk.rx(command)
    return found("the history", number, shown.encode())


async def sent_elsewhere(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """By Asterisk's modules for HEP, to whoever collects it."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as collector:
        collector.bind((LOOPBACK, hep_port(lab)))
        number = await conversation(phone, carrier)
        return found("what was sent", number, _waiting(collector))


def _waiting(listener: socket.socket) -> bytes:
    """All that has come in."""
    listener.setblocking(False)
    said = b""
    while True:
        try:
            said += listener.recv(_LARGEST_PACKET)
        except BlockingIOError:
            return said


async def what_is_shown(lab: Lab) -> dict[str, str]:
    """All that console and ARI show of a call that is there, its channels' variables included."""
    shown = {command: await asyncio.to_thread(lab.asterisk.rx, command) for command in CONSOLE}
    async with aiohttp.ClientSession(headers=login(lab)) as session:
        for path in RESOURCES:
            async with session.get(f"{lab.ari_url}/{path}") as response:
                assert response.status == 200, path
                shown[path] = await response.text()
    for channel in json.loads(shown["channels"]):
        for command in (f"core show channel {channel['name']}", f"pjsip show channel {channel['name']}"):
            shown[command] = await asyncio.to_thread(lab.asterisk.rx, command)
    return shown


async def _found_in_what_is_shown(lab: Lab) -> list[str]:
    shown = await what_is_shown(lab)
    leg = shown["core show channels verbose"]
    assert "PJSIP/trunk" in leg, "the customer's leg is among what is shown"
    assert found("planted", CUSTOMER.number, f"{leg}{CUSTOMER.number}".encode()), "a number would be seen"
    return [find for place, text in shown.items() for find in found(place, CUSTOMER.number, text.encode())]


async def shown_while_it_is_dialled(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """The carrier has the INVITE, and has said nothing yet."""
    carrier.behaviour = silence()
    call = await phone.dial("*1042")
    customer = await carrier.called()
    shown = await _found_in_what_is_shown(lab)
    await call.hang_up()
    customer.respond(487)  # or Asterisk goes on sending the INVITE, to the next test's carrier
    await no_call_left(lab)
    return shown


async def shown_in_the_conversation(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    carrier.behaviour = answer_naming_the_callee(after=_RINGS_SECONDS)
    call, _ = await talking(phone, carrier)
    shown = await _found_in_what_is_shown(lab)
    await call.hang_up()
    await no_call_left(lab)
    return shown


# --- ARI and AMI --------------------------------------------------------------------------------------


async def ari_events(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    carrier.behaviour = answer_naming_the_callee(after=_RINGS_SECONDS)
    async with all_events(lab, readers_login()) as events:
        number = await conversation(phone, carrier)
        await until(lambda: any("ChannelDestroyed" in event for event in events), "the call's last event")
    return found("an event", number, "\n".join(events).encode())


async def _function(lab: Lab, text: str) -> str:
    """What a function of the dialplan says on the customer's leg, to a user of ARI's who may only look."""
    async with ari(lab) as client:
        (leg,) = (each for each in await client.channels.list() if each.name.startswith("PJSIP/trunk"))
    path = f"/ari/channels/{leg.id}/variable?variable={quote(text)}"
    async with answer(lab, path, user=readers_login()) as response:
        assert response
        assert response.status == HTTPStatus.OK
        return await response.text()


async def said_in_the_answer(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    carrier.behaviour = answer_naming_the_callee(after=_RINGS_SECONDS)
    call, _ = await talking(phone, carrier)
    said = await _function(lab, "PJSIP_RESPONSE_HEADER(read,P-Asserted-Identity)")
    await call.hang_up()
    await no_call_left(lab)
    return found("a header of the answer", CUSTOMER.number, said.encode())


async def said_in_contact(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    def name_the_callee(message: Message) -> None:
        if isinstance(message, Response) and message.cseq[1] == "INVITE" and message.status == 200:
            host, port = carrier.address
            message.set("Contact", f"<sip:{CUSTOMER.number}@{host}:{port}>")

    carrier.alter = name_the_callee
    call, _ = await talking(phone, carrier)
    said = await _function(lab, "CHANNEL(pjsip,target_uri)")
    await call.hang_up()
    await no_call_left(lab)
    return found("the carrier's Contact", CUSTOMER.number, said.encode())


# --- The machine --------------------------------------------------------------------------------------


async def memory_in_the_conversation(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    call, _ = await talking(phone, carrier)
    memory = memory_of_asterisk(lab)
    await call.hang_up()
    await no_call_left(lab)
    return found("Asterisk's memory", CUSTOMER.number, memory)


async def memory_afterwards(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    await conversation(phone, carrier)
    await no_call_left(lab)
    return found("Asterisk's memory", CUSTOMER.number, memory_of_asterisk(lab))


def memory_of_asterisk(lab: Lab) -> bytes:
    """The lines of text in it that may be of SIP: as a debugger or a core dump has them.

    Raises PermissionError where not even the owner of a process may read it.
    """
    process = lab.asterisk.process
    assert process is not None
    spans = re.findall(r"^(\w+)-(\w+) rw", Path(f"/proc/{process.pid}/maps").read_text(), re.MULTILINE)
    lines = []
    with Path(f"/proc/{process.pid}/mem").open("rb", buffering=0) as memory:
        for first, end in spans:
            memory.seek(int(first, 16))
            try:
                text = memory.read(int(end, 16) - int(first, 16))
            except OSError:  # of the kernel's own
                continue
            lines += re.findall(rb"[ -~]*sips?:[ -~]*", text)
    return b"\n".join(lines)


def captured(host: str) -> Probe:
    """Every packet to this address, as tcpdump has it. Raises PermissionError for anybody but root."""

    async def probe(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
        async with _packets() as packets:
            number = await conversation(phone, carrier)
        to_host = [packet for packet in packets if packet[16:20] == socket.inet_aton(host)]
        return found("a packet", number, b"\n".join(to_host))

    return probe


@asynccontextmanager
async def _packets() -> AsyncIterator[list[bytes]]:
    """All of loopback's, from the IP header on, as they come."""
    packets: list[bytes] = []
    with closing(
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
    ) as listener:
        listener.bind(("lo", 0))
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(listener, lambda: packets.append(listener.recv(_LARGEST_PACKET)))
        try:
            yield packets
        finally:
            loop.remove_reader(listener)


# --- What is open, and what is not --------------------------------------------------------------------


@dataclass(frozen=True)
class Open:
    """A way that shows the number, dialled sealed. `who` holds the machine, or a part of it.

    Where it takes more than to look, `needs` is what has to be opened first: without it the way is closed.
    """

    name: str
    who: str
    helps: str
    probe: Probe
    needs: tuple[Closing, ...] = ()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Shut:
    """A way that shows no number, dialled sealed. Dialled direct it shows one, unless `shut_direct`."""

    name: str
    who: str
    probe: Probe
    needs: tuple[Closing, ...] = ()
    shut_direct: bool = False

    def __str__(self) -> str:
        return self.name


CONSOLES, ROOT = "whoever has Asterisk's console: root, and Asterisk's own user", "root"
ARIS = "whoever has a password of ARI's, though it be of a user with `read_only=yes`"
LOADS_NOTHING = "the module is not loaded, and [doctor](doctor.md) says when it is"

LEFT_OPEN = (
    Open(
        "`pjsip set logger on`, after `module load res_pjsip_logger.so`",
        CONSOLES,
        LOADS_NOTHING,
        sip_log,
        (left_out("res_pjsip_logger"),),
    ),
    Open(
        "`pjsip set logger pcap FILE`, after the same",
        CONSOLES,
        LOADS_NOTHING,
        sip_capture,
        (left_out("res_pjsip_logger"),),
    ),
    Open(
        "`pjsip set history on`, after `module load res_pjsip_history.so`",
        CONSOLES,
        LOADS_NOTHING,
        sip_history,
        (left_out("res_pjsip_history"),),
    ),
    Open(
        "HEP to any address, after `module load res_hep_pjsip.so` and a line in `hep.conf`",
        CONSOLES,
        LOADS_NOTHING,
        sent_elsewhere,
        (left_out("res_hep", "res_hep_pjsip"),),
    ),
    Open(
        "`pjproject set log level 6` with `core set debug`, and a message of the carrier's that is malformed",
        CONSOLES,
        "nothing in Asterisk: it takes a carrier that makes such messages",
        debugging_a_broken_message,
    ),
    Open(
        "`PJSIP_RESPONSE_HEADER(read,P-Asserted-Identity)` in a conversation, where the carrier says there "
        "whom it has reached",
        ARIS,
        "no user of ARI's but the daemon's ([doctor](doctor.md#ari-watchers)); a carrier that names nobody",
        said_in_the_answer,
    ),
    Open(
        "`CHANNEL(pjsip,target_uri)` in a conversation, where the carrier writes the number into its Contact",
        ARIS,
        "the same",
        said_in_contact,
    ),
    Open(
        "Asterisk's memory during a call, by a debugger or `/proc/PID/mem`",
        "root, and Asterisk's own user",
        "no core dumps; a user for Asterisk that nobody else has",
        memory_in_the_conversation,
    ),
    Open(
        "Asterisk's memory after the call: PJSIP clears nothing of what it has used",
        "root, and Asterisk's own user",
        "the same; a restart of Asterisk ends what it remembers",
        memory_afterwards,
    ),
    Open("a capture on loopback: the redirect's 302", ROOT, "nothing", captured(LOOPBACK)),
    Open(
        "a capture on the trunk: the INVITE",
        "root, and whoever is on the way to the carrier",
        "TLS to the carrier, against all but root",
        captured("127.0.0.2"),
    ),
)

SHUT = (
    Shut(
        "every `show` command and ARI resource, before the carrier has said a word",
        CONSOLES,
        shown_while_it_is_dialled,
        shut_direct=True,
    ),
    Shut(
        "the same in the conversation, though the carrier names whom it has reached",
        CONSOLES,
        shown_in_the_conversation,
        shut_direct=True,
    ),
    Shut(
        "every switch of debugging at its highest: " + ", ".join(f"`{command}`" for command in DEBUGGING),
        CONSOLES,
        debugging,
    ),
    Shut("ARI's events, of an application that subscribes to all", ARIS, ari_events),
    Shut(
        "AMI's events, with `enabled=yes` and a user who reads all",
        "whoever has such a user's secret",
        ami_events(LOOPBACK),
        (setting(MANAGER, "enabled=no"),),
    ),
)
