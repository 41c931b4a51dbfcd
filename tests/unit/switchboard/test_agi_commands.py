"""What a dialplan is told by FastAGI, by the rules that hold for every call; on a real database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from flawed_disk import ONCE, Disk
from obliging_shop import Shop, late_disk, open_shop, until
from sqlalchemy import update

from bridge.agi.commands import (
    NO_LINK,
    NO_ORDER_CODE,
    NO_SUCH_CALL,
    NOT_A_MANAGERS_PHONE,
    NOT_THE_CARRIERS,
    UNKNOWN_COMMAND,
    Commands,
    is_what_runs,
)
from bridge.agi.server import Answer
from bridge.agi.wire import Request
from bridge.asterisk.ari import LinkDown
from bridge.asterisk.callers import CallerLine
from bridge.asterisk.happenings import Reader
from bridge.asterisk.pbx import RunningAgi
from bridge.asterisk.trunk import Blank, CarrierDown
from bridge.calls.capture import CaptureTimings
from bridge.calls.model import DIALPLAN_CALL, Result
from bridge.rules import LockOut, OpeningHours, TimeRange, WorkingHours
from bridge.rules.callbacks import StandIns
from bridge.store.audit import recent_entries
from bridge.store.database import now_ms
from bridge.store.managers import add_manager
from bridge.store.misses import misses_since
from bridge.store.panic import Panic, begin_panic
from bridge.store.records import CallRecord, open_calls, recent_calls
from bridge.store.schema import customers
from bridge.switchboard import token_calls
from bridge.switchboard.admission import Admission, Admitted, Asked, Refused
from bridge.switchboard.board import CallMoved
from bridge.switchboard.callers_captures import CallersCaptures
from bridge.switchboard.capture import Captures
from bridge.switchboard.metrics import AgiCommand
from bridge.switchboard.reception import Reception
from bridge.switchboard.tasks import Tasks
from bridge.switchboard.token_calls import GivenToken, TokenCalls
from bridge.vault import HiddenNumber, ReadNumber, Vault, read_number

PAGE = Path(__file__).parents[3] / "docs" / "agi.md"
OWN, UNKNOWN = "1042", "9999"
ALWAYS_OPEN = OpeningHours(WorkingHours(((TimeRange(0, 1440),),) * 7, ZoneInfo("Europe/London")))
CALLERS_NUMBER = read_number("+447700900123", "GB")


class Line:
    """A shop's daemon as dialplans meet it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.carrier_is_down = False
        self.caller: ReadNumber | None = CALLERS_NUMBER
        shop.pbx.caller = self._caller  # type: ignore[attr-defined]
        parts = shop.parts
        self.admission = cast(Admission, parts.admission)
        line = CallerLine("From", "+e164", "GB")
        self.reception = Reception(
            shop.database, parts.pbx, line, StandIns.NOBODY, language="en", hours=ALWAYS_OPEN
        )
        parts.vault = cast(Vault, BlindVault())
        self.tasks = Tasks()
        self.token_calls = TokenCalls(shop.board, parts, self._blank, self.tasks)
        self.led_on: list[object] = []
        """What became of tokens: the number that each was filled with, or None where it leads nowhere."""
        captures = Captures(shop.database, "GB", CaptureTimings())
        self.captures = CallersCaptures(parts, captures, parts.pbx, self.tasks)
        self.commands = Commands(
            parts.pbx,
            Reader("PJSIP/{extension}", ["trunk"]),
            self.admission,
            self.reception,
            parts,
            shop.board,
            self.token_calls,
            self.captures,
        )
        self.channels = 0

    async def ask(self, script: str, *arguments: str, phone: str = "101", channel_id: str = "") -> Answer:
        """Let a dialplan ask on a channel of its own, or on this one again."""
        self.channels += 1
        channel_id = channel_id or f"1732.{self.channels}"
        name = f"PJSIP/{phone}-{self.channels:08x}"
        asked = ",".join([f"agi://127.0.0.1:4573/{script}", *arguments])
        self.shop.pbx.running[channel_id] = RunningAgi(name, asked)
        while arguments and not arguments[-1]:
            arguments = arguments[:-1]
        return await self.commands(Request(script, name, channel_id, arguments))

    async def token(self) -> tuple[str, str]:
        """The id of a call that a dialplan has begun, and its channel."""
        answer = await self.ask("token", OWN)
        assert value(answer, "STATUS") == "ok", answer
        return value(answer, "CALL"), f"1732.{self.channels}"

    async def record(self) -> CallRecord:
        """The newest call's, with all that is owed written."""
        assert await self.shop.ledger.flush(5)
        (record, *_) = await recent_calls(self.shop.database)
        return record

    def _blank(self) -> Blank:
        if self.carrier_is_down:
            raise CarrierDown
        return Blank(
            "PJSIP/bcdfghjk@trunk-sealed",
            fill=self.led_on.append,
            void=lambda: self.led_on.append(None),
        )

    async def _caller(self, *_: object) -> ReadNumber | None:
        return self.caller


