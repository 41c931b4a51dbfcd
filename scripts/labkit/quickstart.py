"""From nothing to a proven masked call: what scripts/quickstart does once it runs in its environment."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from bridge.proof.capture import Address, Recording
from bridge.proof.sip.call import Call, CallRefused
from bridge.proof.sip.phone import Phone, RegistrationRefused
from bridge.proof.story import ENOUGH_PACKETS, Story, latest_call
from bridge.proof.storytexts import language_of_locale
from bridge.rules import Role
from labkit.deskapi import DeskApi
from labkit.deskdoor import open_door
from labkit.deskpeople import DeskPerson, admit, choose_language, sign_in
from labkit.desksample import live_through_the_morning
from labkit.errors import LabError
from labkit.lab import SAMPLE_ORDERS, AlreadyUpError, Lab
from labkit.places import LABS
from labkit.quickstarttexts import LANGUAGES, QuickstartTexts

EXTENSION = "101"
DESK_MANAGER, OWNER = "102", "103"
PEOPLE = (EXTENSION, DESK_MANAGER, OWNER)
ORDER = "1042"
REGION = "GB"
ANSWER_SECONDS = 20.0
TALK_SECONDS = 2.0
LAST_MESSAGES_SECONDS = 2.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class SampleOrder:
    code: str
    number: str

    @classmethod
    def read_all(cls, path: Path) -> dict[str, SampleOrder]:
        """By code."""
        with path.open(encoding="utf-8", newline="") as file:
            return {row["order"]: cls(row["order"], row["phone"]) for row in csv.DictReader(file)}


def main(arguments: Sequence[str]) -> int:
    """0: the call was masked, and that is proven. 1: it was not, or could not be."""
    options = _parser().parse_args(arguments)
    texts = LANGUAGES[options.language]
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        return _run(options, texts, Console())
    except AlreadyUpError:
        print(f"quickstart: {texts.already_up.format(folder=options.dir)}", file=sys.stderr)
    except (LabError, OSError) as error:
        print(f"quickstart: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/quickstart",
        description="A shop on this machine, one masked call, and the proof that the number stayed hidden.",
    )
    parser.add_argument("--once", action="store_true", help="take everything down after the call")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="for phones")
    parser.add_argument("--sip-port", type=int, metavar="PORT", help="for phones (default: any free one)")
    parser.add_argument("--dir", type=Path, default=LABS / "quickstart", help="(default: %(default)s)")
    parser.add_argument(
        "--language", choices=sorted(LANGUAGES), default=language_of_locale(), help="(default: by LANG)"
    )
    return parser


def _run(options: argparse.Namespace, texts: QuickstartTexts, console: Console) -> int:
    console.print(texts.starting.format(folder=options.dir), highlight=False)
    lab = start_shop(options.dir, sip_port=options.sip_port, bind=options.bind)
    try:
        code = tell_a_call(lab, texts, console) or tell_settings(lab, texts, console)
        if not options.once:
            _leave_up(lab, options.language, texts, console)
        return code
    finally:
        console.print(texts.stopping, highlight=False)
        lab.down()


def start_shop(folder: Path, *, sip_port: int | None = None, bind: str = "127.0.0.1") -> Lab:
    """The sample shop, without its desk. Raises AlreadyUpError and LabError."""
    return Lab.up(
        folder,
        managers=len(PEOPLE),
        roles={OWNER: Role.OWNER},
        sip_port=sip_port,
        bind=bind,
        # No newcomer sets up an authenticator app for a shop that is gone tomorrow.
        settings={"desk": {"second_factor": []}},
    )


def _leave_up(lab: Lab, language: str, texts: QuickstartTexts, console: Console) -> None:
    """Open the desk, say how to use it and the lab, and wait for Ctrl-C or SIGTERM."""
    with opened_desk(lab, language) as links:
        desk = texts.desk.format(
            manager=lab.managers[DESK_MANAGER].name,
            manager_link=links[DESK_MANAGER],
            owner=lab.managers[OWNER].name,
            owner_link=links[OWNER],
        )
        # Links stay whole on a narrow terminal, or they could not be clicked.
        console.print(desk, highlight=False, soft_wrap=True)
        console.print(_how_to_use(lab, texts), highlight=False)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    console.print()


@contextlib.contextmanager
def opened_desk(lab: Lab, language: str) -> Iterator[dict[str, str]]:
    """The desk, with a morning behind it, a phone that is picked up by itself, and a link for each person."""
    lab.start_desk()
    lab.start_phone(DESK_MANAGER)
    people = asyncio.run(_admit(lab, language))
    ways = {extension: partial(_begin_session, lab, person) for extension, person in people.items()}
    with open_door(lab.desk_url, ways) as links:
        yield links


async def _admit(lab: Lab, language: str) -> dict[str, DeskPerson]:
    """Those who have a link, with a language each; the manager's morning happens where it has not yet."""
    async with DeskApi(lab.desk_socket) as api:
        people = {extension: await admit(lab, api, extension) for extension in (DESK_MANAGER, OWNER)}
        for person in people.values():
            await choose_language(api, person, language)
        await live_through_the_morning(api, people[DESK_MANAGER])
        return people


