"""What a customer has said, on the order's page: a player, and the sound by the reader's session alone."""

from __future__ import annotations

import examples
import pytest
from example_daemon import SOUND, ExampleDaemon
from served import Browser


async def test_the_orders_page_has_a_player_for_each_message(desk: Browser) -> None:
    page = (await desk.get("/orders/1042")).text
    assert page.count("<audio controls") == 2
    assert 'src="/orders/1042/messages/bcdfghjklm"' in page
    assert "Message, 0:23" in page
    assert "Message, 1:42" in page
    assert page.count("not heard yet") == 1
    assert 'preload="none"' in page, "what nobody listens to is not on record as heard"


async def test_in_russian_too(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.me = examples.me(language="ru")
    page = (await desk.get("/orders/1042")).text
    assert "Сообщение, 0:23" in page
    assert "ещё не прослушано" in page


@pytest.mark.parametrize(
    ("language", "text"), [("en", "message not heard yet"), ("ru", "сообщение не прослушано")]
)
async def test_the_queue_says_in_words_at_which_order_a_message_waits(
    desk: Browser, daemon: ExampleDaemon, language: str, text: str
) -> None:
    daemon.me = examples.me(language=language)
    daemon.queue = examples.queue(
        [examples.row("1042", "Harriet Vane", unheard=True), examples.row("1043", "Иван Котов")], cursor=None
    )
    rows = (await desk.get("/")).text.split('<li class="row')[1:]
    assert [text in row for row in rows] == [True, False]
    tag = rows[0].partition('<span class="tag due">')[2].partition("</span>")[0]
    assert tag.startswith("<svg")
    assert tag.endswith(text), "a picture and words, whatever the colour"


async def test_an_order_without_messages_says_nothing_of_them(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.card = examples.card(messages=[])
    page = (await desk.get("/orders/1042")).text
    assert "<audio" not in page
    assert "Messages" not in page


async def test_the_sound_is_kept_by_no_cache_and_has_no_name(desk: Browser) -> None:
    page = await desk.get("/orders/1042/messages/bcdfghjklm")
    assert (page.status, page.text.encode()) == (200, SOUND)
    assert page.headers["Content-Type"] == "audio/wav"
    assert page.headers["Content-Disposition"] == "inline"
    assert page.headers["Cache-Control"] == "no-store"
    assert "media-src 'self'" in page.headers["Content-Security-Policy"]


async def test_without_a_session_there_is_no_sound(desk: Browser, daemon: ExampleDaemon) -> None:
    page = await desk.get("/orders/1042/messages/bcdfghjklm", signed_in=False)
    assert page.status == 303
    assert SOUND.decode() not in page.text
    assert not any("messages" in path for _, path, _ in daemon.asked)


async def test_a_message_that_is_not_theirs_is_not_there(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.problem = (404, "not-found")
    assert (await desk.get("/orders/1042/messages/bcdfghjklm")).status == 404