class BlindVault:
    def open(self, _sealed: bytes, **_: object) -> HiddenNumber:
        return CALLERS_NUMBER.number

    def blind_index(self, number: HiddenNumber) -> bytes:
        return b"index" if number is CALLERS_NUMBER.number else b"another"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with open_shop(tmp_path) as shop:
        yield Line(shop)


def value(answer: Answer, name: str) -> str:
    return answer.variables[f"CALLBRIDGE_{name}"]


def told(answer: Answer) -> tuple[str, str]:
    return value(answer, "STATUS"), value(answer, "REASON")


async def test_every_variable_is_on_the_page_and_no_other(line: Line) -> None:
    told_of = {
        name
        for command in ("order", "token", "result", "caller", "dial", "capture")
        for name in (await line.ask(command, OWN, phone="trunk")).variables
        if name.startswith("CALLBRIDGE_")
    }
    assert set(re.findall(r"CALLBRIDGE_[A-Z]+", PAGE.read_text())) == told_of


def test_every_command_is_on_the_page() -> None:
    headings = re.findall(r"^## /([a-z]+): ", PAGE.read_text(), re.M)
    assert sorted([*headings, "unknown"]) == sorted(AgiCommand)


def test_every_reason_of_its_own_is_on_the_page() -> None:
    reasons = {NO_LINK, NO_ORDER_CODE, NO_SUCH_CALL, NOT_A_MANAGERS_PHONE, NOT_THE_CARRIERS, UNKNOWN_COMMAND}
    page = PAGE.read_text()
    assert {reason for reason in reasons if f"`{reason}`" not in page} == set()


# --- who is believed ---


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("PJSIP/102-00000001", "agi://127.0.0.1:4573/order,1042"),
        ("PJSIP/101-00000001", "agi://127.0.0.1:4573/order,1043"),
        ("PJSIP/101-00000001", "agi://127.0.0.1:4573/order"),
        ("PJSIP/101-00000001", "agi://127.0.0.1:4573/token,1042"),
        ("PJSIP/101-00000001", "agi://127.0.0.1:4573/order,1042,more"),
        ("PJSIP/101-00000001", "/usr/share/asterisk/agi-bin/order,1042"),
    ],
)
def test_what_asterisk_does_not_carry_out_is_not_believed(name: str, asked: str) -> None:
    request = Request("order", "PJSIP/101-00000001", "1732.1", (OWN,))
    assert not is_what_runs(request, RunningAgi(name, asked))


@pytest.mark.parametrize(
    "asked",
    [
        "agi://127.0.0.1:4573/order,1042",
        "agi://127.0.0.1/order,1042",
        'agi://localhost/order,"1042"',
        "agi://[::1]:4573/order, 1042,,",
    ],
)
def test_what_asterisk_carries_out_is_believed_however_it_is_written(asked: str) -> None:
    request = Request("order", "PJSIP/101-00000001", "1732.1", (OWN,))
    assert is_what_runs(request, RunningAgi("PJSIP/101-00000001", asked))


async def test_a_program_that_names_a_channel_of_its_own_making_is_turned_away(line: Line) -> None:
    answer = await line.commands(Request("token", "PJSIP/101-00000001", "1732.99", (OWN,)))
    assert (answer.outcome, answer.variables) == ("turned-away", {})
    assert await recent_calls(line.shop.database) == []


