"""Somebody who has an Asterisk at work and docs/install.md before them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from bridge.proof.capture import Direction
from bridge.proof.scan import Scanner
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit.places import CHECKOUT

PAGE: Final = CHECKOUT / "docs" / "install.md"
NUMBER: Final = "+447700900123"
NATIONAL: Final = NUMBER.removeprefix("+44")
PBX: Final = ("127.0.0.1", 5060)
CARRIER: Final = ("127.0.0.2", 5080)
OWN_PASSWORD: Final = "anna-has-had-it-for-years"

# What the owner has had for years: a phone, a trunk, and a way from one to the other.
OWN_FILES: Final = {
    "pjsip.conf": f"""
[transport-udp]
type=transport
protocol=udp
bind=0.0.0.0

[101]
type=endpoint
context=office
disallow=all
allow=alaw,ulaw
auth=101
aors=101

[101]
type=auth
auth_type=userpass
username=101
password={OWN_PASSWORD}

[101]
type=aor
max_contacts=1

[mycarrier]
type=endpoint
context=from-mycarrier
disallow=all
allow=alaw
aors=mycarrier
from_user=442079460000

[mycarrier]
type=aor
contact=sip:{CARRIER[0]}:{CARRIER[1]}

[mycarrier]
type=identify
endpoint=mycarrier
match={CARRIER[0]}
""",
    "extensions.conf": """
[office]
exten => _9X.,1,Dial(PJSIP/${EXTEN:1}@mycarrier)

[from-mycarrier]
exten => _[0-9+]!,1,Dial(PJSIP/101)
""",
}

INIT: Final = "sudo call-bridge init --managers 601"
OWN_PROOF: Final = "sudo call-bridge prove --extension 101"
PROOF: Final = (
    "sudo sed -n 's/^password=//p' /etc/asterisk/call-bridge/sip-password-601.conf"
    " | sudo call-bridge prove --extension 601"
)
# What is asked on such a PBX, and what somebody in a hurry types: whatever was found is taken.
ANSWERS: Final = {
    INIT: [
        ("leads to the carrier", ""),
        ("The shop's name", "Example Shop"),
        ("Its time zone", ""),
        ("Its country", ""),
        ("What managers hear and see", ""),
        ("The number that customers see", "+442079460000"),
        ("Write this?", "y"),
    ],
    "sudo -u call-bridge call-bridge orders add 1042 --name Boris --manager 601": [
        ("Phone (not shown)", NUMBER)
    ],
    OWN_PROOF: [("Password of extension 101 (not shown)", OWN_PASSWORD)],
}


def commands(heading: str) -> list[str]:
    """All that the page says to type under a heading."""
    section = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##)", PAGE.read_text() + "##", re.M | re.S)
    assert section, heading
    return [
        line
        for block in re.findall(r"^```\n(.*?)^```$", section[1], re.M | re.S)
        for line in block.splitlines()
    ]


def let_own_phone_dial_orders(pjsip_conf: Path) -> None:
    """What the page says to change by hand."""
    text = pjsip_conf.read_text()
    assert text.count("\ncontext=office\n") == 1
    pjsip_conf.write_text(text.replace("\ncontext=office\n", "\ncontext=call-bridge-managers\n"))


def answers_to(command: str) -> list[tuple[str, str]]:
    return ANSWERS.get(command, [])


def open_at_any_hour(config: str) -> str:
    """Tests run at night, too."""
    assert '["08:00-21:00"]' in config
    return config.replace('["08:00-21:00"]', '["00:00-24:00"]')


async def call_as_ever() -> None:
    """The owner's own phone calls the customer by the dialplan of before, with the number for all to see."""
    async with Phone("101", OWN_PASSWORD, server=PBX) as phone, Carrier(CARRIER) as carrier:
        call = await phone.dial(f"9{NUMBER.removeprefix('+')}")
        await call.answered(within=20)
        assert Uri.parse((await carrier.called()).invite.uri).user == NUMBER.removeprefix("+")
        await call.media.wait_for_audio(10)
        await call.hang_up()


async def dial_the_order(password: str) -> None:
    """A softphone dials *1042: the carrier gets the number, and the phone doesn't."""
    async with Phone("601", password, server=PBX) as phone, Carrier(CARRIER) as carrier:
        await phone.register()
        call = await phone.dial("*1042")
        await call.answered(within=20)
        customer = await carrier.called()
        assert Uri.parse(customer.invite.uri).user == NUMBER
        await call.media.wait_for_audio(25)
        await call.hang_up()
        await customer.ended()
    received = phone.recording.only(direction=Direction.RECEIVED)
    assert len(received) > 25
    scanner = Scanner(NUMBER, "GB")
    assert [found for datagram in received for found in scanner.scan(datagram.data)] == []
