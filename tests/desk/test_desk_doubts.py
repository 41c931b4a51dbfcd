"""Doubtful numbers at the desk: told by a hint, and settled once what that means was read."""

from __future__ import annotations

from pathlib import Path

import examples
import pytest
from example_daemon import ExampleDaemon
from served import Browser, served_desk

from bridge.desk import words
from bridge.rules.doubts import Settlement


async def test_the_list_tells_whose_why_and_what_may_be_done(desk: Browser) -> None:
    page = (await desk.get("/doubts")).text
    assert "Margaret Ashworth" in page
    assert words.HINTS["swapped"] in page
    assert words.NO_HINT in page
    assert page.count('value="repair"') == 1, "where there is a likely repair"
    assert page.count('value="right"') == page.count('value="wrong"') == 2
    assert "1 other number is tried before it" in page
    assert "there is no other number" in page
    assert "number-links" not in page


async def test_where_links_are_made_each_has_one(tmp_path: Path) -> None:
    async with served_desk(ExampleDaemon(me=examples.me(number_links=True)), tmp_path) as desk:
        assert 'action="/orders/1042/number-links"' in (await desk.get("/doubts")).text


@pytest.mark.parametrize("how", list(Settlement))
async def test_nothing_is_done_before_it_was_read_what_it_means(
    desk: Browser, daemon: ExampleDaemon, how: Settlement
) -> None:
    page = await desk.post("/doubts/31", {"how": how.value})
    assert page.status == 200
    assert words.SETTLEMENTS[how] in page.text
    assert 'name="confirmed" value="yes"' in page.text
    assert not [asked for asked in daemon.asked if asked[0] == "POST"]
    done = await desk.post("/doubts/31", {"how": how.value, "confirmed": "yes"})
    assert (done.status, done.headers["Location"]) == (303, "/doubts")
    assert daemon.asked[-1] == ("POST", "/v1/doubts/31", {"how": how.value})


async def test_what_is_settled_already_or_no_settlement_is_told(desk: Browser, daemon: ExampleDaemon) -> None:
    assert (await desk.post("/doubts/77", {"how": "right"})).status == 404
    assert (await desk.post("/doubts/31", {"how": "perhaps"})).status == 422
    daemon.problem = (404, "not-found")
    assert (await desk.post("/doubts/31", {"how": "wrong", "confirmed": "yes"})).status == 404