async def test_without_a_link_nothing_is_told(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(_: str) -> None:
        raise LinkDown("channels.get")

    monkeypatch.setattr(line.shop.pbx, "agi_of", down)
    assert told(await line.ask("order", OWN)) == ("failed", "no_link")


async def test_there_is_no_other_command(line: Line) -> None:
    answer = await line.ask("../../etc/passwd", OWN)
    assert (answer.command, *told(answer)) == ("unknown", "refused", "unknown_command")


# --- /order ---


async def test_an_order_of_ones_own_is_told_with_its_state(line: Line) -> None:
    answer = await line.ask("order", OWN)
    assert answer.variables == {
        "CALLBRIDGE_STATUS": "ok",
        "CALLBRIDGE_REASON": "",
        "CALLBRIDGE_ORDER": OWN,
        "CALLBRIDGE_LABEL": "Order 1042",
        "CALLBRIDGE_STATE": "open",
    }
    assert await recent_calls(line.shop.database) == [], "a question is no call"


async def test_who_may_know_of_an_order_is_told_of_it_with_the_reason_why_not(line: Line) -> None:
    await begin_panic(line.shop.database, Panic(now_ms(), "cli:alice", ""))
    answer = await line.ask("order", OWN)
    assert (*told(answer), value(answer, "STATE")) == ("refused", "panic", "open")


async def give_away(line: Line) -> None:
    """Order 1042 to another manager."""
    manager = await add_manager(line.shop.database, "Ben", "102", actor="cli:alice")
    async with line.shop.database.write() as connection:
        await connection.exec_driver_sql("UPDATE assignments SET manager_id = ?", (manager.id,))


async def spoil(line: Line) -> None:
    """Order 1042: its customer is erased."""
    async with line.shop.database.write() as connection:
        await connection.execute(update(customers).values(data_key=None))


async def test_codes_with_nothing_to_call_are_told_alike(line: Line) -> None:
    unknown = await line.ask("order", UNKNOWN)
    await spoil(line)
    without_a_number = await line.ask("order", OWN)
    await give_away(line)
    others = await line.ask("order", OWN)
    assert unknown.variables == without_a_number.variables == others.variables
    assert told(unknown) == ("refused", "not_yours")
    assert {value(unknown, name) for name in ("ORDER", "LABEL", "STATE")} == {""}


async def test_a_refusal_takes_its_time_and_a_yes_takes_none(line: Line) -> None:
    line.shop.parts.timings = replace(line.shop.parts.timings, refusal=0.3)
    clock = asyncio.get_running_loop().time
    took = []
    for code in (OWN, UNKNOWN, UNKNOWN):
        began = clock()
        await line.ask("order", code)
        took.append(clock() - began)
    assert took[0] < 0.3
    assert all(0.3 <= seconds < 0.4 for seconds in took[1:])


@pytest.mark.parametrize("command", ["order", "token"])
async def test_guesses_lock_out_as_dialled_ones_do_and_a_restart_frees_nobody(
    line: Line, command: str
) -> None:
    misses = 3
    policy = replace(line.admission._policy, lock_out=LockOut(misses, within_seconds=600, for_seconds=900))
    line.admission.follow(policy, language="en", sealed=False)
    for guess in range(misses):
        await line.ask(command, str(9000 + guess))
    assert told(await line.ask("order", OWN)) == ("refused", "not_yours")
    assert len(await misses_since(line.shop.database, 0, limit=9)) == misses


@pytest.mark.parametrize(
    ("phone", "code", "reason"),
    [
        ("trunk-sealed", OWN, "unknown_manager"),
        ("103", OWN, "unknown_manager"),
        ("101", "", "no_order_code"),
        ("101", "+447700900123", "no_order_code"),
        ("101", "١٠٤٢", "no_order_code"),
        ("a@b", OWN, "not_a_managers_phone"),
    ],
)
@pytest.mark.parametrize("command", ["order", "token"])
async def test_strangers_and_what_is_no_code_are_refused(
    line: Line, command: str, phone: str, code: str, reason: str
) -> None:
    assert told(await line.ask(command, code, phone=phone)) == ("refused", reason)


# --- /token and /result ---


async def test_a_token_is_for_a_call_that_is_on_record(line: Line) -> None:
    answer = await line.ask("token", OWN)
    assert told(answer) == ("ok", "")
    assert (value(answer, "TOKEN"), value(answer, "ENDPOINT")) == ("bcdfghjk", "trunk-sealed")
    assert int(answer.variables["TIMEOUT(absolute)"]) == int(value(answer, "SECONDS")) + 45
    await until(lambda: bool(line.led_on))
    assert line.led_on == [CALLERS_NUMBER.number]
    (call,) = await open_calls(line.shop.database)
    assert (call.id, call.kind, call.order_code) == (value(answer, "CALL"), DIALPLAN_CALL, OWN)
    (entry, *_) = await recent_entries(line.shop.database)
    assert (entry.actor, entry.act, entry.subject) == ("extension 101", "dial", "order 1042")
    assert "7700900" not in repr(answer)


async def test_a_refused_token_is_none(line: Line) -> None:
    answer = await line.ask("token", UNKNOWN)
    assert told(answer) == ("refused", "not_yours")
    assert {value(answer, name) for name in ("CALL", "TOKEN", "ENDPOINT", "SECONDS")} == {""}
    assert "TIMEOUT(absolute)" not in answer.variables
    assert (await line.record()).result == "refused"


async def test_a_call_by_token_counts_against_the_limits_of_live_calls(line: Line) -> None:
    call_id, channel = await line.token()
    assert told(await line.ask("token", OWN)) == ("refused", "already_talking")
    assert told(await line.ask("order", OWN)) == ("refused", "already_talking")
    assert "101" in line.shop.board.engagements.extensions
    line.shop.dial()
    await line.shop.over()
    assert [each for each in await line.shop.results() if each] == ["refused", "refused"]
    await line.ask("result", call_id, "CANCEL", channel_id=channel)
    assert told(await line.ask("token", OWN)) == ("ok", "")


async def test_two_dialplans_that_ask_at_once_get_one_token(line: Line) -> None:
    answers = await asyncio.gather(*(line.ask("token", OWN) for _ in range(5)))
    assert sorted(value(each, "STATUS") for each in answers) == ["ok", *["refused"] * 4]


async def test_a_token_takes_part_in_the_days_limits(line: Line) -> None:
    call_id, channel = await line.token()
    await asyncio.sleep(1.1)  # no call may have talked for longer than it is old
    await line.ask("result", call_id, "ANSWER", "16", "1", channel_id=channel)
    usage = line.shop.parts.book.usage_of("101", now_ms())
    assert usage.calls == 1
    assert 900 <= usage.talked_ms <= 1200


@pytest.mark.parametrize(
    ("said", "result", "answered"),
    [
        (("ANSWER", "16", "0"), "talked", True),
        (("ANSWER", "16", ""), "talked", True),
        (("ANSWER", "16", "999999"), "talked", True),
        (("BUSY", "17", ""), "busy", False),
        (("NOANSWER", "19", ""), "no-answer", False),
        (("NOANSWER", "0", ""), "no-answer", False),
        (("CHANUNAVAIL", "1", ""), "invalid-number", False),
        (("CHANUNAVAIL", "0", ""), "carrier-down", False),
        (("CONGESTION", "34", ""), "congestion", False),
        (("CONGESTION", "21", ""), "declined", False),
        (("CANCEL", "0", ""), "cancelled", False),
        (("", "", ""), "cancelled", False),
        (("WHATEVER", "x", "-1"), "failed", False),
    ],
)
async def test_a_result_goes_on_record(
    line: Line, said: tuple[str, str, str], result: str, answered: bool
) -> None:
    call_id, channel = await line.token()
    answer = await line.ask("result", call_id, *said, channel_id=channel)
    assert (*told(answer), value(answer, "RESULT")) == ("ok", "", result)
    record = await line.record()
    assert (record.result, record.answered_ms is not None) == (result, answered)
    if record.answered_ms is not None:
        assert record.started_ms <= record.answered_ms
    assert await open_calls(line.shop.database) == []


async def test_a_result_is_taken_once_and_from_the_calls_own_channel_alone(line: Line) -> None:
    call_id, channel = await line.token()
    assert told(await line.ask("result", call_id, "ANSWER")) == ("refused", "no_such_call")
    assert told(await line.ask("result", call_id, "BUSY", "17", channel_id=channel)) == ("ok", "")
    again = await line.ask("result", call_id, "ANSWER", channel_id=channel)
    assert told(again) == ("refused", "no_such_call")
    assert (await line.record()).result == "busy"


async def test_a_call_whose_result_never_comes_ends_with_its_channel_and_counts_from_its_token(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_calls, "now_ms", lambda: now_ms() - 5)  # the rules took 5 ms to begin
    await line.token()
    await line.token_calls.look()
    assert len(line.token_calls) == 1, "its channel is there"
    line.shop.pbx.running.clear()
    await line.token_calls.look()
    assert len(line.token_calls) == 1, "its result may be on its way"
    await line.token_calls.look()
    record = await line.record()
    assert (record.result, record.answered_ms) == ("failed", record.started_ms)
    assert len(line.token_calls) == 0


async def test_a_call_that_is_given_up_half_way_ends_with_its_channel_too(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes too long: the record may come after whoever asked has been let go."""
    decide = line.admission.ask
    decided = asyncio.Event()

    async def decide_and_hang(asked: Asked) -> Admitted | Refused:
        await decide(asked)
        decided.set()
        return await asyncio.Future()

    monkeypatch.setattr(line.admission, "ask", decide_and_hang)
    asking = asyncio.get_running_loop().create_task(line.ask("token", OWN))
    await decided.wait()
    asking.cancel()
    await asyncio.wait([asking])
    line.shop.pbx.running.clear()
    for _ in range(2):
        await line.token_calls.look()
    assert (await line.record()).result == "failed"
    assert await open_calls(line.shop.database) == []


async def test_a_daemon_goes_on_with_the_calls_of_the_one_before(line: Line) -> None:
    call_id, channel = await line.token()
    await until(lambda: bool(line.led_on))  # it is on disk then
    successor = TokenCalls(line.shop.board, line.shop.parts, None, line.tasks)
    successor.adopt(await open_calls(line.shop.database))
    assert line.shop.board.engagements.counted("101") == (1, 1)
    assert successor.end(call_id, channel, status="BUSY", cause=17, seconds=None) is Result.BUSY


async def test_a_dead_carrier_is_told_and_recorded(line: Line) -> None:
    line.carrier_is_down = True
    assert told(await line.ask("token", OWN)) == ("failed", "carrier_down")
    assert (await line.record()).result == "carrier-down"
    assert len(line.token_calls) == 0


async def test_on_a_trunk_that_is_dialled_directly_there_are_no_tokens(line: Line) -> None:
    direct = TokenCalls(line.shop.board, line.shop.parts, None, line.tasks)
    assert not isinstance(await direct.begin("101", OWN, "1732.1"), GivenToken)
    assert await recent_calls(line.shop.database) == []


async def test_a_token_that_can_not_go_on_record_is_not_given(line: Line) -> None:
    async with line.shop.database.write() as connection:
        await connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON calls BEGIN SELECT raise(FAIL, 'disk full'); END"
        )
    answer = await line.ask("token", OWN)
    assert (*told(answer), value(answer, "TOKEN")) == ("failed", "database", "")
    assert len(line.token_calls) == 0


async def test_a_token_leads_to_nobody_before_its_call_is_on_disk(line: Line) -> None:
    with late_disk(line.shop):
        await line.token()
        await asyncio.sleep(0.05)
        assert line.led_on == []
    await until(lambda: line.led_on == [CALLERS_NUMBER.number])


async def test_the_token_of_a_call_that_is_over_before_it_is_on_disk_leads_nowhere(line: Line) -> None:
    with late_disk(line.shop):
        call_id, channel = await line.token()
        await line.ask("result", call_id, "CANCEL", channel_id=channel)
    await until(lambda: line.led_on == [None])
    assert (await line.record()).result == "cancelled"


async def test_whichever_statement_fails_no_token_leads_to_anybody_unrecorded(line: Line) -> None:
    moved: list[CallMoved] = []
    line.shop.board.watch(moved.append)
    disk = Disk(line.shop.database)
    refused = given = 0
    while True:
        line.led_on.clear()
        disk.fail("disk I/O error", first=refused + given + 1, times=ONCE)
        answer = await line.ask("token", OWN)
        await until(lambda: len(line.tasks) == 0)
        has_failed = disk.has_failed
        disk.heal()
        if not has_failed:
            break
        assert await open_calls(line.shop.database) == []
        assert len(line.token_calls) == 0
        if value(answer, "STATUS") == "ok":
            assert line.led_on == [None]
            assert [(each.result, each.over) for each in moved] == [(None, False), (Result.FAILED, True)]
            given += 1
        else:
            assert (*told(answer), value(answer, "TOKEN")) == ("failed", "database", "")
            assert line.led_on == []
            refused += 1
    assert line.led_on == [CALLERS_NUMBER.number]
    assert refused >= 4, "begun, looked up, written, audited"
    assert given == 1, "committed"


async def test_the_desk_hears_of_a_call_by_token(line: Line) -> None:
    moved: list[CallMoved] = []
    line.shop.board.watch(moved.append)
    call_id, channel = await line.token()
    await line.ask("result", call_id, "BUSY", "17", channel_id=channel)
    assert [(each.call.state, each.result, each.over) for each in moved] == [
        ("dialling", None, False),
        ("closed", Result.BUSY, True),
    ]


# --- /caller ---


async def test_a_customer_is_named_by_their_order(line: Line) -> None:
    answer = await line.ask("caller", phone="trunk")
    shown = '"Order 1042 Harriet" <1042>'
    assert answer.variables == {
        "CALLBRIDGE_STATUS": "ok",
        "CALLBRIDGE_REASON": "",
        "CALLBRIDGE_ORDER": OWN,
        "CALLBRIDGE_LABEL": "Order 1042",
        "CALLBRIDGE_NAME": "Harriet",
        "CALLBRIDGE_MANAGER": "101",
        "CALLERID(all)": shown,
        "CALLERID(ani-all)": shown,
        "CALLERID(pres)": "allowed_not_screened",
        "CONNECTEDLINE(all,i)": shown,
    }


async def test_an_unknown_number_and_a_withheld_one_are_callers_alike(line: Line) -> None:
    line.caller = read_number("+447700900999", "GB")
    unknown = await line.ask("caller", phone="trunk")
    line.caller = None
    withheld = await line.ask("caller", phone="trunk")
    assert [told(each) for each in (unknown, withheld)] == [("refused", "unknown"), ("refused", "withheld")]
    assert [each.variables["CALLERID(all)"] for each in (unknown, withheld)] == [
        '"Caller 1" <1>',
        '"Caller 2" <2>',
    ]
    assert value(unknown, "ORDER") == value(withheld, "ORDER") == ""


async def test_only_the_carriers_calls_are_looked_up(line: Line) -> None:
    """A manager's phone could say any number, and learn whose it is."""
    answer = await line.ask("caller", phone="101")
    assert (*told(answer), value(answer, "ORDER")) == ("refused", "not_the_carriers", "")


@pytest.mark.parametrize("command", ["caller", "capture"])
async def test_who_calls_takes_the_same_time_to_be_known_or_not(line: Line, command: str) -> None:
    line.shop.parts.timings = replace(line.shop.parts.timings, refusal=0.3)
    clock = asyncio.get_running_loop().time
    for caller in (CALLERS_NUMBER, None):
        line.caller = caller
        began = clock()
        await line.ask(command, phone="trunk")
        assert 0.3 <= clock() - began < 0.6, "it waits, and once"


# --- /capture ---


async def test_a_customer_who_calls_is_let_in_for_their_order(line: Line) -> None:
    answer = await line.ask("capture", phone="trunk", channel_id="1732.50")
    assert answer.variables == {
        "CALLBRIDGE_STATUS": "ok",
        "CALLBRIDGE_REASON": "",
        "CALLBRIDGE_ORDER": OWN,
        "CALLBRIDGE_CAPTURE": "",
    }
    assert line.captures.entered("1732.50")


@pytest.mark.parametrize(
    ("phone", "caller", "reason"),
    [
        ("101", CALLERS_NUMBER, "not_the_carriers"),
        ("trunk", read_number("+447700900999", "GB"), "unknown"),
        ("trunk", None, "withheld"),
    ],
)
async def test_nobody_else_is_let_in_whatever_code_the_dialplan_has(
    line: Line, phone: str, caller: ReadNumber | None, reason: str
) -> None:
    line.caller = caller
    answer = await line.ask("capture", OWN, phone=phone, channel_id="1732.50")
    assert (*told(answer), value(answer, "ORDER")) == ("refused", reason, "")
    assert not line.captures.entered("1732.50")


async def test_a_sealed_daemon_lets_nobody_in(line: Line) -> None:
    line.shop.parts.vault = None
    answer = await line.ask("capture", phone="trunk", channel_id="1732.50")
    assert told(answer) == ("refused", "sealed")
    assert not line.captures.entered("1732.50")


async def test_more_customers_than_there_is_room_for_are_told_so(line: Line) -> None:
    answers = [await line.ask("capture", phone="trunk") for _ in range(21)]
    assert told(answers[-1]) == ("refused", "full")


# --- /dial ---


async def test_a_call_is_handed_over_at_the_context_of_ours(line: Line) -> None:
    answer = await line.ask("dial", OWN)
    assert (told(answer), answer.go_to) == (("ok", ""), ("call-bridge-order", OWN))


@pytest.mark.parametrize(("phone", "code"), [("trunk@", OWN), ("101", "s"), ("101", "serve")])
async def test_what_is_no_order_code_of_a_managers_is_handed_to_nobody(
    line: Line, phone: str, code: str
) -> None:
    answer = await line.ask("dial", code, phone=phone)
    assert (value(answer, "STATUS"), answer.go_to) == ("refused", None)
