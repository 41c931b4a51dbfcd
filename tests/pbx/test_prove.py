"""`call-bridge prove` on a real PBX: what it proves, what it refuses, and that nothing is left of it."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prover import Told, prove
from shop import carrier_of, gauge, nothing_left, records, registered_phone, settings, until

from bridge.api.client import ApiClient
from bridge.api.errors import ApiProblem
from bridge.cli.prove import ProofExit
from bridge.proof.sip.carrier import Carrier, answer
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.readiness import get
from labkit.results import rows

USED_CALLS = re.escape('callbridge_toll_usage_ratio{limit="calls"}')
CANARY = re.compile(r"\+(447700900[0-9]{3})")
OPENED = {
    "[101](call-bridge-manager)": "send_pai=yes\nsend_rpid=yes\nsend_connected_line=yes",
    "[trunk-sealed](call-bridge-trunk-sealed)": "trust_id_inbound=yes\ntrust_connected_line=yes",
}
"""All settings that keep an identity from the manager which a carrier tells in the conversation."""


def canaries(told: Told) -> set[str]:
    """The numbers that the calls were made with, without the plus, as far as they are told."""
    found = set(CANARY.findall(told.answer))
    assert found, "the story shows the number that only the carrier saw"
    return found


def audit(lab: Lab) -> list[tuple[str, str, str]]:
    return rows(lab.database_path, "SELECT actor, act, subject FROM audit ORDER BY id")


def count_of(lab: Lab, table: str) -> int:
    ((count,),) = rows(lab.database_path, f"SELECT count(*) FROM {table}")
    return int(count)


def everything_written(lab: Lab) -> bytes:
    """Every byte of every file of the lab: database, logs of daemon and Asterisk, caches, run files."""
    folders = (lab.folder, lab.record.run_folder)
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert lab.database_path in paths
    assert lab.log("daemon") in paths
    return b"".join(path.read_bytes() for path in paths)


@contextmanager
def pjsip(lab: Lab, additions: dict[str, str]) -> Iterator[None]:
    """pjsip.conf with lines added below some of it, in the running Asterisk, and then without them."""
    path = lab.asterisk.etc / "pjsip.conf"
    own = path.read_text()
    text = own
    for line, lines in additions.items():
        assert f"{line}\n" in text
        text = text.replace(f"{line}\n", f"{line}\n{lines}\n", 1)
    try:
        path.write_text(text)
        lab.asterisk.rx("module reload res_pjsip.so")
        yield
    finally:
        path.write_text(own)
        lab.asterisk.rx("module reload res_pjsip.so")


@contextmanager
def without_frame_drop(lab: Lab) -> Iterator[None]:
    """As a PBX whose modules.conf lacks it: the daemon's own filter on the customer's leg is not there."""
    assert "Unloaded" in lab.asterisk.rx("module unload func_frame_drop.so")
    try:
        yield
    finally:
        lab.asterisk.rx("module load func_frame_drop.so")


async def test_a_shop_is_proven_with_its_carrier_away_and_nothing_is_left_of_it(lab: Lab) -> None:
    tables = ("orders", "customers", "contacts", "calls", "managers", "assignments")
    before = {table: count_of(lab, table) for table in tables}
    written, counted = len(audit(lab)), get(lab.api_socket, "/metrics")
    told = await prove(lab)
    assert "Hidden number seen by the manager: no" in told.answer, told.answer + told.notices
    assert "a number planted among them is found" in told.answer
    assert told.exit_code == ProofExit.PROVEN
    await nothing_left(lab)
    assert {table: count_of(lab, table) for table in tables} == before
    assert {entry[:2] for entry in audit(lab)[written:]} == {("extension 101", "prove")}
    assert len(audit(lab)[written:]) == 4
    assert calls_ended(get(lab.api_socket, "/metrics")) == calls_ended(counted)
    assert get(lab.api_socket, "/v1/calls") == '{"calls":[]}'
    assert list(Path(lab.asterisk.etc).glob("*prove*")) == []
    for canary in canaries(told):
        assert canary.encode() not in everything_written(lab)
        assert canary not in get(lab.api_socket, "/metrics")
        assert canary not in told.processes
    assert lab.managers["101"].password not in told.processes


def calls_ended(metrics: str) -> list[str]:
    """The day's usage has a test of its own: it is shown up to a second late, and others have called here."""
    return re.findall(r"^callbridge_(?:calls_total|refusals_total).*", metrics, re.MULTILINE)


