"""A customer keys a number in, in a conversation: a real Asterisk, a carrier, a manager's phone."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from capture_shop import capture_shop, contacts, given
from keying import (
    WAYS,
    by_events,
    hear_each_other,
    heard,
    hears_music,
    hears_tone,
    keys_of,
    speak_without_events,
)
from shop import next_result, records, settings, until

from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from bridge.store.new_contacts import GIVEN_LABEL
from labkit.lab import Lab

NUMBER = "07700900{:03}"
ENGLISH, RUSSIAN = "1042", "1043"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with capture_shop(tmp_path_factory.mktemp("captures")) as lab:
        yield lab


@dataclass
class Conversation:
    lab: Lab
    manager: Call
    customer: Call
    order: str
    log_before: int
    given_before: int

    async def ask(self) -> None:
        """The manager presses the code; when this returns the customer's keys count."""
        await self.manager.send_dtmf("*5")
        await self.moves_to("asking")

    async def moves_to(self, state: str, times: int = 1) -> None:
        def there() -> bool:
            return captures_moves(self.lab, self.log_before).count(state) >= times

        await until(there, f"a capture that is {state}", within=60)

    async def outcome(self) -> str:
        """What came of the capture, once the two hear each other again."""
        await self.moves_to("over")
        await self.talk()
        ended = [
            each["result"] for each in lines(self.lab, self.log_before) if each["event"] == "capture ended"
        ]
        assert len(ended) == 1
        return str(ended[0])

    async def talk(self) -> None:
        """Each of the two hears the other's tone."""
        await hear_each_other(self.manager, self.customer)

    @property
    def newly_given(self) -> int:
        return given(self.lab, self.order) - self.given_before


@asynccontextmanager
async def conversation(
    lab: Lab, phone: Phone, carrier: Carrier, order: str = ENGLISH
) -> AsyncIterator[Conversation]:
    """A conversation that both are in; at its end the manager hangs up, and the customer hears it."""
    size, before = lab.log("daemon").stat().st_size, given(lab, order)
    manager = await phone.dial(f"*{order}")
    await manager.answered()
    talk = Conversation(lab, manager, await carrier.called(), order, size, before)
    await talk.talk()
    yield talk
    await manager.hang_up()
    await talk.customer.ended()


def lines(lab: Lab, after: int) -> list[dict[str, str]]:
    with lab.log("daemon").open("rb") as log:
        log.seek(after)
        return [json.loads(line) for line in log.read().decode().splitlines()]


def captures_moves(lab: Lab, after: int) -> list[str]:
    return [each["state"] for each in lines(lab, after) if each["event"] == "capture moved"]


# --- how it goes ---


@pytest.mark.parametrize("way", WAYS)
async def test_a_number_is_keyed_in_read_back_confirmed_and_saved(
    lab: Lab, phone: Phone, carrier: Carrier, way: str
) -> None:
    key_in, number = WAYS[way], NUMBER.format(500 + list(WAYS).index(way))
    if way == "in band":
        speak_without_events(carrier)
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await key_in(talk.customer, f"{number}#")
        await until(lambda: heard(talk.customer.media, "en") == number, "the number, read", within=40)
        await key_in(talk.customer, "1")
        assert await talk.outcome() == "saved"
        assert talk.newly_given == 1
    assert contacts(lab, ENGLISH)[-1][:2] == (GIVEN_LABEL, "usable")
    assert keys_of(talk.manager.media) == "", "no key of the customer's has reached the manager"


