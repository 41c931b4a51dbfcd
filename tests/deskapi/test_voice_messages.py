"""Who hears what a customer has said, for how long it is kept, and that it is on record."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import cast

import pytest
from desk_orders import execute
from desk_shop import Person
from sqlalchemy import func, select
from work_shop import LONG_SESSIONS, Shop, listening

from bridge.asterisk.pbx import Pbx
from bridge.store.database import now_ms
from bridge.store.erasure import customer_of_order, erase_customer
from bridge.store.schema import voice_messages
from bridge.store.voice_messages import Begun, Keeping, Sound, begin_message, begun_messages, keep_message
from bridge.switchboard.answering_machine import AnsweringMachine, Habits, sound_of
from bridge.switchboard.tasks import Tasks

DAY_MS = 86_400_000
KEEPING = Keeping(most=3, days=30)
NAMES = [letter * 20 for letter in "bcdfghjk"]


def wav_of(seconds: float) -> bytes:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(b"\1\2" * round(8000 * seconds))
    return sound.getvalue()


WAV = wav_of(23)


@pytest.fixture
async def shop(work: Shop) -> Shop:
    work.desk.configured(LONG_SESSIONS)
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    await work.order("1043", "Ivan", "+447700900124", work.boris)
    return work


async def leave(shop: Shop, name: str, code: str = "1042", wav: bytes = WAV) -> bool:
    desk = shop.desk
    assert desk.vault is not None
    sound, message = sound_of(wav), Begun(name, desk.now_ms)
    assert sound is not None
    assert await begin_message(desk.database, message, code)
    return await keep_message(desk.database, desk.vault, message, sound, KEEPING, now_ms=desk.now_ms)


async def kept(shop: Shop) -> list[str]:
    async with shop.desk.database.read() as connection:
        query = select(voice_messages.c.id).order_by(voice_messages.c.at_ms)
        return list((await connection.execute(query)).scalars())


async def hear(shop: Shop, of: Person | str | None, name: str, code: str = "1042") -> tuple[int, str, bytes]:
    token = of.token if isinstance(of, Person) else of
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"http://desk/v1/orders/{code}/messages/{name}"
    async with shop.desk._http.get(url, headers=headers) as answer:
        return answer.status, answer.content_type, await answer.read()


async def heard(shop: Shop) -> list[tuple[str, str, str, str]]:
    return [row for row in await shop.desk.audit() if row[1] == "message-hear"]


async def test_the_customers_manager_hears_it_and_that_is_on_record(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    (message,) = (await shop.card(shop.anna, "1042"))["messages"]
    at_ms = shop.desk.now_ms
    assert message == {"id": NAMES[0], "at_ms": at_ms, "seconds": 23, "heard_ms": None}
    assert await hear(shop, shop.anna, NAMES[0]) == (200, "audio/wav", WAV)
    assert await heard(shop) == [("desk:101", "message-hear", "order 1042", "")]
    (message,) = (await shop.card(shop.anna, "1042"))["messages"]
    assert message["heard_ms"] == at_ms


async def test_the_queue_marks_an_order_with_a_message_until_somebody_has_heard_it(shop: Shop) -> None:
    assert (await shop.row(shop.anna, "1042"))["unheard"] is False
    assert await begin_message(shop.desk.database, Begun(NAMES[2], shop.desk.now_ms), "1042")
    assert (await shop.row(shop.anna, "1042"))["unheard"] is False, "nothing is there yet to be heard"
    await leave(shop, NAMES[0])
    await leave(shop, NAMES[1])
    assert (await shop.row(shop.anna, "1042"))["unheard"] is True
    assert (await shop.row(shop.clara, "1043"))["unheard"] is False, "another order"
    await hear(shop, shop.clara, NAMES[0])
    assert (await shop.row(shop.anna, "1042"))["unheard"] is True, "there is another one"
    await hear(shop, shop.anna, NAMES[1])
    assert (await shop.row(shop.anna, "1042"))["unheard"] is False


async def test_a_message_of_a_customer_before_is_not_the_next_ones(shop: Shop) -> None:
    """An order that an import has given to somebody else."""
    await leave(shop, NAMES[0])
    await execute(shop.desk, "UPDATE orders SET customer_id = 2 WHERE code = '1042'")
    assert (await shop.row(shop.clara, "1042"))["unheard"] is False


async def test_who_has_the_queue_before_them_is_told_when_a_message_comes_and_is_heard(shop: Shop) -> None:
    machine = AnsweringMachine(
        shop.desk.database,
        cast(Pbx, TalkingPbx()),
        lambda: shop.desk.vault,
        Tasks(),
        Habits(("beep",), longest_seconds=30, keeping=KEEPING),
    )
    shop.board.answer_with(machine)
    shop.desk.app.state.work.follow(shop.board, shop.desk.phones)
    async with listening(shop, shop.anna) as annas, asyncio.timeout(10):
        assert await begin_message(shop.desk.database, Begun(NAMES[0], now_ms()), "1042")
        async with asyncio.TaskGroup() as tasks:
            fetching = tasks.create_task(machine.run())
            while annas.raw.count(b"event: queue") < 2:  # one is at the stream's beginning
                await annas.next()
            fetching.cancel()
        assert (await shop.row(shop.anna, "1042"))["unheard"] is True
        await hear(shop, shop.clara, NAMES[0])
        while annas.raw.count(b"event: queue") < 3:
            await annas.next()


class TalkingPbx:
    """Has every message that it is asked for."""

    async def message(self, _message_id: str) -> bytes:
        return WAV

    async def forget_message(self, _message_id: str) -> None:
        pass


async def test_a_supervisor_hears_it_and_nobody_elses_manager(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    assert (await hear(shop, shop.clara, NAMES[0]))[0] == 200
    assert (await hear(shop, shop.boris, NAMES[0]))[0] == 404
    assert (await hear(shop, shop.boris, NAMES[0], "1043"))[0] == 404, "by an order that they may see"
    assert len(await heard(shop)) == 1


@pytest.mark.parametrize("token", [None, "nobody's"])
async def test_without_a_session_nobody_hears_it(shop: Shop, token: str | None) -> None:
    await leave(shop, NAMES[0])
    status, _, content = await hear(shop, token, NAMES[0])
    assert status == 401
    assert WAV[50:60] not in content


@pytest.mark.parametrize("name", ["zzzz", "1042", "B" * 20])
async def test_what_is_no_message_is_not_there(shop: Shop, name: str) -> None:
    assert (await hear(shop, shop.anna, name))[0] in {404, 422}


async def test_while_the_daemon_is_sealed_nobody_hears_it(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    shop.desk.vault = None
    assert (await hear(shop, shop.anna, NAMES[0]))[0] == 503
    assert await heard(shop) == []


async def test_erasing_the_customer_erases_what_they_have_said(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    await leave(shop, NAMES[1], "1043")
    database = shop.desk.database
    await erase_customer(database, await customer_of_order(database, "1042"), actor="cli:test")
    assert await kept(shop) == [NAMES[1]]
    assert (await hear(shop, shop.clara, NAMES[0]))[0] == 404


async def test_of_a_customer_who_is_erased_while_they_speak_nothing_is_kept(shop: Shop) -> None:
    desk = shop.desk
    assert desk.vault is not None
    message = Begun(NAMES[0], desk.now_ms)
    await begin_message(desk.database, message, "1042")
    await erase_customer(desk.database, await customer_of_order(desk.database, "1042"), actor="cli:test")
    sound = Sound(WAV, 23)
    assert not await keep_message(desk.database, desk.vault, message, sound, KEEPING, now_ms=desk.now_ms)
    assert await kept(shop) == []
    assert not await begin_message(desk.database, Begun(NAMES[1], desk.now_ms), "1042")


async def test_the_latest_are_kept_and_for_so_many_days(shop: Shop) -> None:
    for name in NAMES[:5]:
        shop.desk.pass_time(1)
        await leave(shop, name)
    assert await kept(shop) == NAMES[2:5]
    shop.desk.pass_time(30 * DAY_MS)
    await leave(shop, NAMES[5])
    assert await kept(shop) == NAMES[4:6]


async def test_one_that_is_still_being_said_is_not_among_them_and_is_shown_to_nobody(shop: Shop) -> None:
    being_said = Begun(NAMES[0], shop.desk.now_ms)
    await begin_message(shop.desk.database, being_said, "1042")
    for name in NAMES[1:6]:
        shop.desk.pass_time(1)
        await leave(shop, name)
    assert await kept(shop) == [NAMES[0], *NAMES[3:6]]
    assert await begun_messages(shop.desk.database) == [being_said]
    shown = (await shop.card(shop.anna, "1042"))["messages"]
    assert [message["id"] for message in shown] == [*reversed(NAMES[3:6])]
    assert (await hear(shop, shop.anna, NAMES[0]))[0] == 404


async def test_nothing_in_the_database_is_the_sound(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    async with shop.desk.database.read() as connection:
        query = select(func.length(voice_messages.c.sealed), voice_messages.c.sealed)
        length, sealed = (await connection.execute(query)).one()
    assert length == len(WAV) + 1 + 12 + 16
    assert WAV[50:100] not in sealed


@pytest.mark.parametrize("wav", [b"", b"RIFF", b"\0" * 100, WAV[:30]])
def test_what_is_no_recording_is_no_message(wav: bytes) -> None:
    assert sound_of(wav) is None


@pytest.mark.parametrize(("seconds", "told"), [(0.2, None), (0.7, 1), (61.4, 61)])
def test_a_recording_lasts_as_long_as_it_says(seconds: float, told: int | None) -> None:
    sound = sound_of(wav_of(seconds))
    assert (sound.seconds if sound else None) == told
