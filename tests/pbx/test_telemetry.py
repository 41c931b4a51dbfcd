"""Traces of calls on a real Asterisk, as a collector gets them: whole, with nothing of a customer's."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
from callback_shop import callback_shop, called_back
from keying import hear_each_other
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from shop import carrier_of, next_result, nothing_left, records, registered_phone, settings, until

from bridge.proof.scan import Scanner
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.processes import Process, start
from labkit.readiness import get

HARRIET, IVAN = "+447700900123", "+447700900124"
PROGRAM = Path(__file__).with_name("collector.py")


@dataclass
class Collector:
    folder: Path
    process: Process

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{(self.folder / 'port').read_text()}/v1/traces"

    def bytes(self) -> bytes:
        """All that was sent, headers of HTTP included."""
        kept = sorted([*self.folder.glob("*.traces"), *self.folder.glob("*.headers")])
        return b"\n".join(path.read_bytes() for path in kept)

    def traces(self) -> list[dict[str, object]]:
        """Each call's: its attributes, and the names of its steps as `steps`."""
        found: dict[bytes, dict[str, object]] = {}
        for path in sorted(self.folder.glob("*.traces")):
            request = ExportTraceServiceRequest.FromString(path.read_bytes())
            for span in (
                span for of in request.resource_spans for within in of.scope_spans for span in within.spans
            ):
                trace = found.setdefault(span.trace_id, {"steps": []})
                if span.parent_span_id:
                    trace["steps"] += [span.name]  # type: ignore[operator]
                else:
                    trace |= {each.key: each.value.string_value for each in span.attributes}
        return list(found.values())


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    folder = tmp_path_factory.mktemp("collector")
    process = start([sys.executable, str(PROGRAM), str(folder)], log=folder / "log", folder=folder)
    try:
        deadline = monotonic() + 20
        while not (folder / "port").exists() or not (folder / "port").read_text():
            assert process.alive, (folder / "log").read_text()
            assert monotonic() < deadline
        yield Collector(folder, process)
    finally:
        process.end()


@pytest.fixture(scope="module")
def lab(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with (
        callback_shop(tmp_path_factory.mktemp("traced")) as lab,
        settings(lab, {"telemetry": {"enabled": True, "endpoint": collector.endpoint}}),
    ):
        yield lab


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        carrier.server = lab.sip_address
        yield carrier
    await nothing_left(lab)


async def dial(lab: Lab, phone: Phone, carrier: Carrier, code: str) -> None:
    before = records(lab)
    manager = await phone.dial(f"*{code}")
    await manager.answered()
    await hear_each_other(manager, carrier.incoming_calls[-1])
    await manager.hang_up()
    assert (await next_result(lab, before)).result == "talked"


async def test_each_call_is_one_trace_without_a_byte_of_a_customers(
    lab: Lab, collector: Collector, phone: Phone, carrier: Carrier
) -> None:
    await dial(lab, phone, carrier, "1042")
    await dial(lab, phone, carrier, "1043")
    refused = await phone.dial("*999999")
    await refused.ended()
    await called_back(lab, phone, carrier, HARRIET)
    await until(lambda: len(collector.traces()) >= 4, "four traces")
    talked = {"callbridge.kind": "dial-order", "callbridge.result": "talked"}
    told = [without(trace, "callbridge.call", "steps") for trace in collector.traces()]
    assert told[:2] == [talked, talked]
    assert told[2] == talked | {"callbridge.result": "refused", "callbridge.reason": "not_yours"}
    assert told[3] == {"callbridge.kind": "callback", "callbridge.result": "talked"}
    for trace in collector.traces()[:2]:
        steps = {"decide", "record", "create customer", "dial", "ring customer", "join", "talk", "hang up"}
        assert set(trace["steps"]) == steps  # type: ignore[call-overload]
    sent = collector.bytes()
    assert Scanner("+447700900999", "GB").scan(sent + b"07700900999"), "the search finds a number there"
    for number in (HARRIET, IVAN):
        assert Scanner(number, "GB").scan(sent) == []
    for word in (b"1042", b"Harriet", b"Anna", b"999999", lab.folder.name.encode()):
        assert word not in sent, word


def without(trace: dict[str, object], *names: str) -> dict[str, object]:
    assert set(names) <= set(trace)
    return {name: value for name, value in trace.items() if name not in names}


async def test_a_collector_that_answers_nobody_costs_spans_and_no_call(
    lab: Lab, collector: Collector, phone: Phone, carrier: Carrier
) -> None:
    dropped, slow = spans_dropped(lab), collector.folder / "slow"
    slow.touch()
    try:
        began = monotonic()
        await dial(lab, phone, carrier, "1042")
        await dial(lab, phone, carrier, "1043")
        assert monotonic() - began < 5, "calls do not wait for it"
        await until(lambda: spans_dropped(lab) > dropped, "spans that are given up, and counted", within=30)
    finally:
        slow.unlink()
    known = len(collector.traces())
    await dial(lab, phone, carrier, "1042")
    await until(lambda: len(collector.traces()) > known, "a trace, once it answers again", within=30)


def spans_dropped(lab: Lab) -> float:
    found = re.search(
        r"^callbridge_spans_dropped_total (\S+)$", get(lab.api_socket, "/metrics"), re.MULTILINE
    )
    assert found is not None
    return float(found[1])


def test_switched_off_nothing_of_it_is_imported() -> None:
    """FastAPI brings the API of OpenTelemetry along by itself; what sends is its SDK."""
    code = "import bridge.daemon, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stdout))
    assert "bridge.daemon" in imported
    sends = {"bridge.telemetry", "opentelemetry.sdk", "opentelemetry.exporter", "panoramisk", "requests"}
    assert imported & sends == set()