async def test_a_number_that_shows_is_seen_and_told(lab: Lab) -> None:
    with pjsip(lab, OPENED), without_frame_drop(lab):
        told = await prove(lab)
        told_to_programs = await prove(lab, "--json")
    assert told.exit_code == told_to_programs.exit_code == ProofExit.SEEN_OR_OPEN
    assert "Hidden number seen by the manager: YES" in told.answer
    assert "trunk-trust-id-inbound" in told.answer
    proof = json.loads(told_to_programs.answer)
    assert proof["number_seen"] == "yes"
    assert {call["call"]: call["number_seen"] for call in proof["calls"]}["talked"] == "yes"
    assert "manager-send-pai" in {finding["id"] for finding in proof["settings"]}
    assert CANARY.search(told_to_programs.answer) is None


async def test_an_open_setting_fails_a_proof_in_which_no_number_showed(lab: Lab, tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text(f"{lab.managers['101'].password}\n")
    with pjsip(lab, {"[102](call-bridge-manager)": "send_pai=yes"}):
        told = await prove(lab, "--language", "ru", "--password-file", password_file)
    assert "Скрытый номер виден менеджеру: нет" in told.answer
    assert "manager-send-pai" in told.answer
    assert told.exit_code == ProofExit.SEEN_OR_OPEN


PROOF_ENDPOINT = """
[prover](call-bridge-manager)
auth=prover
aors=prover
callerid="prover" <900>

[prover](call-bridge-manager-auth)
username=prover
password=only-for-this-test

[prover](call-bridge-manager-aor)
"""


async def test_an_endpoint_that_is_no_managers_can_prove_and_do_nothing_else(lab: Lab) -> None:
    with pjsip(lab, {f"bind={lab.record.sip_address}": PROOF_ENDPOINT}):
        told = await prove(lab, "--extension", "prover", "--json", typed="only-for-this-test\n")
        async with Phone("prover", "only-for-this-test", server=lab.sip_address) as phone:
            await heard_out(phone, "1042")
    assert json.loads(told.answer)["number_seen"] == "no", told.notices
    assert records(lab)[-1].result == "refused"


async def test_a_trunk_that_is_dialled_direct_is_proven_too_and_its_carrier_is_not_called(lab: Lab) -> None:
    direct = {"trunk": {"sealed": None, "direct": "PJSIP/{number}@trunk"}}
    with settings(lab, direct):
        async with Carrier(lab.carrier_address) as carrier:
            told = await prove(lab)
            assert carrier.incoming_calls == []
    assert "Hidden number seen by the manager: no" in told.answer, told.answer + told.notices
    for canary in canaries(told):
        assert canary.encode() not in everything_written(lab)


async def test_a_proof_neither_rings_nor_removes_the_managers_phone_nor_uses_up_limits(lab: Lab) -> None:
    plenty = {"rules": {"limits": {"per_hour": 9000, "per_day": 9000, "per_day_in_all": 9000}}}
    with settings(lab, plenty):  # of a lab that others have called in
        async with carrier_of(lab) as carrier, registered_phone(lab) as phone:
            contact = lab.asterisk.rx("pjsip show aor 101")
            used = gauge(lab, USED_CALLS)
            told = await prove(lab, "--json")
            assert gauge(lab, USED_CALLS) == used
            assert json.loads(told.answer)["number_seen"] == "no", told.notices
            assert phone.received("INVITE") == []
            assert str(phone.address[1]) in contact
            assert str(phone.address[1]) in lab.asterisk.rx("pjsip show aor 101")
            assert carrier.incoming_calls == []
            call = await phone.dial("*1042")
            await call.answered()
            await call.hang_up()
            await until(lambda: gauge(lab, USED_CALLS) > used, "the real call counted against a day's limit")


async def test_a_manager_may_call_while_a_proof_runs(lab: Lab) -> None:
    async with carrier_of(lab) as carrier, registered_phone(lab) as phone, proof_line(lab) as (proof, code):
        proof_call = await phone.dial(f"*{code}")
        await proof_call.answered()
        call = await phone.dial("*1042")
        await carrier.called()
        await call.answered()
        assert len(proof.incoming_calls) == 1
        await call.hang_up()
        await proof_call.hang_up()
    await nothing_left(lab)


@contextlib.asynccontextmanager
async def proof_line(lab: Lab) -> AsyncIterator[tuple[Carrier, str]]:
    """A carrier of a proof, and the code that leads extension 101 to it."""
    async with (
        Carrier(("127.0.0.1", 0), behaviour=answer(after=0)) as carrier,
        ApiClient(lab.api_socket) as api,
    ):
        host, port = carrier.address
        yield carrier, (await api.expect_proof("101", f"{host}:{port}")).code


async def test_a_proofs_code_is_for_one_call_of_its_extension(lab: Lab) -> None:
    before = len(records(lab))
    async with proof_line(lab) as (carrier, code):
        async with registered_phone(lab, "102") as other:
            await heard_out(other, code)
        assert carrier.incoming_calls == []
        async with registered_phone(lab) as phone:
            call = await phone.dial(f"*{code}")
            await call.answered()
            await call.hang_up()
            await heard_out(phone, code)
        assert len(carrier.incoming_calls) == 1
    assert [record.result for record in records(lab)[before:]] == ["refused", "refused"]


async def heard_out(phone: Phone, code: str) -> None:
    """Dial a code that leads nowhere, and hear why."""
    call = await phone.dial(f"*{code}")
    await call.ended(within=20)


@pytest.mark.parametrize(
    "carrier",
    [
        "192.0.2.10:5060",
        "127.0.0.1",
        "localhost:5060",
        "127.0.0.1.example:5060",
        "0.0.0.0:5060",
        "127.0.0.1:0",
    ],
)
async def test_a_carrier_that_is_not_on_loopback_is_refused(lab: Lab, carrier: str) -> None:
    async with ApiClient(lab.api_socket) as api:
        with pytest.raises(ApiProblem) as problem:
            await api.expect_proof("101", carrier)
    assert problem.value.reason == "not_loopback"


async def test_an_outbound_proxy_of_the_trunk_would_take_the_calls_elsewhere_and_is_refused(lab: Lab) -> None:
    with pjsip(lab, {"[trunk-sealed](call-bridge-trunk-sealed)": "outbound_proxy=sip:127.0.0.9\\;lr"}):
        told = await prove(lab)
    assert told.exit_code == ProofExit.NOT_MADE
    assert "outbound_proxy" in told.notices


async def test_a_wrong_password_is_told_and_never_shown(lab: Lab) -> None:
    told = await prove(lab, password="a-wrong-password")
    assert told.exit_code == ProofExit.NOT_MADE
    assert "does not take extension 101 with this password (401)" in told.notices
    assert "a-wrong-password" not in told.notices + told.answer + told.processes
    assert told.answer == ""


async def test_a_password_that_belongs_to_another_name_is_used_with_that_name(lab: Lab) -> None:
    with pjsip(lab, {"username=101": "username=desk"}):
        unnamed = await prove(lab)
        named = await prove(lab, "--auth-user", "desk")
    assert "(401)" in unnamed.notices
    assert named.exit_code == ProofExit.PROVEN, named.answer + named.notices


async def test_an_address_at_which_no_pbx_answers_is_told(lab: Lab) -> None:
    told = await prove(lab, "--server", "127.0.0.1:9")
    assert told.exit_code == ProofExit.NOT_MADE
    assert "Nobody answers SIP over UDP at 127.0.0.1:9" in told.notices


async def test_a_prefix_that_the_dialplan_does_not_know_is_told(lab: Lab) -> None:
    told = await prove(lab, "--prefix", "8")
    assert told.exit_code == ProofExit.NOT_MADE
    assert "--prefix" in told.notices


async def test_in_a_panic_there_is_no_proof(lab: Lab) -> None:
    async with proof_line(lab) as (carrier, code), registered_phone(lab) as phone:
        lab.call_bridge("panic")
        try:
            told = await prove(lab)
            await heard_out(phone, code)
        finally:
            lab.call_bridge("panic", "--off")
        assert carrier.incoming_calls == []
    assert told.exit_code == ProofExit.NOT_MADE
    assert "All calls are stopped" in told.notices


async def test_without_daemon_keys_or_asterisk_it_is_said_what_is_missing(lab: Lab) -> None:
    lab.stop_daemon()
    without_daemon = await prove(lab)
    keys = lab.record.secrets / "keys"
    keys.rename(keys.with_name("away"))
    try:
        lab.start_daemon(until="/healthz")
        sealed = await prove(lab)
    finally:
        keys.with_name("away").rename(keys)
        lab.restart_daemon()
    lab.asterisk.stop()
    try:
        without_asterisk = await prove(lab)
    finally:
        lab.start_asterisk()
        lab.restart_daemon()
    ends = {told.exit_code for told in (without_daemon, sealed, without_asterisk)}
    assert ends == {ProofExit.NOT_MADE}
    assert "no daemon answers here" in without_daemon.notices
    assert "no key to seal a number with" in sealed.notices
    assert "Asterisk does not answer the daemon" in without_asterisk.notices
