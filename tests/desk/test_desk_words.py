"""Every word of the daemon's has its text, and every text has its Russian."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_acts import acts
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from example_daemon import ExampleDaemon
from served import Browser, served_desk

from bridge.api.desk.shapes import QueueFilter
from bridge.calls.model import Result
from bridge.desk import keys, on_record, words
from bridge.desk.assets import FOLDER
from bridge.desk.language import CATALOGUES, catalogue
from bridge.rules import Reason, Role, TollLimit
from bridge.rules.dialling import Untold
from bridge.rules.doubts import Hint, Settlement
from bridge.rules.worklist import Outcome, Why
from bridge.store.alarms import AlarmKind

ROOT = Path(__file__).parents[2]
NOT_FOR_THE_DESK = {
    "not_loopback",
    "outbound_proxy",
    "no-such-shop",
    "not-pulled",
    "unreadable",
    "http",
}
"""Of proofs, and of shops that are asked, which no desk asks for; and of requests that no page of ours makes,
told by their status."""


def documented_reasons() -> set[str]:
    """What docs/operations.md and docs/desk-api.md say that a request can be refused with."""
    problems = (
        (ROOT / "docs" / "operations.md").read_text().partition("### Problems")[2].partition("\n## ")[0]
    )
    rows = re.findall(r"^\| ((?:`[a-z_-]+`,? ?)+) \| \d", problems, re.M)
    of_the_desk = (ROOT / "docs" / "desk-api.md").read_text()
    rows += re.findall(r"^\| (`[a-z-]+`) \| \d", of_the_desk.partition("## Problems of the desk")[2], re.M)
    found = {name for row in rows for name in re.findall(r"`([a-z_-]+)`", row)}
    assert {"not_yours", "no-such-call", "too-late", "wrong-login"} <= found
    return found


def test_every_reason_of_a_refusal_has_its_words() -> None:
    assert documented_reasons() - NOT_FOR_THE_DESK - set(words.REASONS) == set()


def test_every_word_of_the_api_has_its_text() -> None:
    assert list(words.OUTCOMES) == list(words.OUTCOME_TONES) == list(Outcome)
    assert set(words.WHYS) == set(Why)
    assert set(words.ROLES) == set(Role)
    assert set(words.RESULTS) == set(Result)
    assert set(words.HINTS) == set(Hint)
    assert set(words.SETTLEMENTS) == set(words.SETTLED) == set(Settlement)
    assert list(words.FILTERS) == list(QueueFilter.__args__)


def test_every_alarm_and_every_act_on_record_has_its_sentence() -> None:
    assert set(words.ALARMS) == set(AlarmKind)
    assert set(on_record.ACTS) == acts(), "what the source writes into the audit"
    assert set(on_record.WHY_REFUSED) == {*Reason, *Untold}
    assert set(on_record.LIMITS) == set(TollLimit)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("order 1042", "заказ 1042"),
        ("not_assigned", "чужой заказ"),
        ("to=all, customers moved: 3, sessions ended: 1",
         "всем присутствующим, передано клиентов: 3, завершено сеансов: 1"),
        ("to=102, customers moved: 0, sessions ended: 0",
         "на внутренний номер 102, передано клиентов: 0, завершено сеансов: 0"),
        ("limit minutes of extension 101", "предел внутреннего номера 101: минуты за сутки"),
        ("limit spend_in_all", "предел: деньги магазина за сутки"),
        ("87% used", "использовано 87 %"),
        ("role=supervisor", "роль: Руководитель"),
        ("confirmed", "Подтверждён"),
        ("address=2001:db8::1", "с адреса 2001:db8::1"),
        ("webhook=3, host=crm.example", "вебхук № 3, по адресу crm.example"),
        ("shop=tea-shop, pull=wrong-login 401", "магазин tea-shop, его ответ: wrong-login 401"),
        ("contact=7 reason=for court, in writing", "номер клиента № 7, причина: for court, in writing"),
        ("rows=3 added=1 updated=1 unchanged=0 rejected=1",
         "строк: 3, добавлено: 1, обновлено: 1, без изменений: 0, отклонено: 1"),
        ("rows=3 added=3 updated=0 unchanged=0 rejected=0 not_to_call=0 doubtful=2",
         "строк: 3, добавлено: 3, обновлено: 0, без изменений: 0, отклонено: 0, не звонить: 0, "
         "сомнительных: 2"),
        ("somebody's own words, 100% sure", "somebody's own words, 100% sure"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_on_record_is_said_in_russian(written: str, told: str) -> None:
    assert on_record.said(written, catalogue("ru").gettext) == told


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        (404, "not-found", "There is no such page, or it is not yours to see."),
        (429, "reading-too-fast", "You have opened many orders in a short time. Wait a little, then go on."),
        (418, "a-new-reason", "This did not work. Try again in a moment."),
    ],
)
async def test_a_refusal_is_told_in_the_desks_own_words(
    desk: Browser, daemon: ExampleDaemon, status: int, reason: str, told: str
) -> None:
    daemon.problem = (status, reason)
    for headers in ({}, {"HX-Request": "true"}):
        page = await desk.get("/orders/1042", **headers)
        assert page.status == status
        assert told in page.text
        assert reason not in page.text
        assert "words of the daemon" not in page.text
        assert page.headers.get("Retry-After") == ("7" if status == 429 else None)


async def test_an_address_that_the_daemon_cannot_read_is_no_page(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    daemon.problem = (422, "unreadable")
    assert (await desk.get("/orders/x")).status == 404
    assert (await desk.get("/orders/1042/contacts/x")).status == 404
    assert (await desk.post("/orders/1042/notes", {"text": "x"})).status == 422


async def test_hanging_up_what_is_over_is_no_fault(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.problem = (404, "not-found")
    assert (await desk.post("/calls/bcdf/hang-up", **{"HX-Request": "true"})).status == 204
    daemon.problem = (403, "not-yours")
    assert (await desk.post("/calls/bcdf/hang-up", **{"HX-Request": "true"})).status == 403


async def test_a_call_that_the_rules_refuse_is_told_in_the_page(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.problem = (403, "outside_hours")
    page = await desk.post("/orders/1042/calls", **{"HX-Request": "true", "HX-Target": "call"})
    assert (page.status, "Customers are not called at this time of day." in page.text) == (403, True)


async def test_without_a_daemon_a_page_says_so_and_tries_again(tmp_path: Path) -> None:
    async with served_desk(None, tmp_path) as desk:
        page = await desk.get("/orders/1042")
        assert page.status == 503
        assert "The telephone service does not answer." in page.text
        assert '<meta http-equiv="refresh" content="5">' in page.text
        part = await desk.get("/queue", **{"HX-Request": "true"})
        assert (part.status, "<html" in part.text) == (503, False)


# --- Catalogues ---


def marked() -> dict[str, str]:
    """Every text of code and templates, by the file that has it; a plural by its singular."""
    folder = ROOT / "bridge" / "desk"
    methods = [("templates/**", "jinja2"), ("**.py", "python")]
    texts = extract_from_dir(folder, method_map=methods)
    return {(text if isinstance(text, str) else text[0]): file for file, _, text, _, _ in texts}


def russian() -> Catalog:
    with (CATALOGUES / "ru" / "LC_MESSAGES" / "desk.po").open("rb") as file:
        return read_po(file, locale="ru")


def singulars(read: Catalog) -> Iterator[str]:
    for message in read:
        if message.id:
            yield message.id if isinstance(message.id, str) else message.id[0]


def test_every_text_is_found() -> None:
    assert {"Next", "Hang up", words.AWAY, "%(num)s call", *keys.HELP.values()} <= set(marked())


def test_every_text_has_a_russian_one_and_no_russian_text_is_left_over() -> None:
    assert set(singulars(russian())) ^ set(marked()) == set()


def test_every_russian_text_is_there_in_all_its_forms_with_the_same_gaps() -> None:
    for message in russian():
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        assert len(texts) == (1 if len(ids) == 1 else 3), message.id
        gaps = {gap for text in ids for gap in re.findall(r"%\(\w+\)s", text)}
        for text in texts:
            assert text.strip(), message.id
            assert set(re.findall(r"%\(\w+\)s", text)) == gaps, message.id


@pytest.mark.parametrize(
    ("count", "told"),
    [(1, "1 звонок"), (3, "3 звонка"), (5, "5 звонков"), (11, "11 звонков"), (21, "21 звонок")],
)
def test_russian_counts_as_russians_do(count: int, told: str) -> None:
    text = catalogue("ru").ngettext("%(num)s call", "%(num)s calls", count)
    assert text % {"num": count} == told


# --- Keys ---


def test_the_help_lists_the_keys_that_are_bound() -> None:
    script = (FOLDER / "desk.js").read_text()
    table = script.partition("const KEYS = {")[2].partition("};")[0]
    bound = set(re.findall(r'^ {4}"?([^\s"]+?)"?: ', table, re.M))
    digits = re.findall(r"\[([\d, ]+)\]\.map", table)
    assert digits == ["1, 2, 3, 4, 5, 6, 7"]
    by_the_browser = {"Enter", "Esc"}  # a link that has the focus; and its own branch in the script
    assert 'event.key === "Escape"' in script
    assert set(keys.HELP) == (bound - {"ArrowDown", "ArrowUp"}) | by_the_browser | {"1–7"}
    assert {"ArrowDown", "ArrowUp"} < bound


def test_the_keys_of_results_are_as_many_as_results() -> None:
    assert len(words.OUTCOMES) == 7
