"""A shop with a dialplan of its own: that of docs/agi.md, as it stands there.

Its Asterisk is a curious one: it keeps call records and logs all that it can.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from labkit import ports
from labkit.lab import Lab
from labkit.places import CHECKOUT
from labkit.plan import CARRIER_HOST, UDP

PAGE: Final = CHECKOUT / "docs" / "agi.md"

MODULES: Final = """
[modules](+)
load=res_speech.so
load=res_agi.so
load=app_dial.so
load=app_queue.so
load=cdr_csv.so
"""
MANAGERS: Final = """
[101](+)
context=our-managers
[102](+)
context=our-managers
"""
INCOMING: Final = """
[trunk](+)
context=our-incoming
"""
MENUS_NUMBER: Final = "442079460001"
CAPTURES_NUMBER: Final = "442079460002"
"""Leads to a capture that nobody has let in."""
MENU: Final = f"""
[our-incoming]
exten => {MENUS_NUMBER},1,Goto(our-menu,s,1)
exten => {CAPTURES_NUMBER},1,Gosub(call-bridge-capture,s,1)
"""
STALE: Final = """
[our-managers](+)
exten => _*8XXXX,1,Set(CALLBRIDGE_REASON=stale)
 same => n,AGI(agi://127.0.0.1:4573/order,${EXTEN:2})
 same => n,GotoIf($["${CALLBRIDGE_STATUS} ${CALLBRIDGE_REASON}" = "ok "]?yes)
 same => n,Hangup(21)
 same => n(yes),Answer()
 same => n,Hangup()
"""
"""*81042 is answered where /order has said yes, and has taken away what an earlier answer might have left."""

QUEUES: Final = """
[general]
[our-agents]
ringinuse=no
member => PJSIP/102
"""
CALL_RECORDS: Final = """
[general]
enable=yes
unanswered=yes
congestion=yes
[csv]
loguniqueid=yes
"""
LOGGER: Final = "[general]\n[logfiles]\neverything.log => notice,warning,error,verbose(9),debug,dtmf\n"


def examples() -> str:
    blocks = re.findall(r"^```ini\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert len(blocks) == 5
    return "\n".join(blocks)


@contextmanager
def agi_shop(
    folder: Path, settings: dict[str, dict[str, Any]] | None = None, *, incoming: bool = True
) -> Iterator[Lab]:
    """`incoming` says whether customers who call land in the page's own context."""
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(folder, managers=3, carrier=carrier)
    agi = f"127.0.0.1:{ports.free_port('127.0.0.1', socket.SOCK_STREAM)}"
    dialplan = (examples() + MENU + STALE).replace("127.0.0.1:4573", agi)
    pjsip = MANAGERS + (INCOMING if incoming else "")
    added = {"modules.conf": MODULES, "pjsip.conf": pjsip, "extensions.conf": dialplan}
    replaced = {"queues.conf": QUEUES, "logger.conf": LOGGER, "cdr.conf": CALL_RECORDS}
    try:
        for name, text in added.items():
            with (lab.asterisk.etc / name).open("a") as file:
                file.write("\n" + text)
        for name, text in replaced.items():
            (lab.asterisk.etc / name).unlink(missing_ok=True)
            (lab.asterisk.etc / name).write_text(text)
        (lab.asterisk.log_folder / "cdr-csv").mkdir(parents=True)
        lab.start_asterisk()
        lab.prepare()
        lab.configure(
            {"agi": {"listen": agi}, "log": {"level": "debug", "format": "json"}, **(settings or {})}
        )
        lab.start_daemon()
        yield lab
    finally:
        lab.down()
