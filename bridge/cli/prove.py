"""`call-bridge prove`: test calls through this PBX, and whether a manager's phone got to see the number."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bridge.api.client import ApiClient
from bridge.cli.errors import explain
from bridge.cli.managers import Language
from bridge.cli.printing import AsJson, print_json, shown
from bridge.cli.session import config_path, configuration
from bridge.config import Config
from bridge.doctor.examine import examine
from bridge.doctor.gather import gather
from bridge.doctor.model import Facts, Finding, Gravity
from bridge.doctor.pjsip import SIP_PORTS, endpoint_names, objects, sip_address, value_of
from bridge.doctor.report import as_json
from bridge.intake.masking import without_numbers
from bridge.proof.capture import Address
from bridge.proof.prove import ManagersPhone, ProofNotMade, make_call
from bridge.proof.provetexts import LANGUAGES, ProveTexts
from bridge.proof.report import Answer, Report
from bridge.proof.sip.transport import Transport
from bridge.proof.storytexts import language_of_locale
from bridge.proof.trials import TRIALS

PASSWORD_VARIABLE: Final = "CALL_BRIDGE_PROVE_PASSWORD"  # noqa: S105 - its name


class ProofExit(IntEnum):
    """How `prove` ends: its question has three answers. docs/cli.md tells them with the command."""

    PROVEN = 0
    SEEN_OR_OPEN = 1
    NOT_MADE = 2


def prove(
    context: typer.Context,
    extension: Annotated[
        str, typer.Option("--extension", help="The extension to call from: a manager's, or one made like it.")
    ],
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="A file with its password and nothing else.")
    ] = None,
    auth_user: Annotated[
        str | None,
        typer.Option(
            "--auth-user",
            help="What the password belongs to: username= in pjsip.conf. By default the endpoint's name.",
        ),
    ] = None,
    transport: Annotated[
        Transport,
        typer.Option("--transport", help="How the proof's phone and its carrier speak SIP: udp, tcp or tls."),
    ] = Transport.UDP,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="HOST:PORT",
            help="Where the PBX takes SIP so; by default as in pjsip.conf.",
        ),
    ] = None,
    prefix: Annotated[str, typer.Option("--prefix", help="What is dialled before an order code.")] = "*",
    asterisk_etc: Annotated[
        Path, typer.Option("--asterisk-etc", help="Asterisk's configuration folder.")
    ] = Path("/etc/asterisk"),
    language: Annotated[
        Language | None, typer.Option("--language", help="Of what is told; by default that of the locale.")
    ] = None,
    as_json_wanted: AsJson = False,
) -> None:
    """Place test calls through this PBX, with a number that nobody has, and say whether the phone saw it.

    They go from the extension to a carrier that this command plays itself, on loopback: nobody is called, no
    phone is rung, no order is made. The exit codes are its own: 0 the number stayed hidden, and that is
    proven; 1 it was seen, or a setting is open; 2 no proof could be made.
    """
    texts = LANGUAGES[language or language_of_locale()]
    try:
        config = configuration(context)
        facts = gather(asterisk_etc.absolute(), config_path(context).absolute(), running=True)
        endpoint = endpoint_names(config, [extension])[0]
        phone = ManagersPhone(
            extension=extension,
            user=endpoint,
            auth_user=auth_user or endpoint,
            password=_password(extension, password_file, texts),
            server=_server(server, transport, facts),
            prefix=prefix,
            transport=transport,
            offers_srtp=_takes_srtp(endpoint, facts),
        )
        report = asyncio.run(_make_calls(config, phone, texts))
    except ProofNotMade as error:
        raise _not_made(str(error), texts) from None
    except Exception as error:  # whatever it is, nothing is proven
        raise _not_made(explain(error).message, texts) from None
    settings = [finding for finding in examine(facts) if finding.check.gravity is not Gravity.NOTICE]
    if as_json_wanted:
        print_json(report.as_json() | {"settings": as_json(settings)})
    else:
        _show(report, settings, texts)
    raise typer.Exit(_exit(report.answer, settings))


def _not_made(why: str, texts: ProveTexts) -> typer.Exit:
    typer.echo(texts.not_made.format(why=why), err=True)
    return typer.Exit(ProofExit.NOT_MADE)


def _exit(answer: Answer, settings: list[Finding]) -> ProofExit:
    if answer is Answer.NOT_PROVEN:
        return ProofExit.NOT_MADE
    return ProofExit.SEEN_OR_OPEN if settings or answer is Answer.YES else ProofExit.PROVEN


async def _make_calls(config: Config, phone: ManagersPhone, texts: ProveTexts) -> Report:
    stories = {}
    async with ApiClient(config.api.socket) as api:

        async def expect(carrier: str) -> str:
            return (await api.expect_proof(phone.extension, carrier, phone.transport)).code

        for trial in TRIALS:
            trial_told = texts.trials[trial.name]
            told = texts.calling.format(extension=phone.told_as, speaks=phone.speaks, trial=trial_told)
            typer.echo(told, err=True)
            stories[trial.name] = await make_call(trial, phone, expect, texts)
    return Report(stories, texts)


def _password(extension: str, file: Path | None, texts: ProveTexts) -> str:
    """Never an argument: those are in the process list, and in the shell's history.

    Raises OSError, and ProofNotMade where there is none: Asterisk would only say that it is wrong.
    """
    password = _given_password(extension, file, texts)
    if not password:
        raise ProofNotMade(texts.none_given.format(extension=without_numbers(extension)))
    return password


def _given_password(extension: str, file: Path | None, texts: ProveTexts) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    if (known := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return known
    if sys.stdin.isatty():
        asked = texts.ask_for_it.format(extension=without_numbers(extension))
        return str(typer.prompt(asked, hide_input=True))
    return sys.stdin.readline().strip()


def _server(named: str | None, transport: Transport, facts: Facts) -> Address:
    if named is None:
        return sip_address(facts.confs.get("pjsip.conf"), transport)
    host, colon, port = named.partition(":")
    if not host or (colon and not port.isdecimal()):
        raise typer.BadParameter("HOST:PORT is wanted, or HOST alone", param_hint="--server")
    return host, int(port or SIP_PORTS[transport])


def _takes_srtp(endpoint: str, facts: Facts) -> bool:
    """Of an endpoint that does, Asterisk takes nothing else."""
    section = objects(facts.confs.get("pjsip.conf"), "endpoint").get(endpoint)
    return section is not None and value_of(section, "media_encryption").lower() == "sdes"


def _show(report: Report, settings: list[Finding], texts: ProveTexts) -> None:
    console = Console()
    console.print(report.render())
    if not settings:
        console.print(texts.story.settings_closed, highlight=False)
        return
    console.print(texts.settings_open.format(count=len(settings)), style="bold red", highlight=False)
    for line in _lines(settings):
        console.print(shown(line), highlight=False, markup=False)
    # Of a PBX that does other things the list is long, and the verdict has gone off the screen.
    console.print(report.headline, style="bold")


def _lines(settings: list[Finding]) -> Iterator[str]:
    """One for each check: a PBX with every module loaded breaks some of them many times over."""
    by_check: dict[str, list[Finding]] = {}
    for finding in settings:
        by_check.setdefault(finding.check.id, []).append(finding)
    for check, (first, *more) in by_check.items():
        place = f" ({first.spot.place})" if first.spot.place else ""
        times = f" ×{len(more) + 1}" if more else ""
        yield f"- {check}{times}{place}: {first.check.meaning}"
