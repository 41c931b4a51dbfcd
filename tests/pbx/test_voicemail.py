"""Customers whom nobody answers leave messages: a real Asterisk, a carrier, the desk's API on its socket."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from callback_shop import SUPERVISOR, callback_shop
from keying import by_info
from shop import next_result, nothing_left, records, until
from test_callbacks import IVAN, STRANGER, calls_in, crash_and_restart

from bridge.config import load_config
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.store.accounts import invite
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.managers import manager_by_extension
from bridge.store.sessions import Browser, Lifetime, begin_session
from labkit.daemonfiles import DAYS
from labkit.lab import Lab
from labkit.results import rows

HOUR_MS = 3_600_000
ORDER = "1043"
BYTES_OF_A_SECOND = 16_000
"""Of WAV as Asterisk writes it: 8000 samples of 16 bits."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A shop that is closed, and wants messages."""
    with callback_shop(
        tmp_path_factory.mktemp("voicemail"),
        hours={day: [] for day in DAYS},
        voicemail=True,
        voicemail_prompt=["beep"],
        voicemail_seconds=10,
    ) as lab:
        folder_of_recordings(lab).mkdir()  # which Debian's package does not make: docs/callbacks.md
        lab.stop_daemon()
        lab.configure({"desk": {"second_factor": ["owner"]}})  # the supervisor signs in by a password alone
        lab.start_daemon()
        yield lab


def folder_of_recordings(lab: Lab) -> Path:
    return lab.folder / "spool" / "recording"


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with Carrier(lab.carrier_address, server=lab.sip_address) as carrier:
        yield carrier
        for call in carrier.calls:
            await call.hang_up()
    await nothing_left(lab)


def messages(lab: Lab) -> list[tuple[str, int]]:
    """Id and seconds of each that is sealed, the oldest first."""
    query = "SELECT id, seconds FROM voice_messages WHERE sealed IS NOT NULL ORDER BY at_ms"
    return [(str(row[0]), int(row[1])) for row in rows(lab.database_path, query)]


def recordings(lab: Lab) -> list[Path]:
    """What Asterisk has of recordings."""
    return list(folder_of_recordings(lab).iterdir())


async def speaks(lab: Lab, carrier: Carrier, seconds: float = 2, caller: str = IVAN) -> Call:
    """Somebody who calls, and has spoken for so long after the tone."""
    customer = await calls_in(carrier, caller)
    await customer.answered(within=10)
    await until(lambda: recordings(lab), "a recording")
    (path,) = recordings(lab)
    await until(lambda: path.stat().st_size > seconds * BYTES_OF_A_SECOND, "so many seconds of it")
    return customer


async def hear(
    lab: Lab, extension: str, message_id: str, order: str | None = ORDER
) -> tuple[int, str, bytes]:
    """What the desk's API answers: status, kind and content. None: of nobody's order."""
    token = await signed_in(lab, extension)
    connector = aiohttp.UnixConnector(str(lab.desk_socket))
    async with aiohttp.ClientSession(connector=connector) as http:
        url = f"http://desk/v1{f'/orders/{order}' if order else ''}/messages/{message_id}"
        async with http.get(url, headers={"Authorization": f"Bearer {token}"}) as response:
            return response.status, response.content_type, await response.read()


async def signed_in(lab: Lab, extension: str) -> str:
    desk = load_config(lab.config_path).desk
    async with await Database.open(lab.database_path) as database:
        manager = await manager_by_extension(database, extension)
        assert manager is not None
        await invite(database, extension, actor="cli:test", now_ms=now_ms())
        return await begin_session(
            database,
            manager,
            Browser("127.0.0.1", "test"),
            Lifetime(desk.idle_minutes * 60_000, desk.longest_hours * HOUR_MS),
            complete=True,
            entry=AuditEntry(now_ms(), f"desk:{extension}", "sign-in", "desk"),
        )


