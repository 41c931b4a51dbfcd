"""The command line of scripts/lab."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from labkit.errors import INTERRUPTED, LabError
from labkit.lab import AlreadyUpError, Lab
from labkit.places import LABS
from labkit.record import FILE_NAME, LabRecord

FAILED = 1
# 2 is argparse's, for a command line it does not understand.
OTHER_STATE = 3
EXIT_CODES = f"""\
exit codes:
  0  done
  {FAILED}  failed; the message says why
  {OTHER_STATE}  up: the lab is up already; status: it is not (wholly) up
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except AlreadyUpError as error:
        print(f"lab: {error}", file=sys.stderr)
        return OTHER_STATE
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/lab",
        description="A whole shop on this machine: Asterisk, call-bridge, managers, orders, and a carrier.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start a lab; return when a call can be made")
    up.add_argument("--carrier", metavar="HOST:PORT", help="a real carrier (default: a simulated one)")
    up.add_argument("--managers", type=int, default=2, metavar="N", help="how many, from 101 on (default: 2)")
    up.add_argument("--sip-port", type=int, metavar="PORT", help="for phones (default: any free one)")
    up.add_argument("--orders", type=_file, metavar="CSV", help="orders to import (default: a sample)")
    up.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="for phones (default: 127.0.0.1)")
    up.set_defaults(run=_up)

    status = commands.add_parser("status", help="what runs, and how to reach it")
    status.add_argument("--json", action="store_true", help="everything, passwords too, for programs")
    status.set_defaults(run=_status)

    down = commands.add_parser("down", help="end what `up` started; files stay")
    down.set_defaults(run=_down)

    for command in (up, status, down):
        command.add_argument(
            "--dir", type=Path, default=LABS / "default", help="the lab's folder (default: %(default)s)"
        )
    return parser


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def _up(options: argparse.Namespace) -> int:
    lab = Lab.up(
        options.dir,
        managers=options.managers,
        carrier=options.carrier,
        sip_port=options.sip_port,
        orders=options.orders,
        bind=options.bind,
    )
    print(description(lab.record))
    return 0


def _status(options: argparse.Namespace) -> int:
    record = LabRecord.load(options.dir.resolve())
    if record is None:
        print(f"lab: there is none in {options.dir}", file=sys.stderr)
        return OTHER_STATE
    running = {name: process.alive for name, process in record.processes.items()}
    if options.json:
        facts = json.loads((record.folder / FILE_NAME).read_text())
        print(json.dumps({**facts, "running": running}, indent=2))
    else:
        print(description(record))
        for name, alive in running.items():
            print(f"{name:9} {'running' if alive else 'ended'}, process {record.processes[name].pid}")
    return 0 if running and all(running.values()) else OTHER_STATE


def _down(options: argparse.Namespace) -> int:
    lab = Lab.load(options.dir)
    if lab is None:
        print(f"There is no lab in {options.dir}.")
    else:
        lab.down()
        print(f"The lab in {lab.folder} is down.")
    return 0


def description(record: LabRecord) -> str:
    """What people need to use a lab, a line each."""
    carrier = f"{record.carrier} ({'simulated' if record.carrier_is_simulated else 'given'})"
    facts = [("lab", str(record.folder)), ("SIP", f"{record.sip_address}, UDP and TCP"), ("carrier", carrier)]
    facts += [
        (f"phone {extension}", f"{manager.name}, user {extension}, password {manager.password}")
        for extension, manager in record.managers.items()
    ]
    return "\n".join(f"{name:9} {value}" for name, value in facts)
