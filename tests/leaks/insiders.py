"""Attempts by whoever has a way into Asterisk itself: its files, its web server, its interfaces.

As in `probes`: each tells what came of it, an empty list where all is closed.
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
from eavesdropping import basic_login, login
from ordinary import AMI_SECRET, AMI_USER, ARI_READER, ARI_READERS_PASSWORD, ami_port, program, ran
from probes import TYPED, Probe, no_call_left, received_text, send_text, talking, users_called
from search import CUSTOMER, scanner
from shop import ari, until

from bridge.proof.sip.carrier import Carrier, refuse
from bridge.proof.sip.message import Message, Response
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab

Talk = Callable[[Phone, Carrier], Awaitable[str]]
"""Something that goes on at an Asterisk, and the number that it is about."""

LOOPBACK, ANOTHER_ADDRESS = "127.0.0.1", "127.0.0.2"
"""Where Asterisk's own programs come in, and another network card as it were."""

WRITTEN_WITHIN = 1.0
"""Seconds. Asterisk has threads of its own for writing."""

CALLED_WITHIN = 3.0
"""Seconds. Asterisk looks into the folder of calls once in one."""

AMI_BUFFER = 1 << 24
HANGUP = b"Event: Hangup\r\n"
A_PAGE_OF_ANOTHER_SITE = "https://shop.example"


async def conversation(phone: Phone, carrier: Carrier) -> str:
    """One that is over, and whose number is not to be found."""
    call, customer = await talking(phone, carrier)
    await call.hang_up()
    await customer.ended()
    return CUSTOMER.number


async def malformed_conversation(phone: Phone, carrier: Carrier) -> str:
    """In which the carrier says the number in a message that can't be parsed."""

    def break_off(message: Message) -> None:
        if isinstance(message, Response) and message.status == 180:
            message.set("Contact", f'"{CUSTOMER.number}" <sip:{CUSTOMER.number}@carrier.example')

    carrier.alter = break_off
    return await conversation(phone, carrier)


async def dialled_by_hand(phone: Phone, carrier: Carrier) -> str:
    await (call := await phone.dial(TYPED)).settled()
    await call.hang_up()
    return TYPED


async def dialled_for_a_queue(phone: Phone, carrier: Carrier) -> str:
    await (call := await phone.dial(f"0{TYPED.removeprefix('+44')}")).settled()
    await call.hang_up()
    return TYPED


def found(place: str, number: str, text: bytes) -> list[str]:
    """The forms in which the number is in it."""
    return sorted({f"{place}: {finding.form}" for finding in scanner(number).scan(text)})


# Files


