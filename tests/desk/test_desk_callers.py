"""An unknown caller's call is attached to an order, at the desk."""

from __future__ import annotations

import examples
import pytest
from example_daemon import ExampleDaemon
from served import Browser


async def test_the_orders_page_leads_to_the_form_which_asks_the_daemon(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    assert 'action="/orders/1042/callers"' in (await desk.get("/orders/1042")).text
    assert "Attach a call to order 1042 of Margaret Ashworth" in (await desk.get("/orders/1042/callers")).text
    done = await desk.post("/orders/1042/callers", {"caller": "7"})
    assert (done.status, done.headers["Location"]) == (303, "/orders/1042")
    assert daemon.asked[-1] == ("POST", "/v1/orders/1042/callers", {"caller": 7})


@pytest.mark.parametrize("typed", ["", "seven", "0", "1000", "07700900461"])
async def test_what_is_no_callers_number_goes_no_further(
    desk: Browser, daemon: ExampleDaemon, typed: str
) -> None:
    page = await desk.post("/orders/1042/callers", {"caller": typed})
    assert page.status == 404
    assert "Nobody has called under this number" in page.text
    assert 'name="caller"' in page.text
    assert not [path for method, path, _ in daemon.asked if method == "POST" and path.endswith("/callers")]


async def test_whoever_is_not_there_any_more_is_told(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.problem = (404, "no-such-caller")
    page = await desk.post("/orders/1042/callers", {"caller": "7"})
    assert page.status == 404
    assert "Nobody has called under this number" in page.text


@pytest.mark.parametrize("state", ["ringing-you", "talking"])
async def test_the_call_bar_warns_of_a_caller_who_may_be_anybody(
    desk: Browser, daemon: ExampleDaemon, state: str
) -> None:
    daemon.call = examples.call(state, confirmed=False)
    bar = (await desk.get("/call", **{"HX-Request": "true"})).text
    assert "Unconfirmed caller" in bar
    assert "/capture" not in bar, "what they would key in would become the customer's"
    daemon.call = examples.call(state)
    assert "Unconfirmed caller" not in (await desk.get("/call", **{"HX-Request": "true"})).text