def _begin_session(lab: Lab, person: DeskPerson) -> str:
    async def begin() -> str:
        async with DeskApi(lab.desk_socket) as api:
            return await sign_in(api, person)

    return asyncio.run(begin())


def tell_a_call(lab: Lab, texts: QuickstartTexts, console: Console) -> int:
    """Make the sample call, print its story, and return the exit code. Raises LabError."""
    phone = asyncio.run(call_once(_server(lab), lab.managers[EXTENSION].password, texts, console))
    orders = SampleOrder.read_all(SAMPLE_ORDERS)
    carrier = finished_recording(lab.record.carrier_recording)
    story = Story(phone, carrier, number=orders[ORDER].number, region=REGION, texts=texts.story)
    console.print(story.render())
    return 0 if story.verdict().good else 1


def tell_settings(lab: Lab, texts: QuickstartTexts, console: Console) -> int:
    """Say which of the lab's settings would show a number, were there nothing else; return the exit code."""
    found = lab.examine()
    if not found:
        console.print(texts.story.settings_closed, highlight=False)
        return 0
    console.print(texts.story.settings_open.format(count=len(found)), style="bold red", highlight=False)
    for finding in found:
        console.print(f"- {finding}", highlight=False)
    return 1


def finished_recording(path: Path) -> Recording:
    """What the carrier recorded, its BYE included where one comes soon: the phone's own BYE is earlier."""
    deadline = time.monotonic() + LAST_MESSAGES_SECONDS
    recording = Recording.load(path)
    while not latest_call(recording).ended and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        recording = Recording.load(path)
    return recording


async def call_once(server: Address, password: str, texts: QuickstartTexts, console: Console) -> Recording:
    """Register, dial the order, talk, hang up; what the phone recorded. A failed call is a story too.

    Raises LabError when there is nobody to call through.
    """
    async with Phone(EXTENSION, password, server=server, local_host=server[0]) as phone:
        try:
            await phone.register()
        except (RegistrationRefused, TimeoutError) as error:
            raise LabError(f"the phone cannot register: {error}") from None
        console.print(texts.calling.format(extension=EXTENSION, dialled=f"*{ORDER}"), highlight=False)
        call = await phone.dial(f"*{ORDER}")
        try:
            await _talk(call, texts, console)
        except (CallRefused, TimeoutError) as error:
            console.print(str(error), highlight=False)
        return phone.recording


async def _talk(call: Call, texts: QuickstartTexts, console: Console) -> None:
    try:
        await call.answered(within=ANSWER_SECONDS)
        console.print(texts.talking, highlight=False)
        await call.media.wait_for_audio(ENOUGH_PACKETS, within=5.0)
        await asyncio.sleep(TALK_SECONDS)
    finally:
        await call.hang_up()


def _server(lab: Lab) -> Address:
    """Where a phone on this machine reaches a lab that may listen on every address."""
    host, port = lab.sip_address
    return ("127.0.0.1" if host == "0.0.0.0" else host), port


def _how_to_use(lab: Lab, texts: QuickstartTexts) -> str:
    host, port = lab.sip_address
    return texts.use_it.format(
        extension=EXTENSION,
        password=lab.managers[EXTENSION].password,
        host=host,
        port=port,
        dialled=f"*{ORDER}",
        orders=", ".join(SampleOrder.read_all(SAMPLE_ORDERS)),
        logs=lab.record.log_folder,
    )
