"""A shop whose daemon can be put on one trunk after another, each set up as docs/trunks.md says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from shop import Record, next_result, nothing_left, records, registered_phone

from bridge.proof.scan import Scanner
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from labkit import ports
from labkit.daemonfiles import merged
from labkit.lab import Lab
from labkit.pbxfiles import SHOP_IDENTITY
from labkit.plan import CARRIER_HOST, UDP

NUMBER = "+447700900123"
"""The number of order 1042."""


def lab_with(folder: Path, pjsip: str = "") -> Lab:
    """A lab, running, with more in its pjsip.conf; {redirect} there is the redirect server's address."""
    lab = Lab.create(
        folder,
        managers=3,
        carrier=f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}",
        sip_port=None,
        bind="127.0.0.1",
    )
    path = lab.asterisk.etc / "pjsip.conf"
    path.write_text(path.read_text() + pjsip.replace("{redirect}", lab.record.redirect_address))
    try:
        lab.start_asterisk()
        lab.prepare()
        lab.start_daemon()
    except BaseException:
        lab.down()
        raise
    return lab


def sealed_endpoint(name: str, *more: str, identity: str = SHOP_IDENTITY) -> str:
    """An endpoint for tokens beside `trunk-sealed`, with more lines of settings."""
    return "\n".join(
        [
            f"[{name}](call-bridge-trunk-sealed)",
            f"aors={name}",
            identity,
            *more,
            f"[{name}](call-bridge-trunk-sealed-aor)",
            "contact=sip:{redirect}",
            "",
        ]
    )


def put_on(lab: Lab, carrier: str, *, endpoint: str = "trunk-sealed", **more: Any) -> None:
    """Let the daemon dial by another trunk from now on; `carrier` is a URI with {number} in it."""
    own = yaml.safe_load(lab.config_path.read_text())
    sealed = own["trunk"]["sealed"] | {"carrier": carrier, "watch": None} | more
    sealed["endpoint"] = f"PJSIP/{{token}}@{endpoint}"
    lab.config_path.write_text(yaml.safe_dump(merged(own, {"trunk": {"sealed": sealed}})))
    lab.restart_daemon()


async def talk(lab: Lab, carrier: Carrier) -> Call:
    """A call from a manager's phone to order 1042, with sound both ways, that the manager ends.

    Returns the customer's side of it.
    """
    before, calls = records(lab), len(carrier.incoming_calls)
    async with registered_phone(lab) as phone:
        call = await phone.dial("*1042")
        customer = await carrier.called(calls + 1)
        await call.answered()
        assert Uri.parse(customer.invite.uri).user == NUMBER
        await call.media.wait_for_audio(25)
        await customer.media.wait_for_audio(25)
        await call.hang_up()
        await customer.ended()
        assert Scanner(NUMBER, "GB").scan_recording(phone.recording) == []
    assert (await next_result(lab, before)).result == "talked"
    await nothing_left(lab)
    return customer


async def fail(lab: Lab, *, within: float = 10.0) -> Record:
    """The record of a call to order 1042 that does not come about."""
    before = records(lab)
    async with registered_phone(lab) as phone:
        call = await phone.dial("*1042")
        record = await next_result(lab, before, within=within)
        await call.hang_up()
        assert Scanner(NUMBER, "GB").scan_recording(phone.recording) == []
    await nothing_left(lab)
    return record
