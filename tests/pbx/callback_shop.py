"""A shop whose customers call back: the carrier's calls land in the dialplan's context for callers."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keying import hear_each_other
from shop import next_result, records

from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP

# As an integrator writes it: calls land in a context of the shop's own, which includes ours. The queue stands
# for what the shop has there already; it says who calls, as far as it can tell.
EXTENSIONS = """
[globals](+)
CALLBRIDGE_CALLERS_THEN=our-queue,s,1

[our-incoming]
include => call-bridge-callers

[our-queue]
exten => s,1,Answer()
 same => n,Log(WARNING,queued ${CALLERID(all)} [${CALLERID(ani)}] ${CHANNEL(language)} ${CALLERID(pres)})
 same => n,Playback(vm-nobodyavail)
 same => n,Wait(20)
 same => n,Hangup()
"""
PJSIP = """
[trunk](+)
context=our-incoming
"""

SETTINGS: dict[str, dict[str, Any]] = {
    "callbacks": {"first_seconds": 2, "ring_seconds": 10, "stand_ins": "supervisors", "ask_code": False},
    "log": {"level": "debug", "format": "json"},
}
SHOPS_NUMBER = "442079460000"
SUPERVISOR = "103"


@contextmanager
def callback_shop(folder: Path, *, managers: int = 3, **callbacks: Any) -> Iterator[Lab]:
    """`callbacks` are keys of that section that are to be others."""
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(folder, managers=managers, carrier=carrier)
    for name, text in (("extensions.conf", EXTENSIONS), ("pjsip.conf", PJSIP)):
        with (lab.asterisk.etc / name).open("a") as file:
            file.write(text)
    try:
        lab.start_asterisk()
        lab.prepare()
        lab.configure(SETTINGS | {"callbacks": SETTINGS["callbacks"] | callbacks})
        with sqlite3.connect(lab.database_path) as database:
            database.execute("UPDATE managers SET role = 'supervisor' WHERE extension = ?", (SUPERVISOR,))
        database.close()
        lab.start_daemon()
        yield lab
    finally:
        lab.down()


async def called_back(lab: Lab, phone: Phone, carrier: Carrier, number: str) -> None:
    """A customer calls the shop, and talks with the manager whose phone rings."""
    before = records(lab)
    customer = await carrier.call(SHOPS_NUMBER, from_=number)
    call = await phone.incoming()
    call.ring()
    await call.answer()
    await customer.answered()
    await hear_each_other(call, customer)
    await customer.hang_up()
    await call.ended()
    assert (await next_result(lab, before)).result == "talked"


def queued(lab: Lab) -> list[str]:
    """What the shop's queue was told of each caller: caller ID, ANI, language, and whether to show it."""
    return re.findall(r"queued (.*)", (lab.asterisk.log_folder / "messages.log").read_text())
