"""Texts: each is sent once, to a mobile, in a template's words; a number is in one request and no more."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from prometheus_client import REGISTRY, generate_latest
from text_shop import CALLED_OUT, HARRIET, HOUR_MS, POLICY, SHOPS_OWN, TOKEN, TextShop

from bridge.logs import set_up_logs
from bridge.rules.retrying import PAUSES_MS
from bridge.store.audit import recent_entries
from bridge.store.errors import UnknownOrder
from bridge.store.texts import TextAsked, TextRefused, ask_for_text
from bridge.switchboard.metrics import TextAnswer, TextOutcome
from bridge.switchboard.tasks import Tasks
from bridge.texts import Answer, Came, Text, http_gateway

DIGITS = HARRIET[1:]


async def test_a_text_is_handed_over_with_its_id_to_the_first_mobile(shop: TextShop) -> None:
    await shop.ask()
    await shop.look()
    (taken,) = shop.operator.taken()
    ((message_id,),) = await shop.rows("message_id")
    words = f"Example Shop: we tried to reach you about order 1042. Please call us: {SHOPS_OWN}"
    assert taken.told == {"to": HARRIET, "text": words, "id": message_id}
    assert taken.path == "/ok"
    assert taken.headers["authorization"] == f"Bearer {TOKEN}"
    assert taken.headers["content-type"] == "application/json"
    assert await shop.rows() == [(1, None, shop.clock_ms, None, "sent 200")]


async def test_the_fields_are_called_as_the_configuration_says(shop: TextShop) -> None:
    shop.sending(
        "/ok",
        number_field="phone",
        number_format="e164",
        text_field="message",
        id_field="client_id",
        more_fields={"from": "EXAMPLE"},
    )
    await shop.ask("missed-call")
    await shop.look()
    (taken,) = shop.operator.taken()
    ((message_id,),) = await shop.rows("message_id")
    told = dict(taken.told)
    assert told.pop("message").startswith("Example Shop: sorry, we missed your call")
    assert told == {"phone": DIGITS, "client_id": message_id, "from": "EXAMPLE"}


async def test_it_is_in_the_customers_language_or_else_the_shops(shop: TextShop) -> None:
    shop.sending("/ok", wording=replace(CALLED_OUT, language="ru"))
    await shop.ask()
    await shop.look()
    await shop.run("UPDATE customers SET language = 'en'")
    await shop.ask()
    await shop.look()
    russian, english = (each.told["text"] for each in shop.operator.taken())
    assert "по заказу 1042" in russian
    assert "about order 1042" in english


# --- whom nothing is sent ---


async def refusal_of(shop: TextShop) -> str:
    with pytest.raises(TextRefused) as refused:
        await shop.ask()
    assert await shop.rows() == []
    return refused.value.refusal.value


async def test_who_asked_not_to_be_called_is_sent_none(shop: TextShop) -> None:
    await shop.run("UPDATE customers SET do_not_call_ms = 1")
    assert await refusal_of(shop) == "do-not-call"


async def test_a_mobile_that_is_never_to_be_called_is_sent_none(shop: TextShop) -> None:
    await shop.run("UPDATE contacts SET never_ms = 1 WHERE id = 12")
    assert await refusal_of(shop) == "do-not-call"


async def test_a_landline_is_sent_none(shop: TextShop) -> None:
    await shop.run("UPDATE contacts SET standing = 'wrong' WHERE id = 12")
    assert await refusal_of(shop) == "no-mobile"


async def test_somebody_elses_customer_is_sent_none_as_if_there_were_no_such_order(shop: TextShop) -> None:
    for code, sees in (("1042", shop.anna + 1), ("9999", shop.anna)):
        with pytest.raises(UnknownOrder):
            await ask_for_text(
                shop.database,
                TextAsked(code, "tried-to-reach", shop.anna, sees, "desk:101"),
                POLICY,
                most_a_day=3,
                now_ms=shop.clock_ms,
            )


async def test_a_customer_is_sent_so_many_in_a_day_at_whichever_order_and_however_many_ask_at_once(
    shop: TextShop,
) -> None:
    asked = [shop.ask(code=code, most_a_day=3) for code in ("1042", "1043") * 4]
    came = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in came if isinstance(each, TextRefused)]
    assert [each.refusal.value for each in refused] == ["too-many-texts"] * 5
    assert len(await shop.rows()) == 3
    shop.clock_ms += 24 * HOUR_MS
    await shop.ask()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE customers SET do_not_call_ms = 1",
        "UPDATE customers SET data_key = NULL",
        "UPDATE contacts SET standing = 'wrong'",
        "INSERT INTO do_not_call (blind_index, since_ms) SELECT blind_index, 1 FROM contacts WHERE id = 12",
    ],
)
async def test_what_changes_while_a_text_waits_holds_for_it(shop: TextShop, change: str) -> None:
    await shop.ask()
    await shop.run(change)
    await shop.look()
    assert shop.operator.taken() == []
    assert await shop.rows() == [(0, None, None, shop.clock_ms, "not-wanted")]


async def test_none_is_sent_while_none_may_be_and_all_of_them_afterwards(shop: TextShop) -> None:
    await shop.ask()
    shop.allowed = False
    await shop.look()
    assert shop.operator.taken() == []
    shop.allowed, vault, shop.vault = True, shop.vault, None
    await shop.look()
    assert shop.operator.taken() == [], "it was sent without keys"
    shop.vault = vault
    await shop.look()
    assert len(shop.operator.taken()) == 1


async def test_what_has_waited_for_a_day_is_not_sent_any_more(shop: TextShop) -> None:
    await shop.ask()
    shop.clock_ms += 24 * HOUR_MS
    await shop.look()
    assert shop.operator.taken() == []
    assert await shop.rows("answer") == [("too-late",)]


async def test_a_template_that_is_gone_is_not_sent(shop: TextShop) -> None:
    await shop.ask("of-last-year")
    await shop.look()
    assert await shop.rows("answer") == [("no-template",)]


async def test_a_number_that_does_not_open_is_given_up_and_holds_no_other_up(shop: TextShop) -> None:
    await shop.ask()
    await shop.run("UPDATE contacts SET sealed = (SELECT sealed FROM contacts WHERE id = 11) WHERE id = 12")
    await shop.look()
    assert shop.operator.taken() == []
    assert await shop.rows("answer") == [("does-not-open",)]


# --- gateways that misbehave ---


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/500", "unsure 500"),
        ("/401", "later 401"),
        ("/404", "later 404"),
        ("/429", "later 429"),
        ("/redirect", "later 307"),
        ("/close", "unsure"),
        ("/garbage", "unsure"),
    ],
)
async def test_what_is_not_taken_is_tried_again_later_with_the_same_id(
    shop: TextShop, path: str, answer: str
) -> None:
    shop.sending(path)
    await shop.ask()
    began_ms = shop.clock_ms
    await shop.look()
    assert await shop.rows() == [(1, began_ms + PAUSES_MS[0], None, None, answer)]
    await shop.look()
    assert len(shop.operator.taken()) == 1, "it was not due"
    shop.clock_ms += PAUSES_MS[0]
    await shop.look()
    first, second = shop.operator.taken()
    assert first.told == second.told
    assert await shop.rows() == [(2, shop.clock_ms + PAUSES_MS[1], None, None, answer)]


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_the_gateway_refuses_for_good_is_given_up_and_the_next_is_sent(
    shop: TextShop, status: int
) -> None:
    shop.sending(f"/{status}")
    await shop.ask()
    await shop.ask()
    await shop.look()
    assert await shop.rows("attempts, next_ms, answer") == [(1, None, f"refused {status}")] * 2


async def test_a_gateway_that_hangs_is_left_in_time(shop: TextShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_gateway, "SECONDS", 1.0)
    shop.sending("/hang")
    await shop.ask()
    async with asyncio.timeout(5):
        await shop.look()
    assert await shop.rows("answer") == [("unsure",)]


async def test_one_that_answers_twice_has_answered_once(shop: TextShop) -> None:
    shop.sending("/twice")
    await shop.ask()
    await shop.ask()
    await shop.look()
    assert await shop.rows("answer") == [("sent 200",)] * 2
    assert len(shop.operator.taken()) == 2


async def test_one_that_is_not_there_is_sent_all_when_it_is_back(shop: TextShop) -> None:
    shop.operator.stop()
    await shop.ask()
    await shop.ask()
    await shop.look()
    assert await shop.rows("attempts, answer") == [(1, "later"), (0, None)], "one after the other"
    await shop.operator.start()
    await shop.look_for(hours=0.2)
    assert await shop.rows("answer") == [("sent 200",)] * 2
    assert len(shop.operator.taken()) == 2


async def test_what_is_never_taken_is_given_up_after_a_day_on_record(shop: TextShop) -> None:
    shop.sending("/500")
    await shop.ask()
    asked_ms = shop.clock_ms
    await shop.look_for(hours=26)
    ((attempts, next_ms, sent_ms, failed_ms, answer),) = await shop.rows()
    assert (next_ms, sent_ms, answer) == (None, None, "unsure 500")
    assert failed_ms - asked_ms <= 24 * HOUR_MS
    assert attempts == len(shop.operator.taken()) >= 9
    acts = [(each.act, each.actor, each.subject) for each in await recent_entries(shop.database, 99)]
    assert acts[0] == ("text-fail", "daemon", "order 1042")
    assert acts.count(("text-send", "daemon", "order 1042")) == attempts
    assert ("text-ask", "desk:101", "order 1042") in acts


async def test_one_that_fails_is_tried_once_in_a_while_however_many_texts_wait(shop: TextShop) -> None:
    shop.sending("/500")
    for _ in range(20):
        await shop.ask(most_a_day=20)
    for _ in range(120):  # ten minutes
        await shop.look()
        shop.clock_ms += 5_000
    assert 10 <= len(shop.operator.taken()) <= 25


# --- an answer that is lost ---


async def test_a_lost_answer_is_tried_again_where_the_gateway_knows_the_id(shop: TextShop) -> None:
    shop.sending("/once-lost")
    await shop.ask()
    await shop.look_for(hours=0.1)
    first, second = shop.operator.taken()
    assert first.told["id"] == second.told["id"]
    assert await shop.rows("answer") == [("sent 200",)]


@pytest.mark.parametrize("path", ["/close", "/garbage", "/500"])
async def test_a_lost_answer_is_never_tried_again_where_the_gateway_knows_no_ids(
    shop: TextShop, path: str
) -> None:
    shop.sending(path, id_field=None)
    await shop.ask()
    await shop.look_for(hours=1)
    (taken,) = shop.operator.taken()
    assert set(taken.told) == {"to", "text"}
    ((next_ms, failed_ms),) = await shop.rows("next_ms, failed_ms")
    assert next_ms is None
    assert failed_ms is not None


async def test_what_was_certainly_not_taken_is_tried_again_without_ids_too(shop: TextShop) -> None:
    shop.operator.stop()
    shop.sending("/ok", id_field=None)
    await shop.ask()
    await shop.look()
    await shop.operator.start()
    await shop.look_for(hours=0.1)
    assert await shop.rows("answer") == [("sent 200",)]


async def test_a_daemon_that_dies_while_it_hands_over_has_that_on_disk(shop: TextShop) -> None:
    """Its successor tries again by the id; where the gateway knows none, it gives up."""
    shop.sending("/hang")
    await shop.ask()
    await shop.ask()
    tasks = Tasks()
    tasks.start(shop.look(), name="dies")
    async with asyncio.timeout(10):
        while not shop.operator.taken():
            await asyncio.sleep(0.01)
    await tasks.finish(seconds=0)
    assert await shop.rows("attempts, begun_ms IS NULL") == [(1, 0), (0, 1)]
    shop.sending("/ok", id_field=None)
    await shop.look()
    assert await shop.rows("answer") == [("unsure",), ("sent 200",)]
    assert len(shop.operator.taken()) == 2


async def test_what_was_confirmed_is_not_sent_again_by_a_successor(shop: TextShop) -> None:
    await shop.ask()
    await shop.look()
    shop.sending("/ok")
    await shop.look_for(hours=25)
    assert len(shop.operator.taken()) == 1


# --- gateways that answer 200 to everything ---


@pytest.mark.parametrize(
    ("says", "answer"),
    [
        ('{"status":"ok","code":0}', "sent 200"),
        ('{"status":"error","code":0}', "refused 200"),
        ('{"status":"ok","code":7}', "refused 200"),
        ('{"status":"ok"}', "unsure 200"),
        ("[]", "unsure 200"),
        ("ok", "unsure 200"),
        ("[" * 5000, "unsure 200"),
    ],
)
async def test_what_an_answer_of_200_means_is_read_from_its_fields(
    shop: TextShop, says: str, answer: str
) -> None:
    shop.sending(f"/says/{says}", accepted={"status": "ok", "code": "0"})
    await shop.ask()
    await shop.look()
    assert await shop.rows("answer") == [(answer,)]


async def test_an_endless_answer_is_not_read_to_its_end(shop: TextShop) -> None:
    shop.sending("/endless", accepted={"status": "ok"})
    await shop.ask()
    await shop.look()
    assert await shop.rows("answer") == [("unsure 200",)]


# --- the number ---


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that a daemon logs, other libraries' words included."""
    handlers, level = logging.root.handlers[:], logging.root.level
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    set_up_logs("debug", "json")
    yield written
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


