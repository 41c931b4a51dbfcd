"""The form by which a number is compared: what was typed is on no page and in no address after it."""

from __future__ import annotations

from pathlib import Path

import examples
import pytest
from example_daemon import ExampleDaemon
from served import served_desk

FORM = 'action="/orders/1042/comparisons"'


def daemon_that_compares() -> ExampleDaemon:
    return ExampleDaemon(me=examples.me(comparisons=True))


@pytest.mark.parametrize(("number", "told"), [(examples.NUMBER, "Same"), ("+44 7700 900 461", "Different")])
async def test_the_answer_is_a_word_and_not_the_number(tmp_path: Path, number: str, told: str) -> None:
    daemon = daemon_that_compares()
    async with served_desk(daemon, tmp_path) as desk:
        assert FORM in (await desk.get("/orders/1042")).text
        page = await desk.post("/orders/1042/comparisons", {"number": number, "contact_id": "7"})
        assert page.status == 200
        assert f"<strong>{told}</strong>" in page.text
        assert "2 more tries today" in page.text
        assert number not in page.text
        assert "Location" not in page.headers
        assert page.headers["Cache-Control"] == "no-store"
        method, path, body = daemon.asked[-1]
        assert (method, path, body) == (
            "POST", "/v1/orders/1042/comparisons", {"number": number, "contact_id": 7},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (
            (429, "too-many-comparisons"),
            "As many numbers were compared for this customer as may be in a day.",
        ),
        ((403, "comparisons-off"), "Numbers are not compared in this shop."),
        ((503, "sealed"), "the keys are missing"),
        ((404, "not-found"), "There is no such page"),
    ],
)
async def test_a_refusal_is_one_clear_sentence_without_what_was_typed(
    tmp_path: Path, problem: tuple[int, str], told: str
) -> None:
    daemon = daemon_that_compares()
    async with served_desk(daemon, tmp_path) as desk:
        daemon.problem = problem
        asked = {"number": examples.NUMBER, "contact_id": "7"}
        page = await desk.post("/orders/1042/comparisons", asked)
        assert page.status == problem[0]
        assert told in page.text
        assert examples.NUMBER not in page.text


@pytest.mark.parametrize("number", ["", "9" * 65])
async def test_what_can_not_be_compared_is_not_asked_for(tmp_path: Path, number: str) -> None:
    daemon = daemon_that_compares()
    async with served_desk(daemon, tmp_path) as desk:
        page = await desk.post("/orders/1042/comparisons", {"number": number, "contact_id": "7"})
        assert page.status == 422
        assert not number or number not in page.text
        assert not [asked for asked in daemon.asked if asked[0] == "POST"]


async def test_where_nothing_is_compared_there_is_no_form(tmp_path: Path) -> None:
    async with served_desk(ExampleDaemon(), tmp_path) as desk:
        assert FORM not in (await desk.get("/orders/1042")).text
