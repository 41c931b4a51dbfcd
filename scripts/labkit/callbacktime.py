"""From a customer's INVITE to the manager's: call-bridge, and beside it dialplans that look the caller up.

One has all in Asterisk's own AstDB, the other asks the shop's database by CURL(), over a web application.
All ways run on one Asterisk, by turns, from the same peers; what differs is the carrier's address, and with
it the context in which calls land. Measured is from the moment at which the carrier's INVITE is sent to that
at which the phone's arrives, so that the peers' own Python is in all figures.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

from aiohttp import web

from bridge.proof.capture import Direction, Protocol, Recording
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, TCP, UDP

HOST, PLAIN_HOST, DATABASE_HOST = "127.0.0.1", "127.0.0.3", "127.0.0.4"
CUSTOMER, MANAGER = "+447700900123", "101"
SHOPS_NUMBER = "442079460000"
WARM_UP = 10

ASTDB, DATABASE, OURS = "plain dialplan with AstDB", "dialplan with a database", "call-bridge"

# Plain dialplans: each knows who serves a number, and the manager sees it.
EXTENSIONS = """
[globals](+)
CALLBRIDGE_CALLERS_SECONDS=240

[astdb]
exten => {did},1,Ringing()
 same => n,Dial(PJSIP/${{DB(serves/${{CALLERID(num)}})}},20)

[database]
exten => {did},1,Ringing()
 same => n,Dial(PJSIP/${{CURL({url}/serves?number=${{URIENCODE(${{CALLERID(num)}})}})}},20)
"""
OUR_TRUNK = "[trunk](+)\ncontext=call-bridge-callers\n"
PLAIN_TRUNK = """
[{name}](call-bridge-trunk)
aors={name}
context={name}

[{name}](call-bridge-trunk-aor)
contact=sip:{host}:5060
qualify_frequency=0

[{name}]
type=identify
endpoint={name}
match={host}
"""
MODULES = "\n[modules](+)\n" + "".join(
    f"load={name}.so\n" for name in ("app_dial", "func_db", "res_curl", "func_curl", "func_uri")
)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/callback-time", description=__doc__)
    parser.add_argument("--calls", type=int, default=200, metavar="N", help="calls of each way (200)")
    options = parser.parse_args(arguments)
    port = ports.free_port(HOST, TCP)
    with tempfile.TemporaryDirectory(prefix="callback-time-") as folder:
        lab = _shop(Path(folder), f"http://{HOST}:{port}")
        try:
            times = asyncio.run(_measure(lab, Path(folder) / "serves.sqlite3", port, options.calls))
        finally:
            lab.down()
    print(f"{options.calls} calls each; from the customer's INVITE to the manager's, in ms")
    ours = statistics.median(times[OURS])
    for name, measured in times.items():
        p50, p99 = statistics.median(measured), statistics.quantiles(measured, n=100)[98]
        ratio = "" if name == OURS else f"   ours: {ours / p50:.2f}x"
        print(f"{name:28} p50 {p50:5.2f}   p99 {p99:6.2f}{ratio}")
    return 0


def _shop(folder: Path, url: str) -> Lab:
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(folder / "lab", carrier=carrier)
    trunks = "".join(
        PLAIN_TRUNK.format(name=name, host=host)
        for name, host in (("astdb", PLAIN_HOST), ("database", DATABASE_HOST))
    )
    for name, text in (
        ("extensions.conf", EXTENSIONS.format(did=SHOPS_NUMBER, url=url)),
        ("pjsip.conf", "\n" + OUR_TRUNK + trunks),
        ("modules.conf", MODULES),
    ):
        with (lab.asterisk.etc / name).open("a") as file:
            file.write(text)
    try:
        lab.start_asterisk()
        lab.asterisk.rx(f"database put serves {CUSTOMER} {MANAGER}")
        lab.prepare()
        lab.start_daemon()
    except BaseException:
        lab.down()
        raise
    return lab


@asynccontextmanager
async def _web_application(database: Path, port: int) -> AsyncIterator[None]:
    """The shop's own, as the second dialplan asks it: who serves a number, by an index of SQLite's."""
    with closing(sqlite3.connect(database)) as known:
        known.execute("CREATE TABLE serves (number TEXT PRIMARY KEY, extension TEXT)")
        known.execute("INSERT INTO serves VALUES (?, ?)", (CUSTOMER, MANAGER))

        async def serves(request: web.Request) -> web.Response:
            query = "SELECT extension FROM serves WHERE number = ?"
            (extension,) = known.execute(query, (request.query["number"],)).fetchone()
            return web.Response(text=extension)

        application = web.Application()
        application.router.add_get("/serves", serves)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, HOST, port).start()
        try:
            yield
        finally:
            await runner.cleanup()


async def _measure(lab: Lab, database: Path, port: int, calls: int) -> dict[str, list[float]]:
    """Milliseconds of each way."""
    phone = Phone(MANAGER, lab.managers[MANAGER].password, server=lab.sip_address)
    carriers = {
        ASTDB: Carrier((PLAIN_HOST, 0), server=lab.sip_address),
        DATABASE: Carrier((DATABASE_HOST, 0), server=lab.sip_address),
        OURS: Carrier(lab.carrier_address, server=lab.sip_address),
    }
    times: dict[str, list[float]] = {name: [] for name in carriers}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_web_application(database, port))
        for peer in (phone, *carriers.values()):
            await stack.enter_async_context(peer)
        await phone.register()
        for number in range(WARM_UP + calls):
            for name, carrier in carriers.items():
                took = await _ring(carrier, phone)
                if number >= WARM_UP:
                    times[name].append(took)
    return times


async def _ring(carrier: Carrier, phone: Phone) -> float:
    """Let the phone ring for a call of this carrier, and end it."""
    customer = await carrier.call(SHOPS_NUMBER, from_=CUSTOMER)
    call = await phone.incoming()
    call.ring()
    took = _invite(phone.recording, Direction.RECEIVED) - _invite(carrier.recording, Direction.SENT)
    await customer.hang_up()
    await call.ended()
    return took / 1000


def _invite(recording: Recording, direction: Direction) -> int:
    """When the last INVITE passed, in microseconds."""
    return max(
        datagram.monotonic_us
        for datagram in recording.only(direction=direction, protocol=Protocol.SIP)
        if datagram.data.startswith(b"INVITE ")
    )