class Careless:
    """Somebody else's gateway: what it raises, and what it answers, has the number."""

    takes_ids = True

    def __init__(self, answers: object = None) -> None:
        self.answers = answers

    async def send(self, text: Text) -> Answer:
        if self.answers is None:
            raise RuntimeError(f"could not send to {text.number}")
        return Answer(Came.LATER, int(text.number))


@pytest.mark.parametrize(
    "path",
    [
        "/ok",
        "/400",
        "/500",
        "/401",
        "/redirect",
        "/garbage",
        "/close",
        "/hang",
        "/endless",
        "raises",
        "says",
    ],
)
async def test_the_number_is_in_one_request_and_nowhere_else(
    shop: TextShop,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    """The gateway quotes what it is sent, wherever an answer has room for it."""
    monkeypatch.setattr(http_gateway, "SECONDS", 1.0)
    careless = {"raises": Careless(), "says": Careless("says")}
    shop.sending(path, gateway=careless.get(path), accepted={"status": "ok"})
    loops: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: loops.append(str(told)))
    asyncio.get_running_loop().set_debug(True)
    await shop.ask()
    await shop.look()
    gc.collect()
    printed = log.getvalue() + "".join(capfd.readouterr())
    assert path == "/ok" or "text message" in printed
    for taken in shop.operator.taken():
        assert DIGITS not in taken.path
        assert DIGITS not in str(taken.headers)
        assert DIGITS in taken.body
    page = generate_latest(REGISTRY).decode()
    kept = [path.read_bytes() for path in shop.database.path.parent.glob("shop.db*")]
    for where in (printed, page, *loops, *map(str, recwarn)):
        assert DIGITS[2:] not in where
    assert all(DIGITS[2:].encode() not in each for each in kept)
    assert not [each for each in gc.get_objects() if isinstance(each, Text)], "a text outlives its attempt"


