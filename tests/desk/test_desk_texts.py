"""The form by which a customer is sent a text: a template is chosen, and nothing can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import examples
import pytest
from example_daemon import ExampleDaemon
from served import served_desk

from bridge.api.desk import shapes

FORM = re.compile(r'<form[^>]* action="/orders/1042/texts">.*?</form>', re.S)


def daemon_that_sends(language: str = "en", **card: object) -> ExampleDaemon:
    reader = examples.me(language=language, texts=["tried-to-reach", "ready"])
    return ExampleDaemon(me=reader, card=examples.card(**card))


async def test_a_click_asks_for_the_chosen_template_and_leads_back_to_the_order(tmp_path: Path) -> None:
    daemon = daemon_that_sends()
    async with served_desk(daemon, tmp_path) as desk:
        page = await desk.post("/orders/1042/texts", {"template": "ready"})
        assert (page.status, page.headers["Location"]) == (303, "/orders/1042")
        assert ("POST", "/v1/orders/1042/texts", {"template": "ready"}) in daemon.asked


@pytest.mark.parametrize(
    ("language", "told"), [("en", "We tried to reach you"), ("ru", "Не смогли дозвониться")]
)
async def test_the_form_has_the_templates_and_no_field_to_type_in(
    tmp_path: Path, language: str, told: str
) -> None:
    async with served_desk(daemon_that_sends(language), tmp_path) as desk:
        (form,) = FORM.findall((await desk.get("/orders/1042")).text)
    assert f'<option value="tried-to-reach">{told}</option>' in form
    assert '<option value="ready">ready</option>' in form
    assert "<textarea" not in form
    assert set(re.findall(r'<input type="(\w+)"', form)) == {"hidden"}


@pytest.mark.parametrize("texts", [[], ["tried-to-reach"]])
async def test_there_is_no_form_where_none_may_be_sent(tmp_path: Path, texts: list[str]) -> None:
    """Because the shop sends none, or because the customer is not to be called."""
    daemon = daemon_that_sends(do_not_call=bool(texts))
    daemon.me = examples.me(texts=texts)
    async with served_desk(daemon, tmp_path) as desk:
        assert not FORM.search((await desk.get("/orders/1042")).text)


async def test_the_history_tells_each_text_with_its_name_and_what_became_of_it(tmp_path: Path) -> None:
    texts = [
        shapes.PastText(id=number, at_ms=examples.NOW, template=name, outcome=outcome, manager_name=manager)
        for number, (name, outcome, manager) in enumerate(
            [("tried-to-reach", "failed", "Tom Baker"), ("ready", "sent", None), ("ready", "waiting", None)]
        )
    ]
    async with served_desk(daemon_that_sends(texts=texts), tmp_path) as desk:
        page = " ".join((await desk.get("/orders/1042")).text.split())
    assert "Text message: We tried to reach you, could not be sent" in page
    assert "Text message: ready, sent" in page
    assert "Text message: ready, waiting to be sent" in page
    assert "by itself, after a call" in page


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ((409, "do-not-call"), "This customer is not to be called, and is sent no text messages."),
        ((409, "no-mobile"), "No number of this customer&#39;s takes text messages."),
        ((409, "too-many-texts"), "This customer was sent as many text messages as may be in a day."),
        ((403, "texts-off"), "Customers are sent no text messages in this shop."),
    ],
)
async def test_a_refusal_is_one_clear_sentence(tmp_path: Path, problem: tuple[int, str], told: str) -> None:
    daemon = daemon_that_sends()
    async with served_desk(daemon, tmp_path) as desk:
        daemon.problem = problem
        page = await desk.post("/orders/1042/texts", {"template": "ready"})
        assert page.status == problem[0]
        assert told in page.text


async def test_what_is_no_template_is_not_asked_for(tmp_path: Path) -> None:
    daemon = daemon_that_sends()
    async with served_desk(daemon, tmp_path) as desk:
        page = await desk.post("/orders/1042/texts", {"template": examples.NUMBER})
        assert page.status == 422
        assert examples.NUMBER not in page.text
        assert not [asked for asked in daemon.asked if asked[0] == "POST"]