async def test_a_customer_hears_their_own_language(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    number = NUMBER.format(510)
    async with conversation(lab, phone, carrier, RUSSIAN) as talk:
        await talk.ask()
        await by_events(talk.customer, f"{number}#")
        await until(lambda: heard(talk.customer.media, "ru") == number, "the number in Russian", within=40)
        await by_events(talk.customer, "1")
        assert await talk.outcome() == "saved"
        assert talk.newly_given == 1


async def test_the_manager_hears_music_and_then_only_what_came_of_it(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await until(lambda: hears_music(talk.manager.media), "music on hold")
        assert not hears_tone(talk.manager.media, carrier.tone_hz)
        await by_events(talk.customer, f"{NUMBER.format(511)}#1")
        assert await talk.outcome() == "saved"


async def test_with_2_the_number_is_given_again(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await by_events(talk.customer, f"{NUMBER.format(512)}#2")
        await talk.moves_to("asking", times=2)
        await by_events(talk.customer, f"{NUMBER.format(513)}#1")
        assert await talk.outcome() == "saved"
        assert talk.newly_given == 1


async def test_with_a_star_the_number_is_begun_anew(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    number = NUMBER.format(514)
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await by_events(talk.customer, f"077*{number}#")
        await until(lambda: heard(talk.customer.media, "en") == number, "the number, read", within=40)
        await by_events(talk.customer, "1")
        assert await talk.outcome() == "saved"


async def test_a_number_that_they_have_already_is_saved_and_not_twice(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """The manager hears the same, and so can't find out whether a number is known."""
    async with conversation(lab, phone, carrier) as talk:
        before = len(contacts(lab, ENGLISH))
        for _ in range(2):
            await talk.ask()
            await by_events(talk.customer, f"{NUMBER.format(515)}#1")
            await talk.moves_to("over")
            talk.log_before = lab.log("daemon").stat().st_size
        await talk.talk()
        assert len(contacts(lab, ENGLISH)) == before + 1


# --- and how it does not ---


async def test_three_numbers_that_cant_be_are_not_valid(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await by_events(talk.customer, "12#")
        await by_events(talk.customer, "#")
        await by_events(talk.customer, "123456789012345678901234567890#")
        assert await talk.outcome() == "not-valid"
        assert talk.newly_given == 0


async def test_a_customer_who_presses_nothing_is_soon_back(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        assert await talk.outcome() == "not-valid"
        assert talk.newly_given == 0


async def test_a_manager_can_have_the_customer_back(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await by_events(talk.customer, NUMBER.format(520))
        await talk.manager.send_dtmf("#")
        assert await talk.outcome() == "cancelled"
        assert talk.newly_given == 0


async def test_asked_for_twice_it_is_one_capture(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.manager.send_dtmf("*5*5")
        await talk.moves_to("asking")
        await talk.manager.send_dtmf("*5")
        await by_events(talk.customer, f"{NUMBER.format(521)}#1")
        assert await talk.outcome() == "saved"
        assert captures_moves(lab, talk.log_before).count("parting") == 1


async def test_no_key_of_a_customers_reaches_the_manager_before_or_after(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    async with conversation(lab, phone, carrier) as talk:
        for way in ("RFC 4733", "SIP INFO"):
            await WAYS[way](talk.customer, "1234")
        await talk.ask()
        await talk.manager.send_dtmf("#")
        await talk.outcome()
        for way in ("RFC 4733", "SIP INFO"):
            await WAYS[way](talk.customer, "5678")
        await talk.talk()
        assert keys_of(talk.manager.media) == ""
        assert not [each for each in talk.manager.requests if each.method == "INFO"]


@pytest.mark.parametrize("who", ["customer", "manager"])
async def test_whoever_hangs_up_in_the_middle_ends_the_call(
    lab: Lab, phone: Phone, carrier: Carrier, who: str
) -> None:
    before = records(lab)
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await by_events(talk.customer, NUMBER.format(530))
        quitter, other = (talk.customer, talk.manager) if who == "customer" else (talk.manager, talk.customer)
        await quitter.hang_up()
        await other.ended()
        assert (await next_result(lab, before)).result == "talked"
        assert talk.newly_given == 0


async def test_a_daemon_that_dies_in_the_middle_leaves_two_whom_the_next_one_joins(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await by_events(talk.customer, f"{NUMBER.format(531)}#")
        await talk.moves_to("confirming")
        daemon = lab.record.processes["daemon"]
        lab.kill_daemon()
        await until(lambda: not daemon.alive, "the end of a killed daemon")
        assert hears_music(talk.manager.media)
        await asyncio.to_thread(lab.start_daemon)
        await talk.talk()
        assert talk.newly_given == 0
        await by_events(talk.customer, "1234")
        await talk.talk()
        assert keys_of(talk.manager.media) == "", "the customer's keys are shut out again"


async def test_a_daemon_that_is_told_to_stop_leaves_no_customer_alone(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await asyncio.to_thread(lab.restart_daemon)
        await talk.talk()
        assert talk.newly_given == 0


async def test_a_database_that_fails_means_not_saved(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await by_events(talk.customer, f"{NUMBER.format(532)}#")
        await talk.moves_to("confirming")
        with sqlite3.connect(lab.database_path, isolation_level=None) as database:
            database.execute("BEGIN IMMEDIATE")
            await by_events(talk.customer, "1")
            await talk.moves_to("telling")
            database.execute("ROLLBACK")
        database.close()
        assert await talk.outcome() == "not-saved"
        assert talk.newly_given == 0


async def test_a_pbx_that_can_read_no_number_means_not_saved(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """Without chan_rtp there is no way to read it so that nobody else knows: then it is not read at all."""
    lab.asterisk.rx("module unload chan_rtp.so")
    try:
        async with conversation(lab, phone, carrier) as talk:
            await talk.ask()
            await by_events(talk.customer, f"{NUMBER.format(533)}#")
            assert await talk.outcome() == "not-saved"
            assert talk.newly_given == 0
    finally:
        lab.asterisk.rx("module load chan_rtp.so")


async def test_where_it_is_switched_off_the_keys_mean_nothing(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    with settings(lab, {"captures": {"code": ""}}):
        async with conversation(lab, phone, carrier) as talk:
            await talk.manager.send_dtmf("*5")
            await talk.customer.media.wait_for_dtmf("*5")
            await talk.talk()
            assert captures_moves(lab, talk.log_before) == []
