"""Messages of those whom nobody knew: for supervisors to hear, and to give to the order they are about."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_shop import Answer, Person
from sqlalchemy import select
from test_voice_messages import DAY_MS, KEEPING, NAMES, WAV, hear, kept
from work_shop import LONG_SESSIONS, Shop

from bridge.rotation import retire, rotate
from bridge.store.data_keys import count_others
from bridge.store.erasure import customer_of_order, erase_customer
from bridge.store.schema import voice_messages
from bridge.store.voice_messages import (
    Begun,
    Sound,
    begin_message,
    begin_strangers_message,
    keep_message,
    open_strangers_message,
)
from bridge.switchboard.strangers import SealedCaller, Stranger
from bridge.vault import (
    KeyFile,
    KeyRing,
    KeyUnusable,
    Vault,
    read_key_ring,
    read_number,
    write_key_file,
)


@pytest.fixture
async def shop(work: Shop) -> Shop:
    work.desk.configured(LONG_SESSIONS)
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    return work


async def leave(shop: Shop, name: str, caller: int = 7) -> None:
    desk = shop.desk
    assert desk.vault is not None
    message = Begun(name, desk.now_ms)
    await begin_strangers_message(desk.database, desk.vault, message, caller)
    assert await keep_message(desk.database, desk.vault, message, Sound(WAV, 23), KEEPING, now_ms=desk.now_ms)


async def listed(shop: Shop, of: Person) -> Answer:
    return await shop.ask(of, "GET", "/v1/messages")


async def give(shop: Shop, of: Person, name: str, code: str = "1042") -> Answer:
    return await shop.ask(of, "POST", f"/v1/messages/{name}", {"order": code})


async def heard_by(shop: Shop, of: Person, name: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {of.token}"}
    async with shop.desk._http.get(f"http://desk/v1/messages/{name}", headers=headers) as answer:
        return answer.status, await answer.read()


async def test_supervisors_hear_it_on_record_and_managers_know_of_none(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    (message,) = (await listed(shop, shop.clara)).body["messages"]
    wanted = {"id": NAMES[0], "caller": 7, "at_ms": shop.desk.now_ms, "seconds": 23, "heard_ms": None}
    assert message == wanted
    assert await heard_by(shop, shop.clara, NAMES[0]) == (200, WAV)
    assert ("desk:100", "message-hear", "caller 7", "") in await shop.desk.audit()
    assert (await listed(shop, shop.clara)).body["messages"][0]["heard_ms"] == shop.desk.now_ms
    assert (await listed(shop, shop.anna)).status == 404
    assert (await heard_by(shop, shop.anna, NAMES[0]))[0] == 404
    assert (await give(shop, shop.anna, NAMES[0])).status == 404


async def test_given_to_an_order_it_is_the_customers_and_goes_with_them(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    assert (await give(shop, shop.clara, NAMES[0])).status == 204
    assert ("desk:100", "message-attach", "order 1042", "caller 7") in await shop.desk.audit()
    assert (await listed(shop, shop.clara)).body["messages"] == []
    assert (await heard_by(shop, shop.clara, NAMES[0]))[0] == 404
    assert await hear(shop, shop.anna, NAMES[0]) == (200, "audio/wav", WAV)
    assert (await hear(shop, shop.boris, NAMES[0]))[0] == 404
    assert (await give(shop, shop.clara, NAMES[0])).status == 404, "it is given once"
    database = shop.desk.database
    await erase_customer(database, await customer_of_order(database, "1042"), actor="cli:test")
    assert await kept(shop) == []


async def test_an_order_that_is_none_takes_no_message(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    answer = await give(shop, shop.clara, NAMES[0], "9999")
    assert (answer.status, answer.reason) == (404, "no-such-order")
    assert len((await listed(shop, shop.clara)).body["messages"]) == 1


async def test_attaching_the_call_brings_its_message_along(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    assert shop.desk.vault is not None
    number = SealedCaller.of(read_number("+447700900461", "GB"), shop.desk.vault)
    shop.desk.strangers.keep(7, Stranger(shop.desk.now_ms, number, NAMES[0]))
    answer = await shop.ask(shop.anna, "POST", "/v1/orders/1042/callers", {"caller": 7})
    assert answer.status == 204, "whoever has talked with them, or found out who it was"
    assert await hear(shop, shop.anna, NAMES[0]) == (200, "audio/wav", WAV)


async def test_strangers_who_fill_their_place_leave_customers_messages_alone(shop: Shop) -> None:
    desk = shop.desk
    assert desk.vault is not None
    message = Begun(NAMES[0], desk.now_ms)
    await begin_message(desk.database, message, "1042")
    await keep_message(desk.database, desk.vault, message, Sound(WAV, 23), KEEPING, now_ms=desk.now_ms)
    for name in NAMES[1:6]:
        desk.pass_time(1)
        await leave(shop, name)
    assert await kept(shop) == [NAMES[0], *NAMES[3:6]]
    desk.pass_time(30 * DAY_MS)
    await leave(shop, NAMES[6])
    assert await kept(shop) == [NAMES[5], NAMES[6]]


async def test_nothing_in_the_database_is_the_sound_and_no_message_opens_as_another(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    async with shop.desk.database.read() as connection:
        (row,) = (await connection.execute(select(voice_messages))).all()
    assert WAV[50:100] not in row.sealed
    assert (row.customer_id, row.order_code) == (None, None)
    async with shop.desk.database.write() as connection:
        await connection.execute(voice_messages.update().values(id=NAMES[1]))
    assert (await heard_by(shop, shop.clara, NAMES[1]))[0] == 409


async def test_a_sealed_daemon_gives_none(shop: Shop) -> None:
    await leave(shop, NAMES[0])
    shop.desk.vault = None
    assert (await heard_by(shop, shop.clara, NAMES[0]))[0] == 503
    assert (await give(shop, shop.clara, NAMES[0])).status == 503


async def test_a_rotation_of_keys_takes_them_along(work: Shop, tmp_path: Path) -> None:
    source, ring = KeyFile(tmp_path / "ring"), KeyRing.new()
    write_key_file(source.path, ring)
    work.desk.vault = Vault(ring)
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    await leave(work, NAMES[0])
    rotated = await rotate(source, work.desk.database, Vault(ring), "cli:test", lambda *_: None)
    assert (rotated.rewrapped, rotated.broken) == (2, ()), "the customer's key, and that of the message"
    async with work.desk.database.read() as connection:
        assert await count_others(connection, rotated.current) == 0
    await retire(source, work.desk.database, ring.current.id, "cli:test")
    only_new = Vault(read_key_ring(source))
    wav = await open_strangers_message(
        work.desk.database, only_new, NAMES[0], actor="test", now_ms=work.desk.now_ms
    )
    assert wav == WAV


async def test_a_key_that_still_wraps_one_is_not_retired(work: Shop, tmp_path: Path) -> None:
    source, ring = KeyFile(tmp_path / "ring"), KeyRing.new()
    write_key_file(source.path, ring)
    work.desk.vault = Vault(ring)
    await leave(work, NAMES[0])
    write_key_file(tmp_path / "rotated", ring.rotated())
    with pytest.raises(KeyUnusable):
        await retire(KeyFile(tmp_path / "rotated"), work.desk.database, ring.current.id, "cli:test")
