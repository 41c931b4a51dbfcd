"""`call-bridge init`: asks a few questions, shows what it would write, writes it, and can put all back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from bridge.asterisk.ari import AriError
from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.pbx_files import (
    AsteriskEtc,
    Root,
    finish_what_was_interrupted,
    refuse_all_but_root,
    show_plan,
)
from bridge.cli.session import CONFIG_PLACES
from bridge.install.answers import Answers, extensions, fault_of
from bridge.install.found import Found
from bridge.install.journal import Journal
from bridge.install.look import country_of, look, time_zone
from bridge.install.plan import Plan, Secrets, answers_wanted, endpoints, plan, trunks
from bridge.install.ring import Rung
from bridge.install.ring import ring as ring_phone
from bridge.proof.storytexts import language_of_locale

_FIRST_EXTENSION: Final = "101"
_RING_SECONDS: Final = 15
_SIP_PASSWORD: Final = "sip-password-"  # noqa: S105 - of the names of files


def init(
    context: typer.Context,
    shop_name: Annotated[
        str | None, typer.Option("--shop-name", help="As customers and managers see it.")
    ] = None,
    country: Annotated[
        str | None,
        typer.Option("--country", help="Whose numbers are written without a country code, such as GB."),
    ] = None,
    timezone: Annotated[str | None, typer.Option("--timezone", help="Such as Europe/London.")] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="What managers hear and see: en or ru.")
    ] = None,
    shop_number: Annotated[
        str | None, typer.Option("--shop-number", help="The number that customers see and call back.")
    ] = None,
    carrier: Annotated[
        str | None,
        typer.Option(
            "--carrier", metavar="HOST[:PORT]", help="The carrier's address: a trunk to it is made."
        ),
    ] = None,
    trunk: Annotated[
        str | None,
        typer.Option(
            "--trunk", metavar="ENDPOINT", help="The PBX's own trunk, instead: an endpoint of pjsip.conf."
        ),
    ] = None,
    carrier_user: Annotated[
        str | None, typer.Option("--carrier-user", help="The user name at the carrier, where it wants one.")
    ] = None,
    carrier_password_file: Annotated[
        Path | None,
        typer.Option("--carrier-password-file", help="A file with its password and nothing else."),
    ] = None,
    managers: Annotated[
        str | None,
        typer.Option(
            "--managers", metavar="101,102", help="Extensions to make for managers' phones; '' for none."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: options and what is found have to do.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put every file back as it was before.")] = False,
    keep_changed: Annotated[
        bool, typer.Option("--keep-changed", help="With --undo: leave files that were changed since.")
    ] = False,
    ring: Annotated[
        str | None,
        typer.Option("--ring", metavar="EXTENSION", help="Then let this phone of the shop's own ring."),
    ] = None,
    root: Root = Path("/"),
    asterisk_etc: AsteriskEtc = Path("/etc/asterisk"),
) -> None:
    """Set call-bridge up on this PBX: one include in each of Asterisk's files, and files of its own.

    It looks for what is there, asks for the rest, shows what it would write, and asks before it does. A
    second run finds nothing to do. No password is ever shown.
    """
    refuse_all_but_root(root)
    root = root.absolute()
    journal = Journal(root)
    if undo:
        _undo(journal, keep_changed=keep_changed)
        return
    finish_what_was_interrupted(journal)
    found = look(root, asterisk_etc, context.obj or CONFIG_PLACES[-1])
    options = {
        "shop_name": shop_name,
        "country": country,
        "timezone": timezone,
        "language": language,
        "shop_number": shop_number,
        "carrier": carrier,
        "trunk": trunk,
        "carrier_user": carrier_user,
        "managers": managers,
    }
    answers = _Questions(found, root, options, asking=not yes).answers() if answers_wanted(found) else None
    made = plan(found, answers, _secrets(answers, carrier_password_file, asking=not yes))
    if not made.changes:
        typer.echo("Nothing to do: everything is in place.")
        if ring is not None:
            _ring(found, ring)
        return
    show_plan(made, found)
    if not yes and not typer.confirm("Write this?"):
        raise typer.Abort
    journal.write(made, found.files)
    typer.echo(_next_steps(found, made))


class _Questions:
    """Each answer from its option, else from a person, else from what was found."""

    def __init__(self, found: Found, root: Path, options: dict[str, str | None], *, asking: bool) -> None:
        self._found, self._root, self._options, self._asking = found, root, options, asking

    def answers(self) -> Answers:
        known = self._found.config
        zone = str(known.shop.timezone) if known else time_zone(self._root)
        trunk, carrier, user = self._line()
        return Answers(
            trunk=trunk,
            carrier=carrier,
            carrier_user=user,
            shop_name=self._one("shop_name", "The shop's name", known.shop.name if known else None),
            timezone=(chosen := self._one("timezone", "Its time zone", zone)),
            country=self._one("country", "Its country", known.shop.country if known else country_of(chosen)),
            language=self._one(
                "language",
                "What managers hear and see, en or ru",
                known.shop.language if known else language_of_locale(),
            ),
            shop_number=self._one(
                "shop_number",
                "The number that customers see",
                known.trunk.caller_id_number if known else None,
            ),
            managers=extensions(
                self._one(
                    "managers",
                    "Extensions to make for managers' phones, with commas (- for none)",
                    "-" if endpoints(self._found) else _FIRST_EXTENSION,
                ).strip("-")
            ),
        )

    def _line(self) -> tuple[str | None, str | None, str | None]:
        """The PBX's own trunk; or a carrier's address, and the user name there."""
        own = trunks(self._found)
        if self._options["trunk"] is not None:
            return self._one("trunk", "", None), None, None
        if self._options["carrier"] is None and own:
            names = ", ".join(own)
            question = (
                f"Which of these endpoints leads to the carrier: {names}; or else the carrier's address"
            )
            answer = self._one("carrier", question, next(iter(own)) if len(own) == 1 else None)
            if answer in own:
                return answer, None, None
        else:
            answer = self._one("carrier", "The carrier's address, HOST or HOST:PORT", None)
        user = self._one("carrier_user", "The user name there, if the carrier wants one (- for none)", "-")
        return None, answer, None if user in {"", "-"} else user

    def _one(self, name: str, question: str, default: str | None) -> str:
        option = f"--{name.replace('_', '-')}"
        given = self._options[name]
        if given is None and self._asking:
            return str(typer.prompt(question, default=default, value_proc=_checked(name)))
        answer = given if given is not None else default
        if answer is None:
            raise CommandFailed(Exit.USAGE, f"Say {option}: it can't be found by looking.")
        if answer not in {"", "-"} and (fault := fault_of(name, answer)):
            raise CommandFailed(Exit.USAGE, f"{option} {fault}.")
        return answer


def _checked(name: str) -> Callable[[str], str]:
    def check(answer: str) -> str:
        if answer not in {"", "-"} and (fault := fault_of(name, answer.strip())):
            raise typer.BadParameter(f"It {fault}.")
        return answer.strip()

    return check


def _secrets(answers: Answers | None, carrier_password_file: Path | None, *, asking: bool) -> Secrets:
    carrier = None
    if carrier_password_file is not None:
        carrier = carrier_password_file.read_text(encoding="utf-8").strip()
    elif answers is not None and answers.carrier_user and asking and sys.stdin.isatty():
        carrier = str(typer.prompt("The password there (not shown)", hide_input=True))
    if carrier is not None and (not carrier or not carrier.isprintable()):
        raise CommandFailed(Exit.USAGE, "The carrier's password must be one line.")
    return Secrets.fresh(answers.managers if answers else (), carrier)


def _ring(found: Found, extension: str) -> None:
    config = found.config
    assert config is not None  # noqa: S101 - where nothing is left to write, it is there
    if fault := fault_of("managers", extension):
        raise CommandFailed(Exit.USAGE, f"--ring {fault}.")
    password = found.places.ari_password.read_text(encoding="ascii").strip()
    asterisk, dial = config.asterisk, config.managers.endpoint.replace("{extension}", extension)
    typer.echo(f"{extension} should ring now, for {_RING_SECONDS} seconds at most.")
    try:
        rung = asyncio.run(
            ring_phone(asterisk.ari_url, asterisk.ari_user, password, dial, seconds=_RING_SECONDS)
        )
    except (AriError, TimeoutError):
        raise CommandFailed(
            Exit.UNAVAILABLE,
            f"Asterisk does not answer at {asterisk.ari_url}: is it running, and was it restarted since?",
        ) from None
    if rung is Rung.UNREACHED:
        raise CommandFailed(Exit.UNAVAILABLE, f"Asterisk can't reach {extension}: is the phone registered?")
    typer.echo("It was answered." if rung is Rung.ANSWERED else "It rang.")


def _undo(journal: Journal, *, keep_changed: bool) -> None:
    undone = journal.undo(keep_changed=keep_changed)
    for path in undone.restored:
        typer.echo(f"as before: {path}")
    for path in undone.left:
        typer.echo(f"left as it is: {path}", err=True)
    typer.echo("Undone. Restart Asterisk for it to notice, and `systemctl daemon-reload`.")


def _next_steps(found: Found, made: Plan) -> str:
    ours = found.places.ours
    passwords = [change.path for change in made.changes if change.path.name.startswith(_SIP_PASSWORD)]
    keys = found.places.keys
    lines = [
        f"Files written: {len(made.changes)}. `call-bridge init --undo` puts all back.",
        *(f"The password of a phone is in {path}" for path in passwords),
        "",
        "Look at:",
        *([f"  {keys}: keep a copy, apart from copies of the database"] if keys else []),
        f"  {found.places.config}: prices, limits, working hours",
        f"  {ours / 'pjsip.conf'}: managers' phones, and the trunk",
        "",
        "Next:",
        *(f"  {command}" for command in _next_commands(found, made, passwords)),
    ]
    return "\n".join(lines)


def _next_commands(found: Found, made: Plan, passwords: list[Path]) -> Iterator[str]:
    """To be copied, up to the proof; docs/install.md has the same."""
    yield "sudo systemctl restart asterisk" + ("  # FreePBX: fwconsole restart" if found.generated else "")
    if any(change.path.parent == found.places.units for change in made.changes):
        yield "sudo systemctl daemon-reload"
    yield "sudo systemctl enable --now call-bridge"
    for path in passwords:
        extension = path.stem.removeprefix(_SIP_PASSWORD)
        yield f"sudo -u call-bridge call-bridge managers add {extension} --name NAME"
        yield f"sudo sed -n 's/^password=//p' {path} | sudo call-bridge prove --extension {extension}"
    if not passwords:
        yield "sudo -u call-bridge call-bridge managers add EXTENSION --name NAME"
        yield "sudo call-bridge prove --extension EXTENSION"
