"""A link that sets one's phone up: once, for ten minutes, and what does not work is told in one way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from desk_shop import MINUTE_MS, Answer, DeskShop, Person
from sqlalchemy import select
from work_shop import LONG_SESSIONS, Shop

from bridge.rules import Role
from bridge.store.phones import LINK_MS, forget_password, has_password, keep_password
from bridge.store.schema import phones
from bridge.vault import SealBroken

PASSWORD = "correct-horse-101"
ON = f'{LONG_SESSIONS}  phones: {{server: "pbx.example.net", transport: tls, srtp: true}}\n'


@dataclass
class Phones:
    shop: DeskShop
    anna: Person
    boris: Person
    owner: Person

    async def hand_over(self, extension: str = "101", password: str = PASSWORD) -> None:
        assert self.shop.vault is not None
        sealer = self.shop.vault.program_secrets
        await keep_password(
            self.shop.database, sealer, extension, password, actor="cli:root", now_ms=self.shop.now_ms
        )

    async def ask(self, person: Person, app: str = "linphone") -> Answer:
        return await self.shop.ask("POST", "/v1/phone/links", {"app": app}, of=person)

    async def make(self, app: str = "linphone") -> str:
        """A link for Anna's phone; its token."""
        answer = await self.ask(self.anna, app)
        assert (answer.status, answer.body["ends_ms"]) == (201, self.shop.now_ms + LINK_MS)
        return str(answer.body["path"]).removeprefix("/phone/account/")

    async def use(self, token: str, address: str = "198.51.100.7") -> Answer:
        return await self.shop.ask("POST", f"/v1/phone-links/{token}", {"address": address})


@pytest.fixture
async def handed(work: Shop) -> Phones:
    """A shop that sets phones up from the desk; Anna's password is known."""
    work.desk.configured(ON)
    handed = Phones(work.desk, work.anna, work.boris, await work.desk.hire("104", "Olga", Role.OWNER))
    await handed.hand_over()
    return handed


@pytest.mark.parametrize("app", ["linphone", "zoiper", "by-hand"])
async def test_a_link_has_the_account_behind_it(handed: Phones, app: str) -> None:
    answer = await handed.use(await handed.make(app))
    assert (answer.status, answer.body) == (
        200,
        {
            "app": app,
            "shop": "Example Shop",
            "extension": "101",
            "user": "101",
            "password": PASSWORD,
            "host": "pbx.example.net",
            "port": 5061,
            "transport": "tls",
            "srtp": True,
        },
    )
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_user_is_the_endpoints_name_and_the_port_may_be_another(handed: Phones) -> None:
    of_the_office = '  phones: {server: "10.0.0.1:5080"}\n'
    handed.shop.configured(f"{LONG_SESSIONS}{of_the_office}managers:\n  endpoint: PJSIP/m-{{extension}}\n")
    told = (await handed.use(await handed.make())).body
    assert (told["user"], told["host"], told["port"]) == ("m-101", "10.0.0.1", 5080)
    assert (told["transport"], told["srtp"]) == ("udp", False)


