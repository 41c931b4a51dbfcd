"""What an ordinary PBX has that the shop does without; nothing shipped leads there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit import ports
from labkit.lab import Lab
from labkit.plan import TCP, UDP

ORDINARY, ORDINARY_TEXTS = "ordinary-pbx", "ordinary-pbx-texts"
"""Contexts in which phones reach each other and the carrier by calls and texts, and see who talks."""

FAX_EXTENSION = "exten => fax,1,Dial(PJSIP/102)"
"""Where Asterisk leads a call in which it hears a fax machine."""

DIALPLAN = f"""
[{ORDINARY}]
include => call-bridge-managers
exten => _10X,1,Dial(PJSIP/${{EXTEN}})
exten => _+X!,1,Dial(PJSIP/${{EXTEN}}@trunk)
{FAX_EXTENSION}
exten => 102,hint,PJSIP/102
exten => _0X!,1,QueueLog(NONE,${{UNIQUEID}},NONE,DIALLED,${{EXTEN}})
exten => listening,1,ChanSpy(PJSIP/101)
exten => mailbox,1,VoiceMail(101@default,u)
exten => parking,1,Park()
exten => system,1,System(touch RAN)
exten => shell,1,Set(SAID=${{SHELL(touch RAN)}})
exten => agi,1,AGI(PROGRAM)

[{ORDINARY_TEXTS}]
exten => _10X,1,MessageSend(pjsip:${{EXTEN}})
exten => _+X!,1,MessageSend(pjsip:trunk)
"""

PARKING = """
[general]

[default]
parkpos=701-702
context=parked
"""

MAILBOXES = """
[default]
101 => 1234,Anna
"""


def program(lab: Lab) -> Path:
    """One that nobody should be able to have Asterisk run: it makes `ran`."""
    return lab.asterisk.log_folder / "program"


def ran(lab: Lab) -> Path:
    return lab.asterisk.log_folder / "ran"


AMI_USER, AMI_SECRET = "watcher", "only-for-these-tests"

AMI = f"""
[general](+)
port={{port}}

[{AMI_USER}]
secret={AMI_SECRET}
read=all
"""


def ami_port(lab: Lab) -> int:
    """Where the manager interface would listen, were it on."""
    ports = re.findall(r"^port=(\d+)$", (lab.asterisk.etc / "manager.conf").read_text(), re.MULTILINE)
    return int(ports[-1])


ARI_READER, ARI_READERS_PASSWORD = "reader", "only-for-these-tests"

ARI = f"""
[{ARI_READER}]
type=user
read_only=yes
password={ARI_READERS_PASSWORD}
"""

HEP = """
[general]
enabled=yes
capture_address=127.0.0.1:{port}
capture_id=1
"""


def hep_port(lab: Lab) -> int:
    """Where to SIP messages would be sent, were the modules for it loaded."""
    (port,) = re.findall(
        r"^capture_address=.*:(\d+)$", (lab.asterisk.etc / "hep.conf").read_text(), re.MULTILINE
    )
    return int(port)


CEL = """
[general](+)
apps=all
events=ALL
"""

CEL_CUSTOM = """
[mappings]
Master.csv => ${eventtype},${CHANNEL(exten)}
"""

RELOADED = ("dialplan reload", "module reload res_ari.so")


@contextmanager
def ordinary_pbx(lab: Lab) -> Iterator[None]:
    """Beside the shipped files."""
    port = ports.free_port("127.0.0.1", TCP)
    collected_at = ports.free_port("127.0.0.1", UDP)
    texts = {
        "extensions.conf": DIALPLAN.replace("RAN", str(ran(lab))).replace("PROGRAM", str(program(lab))),
        "voicemail.conf": MAILBOXES,
        "res_parking.conf": PARKING,
        "queues.conf": "[general]\n",
        "manager.conf": AMI.format(port=port),
        "ari.conf": ARI,
        "hep.conf": HEP.format(port=collected_at),
        "cdr.conf": "\n[csv]\nloguniqueid=yes\n",
        "cel.conf": CEL,
        "cel_custom.conf": CEL_CUSTOM,
    }
    own: dict[str, str | None] = {}
    for name, text in texts.items():
        path = lab.asterisk.etc / name
        own[name] = path.read_text() if path.exists() else None
        path.write_text((own[name] or "") + text)
    for folder in ("cdr-csv", "cel-custom"):
        (lab.asterisk.log_folder / folder).mkdir(exist_ok=True)
    program(lab).write_text(f"#!/bin/sh\ntouch {ran(lab)}\n")
    program(lab).chmod(0o700)
    for command in RELOADED:
        lab.asterisk.rx(command)
    yield
    program(lab).unlink()
    for name, text in own.items():
        path = lab.asterisk.etc / name
        path.unlink() if text is None else path.write_text(text)
    for command in RELOADED:
        lab.asterisk.rx(command)
