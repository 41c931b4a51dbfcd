"""From a customer's INVITE to the manager's: call-bridge, and beside it a dialplan that looks the caller up.

Both ways run on one Asterisk, by turns, from the same peers; what differs is the carrier's address, and with
it the context in which calls land. Measured is from the moment at which the carrier's INVITE is sent to that
at which the phone's arrives, so that the peers' own Python is in both figures.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bridge.proof.capture import Direction, Protocol, Recording
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP

PLAIN_HOST = "127.0.0.3"
CUSTOMER, MANAGER = "+447700900123", "101"
SHOPS_NUMBER = "442079460000"
WARM_UP = 10

# A plain dialplan: AstDB holds who serves a number, and the manager sees it.
EXTENSIONS = f"""
[globals](+)
CALLBRIDGE_CALLERS_SECONDS=240

[plain]
exten => {SHOPS_NUMBER},1,Ringing()
 same => n,Dial(PJSIP/${{DB(serves/${{CALLERID(num)}})}},20)
"""
PJSIP = f"""
[trunk](+)
context=call-bridge-callers

[plain](call-bridge-trunk)
aors=plain
context=plain

[plain](call-bridge-trunk-aor)
contact=sip:{PLAIN_HOST}:5060
qualify_frequency=0

[plain]
type=identify
endpoint=plain
match={PLAIN_HOST}
"""
MODULES = """
[modules](+)
load=app_dial.so
load=func_db.so
"""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/callback-time", description=__doc__)
    parser.add_argument("--calls", type=int, default=200, metavar="N", help="calls of each way (200)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="callback-time-") as folder:
        lab = _shop(Path(folder))
        try:
            plain, ours = asyncio.run(_measure(lab, options.calls))
        finally:
            lab.down()
    print(f"{options.calls} calls each; from the customer's INVITE to the manager's, in ms")
    for name, times in (("plain dialplan with AstDB", plain), ("call-bridge", ours)):
        p99 = statistics.quantiles(times, n=100)[98]
        print(f"{name:28} p50 {statistics.median(times):5.2f}   p99 {p99:6.2f}")
    print(f"p50 against plain: {statistics.median(ours) / statistics.median(plain):.2f}x")
    return 0


def _shop(folder: Path) -> Lab:
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(folder / "lab", carrier=carrier)
    for name, text in (("extensions.conf", EXTENSIONS), ("pjsip.conf", PJSIP), ("modules.conf", MODULES)):
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


async def _measure(lab: Lab, calls: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each way."""
    phone = Phone(MANAGER, lab.managers[MANAGER].password, server=lab.sip_address)
    ours = Carrier(lab.carrier_address, server=lab.sip_address)
    plain = Carrier((PLAIN_HOST, 0), server=lab.sip_address)
    times: dict[Carrier, list[float]] = {plain: [], ours: []}
    async with phone, ours, plain:
        await phone.register()
        for number in range(WARM_UP + calls):
            for carrier, measured in times.items():
                took = await _ring(carrier, phone)
                if number >= WARM_UP:
                    measured.append(took)
    return times[plain], times[ours]


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