def written(log: str, talk: Talk) -> Probe:
    """What is written into one of Asterisk's logs meanwhile."""

    async def probe(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
        path = lab.asterisk.log_folder / log
        before = path.stat().st_size if path.exists() else 0
        number = await talk(phone, carrier)
        await no_call_left(lab)

        def it() -> list[str]:
            return found(path.name, number, path.read_bytes()[before:]) if path.exists() else []

        with suppress(TimeoutError):
            await until(it, "the number", within=WRITTEN_WITHIN)
        return it()

    return probe


def log_sizes(lab: Lab) -> dict[Path, int]:
    paths = [path for path in Path(lab.asterisk.log_folder).rglob("*") if path.is_file()]
    return {path: path.stat().st_size for path in paths}


def logged_since(sizes: dict[Path, int], lab: Lab) -> dict[str, str]:
    """What was written meanwhile: the log also keeps what tests that opened it on purpose have seen."""
    return {
        path.name: path.read_bytes()[sizes.get(path, 0) :].decode(errors="replace") for path in log_sizes(lab)
    }


# Applications of the dialplan, and programs


def answered_by(extension: str) -> Probe:
    """Where an application of an ordinary PBX is."""

    async def probe(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
        call = await phone.dial(extension)
        final = await call.settled()
        await call.hang_up()
        return [f"{extension} answers"] if final.status == HTTPStatus.OK else []

    return probe


def program_by(extension: str) -> Probe:
    async def probe(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
        ran(lab).unlink(missing_ok=True)
        call = await phone.dial(extension)
        await call.settled()
        await call.hang_up()
        return await _it_ran(lab)

    return probe


async def program_by_a_file(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Named in a configuration file of Asterisk's."""
    ran(lab).unlink(missing_ok=True)
    path = lab.asterisk.etc / "extensions.conf"
    own = path.read_text()
    try:
        path.write_text(f'{own}\n#exec "{program(lab)}"\n')
        lab.asterisk.rx("dialplan reload")
    finally:
        path.write_text(own)
        lab.asterisk.rx("dialplan reload")
    return await _it_ran(lab)


async def _it_ran(lab: Lab) -> list[str]:
    with suppress(TimeoutError):
        await until(ran(lab).exists, "a program", within=WRITTEN_WITHIN)
    return ["a program ran"] if ran(lab).exists() else []


async def call_by_a_file(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """In the folder of calls that Asterisk is to make."""
    carrier.behaviour = refuse(486)
    path = lab.folder / "spool" / "outgoing" / "one.call"
    path.parent.mkdir(parents=True, exist_ok=True)
    written_elsewhere = lab.folder / "one.call"
    written_elsewhere.write_text(f"Channel: PJSIP/{TYPED}@trunk\nApplication: Playback\nData: beep\n")
    written_elsewhere.rename(path)
    with suppress(TimeoutError):
        await carrier.called(within=CALLED_WITHIN)
    path.unlink(missing_ok=True)
    await no_call_left(lab)
    return users_called(carrier)


# The web server


@asynccontextmanager
async def answer(
    lab: Lab, path: str, *, host: str = LOOPBACK, origin: str = "", user: dict[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientResponse | None]:
    """To a user's login, the daemon's own where none is given; None where nobody listens."""
    headers = (user or login(lab)) | ({"Origin": origin} if origin else {})
    async with aiohttp.ClientSession(headers=headers) as session:
        try:
            async with session.get(f"{web(lab, host)}{path}") as response:
                yield response
        except aiohttp.ClientConnectorError:
            yield None


def readers_login() -> dict[str, str]:
    """That of a user who may only look."""
    return basic_login(ARI_READER, ARI_READERS_PASSWORD)


def web(lab: Lab, host: str = LOOPBACK) -> str:
    return f"http://{host}:{urlsplit(lab.ari_url).port}"


async def ari_from_elsewhere(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    async with answer(lab, "/ari/asterisk/ping", host=ANOTHER_ADDRESS) as response:
        return ["ARI answers"] if response else []


def page_at(path: str) -> Probe:
    async def probe(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
        async with answer(lab, path) as response:
            assert response
            return [f"{path}: {response.status}"] if response.status < 400 else []

    return probe


async def ari_by_a_web_page(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    async with answer(lab, "/ari/asterisk/ping", origin=A_PAGE_OF_ANOTHER_SITE) as response:
        assert response
        allowed = response.headers.get("Access-Control-Allow-Origin")
    return [f"{allowed} may read ARI's answers"] if allowed else []


async def file_by_ari(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """The daemon's keys, read by a function of the dialplan."""
    keys = lab.record.secrets / "keys"
    call, _ = await talking(phone, carrier)
    async with ari(lab) as client:
        channel = (await client.channels.list())[0]
    function = quote(f"FILE({keys},0,40)")
    async with answer(lab, f"/ari/channels/{channel.id}/variable?variable={function}") as response:
        assert response
        text = await response.text()
    await call.hang_up()
    return ["the keys were read"] if keys.read_text()[:20] in text else []


# The manager interface


@asynccontextmanager
async def ami_reader(lab: Lab, host: str) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """The connection of somebody who reads all. Raises ConnectionRefusedError."""
    events, commands = await asyncio.open_connection(host, ami_port(lab), limit=AMI_BUFFER)
    with closing(commands):
        commands.write(f"Action: Login\r\nUsername: {AMI_USER}\r\nSecret: {AMI_SECRET}\r\n\r\n".encode())
        yield events, commands


def ami_events(host: str) -> Probe:
    async def probe(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
        try:
            async with ami_reader(lab, host) as (events, _):
                number = await conversation(phone, carrier)
                said = b"".join([await events.readuntil(HANGUP) for _ in ("a leg", "the other")])
        except ConnectionRefusedError:
            return []
        return found("an event", number, said)

    return probe


async def ami_events_of_texts(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Of a text that the manager's phone sends to a number."""
    try:
        async with ami_reader(lab, LOOPBACK) as (events, commands):
            await send_text(phone, TYPED, lab, "hello")
            await received_text(carrier)
            commands.write(b"Action: Logoff\r\n\r\n")
            said = await events.read(-1)
    except ConnectionRefusedError:
        return []
    return found("an event", TYPED, said)


async def ami_events_by_web(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    page = f"{web(lab)}/rawman?action="
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(f"{page}login&username={AMI_USER}&secret={AMI_SECRET}") as response:
            if response.status == HTTPStatus.NOT_FOUND:
                return []
        number = await conversation(phone, carrier)
        async with session.get(f"{page}waitevent&timeout=5") as response:
            return found("an event", number, await response.read())
