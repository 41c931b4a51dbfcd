"""A manager presses `*9`: on a real Asterisk, at the sockets of both, and what becomes of the orders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from capture_shop import capture_shop
from keying import hear_each_other, hears_tone
from shop import next_result, records, until

from bridge.proof.scan import Scanner
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.results import rows

ORDER, NUMBER = "1042", "+447700900123"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with capture_shop(tmp_path / "lab") as lab:
        yield lab


def requests(lab: Lab) -> int:
    ((count,),) = rows(lab.database_path, "SELECT count(*) FROM do_not_call")
    return int(count)


async def test_a_manager_presses_a_code_and_the_customer_is_called_no_more(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    manager = await phone.dial(f"*{ORDER}")
    await manager.answered()
    customer = await carrier.called()
    await hear_each_other(manager, customer)

    await manager.send_dtmf("*9")
    await until(lambda: requests(lab) == 1, "a request on the list")
    await until(lambda: not hears_tone(manager.media, customer.agent.tone_hz), "a manager who is told")
    await hear_each_other(manager, customer)

    await manager.hang_up()
    await customer.ended()
    assert (await next_result(lab, before)).result == "talked"
    assert rows(lab.database_path, "SELECT outcome FROM outcomes WHERE undone_ms IS NULL") == [
        ("do-not-call",)
    ]
    assert rows(lab.database_path, "SELECT why FROM orders WHERE code = ?", ORDER) == [("done",)]
    again = await phone.dial(f"*{ORDER}")
    await again.settled()
    await again.ended()
    assert len(carrier.incoming_calls) == 1, "nobody calls them again"
    assert Scanner(NUMBER, "GB").scan_recording(phone.recording) == []
