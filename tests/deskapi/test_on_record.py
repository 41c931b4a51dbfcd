"""What the desk's API writes into the audit, and the alarms that it raises, as they are shown in Russian."""

from __future__ import annotations

import re

from work_shop import Shop

from bridge.desk import on_record
from bridge.desk.language import catalogue
from bridge.rules import Role
from bridge.store.alarms import newest_alarms


async def do_all_kinds_of_things(work: Shop) -> set[str]:
    """Returns the acts that are on record then."""
    olga = await work.desk.hire("104", "Olga", Role.OWNER)
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    await work.ask(work.anna, "PUT", "/v1/orders/1042/notes", {"text": "or 07700 900456"})
    said = await work.say(work.anna, "1042", "confirmed")
    await work.ask(work.anna, "DELETE", f"/v1/outcomes/{said.body['id']}")
    await work.call(work.anna, "1042")
    for code in ("77", "1042"):
        await work.ask(work.boris, "POST", f"/v1/orders/{code}/calls", {})
    await work.ask(work.clara, "POST", "/v1/orders/1042/assignment", {"extension": "102"})
    await work.ask(work.clara, "POST", "/v1/managers/102/leave", {"kind": "absence", "to": None})
    await work.ask(work.clara, "POST", "/v1/managers/102/leave", {"kind": "departure", "to": "101"})
    for enabled in (True, False):
        await work.ask(olga, "POST", "/v1/managers/102/enabled", {"enabled": enabled})
    await work.ask(olga, "POST", "/v1/managers", {"name": "New", "extension": "105"})
    await work.ask(olga, "POST", "/v1/managers/105/invitations")
    (proposal,) = (await work.ask(work.clara, "GET", "/v1/proposals")).body["proposals"]
    await work.ask(work.clara, "POST", f"/v1/proposals/{proposal['contact_id']}", {"accept": True})
    await work.ask(work.anna, "POST", "/v1/sign-out")
    return {act for _, act, _, _ in await work.desk.audit()}


async def test_nothing_that_the_desk_puts_on_record_is_left_in_english(work: Shop) -> None:
    russian = catalogue("ru").gettext
    acts = await do_all_kinds_of_things(work)
    assert {"dial", "refuse", "outcome", "outcome-undo", "assign", "absence", "departure"} <= acts
    assert {"manager-enable", "manager-disable"} <= acts
    assert {"manager-add", "invite", "proposal-accept", "contact-propose", "order-add", "sign-out"} <= acts
    rows = [text for _, _, *texts in await work.desk.audit() for text in texts]
    alarms = [alarm.detail for alarm in await newest_alarms(work.desk.database, 100)]
    assert alarms != []
    for written in (*rows, *alarms):
        shown = on_record.said(written, russian)
        assert re.search("[A-Za-z]", shown) is None, (written, shown)
    for act in acts:
        assert re.search("[A-Za-z]", russian(on_record.ACTS[act])) is None, act
