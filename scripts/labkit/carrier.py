"""The lab's simulated carrier as a process of its own: `python -m labkit.carrier --help`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from bridge.proof.capture import Address, Journal, Recording
from bridge.proof.sip.carrier import Carrier, answer_naming_the_callee


async def serve(carrier: Carrier) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    async with carrier:
        print(f"carrier at {carrier.address[0]}:{carrier.address[1]}", flush=True)
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    journal = Journal(options.record, limit_bytes=options.record_megabytes * 1024 * 1024)
    behaviour = answer_naming_the_callee(after=options.answer_after)
    carrier = Carrier(options.bind, behaviour=behaviour, recording=Recording(journal=journal))
    try:
        asyncio.run(serve(carrier))
    except OSError as error:
        print(f"carrier: cannot use {options.bind[0]}:{options.bind[1]}: {error.strerror}", file=sys.stderr)
        return 1
    finally:
        journal.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="carrier", description="A carrier for a lab, on loopback.")
    parser.add_argument("--bind", type=_address, default=("127.0.0.2", 5060), metavar="HOST:PORT")
    parser.add_argument("--record", type=Path, required=True, metavar="FILE", help="datagrams as JSON lines")
    parser.add_argument("--record-megabytes", type=int, default=64, help="keep only the newest (default: 64)")
    parser.add_argument("--answer-after", type=float, default=1.0, metavar="SECONDS")
    return parser


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError("HOST:PORT is wanted")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