def test_a_text_shows_neither_its_number_nor_its_words() -> None:
    shown = repr(Text("abc", HARRIET, "Example Shop: hello"))
    assert DIGITS not in shown
    assert "hello" not in shown


async def test_an_attempt_is_on_record_before_the_number_is_read(shop: TextShop) -> None:
    seen: list[tuple[int, int]] = []

    class Looking(Careless):
        async def send(self, text: Text) -> Answer:
            with sqlite3.connect(shop.database.path) as other:
                (attempts,) = other.execute("SELECT attempts FROM texts").fetchone()
                (acts,) = other.execute("SELECT count(*) FROM audit WHERE act = 'text-send'").fetchone()
            seen.append((attempts, acts))
            return Answer(Came.SENT)

    shop.sending("", gateway=Looking())
    await shop.ask()
    await shop.look()
    assert seen == [(1, 1)]


# --- where it may go ---


async def test_no_address_of_this_machine_is_sent_to_unless_the_configuration_has_it(shop: TextShop) -> None:
    settings = replace(shop.settings("/ok"), private_networks=frozenset())
    shop.sending("", gateway=http_gateway.HttpGateway(settings))
    await shop.ask()
    await shop.look()
    assert shop.operator.taken() == []
    assert await shop.rows("answer") == [("later",)]


async def test_what_becomes_of_texts_is_counted(shop: TextShop) -> None:
    def counted() -> dict[str, float]:
        series = [
            *(("callbridge_text_attempts_total", "answer", each.value) for each in TextAnswer),
            *(("callbridge_texts_total", "outcome", each.value) for each in TextOutcome),
        ]
        return {
            f"{label} {value}": REGISTRY.get_sample_value(name, {label: value}) or 0
            for name, label, value in series
        }

    before = counted()
    for path in ("/ok", "/422", "/500"):
        shop.sending(path)
        await shop.ask()
        await shop.look()
    after = counted()
    grown = {each: after[each] - before[each] for each in after if after[each] != before[each]}
    assert grown == {
        "answer sent": 1,
        "answer refused": 1,
        "answer unsure": 1,
        "outcome sent": 1,
        "outcome failed": 1,
    }