async def test_it_works_once(handed: Phones) -> None:
    token = await handed.make()
    answers = await asyncio.gather(*(handed.use(token, f"192.0.2.{n}") for n in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 404, 404, 404, 404]


async def test_unknown_used_late_replaced_and_void_ones_are_told_alike(handed: Phones) -> None:
    used = await handed.make()
    await handed.use(used)
    replaced, revoked = await handed.make(), await handed.make()
    await handed.hand_over()  # anew: a link to what was before is void
    late = await handed.make()
    answers = [await handed.use(token) for token in ("z" * 45, used, replaced, revoked)]
    handed.shop.pass_time(LINK_MS)
    answers.append(await handed.use(late, "198.51.100.8"))
    off = await handed.make()
    handed.shop.configured(LONG_SESSIONS)
    answers.append(await handed.use(off, "198.51.100.9"))
    for answer in answers:
        assert (answer.status, answer.body) == (404, answers[0].body)
        assert set(answer.headers) == set(answers[0].headers)


async def test_who_is_disabled_or_has_another_extension_is_given_no_account(handed: Phones) -> None:
    token = await handed.make()
    await handed.shop.ask("POST", "/v1/managers/101/enabled", {"enabled": False}, of=handed.owner)
    assert (await handed.use(token)).status == 404
    await handed.shop.ask("POST", "/v1/managers/101/enabled", {"enabled": True}, of=handed.owner)
    assert (await handed.use(token)).status == 200
    moved = await handed.shop.ask("POST", "/v1/managers/101/extension", {"extension": "191"}, of=handed.owner)
    assert moved.status == 200
    assert not await has_password(handed.shop.database, handed.anna.manager.id), "that of the old extension"


async def test_a_link_is_for_ones_own_phone_alone_and_wants_its_password(handed: Phones) -> None:
    answer = await handed.ask(handed.boris)
    assert (answer.status, answer.reason) == (409, "no-phone-password")
    await handed.hand_over("102", "boris-has-another")
    ready = await handed.shop.ask("GET", "/v1/phone", of=handed.boris)
    assert ready.body == {"ready": True}
    made = (await handed.ask(handed.boris)).body["path"]
    told = (await handed.use(made.removeprefix("/phone/account/"))).body
    assert (told["extension"], told["password"]) == ("102", "boris-has-another")


async def test_links_are_made_only_where_that_is_on(handed: Phones) -> None:
    assert (await handed.shop.ask("GET", "/v1/me", of=handed.anna)).body["phones"] is True
    handed.shop.configured(LONG_SESSIONS)
    assert (await handed.shop.ask("GET", "/v1/me", of=handed.anna)).body["phones"] is False
    answer = await handed.ask(handed.anna)
    assert (answer.status, answer.reason) == (403, "phones-off")


async def test_who_tries_links_is_slowed_down_and_nobody_else_is(handed: Phones) -> None:
    token = await handed.make()
    statuses = [(await handed.use(f"guess{n}", "203.0.113.9")).status for n in range(8)]
    assert (statuses[:5], statuses[-1]) == ([404] * 5, 429)
    assert (await handed.use(token, "203.0.113.9")).status == 429, "even with a good one"
    assert (await handed.use(token, "198.51.100.8")).status == 200
    handed.shop.pass_time(60 * MINUTE_MS)
    assert (await handed.use("another", "203.0.113.9")).status == 404


async def test_what_is_kept_and_put_on_record_opens_nothing(handed: Phones) -> None:
    token = await handed.make()
    async with handed.shop.database.read() as connection:
        kept = (await connection.execute(select(phones))).one()
    assert token.encode() not in kept.link_hash
    assert PASSWORD.encode() not in kept.password_sealed
    await handed.use(token)
    await handed.use("a-guess")
    rows = [row for row in await handed.shop.audit() if row[1].startswith("phone")]
    assert rows == [
        ("cli:root", "phone-password", "101", ""),
        ("desk:101", "phone-link", "101", "kind=linphone"),
        ("desk:101", "phone-link-used", "101", "kind=linphone, address=198.51.100.7"),
        ("desk:?", "phone-link-failed", "desk", "address=198.51.100.7"),
    ]


async def test_a_sealed_daemon_keeps_the_link_for_later(handed: Phones) -> None:
    token, vault = await handed.make(), handed.shop.vault
    handed.shop.vault = None
    assert (await handed.use(token)).status == 503
    handed.shop.vault = vault
    assert (await handed.use(token)).status == 200


async def test_a_password_opens_in_its_own_row_alone(handed: Phones) -> None:
    await handed.hand_over("102", "boris-has-another")
    async with handed.shop.database.write() as connection:
        sealed = (
            await connection.execute(
                select(phones.c.password_sealed).where(phones.c.manager_id == handed.boris.manager.id)
            )
        ).scalar_one()
        await connection.execute(
            phones.update()
            .where(phones.c.manager_id == handed.anna.manager.id)
            .values(password_sealed=sealed)
        )
    answer = await handed.use(await handed.make())
    assert (answer.status, answer.reason) == (409, "seal-broken")
    assert handed.shop.vault is not None
    with pytest.raises(SealBroken):
        handed.shop.vault.program_secrets.open(sealed, f"phone {handed.anna.manager.id}")


async def test_a_password_can_be_taken_back(handed: Phones) -> None:
    token, database = await handed.make(), handed.shop.database
    told = {"actor": "cli:root", "now_ms": handed.shop.now_ms}
    assert await forget_password(database, "101", **told)
    assert not await forget_password(database, "101", **told)
    assert (await handed.use(token)).status == 404
    assert [row[1] for row in await handed.shop.audit()].count("phone-forget") == 1


# --- the phone in the page ---

IN_THE_PAGE = f'{LONG_SESSIONS}  phones: {{websocket: "wss://desk.example.net:8443/ws"}}\n'


async def test_a_page_is_given_ones_own_account_and_that_is_on_record(handed: Phones) -> None:
    handed.shop.configured(IN_THE_PAGE)
    assert (await handed.shop.ask("GET", "/v1/me", of=handed.anna)).body["browser_phone"] is True
    answer = await handed.shop.ask("POST", "/v1/phone/browser", of=handed.anna)
    assert answer.body == {
        "user": "101",
        "host": "desk.example.net",
        "password": PASSWORD,
        "websocket": "wss://desk.example.net:8443/ws",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("desk:101", "phone-browser", "101", "") in await handed.shop.audit()


async def test_a_page_is_given_nothing_where_there_is_no_such_phone(handed: Phones) -> None:
    off = await handed.shop.ask("POST", "/v1/phone/browser", of=handed.anna)
    assert (off.status, off.reason) == (403, "phones-off")
    handed.shop.configured(IN_THE_PAGE)
    unknown = await handed.shop.ask("POST", "/v1/phone/browser", of=handed.boris)
    assert (unknown.status, unknown.reason) == (409, "no-phone-password")
    assert "phone-browser" not in [row[1] for row in await handed.shop.audit()]
