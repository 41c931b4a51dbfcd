"""Sessions: how they end, whoever or whatever ends them."""

from __future__ import annotations

import sqlite3

import pytest
from desk_shop import HOUR_MS, MINUTE_MS, DeskShop, Person

from bridge.store.managers import disable_manager


@pytest.fixture
async def anna(shop: DeskShop) -> Person:
    return await shop.hire("101", "Anna")


async def is_open(shop: DeskShop, session: Person | str, **headers: str) -> bool:
    answer = await shop.ask("GET", "/v1/me", of=session, **headers)
    assert (answer.status, answer.status == 200 or answer.reason) in [(200, True), (401, "signed-out")]
    return answer.status == 200


async def test_a_session_ends_when_nobody_uses_it(shop: DeskShop, anna: Person) -> None:
    for _ in range(3):
        shop.pass_time(30 * MINUTE_MS - 1)
        assert await is_open(shop, anna)
    shop.pass_time(30 * MINUTE_MS)
    assert not await is_open(shop, anna)


async def test_a_session_ends_however_much_it_is_used(shop: DeskShop, anna: Person) -> None:
    for _ in range(12 * 3 - 1):
        shop.pass_time(20 * MINUTE_MS)
        assert await is_open(shop, anna)
    shop.pass_time(20 * MINUTE_MS)
    assert not await is_open(shop, anna)


async def test_the_times_are_those_of_the_configuration_at_once(shop: DeskShop, anna: Person) -> None:
    shop.pass_time(10 * MINUTE_MS)
    shop.configured("desk: {idle_minutes: 10}\n")
    assert not await is_open(shop, anna)
    shop.configured("desk: {idle_minutes: 11}\n")
    assert await is_open(shop, anna)


async def test_what_a_page_asks_by_itself_keeps_no_session_open(shop: DeskShop, anna: Person) -> None:
    for _ in range(2):
        shop.pass_time(15 * MINUTE_MS - 1)
        assert await is_open(shop, anna, Unattended="yes")
    shop.pass_time(2)
    assert not await is_open(shop, anna, Unattended="yes")


async def test_a_session_in_use_is_noted_once_a_minute(shop: DeskShop, anna: Person) -> None:
    began = shop.now_ms
    for _ in range(7):
        await is_open(shop, anna)
        shop.pass_time(20_000)
    with sqlite3.connect(shop.folder / "shop.db") as connection:
        seen = connection.execute("SELECT seen_ms FROM sessions").fetchone()[0]
    connection.close()
    assert seen == began + 120_000


async def test_signing_out_ends_the_session_and_no_other(shop: DeskShop, anna: Person) -> None:
    other = await shop.session(anna.manager)
    assert (await shop.ask("POST", "/v1/sign-out", of=anna)).status == 204
    assert not await is_open(shop, anna)
    assert await is_open(shop, other)


async def test_ones_sessions_are_listed_and_ended_one_by_one(shop: DeskShop, anna: Person) -> None:
    elsewhere = await shop.session(anna.manager, "198.51.100.7")
    listed = (await shop.ask("GET", "/v1/sessions", of=anna)).body["sessions"]
    assert {(each["address"], each["current"]) for each in listed} == {
        ("192.0.2.1", True),
        ("198.51.100.7", False),
    }
    (other,) = [each["id"] for each in listed if not each["current"]]
    assert (await shop.ask("DELETE", f"/v1/sessions/{other}", of=anna)).status == 204
    assert not await is_open(shop, elsewhere)
    assert await is_open(shop, anna)


async def test_somebody_elses_session_is_as_if_it_did_not_exist(shop: DeskShop, anna: Person) -> None:
    boris = await shop.hire("102", "Boris")
    (session,) = (await shop.ask("GET", "/v1/sessions", of=boris)).body["sessions"]
    refused = [
        await shop.ask("DELETE", f"/v1/sessions/{id_}", of=anna)
        for id_ in (session["id"], "abcdefghijklmnop")
    ]
    assert refused[0].status == refused[1].status == 404
    assert refused[0].body == refused[1].body
    assert await is_open(shop, boris)


async def test_a_disabled_manager_is_out_at_once(shop: DeskShop, anna: Person) -> None:
    await disable_manager(shop.database, "101", "cli:test")
    assert not await is_open(shop, anna)


async def test_twenty_sessions_are_enough_for_anybody(shop: DeskShop, anna: Person) -> None:
    for _ in range(20):
        shop.pass_time(1)
        last = await shop.session(anna.manager)
    assert not await is_open(shop, anna)
    assert await is_open(shop, last)


async def test_sessions_that_are_over_leave_the_database(shop: DeskShop, anna: Person) -> None:
    shop.pass_time(13 * HOUR_MS)
    await shop.session(anna.manager)
    with sqlite3.connect(shop.folder / "shop.db") as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic abc", "Bearer " + "a" * 45, "Bearer " + "a" * 5000, "a"]
)
async def test_no_token_and_a_token_of_nobody_are_signed_out(shop: DeskShop, authorization: str) -> None:
    answer = await shop.ask("GET", "/v1/me", Authorization=authorization)
    assert (answer.status, answer.reason) == (401, "signed-out")


async def test_a_session_token_is_of_256_bits_and_of_letters_alone(shop: DeskShop, anna: Person) -> None:
    assert anna.token.isascii()
    assert anna.token.isalpha()
    assert len(anna.token) * 5.7 >= 256
