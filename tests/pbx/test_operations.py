"""The daemon's working day on a real Asterisk: reloads, stops and upgrades, while people talk."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from shop import (
    carrier_of,
    gauge,
    nothing_left,
    records,
    registered_phone,
    settings,
    sound_folder,
    until,
    until_async,
)

from bridge.api.client import ApiClient, Status
from bridge.api.errors import ApiProblem
from bridge.asterisk.announcements import SOUNDS
from bridge.calls.model import Message
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.daemonfiles import merged
from labkit.lab import Lab
from labkit.places import CHECKOUT
from labkit.plan import CARRIER_HOST

PACKETS_A_SECOND = 50
STANDSTILL_SECONDS = 3
FAULT = {"rules": {"limits": {"per_hour": 0}}}


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


@asynccontextmanager
async def conversation(lab: Lab, phone: Phone) -> AsyncIterator[Call]:
    """Two people who talk, and have lost not one packet when they hang up."""
    number = len(records(lab))
    call = await phone.dial("*1042")
    await call.answered()
    await call.media.wait_for_audio(PACKETS_A_SECOND)
    await until(lambda: records(lab)[number].answered, "the answer on record")
    yield call
    await call.media.wait_for_audio(len(call.received_audio) + PACKETS_A_SECOND)
    sequence = [packet.sequence for packet in call.received_audio]
    assert {later - earlier for earlier, later in itertools.pairwise(sequence)} <= {1, 1 - 65536}
    await call.hang_up()
    await until(lambda: records(lab)[number].result, "a result on record")
    assert records(lab)[number].result == "talked"
    await nothing_left(lab)


async def status(lab: Lab) -> Status:
    async with ApiClient(lab.api_socket) as api:
        return await api.status()


def tell(lab: Lab, number: signal.Signals) -> None:
    os.kill(lab.record.processes["daemon"].pid, number)


# --- reloading ---


@contextmanager
def own_configuration(lab: Lab) -> Iterator[None]:
    """Whatever a test has written, the lab goes on with its own."""
    own = lab.config_path.read_text()
    yield
    lab.config_path.write_text(own)
    lab.restart_daemon()


def write(lab: Lab, own: str, changes: dict[str, dict[str, Any]]) -> None:
    lab.config_path.write_text(yaml.safe_dump(merged(yaml.safe_load(own), changes)))


async def reloaded(lab: Lab) -> Status:
    """Tell the daemon to reload; how it is then."""
    before = (await status(lab)).config.reload_ms
    tell(lab, signal.SIGHUP)

    async def done() -> bool:
        return (await status(lab)).config.reload_ms != before

    await until_async(done, "a reload")
    return await status(lab)


async def refusal(lab: Lab) -> str:
    """Why a click is refused; empty where it was allowed. There is no phone 102 that could be rung."""
    async with ApiClient(lab.api_socket) as api:
        try:
            await api.place_call("1046", "102")
        except ApiProblem as problem:
            return problem.reason
    return ""


async def test_reloads_change_the_rules_or_nothing_while_people_talk(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    own = lab.config_path.read_text()
    with own_configuration(lab):
        async with conversation(lab, phone):
            assert await refusal(lab) == ""
            write(lab, own, {"rules": {"limits": {"per_day_in_all": 1}}})
            assert (await reloaded(lab)).config.problems == ()
            assert await refusal(lab) == "daily_limit_in_all"
            assert gauge(lab, "callbridge_config_reload_success") == 1

            write(lab, own, FAULT)
            line = 1 + lab.config_path.read_text().splitlines().index("    per_hour: 0")
            fault = f"config.yaml:{line}: rules.limits.per_hour: must be 1 or more"
            now = await reloaded(lab)
            assert (now.config.problems, now.config.changed_on_disk) == ((fault,), True)
            assert fault in lab.log("daemon").read_text()
            assert gauge(lab, "callbridge_config_reload_success") == 0
            assert await refusal(lab) == "daily_limit_in_all", "the old ones stay in use"

            write(lab, own, {"managers": {"endpoint": "PJSIP/m{extension}"}})
            assert (await reloaded(lab)).config.restart_for == ("managers.endpoint",)
            assert await refusal(lab) == "daily_limit_in_all", "not even its other parts are taken over"

            lab.config_path.write_text(own)
            now = await reloaded(lab)
            assert (now.config.problems, now.config.restart_for, now.ready) == ((), (), True)
            assert await refusal(lab) == ""


async def test_a_sealed_daemon_takes_its_keys_by_a_reload(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    keys = lab.record.secrets / "keys"
    hidden = keys.rename(keys.with_suffix(".hidden"))
    lab.stop_daemon()
    try:
        await asyncio.to_thread(lab.start_daemon, until="/healthz")
        assert (await reloaded(lab)).sealed
    finally:
        hidden.rename(keys)
    assert not (await reloaded(lab)).sealed
    async with conversation(lab, phone):
        pass


# --- stopping ---


async def stopping(lab: Lab) -> None:
    async def seen() -> bool:
        return (await status(lab)).stopping

    await until_async(seen, "a daemon that is about to end")


async def ended(lab: Lab, *, within: float) -> None:
    daemon = lab.record.processes["daemon"]
    await until(lambda: not daemon.alive, "the end of the daemon", within=within)


async def test_draining_refuses_new_calls_aloud_and_ends_with_the_last_conversation(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    with settings(lab, {"calls": {"on_stop": "drain"}}):
        async with conversation(lab, phone), registered_phone(lab, "102") as other:
            tell(lab, signal.SIGTERM)
            await stopping(lab)
            assert not (await status(lab)).ready
            assert await refusal(lab) == "stopping"
            called = len(carrier.incoming_calls)
            refused = await other.dial("*1046")
            await refused.answered()
            await refused.ended(within=20)
            heard = len(refused.received_audio) / PACKETS_A_SECOND
            assert abs(heard - spoken_seconds(lab, Message.TRY_LATER)) < 0.6
            assert len(carrier.incoming_calls) == called
            assert (await status(lab)).conversations == 1
        await ended(lab, within=5)


def spoken_seconds(lab: Lab, message: Message) -> float:
    """GSM: 33 octets for 20 ms."""
    folder = sound_folder(lab) / "en"
    return sum((folder / f"{name}.gsm").stat().st_size for name in SOUNDS[message]) / 33 * 0.02


@pytest.mark.parametrize("end", ["a second SIGTERM", "the limit"])
async def test_a_drain_that_takes_too_long_leaves_conversations_talking(
    lab: Lab, phone: Phone, carrier: Carrier, end: str
) -> None:
    limit = 600 if end == "a second SIGTERM" else 2
    with settings(lab, {"calls": {"on_stop": "drain", "drain_seconds": limit}}):
        async with conversation(lab, phone):
            tell(lab, signal.SIGTERM)
            await stopping(lab)
            if end == "a second SIGTERM":
                tell(lab, signal.SIGTERM)
            await ended(lab, within=limit + 5 if limit < 600 else 5)
            await asyncio.to_thread(lab.start_daemon)
            assert (await status(lab)).conversations == 1


async def test_a_stop_is_over_in_five_seconds_though_asterisk_answers_nothing(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """Asterisk stands still, so every request of the daemon's hangs, and the link is about to be given up."""
    carrier.behaviour = carriers.ring_for_ever()
    ringing = await phone.dial("*1042")
    await carrier.called()
    assert lab.asterisk.process is not None
    os.kill(lab.asterisk.process.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        tell(lab, signal.SIGTERM)
        await ended(lab, within=10)
        took = time.monotonic() - begun
    finally:
        os.kill(lab.asterisk.process.pid, signal.SIGCONT)
    assert took < 5
    await asyncio.to_thread(lab.start_daemon)
    await ringing.hang_up()
    await nothing_left(lab)


async def test_a_call_that_is_being_set_up_goes_on_after_the_whole_machine_has_stood_still(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """As in a snapshot: longer than the daemon gives Asterisk for an answer, which comes when both go on."""
    assert lab.asterisk.process is not None
    asterisk, daemon = lab.asterisk.process.pid, lab.record.processes["daemon"].pid
    os.kill(asterisk, signal.SIGSTOP)
    try:
        await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101")
        os.kill(daemon, signal.SIGSTOP)
        await asyncio.sleep(STANDSTILL_SECONDS)
        os.kill(daemon, signal.SIGCONT)
        assert (await status(lab)).calls == 1, "the daemon knows by now how late it is"
    finally:
        for process in (daemon, asterisk):
            os.kill(process, signal.SIGCONT)
    call = await phone.incoming()
    await call.answer()
    await carrier.called()
    await call.media.wait_for_audio(PACKETS_A_SECOND)
    await call.hang_up()
    await nothing_left(lab)


async def test_a_stop_is_over_in_five_seconds_though_the_database_is_locked(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """One call is being put on record, which waits for the lock; another's result waits as well."""

    async def both_live() -> bool:
        return (await status(lab)).calls == 2

    talking = await phone.dial("*1042")
    await talking.answered()
    async with registered_phone(lab, "102") as other:
        with closing(sqlite3.connect(lab.database_path, isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            asking = await other.dial("*1046")
            await until_async(both_live, "a second call")
            await talking.hang_up()
            begun = time.monotonic()
            tell(lab, signal.SIGTERM)
            await ended(lab, within=15)
            took = time.monotonic() - begun
        await asking.hang_up()
    assert took < 5
    await asyncio.to_thread(lab.start_daemon)
    await until(lambda: all(record.result for record in records(lab)), "results on record")
    await nothing_left(lab)


async def test_a_call_that_ends_just_before_a_stop_still_counts_for_its_order(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """The order then waits as after any call that was not answered, though the database was locked."""
    locked = asyncio.Event()

    async def busy_when_locked(call: Call) -> None:
        call.ring()
        await locked.wait()
        call.respond(486)

    def waits() -> tuple[str, int]:
        with closing(sqlite3.connect(lab.database_path)) as connection:
            query = "SELECT why, attempts FROM orders WHERE code = '1042'"
            found: tuple[str, int] = connection.execute(query).fetchone()
            return found

    async def none_live() -> bool:
        return (await status(lab)).calls == 0

    before = waits()
    carrier.behaviour = busy_when_locked
    dialled = await phone.dial("*1042")
    await carrier.called()
    with closing(sqlite3.connect(lab.database_path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        locked.set()
        await dialled.ended(within=20)
        await until_async(none_live, "the end of the call")
        tell(lab, signal.SIGTERM)
        await stopping(lab)
        somebody.execute("ROLLBACK")
    await ended(lab, within=10)
    assert (before[1], waits()) == (before[1], ("no-answer", before[1] + 1))
    await asyncio.to_thread(lab.start_daemon)


async def test_a_stop_does_not_wait_for_people_who_talk(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone):
        tell(lab, signal.SIGTERM)
        await ended(lab, within=5)
        await asyncio.to_thread(lab.start_daemon)


# --- upgrading ---

MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", {newest!r}, None, None


def upgrade() -> None:
    op.create_table("of_the_next_version", sa.Column("id", sa.Integer(), primary_key=True))
    op.add_column("calls", sa.Column("of_the_next_version", sa.Text()))
"""


def next_version(folder: Path) -> dict[str, str]:
    """This program with one more migration: what to run the daemon's Python with for it to be found first."""
    shutil.copytree(CHECKOUT / "bridge", folder / "bridge", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "bridge" / "__init__.py").write_text('__version__ = "99.0.0"\n')
    versions = folder / "bridge" / "store" / "migrations" / "versions"
    newest = max(path.name for path in versions.glob("r*.py"))
    (versions / "r9999_next.py").write_text(MIGRATION.format(newest=newest[1:5]))
    schema = folder / "bridge" / "store" / "schema.py"
    schema.write_text(f'{schema.read_text()}\nREVISION = "9999"\n')
    return {"PYTHONPATH": str(folder)}


def revision_of(database: Path) -> str:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(revision)


async def test_an_upgrade_with_a_migration_cuts_nobody_off(tmp_path: Path) -> None:
    carrier_port = ports.free_port(CARRIER_HOST, socket.SOCK_DGRAM)
    lab = await asyncio.to_thread(
        Lab.up, tmp_path / "lab", managers=2, carrier=f"{CARRIER_HOST}:{carrier_port}"
    )
    try:
        async with carrier_of(lab), registered_phone(lab) as phone:
            async with conversation(lab, phone):
                await asyncio.to_thread(lab.stop_daemon)
                environment = next_version(tmp_path / "next")
                await asyncio.to_thread(lab.start_daemon, environment=environment)
                now = await status(lab)
                assert (now.version, now.conversations) == ("99.0.0", 1)
                assert revision_of(lab.database_path) == "9999"
            async with conversation(lab, phone):
                pass
    finally:
        await asyncio.to_thread(lab.down)