async def test_what_a_customer_says_is_heard_at_the_desk_and_is_left_nowhere_else(
    lab: Lab, carrier: Carrier
) -> None:
    before, already = records(lab), len(messages(lab))
    customer = await speaks(lab, carrier)
    await customer.hang_up()
    await until(lambda: len(messages(lab)) > already, "a message")
    message_id, seconds = messages(lab)[-1]
    assert 1 <= seconds <= 6
    await until(lambda: recordings(lab) == [], "an Asterisk that has forgotten it")
    assert (await next_result(lab, before)).result == "passed-on"
    status, kind, sound = await hear(lab, "101", message_id)
    assert (status, kind) == (200, "audio/wav")
    with wave.open(io.BytesIO(sound)) as wav:
        assert round(wav.getnframes() / wav.getframerate()) == seconds
        heard = wav.readframes(wav.getnframes())
    assert len(set(heard)) > 10, "somebody speaks, and it is no silence"
    assert heard[1000:1200] not in lab.database_path.read_bytes()
    acts = rows(lab.database_path, "SELECT actor, subject, detail FROM audit WHERE act = 'message-hear'")
    assert acts == [("desk:101", f"order {ORDER}", "")]


async def test_the_recording_has_nothing_of_the_caller_in_its_name(lab: Lab, carrier: Carrier) -> None:
    customer = await speaks(lab, carrier)
    (path,) = recordings(lab)
    assert path.stem.isalpha()
    assert not set(ORDER) & set(path.stem)
    await customer.hang_up()


async def test_nobody_elses_manager_hears_it(lab: Lab, carrier: Carrier) -> None:
    already = len(messages(lab))
    customer = await speaks(lab, carrier)
    await customer.hang_up()
    await until(lambda: len(messages(lab)) > already, "a message")
    message_id, _ = messages(lab)[-1]
    assert (await hear(lab, "102", message_id))[0] == 404
    assert (await hear(lab, "101", message_id, "1042"))[0] == 404, "of another order"


async def test_what_is_being_said_to_a_daemon_that_dies_is_fetched_by_the_next(
    lab: Lab, carrier: Carrier
) -> None:
    already = len(messages(lab))
    await speaks(lab, carrier)
    await crash_and_restart(lab)
    await until(lambda: len(messages(lab)) > already, "a message", within=20)
    await until(lambda: recordings(lab) == [], "an Asterisk that has forgotten it")


async def test_hash_ends_a_message_and_the_call(lab: Lab, carrier: Carrier) -> None:
    already = len(messages(lab))
    customer = await speaks(lab, carrier)
    await by_info(customer, "#")
    await customer.ended(within=10)
    assert not customer.ended_by_us
    await until(lambda: len(messages(lab)) > already, "a message")


async def test_a_message_has_an_end(lab: Lab, carrier: Carrier) -> None:
    already = len(messages(lab))
    customer = await speaks(lab, carrier)
    await customer.ended(within=20)
    assert not customer.ended_by_us
    await until(lambda: len(messages(lab)) > already, "a message")
    assert messages(lab)[-1][1] <= 11, "Asterisk looks at whole seconds"


async def test_who_hangs_up_before_the_tone_has_left_no_message(lab: Lab, carrier: Carrier) -> None:
    already, before = len(messages(lab)), records(lab)
    customer = await calls_in(carrier, IVAN)
    await customer.answered(within=10)
    await customer.hang_up()
    await nothing_left(lab)
    await next_result(lab, before)
    assert len(messages(lab)) == already


@pytest.mark.parametrize("caller", [STRANGER, "anonymous"])
async def test_a_stranger_is_asked_as_a_customer_is_and_a_supervisor_hears_it(
    lab: Lab, carrier: Carrier, caller: str
) -> None:
    already, before = len(messages(lab)), records(lab)
    customer = await speaks(lab, carrier, caller=caller)
    await customer.hang_up()
    await until(lambda: len(messages(lab)) > already, "a message")
    message_id, _ = messages(lab)[-1]
    ((order, whose, label),) = rows(
        lab.database_path,
        "SELECT order_code, customer_id, caller FROM voice_messages WHERE id = ?",
        message_id,
    )
    assert (order, whose) == (None, None)
    assert label >= 1
    assert (await hear(lab, SUPERVISOR, message_id, None))[0] == 200
    assert (await hear(lab, "101", message_id, None))[0] == 404
    await until(lambda: recordings(lab) == [], "an Asterisk that has forgotten it")
    assert records(lab) == before, "nothing is on record of a call of nobody's"


async def test_what_a_stranger_says_to_a_daemon_that_dies_is_fetched_by_the_next(
    lab: Lab, carrier: Carrier
) -> None:
    already = len(messages(lab))
    await speaks(lab, carrier, caller=STRANGER)
    await crash_and_restart(lab)
    await until(lambda: len(messages(lab)) > already, "a message", within=20)
    assert (await hear(lab, SUPERVISOR, messages(lab)[-1][0], None))[0] == 200
