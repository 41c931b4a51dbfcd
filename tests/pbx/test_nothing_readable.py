"""Canary numbers go in, every flow is run, and all bytes that a person could read are searched for them."""

from __future__ import annotations

import asyncio
import csv
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import typer.main
from echoing_ari import EchoingAri
from shop import (
    carrier_of,
    next_result,
    nothing_left,
    records,
    registered_phone,
    settings,
    until,
)
from starlette.routing import Route

from bridge.api.app import Daemon, make_app
from bridge.api.v1.app import description
from bridge.cli.main import app
from bridge.config import load_config
from bridge.proof.scan import Scanner
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from labkit import ports
from labkit.errors import LabError
from labkit.lab import CALL_BRIDGE, Lab
from labkit.plan import CARRIER_HOST, UDP
from labkit.readiness import get

CANARIES = {"1042": "+447700900811", "1043": "+442079460812", "2000": "+447700900813"}
MOVED_TO = "+12025550155"
BAD_ROWS = [
    ["x1", "Bad Code", "+447700900814"],
    ["3001", "Number in the name +447700900815", "+447700900816"],
    ["3002", "Broken number", "+4477009008171234567"],
]
ALL_NUMBERS = [*CANARIES.values(), *(f"+44770090081{last}" for last in range(4, 8))]
FAULTY_DAEMON = Path(__file__).with_name("faulty_daemon.py")

WAYS = {
    "sealed": {},
    "direct": {"sealed": None, "direct": "PJSIP/{number}@trunk"},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of its own: the canaries are nowhere but in its database, and nobody else's numbers are."""
    folder = tmp_path_factory.mktemp("canaries")
    source = folder / "orders.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "manager"])
        for code, number in CANARIES.items():
            writer.writerow([code, f"Customer {code}", number, "102" if code == "2000" else "101"])
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.up(folder / "lab", carrier=carrier, orders=source)
    source.unlink()  # what the sysadmin had is theirs
    yield lab
    lab.down()


@pytest.fixture
async def carrier(shop: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(shop) as carrier:
        yield carrier


async def run_every_flow(lab: Lab, carrier: Carrier, said: list[str]) -> None:
    host, port = lab.carrier_address
    carrier.when(MOVED_TO, carriers.answer())
    async with registered_phone(lab) as phone:
        for behaviour, code in (
            (carriers.answer_naming_the_callee(after=0.1), "*1042"),
            (carriers.answer(hang_up_after=0.2), "*1043"),
            (carriers.refuse(486), "*1042"),
            (carriers.refuse(404, "No such number as " + CANARIES["1042"]), "*1042"),
            (carriers.refuse(503), "*1042"),
            (carriers.redirect(f"sip:{MOVED_TO}@{host}:{port}"), "*1042"),
            (carriers.answer(), "*2000"),  # another manager's
            (carriers.answer(), "*9999"),
            (carriers.answer(), "*" + CANARIES["1042"].removeprefix("+")),  # who has the number already
        ):
            before = records(lab)
            carrier.behaviour = behaviour
            call = await phone.dial(code)
            await call.answered(within=20)
            await call.hang_up()
            await next_result(lab, before)
        before = records(lab)
        carrier.behaviour = carriers.answer()
        so_far = len(carrier.incoming_calls)
        said.append(await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101"))
        click = await phone.incoming()
        await click.answer()
        customer = await carrier.called(so_far + 1)
        await customer.acknowledged()
        said.append(await asyncio.to_thread(lab.call_bridge, "calls", "--json"))
        said += [get(lab.api_socket, path) for path in ("/v1/calls", "/v1/status", "/metrics")]
        said += [lab.asterisk.rx(command) for command in PBX_COMMANDS]
        await click.hang_up()
        await next_result(lab, before)
    await nothing_left(lab)


# What an administrator of the PBX may type while a call is up; in the sealed way none of it shows the number.
PBX_COMMANDS = ("core show channels concise", "core show channels verbose", "pjsip show channels")


def bad_import(lab: Lab, folder: Path) -> list[str]:
    """Import a file of bad rows; what the command says, and what it leaves behind."""
    source = folder / "bad.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([["order", "name", "phone"], *BAD_ROWS])
    with pytest.raises(LabError) as told:
        lab.call_bridge("orders", "import", str(source))
    rejects = source.with_name("bad.rejects.csv")
    return [str(told.value), rejects.read_text()]


def process_texts(pid: int) -> dict[str, bytes]:
    """What `ps` and /proc show of a process: its words, and the names and contents of what it has open."""
    process = Path(f"/proc/{pid}")
    words = b"\n".join((process / name).read_bytes() for name in ("cmdline", "environ", "comm", "limits"))
    names, deleted = b"", b""
    for descriptor in (process / "fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:  # closed since the folder was listed
            continue
        names += target.encode() + b"\n"
        if target.endswith(" (deleted)") and descriptor.is_file():
            deleted += descriptor.read_bytes()
    return {"process": words, "open files": names, "deleted files": deleted}


def files_of(lab: Lab, *others: Path) -> dict[str, bytes]:
    folders = [lab.folder, lab.record.run_folder, *others]
    paths = [path for folder in folders for path in folder.rglob("*")]
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


async def crashed(lab: Lab) -> dict[str, bytes]:
    """End the daemon as an assertion in C code would; what its process showed just before."""
    daemon = lab.record.processes["daemon"]
    shown = process_texts(daemon.pid)
    os.kill(daemon.pid, signal.SIGABRT)
    await until(lambda: not daemon.alive, "the end of a crashed daemon")
    return shown


def asked_of_api(lab: Lab, number: str) -> dict[tuple[str, str], bytes]:
    """What each route answers, asked for the number where a caller can say anything."""
    digits = number.removeprefix("+")
    asked = {
        ("GET", "/healthz"): ("/healthz", None),
        ("GET", "/readyz"): ("/readyz", None),
        ("GET", "/metrics"): ("/metrics", None),
        ("GET", "/v1/status"): ("/v1/status", None),
        ("POST", "/v1/reload"): ("/v1/reload", {"path": number}),
        ("GET", "/v1/calls"): ("/v1/calls", None),
        ("POST", "/v1/calls"): ("/v1/calls", {"order": number, "extension": number}),
        ("DELETE", "/v1/calls/{call_id}"): (f"/v1/calls/{digits}", None),
        ("POST", "/v1/proofs"): ("/v1/proofs", {"extension": number, "carrier": number}),
        ("POST", "/v1/shops/{name}/pull"): (f"/v1/shops/{digits}/pull", {number: number}),
        ("POST", "/v1/shops/{name}/try"): (f"/v1/shops/{digits}/try", {number: number}),
        ("GET", "/openapi.json"): ("/openapi.json", None),
        ("GET", "unknown"): (f"/{number}?number={number}", None),
        ("PATCH", "unknown"): ("/v1/calls", {number: number}),
    }
    return {
        (method, route): answer_of(lab, method, path, body) for (method, route), (path, body) in asked.items()
    }


PROGRAMS_MAY = (
    "orders:read,orders:write,customers:read,customers:write,calls:read,calls:write,results:read,events:read"
)


def asked_by_programs(lab: Lab, number: str) -> dict[tuple[str, str], bytes]:
    """What each route of the API for integrators answers, asked with the number wherever it can be said."""
    added = lab.call_bridge("tokens", "add", "crm", "--scopes", PROGRAMS_MAY, "--json")
    sent = {
        "Authorization": f"Bearer {json.loads(added)['token']}",
        "Content-Type": "application/json",
        "If-None-Match": number,
        "Last-Event-ID": number,
    }
    digits = number.removeprefix("+")
    customer = {"name": "Harriet Vane", "phones": [number]}
    order = {"code": "1050", "customer": customer, "manager": "101"}
    bodies: list[Any] = [
        order,
        customer,
        {"order": digits},
        {"order": "1050"},
        {"priority": number},
        {"manager": number},
        {"name": number},
        {"summary": number, "name": number},
        order | {number: number},
        order | {"manager": number},
        [number],
    ]
    answers = {}
    for path, methods in description()["paths"].items():
        for method in map(str.upper, methods):
            said = []
            for place in ("1", "1050", digits, number):
                for body in bodies if method in ("POST", "PATCH") else [None]:
                    key = {"Idempotency-Key": f"{number}{len(said)}"} if len(said) % 2 else {}
                    where = re.sub(r"{\w+}", place, path) + f"?cursor={number}&order={number}&limit={digits}"
                    said.append(_told_to_program(lab, method, where, body, sent | key))
            answers[method, path] = b"\n".join(said)
    answers["GET", "unknown"] = _told_to_program(lab, "GET", f"/v1/{number}", None, sent)
    return answers


def _told_to_program(lab: Lab, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
    """Head and body of the answer; of a stream what comes at once."""
    listen = load_config(lab.config_path).api.listen
    assert listen is not None
    connection = http.client.HTTPConnection(listen, timeout=10)
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    streams = answer.getheader("Content-Type", "").startswith("text/event-stream")
    read = answer.read1() if streams else answer.read()
    connection.close()
    return f"{answer.status} {answer.getheaders()}\n".encode() + read


def answer_of(lab: Lab, method: str, path: str, body: object) -> bytes:
    """The bytes of the daemon's answer."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(content)}\r\n"
    with socket.socket(socket.AF_UNIX) as api:
        api.settimeout(10)
        api.connect(str(lab.api_socket))
        api.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + content)
        return b"".join(iter(lambda: api.recv(65536), b""))


def everything_said_by_commands(lab: Lab, folder: Path, number: str) -> dict[tuple[str, ...], str]:
    """Every command but the daemon itself and the desk, by its name: what it prints, failing or not."""
    backup = folder / "backup.db"
    said: dict[tuple[str, ...], str] = {}
    for name, arguments in (
        (("orders", "import"), (str(folder / "bad.csv"),)),
        (("orders", "add"), ("1099", "--name", f"Anna {number}")),
        (("orders", "list"), ()),
        (("orders", "show"), ("1042",)),
        (("orders", "assign"), ("1042", number)),
        (("managers", "add"), (number, "--name", "Anna")),
        (("managers", "list"), ()),
        (("managers", "disable"), (number, "--yes")),
        (("managers", "phone"), (number, "--forget")),
        (("keys", "new"), ()),
        (("keys", "status"), ()),
        (("keys", "rotate"), ()),
        (("keys", "retire"), (number, "--yes")),
        (("audit", "show"), ()),
        (("audit", "verify"), ()),
        (("audit", "head"), ()),
        (("panic", "status"), ()),
        (("do-not-call", "add"), ("--label", number)),
        (("do-not-call", "list"), ()),
        (("do-not-call", "remove"), (number,)),
        (("call",), (number, "--as", "101")),
        (("calls",), ("--json",)),
        (("hang-up",), (number,)),
        (("check-config",), ()),
        (("status",), ()),
        (("init",), ("--yes", "--root", str(folder), "--asterisk-etc", "/", "--managers", number)),
        (("apply",), ("--yes", "--root", str(folder), "--asterisk-etc", "/")),
        (("prove",), ("--extension", number)),
        (("doctor",), ("--asterisk-etc", str(lab.asterisk.etc))),
        (("backup",), (str(backup),)),
        (("restore",), (str(backup), "--verify")),
        (("erase",), (number, "--yes")),
        (("desk", "invite"), (number,)),
        (("tokens", "add"), (number, "--scopes", number)),
        (("tokens", "list"), ()),
        (("tokens", "revoke"), (number,)),
        (("shops", "add"), (number, "--kind", number, "--managers", number)),
        (("shops", "pull-from"), (number, f"https://{number}.example/{number}")),
        (("shops", "pull"), (number,)),
        (("shops", "list"), ()),
        (("shops", "remove"), (number,)),
        (("texts", "list"), ("--limit", number)),
        (("texts", "retry"), (number,)),
        (("webhooks", "add"), (f"https://{number}.example/{number}", "--events", number)),
        (("webhooks", "list"), ()),
        (("webhooks", "test"), (number,)),
        (("webhooks", "replay"), (number,)),
        (("webhooks", "enable"), (number,)),
        (("webhooks", "remove"), (number,)),
    ):
        done = subprocess.run(
            [CALL_BRIDGE, "--config", lab.config_path, *name, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said[name] = done.stdout + done.stderr
    return said


def commands() -> set[tuple[str, ...]]:
    """Every command that there is."""

    def leaves(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        if not (children := getattr(command, "commands", {})):
            yield names
        for name, child in children.items():
            yield from leaves(child, (*names, name))

    return set(leaves(typer.main.get_command(app)))


def routes() -> set[tuple[str, str]]:
    """Every method and path of the API."""
    served = [route for route in make_app(cast(Daemon, None)).routes if isinstance(route, Route)]
    return {(method, each.path) for each in served for method in each.methods or () if method != "HEAD"}


def found_in(everything: Mapping[str, bytes], numbers: Iterable[str] = ALL_NUMBERS) -> set[str]:
    """The places in which one of the numbers can be read, and in what form."""
    scanners = [Scanner(number, "GB") for number in numbers]
    shortened = ((place, _LONG_EMPTINESS.sub(bytes(16), data)) for place, data in everything.items())
    return {
        f"{place}: {finding.form}"
        for place, data in shortened
        for scanner in scanners
        for finding in scanner.scan(data)
    }


# A database is full of erased pages: there is no number in them, and they take minutes to search.
_LONG_EMPTINESS = re.compile(rb"\0{17,}")


def joined(said: Iterable[str]) -> bytes:
    return "\n".join(said).encode()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where every program that the test starts puts its temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for variable in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(variable, str(folder))
    return folder


@contextmanager
def another_daemon(lab: Lab, *program: str | Path) -> Iterator[None]:
    """Let the lab run with another program in place of the daemon's; it may have ended by itself."""
    lab.stop_daemon()
    lab.start_daemon(program=program)
    try:
        yield
    finally:
        lab.restart_daemon()


@pytest.mark.parametrize("way", WAYS)
async def test_no_canary_is_readable_anywhere(
    shop: Lab, carrier: Carrier, tmp_path: Path, temporary: Path, way: str
) -> None:
    said: list[str] = []
    lab = shop
    api = {
        "socket": str(lab.api_socket),
        "desk_socket": str(lab.desk_socket),
        "listen": f"127.0.0.1:{ports.free_port('127.0.0.1', socket.SOCK_STREAM)}",
    }
    with settings(lab, {"log": {"level": "debug"}, "trunk": WAYS[way], "api": api}):
        await run_every_flow(lab, carrier, said)
        reached = {Uri.parse(call.invite.uri).user for call in carrier.incoming_calls}
        assert reached >= {CANARIES["1042"], CANARIES["1043"]}, "the flows really called"
        said += await asyncio.to_thread(bad_import, lab, tmp_path)
        of_commands = await asyncio.to_thread(everything_said_by_commands, lab, tmp_path, CANARIES["1042"])
        assert set(of_commands) | {("serve",), ("desk", "serve")} == commands()
        (tmp_path / "bad.csv").unlink()
        answers = await asyncio.to_thread(asked_of_api, lab, CANARIES["1042"])
        assert set(answers) >= routes()
        of_programs = await asyncio.to_thread(asked_by_programs, lab, CANARIES["1042"])
        await asyncio.to_thread(lab.call_bridge, "tokens", "revoke", "crm")
        shown = await crashed(lab)
        assert b"Max core file size        0                    0" in shown["process"]
    if way == "direct":  # Asterisk's console knows the number while such a call is up: docs/architecture.md
        said = [text for text in said if "PJSIP/trunk" not in text]
    everything = {
        "what was said": joined(said),
        "commands": joined(of_commands.values()),
        "the API": b"\n".join(answers.values()),
        "the API for integrators": b"\n".join(of_programs.values()),
        **shown,
        **files_of(lab, tmp_path),
    }
    assert found_in(everything) == set()
    assert b'"customer_name":"Harriet Vane"' in of_programs["POST", "/v1/orders"], "the number went in"


async def test_an_error_with_a_number_in_its_text_and_its_frame_shows_neither(
    shop: Lab, carrier: Carrier, tmp_path: Path, temporary: Path
) -> None:
    lab, log = shop, shop.log("daemon")
    program = ("env", "PYTHONFAULTHANDLER=1", sys.executable, str(FAULTY_DAEMON))
    with settings(lab, {"log": {"level": "debug"}}), another_daemon(lab, *program):
        async with registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await until(lambda: "ArithmeticError" in log.read_text(), "the fault, in the log")
            await call.hang_up()
        shown = await crashed(lab)
    assert "Fatal Python error: Aborted" in log.read_text(), "faulthandler has written frames"
    assert not carrier.incoming_calls
    assert found_in({**shown, **files_of(lab, tmp_path)}) == set()


async def test_an_asterisk_that_says_numbers_back_is_not_quoted(
    shop: Lab, carrier: Carrier, tmp_path: Path, temporary: Path
) -> None:
    lab = shop
    ari = urlsplit(lab.ari_url)
    assert ari.hostname
    assert ari.port
    echo = EchoingAri((ari.hostname, ari.port), CANARIES["1042"])
    with (
        echo.serving() as url,
        settings(
            lab,
            {"log": {"level": "debug"}, "trunk": WAYS["direct"], "asterisk": {"ari_url": url}},
        ),
    ):
        before = records(lab)
        async with registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await call.answered(within=20)
            await call.hang_up()
        assert (await next_result(lab, before)).result == "carrier-down"
        answers = await asyncio.to_thread(asked_of_api, lab, CANARIES["1042"])
        shown = await crashed(lab)
    assert any(CANARIES["1042"] in endpoint for endpoint in echo.echoed)
    places = {"the API": b"\n".join(answers.values()), **shown, **files_of(lab, tmp_path)}
    assert found_in(places) == set()


PLANTED = "+447700900899"


async def test_the_search_sees_a_number_in_every_place_in_which_it_looks(
    shop: Lab, carrier: Carrier, tmp_path: Path, temporary: Path
) -> None:
    """An order whose code is the digits of a number takes it everywhere; the rest is planted by hand."""
    lab, code = shop, PLANTED.removeprefix("+")
    source = tmp_path / "bad.csv"
    source.write_text(f"order,name,phone,manager\n{code},Anna,+447700900898,101\n")
    await asyncio.to_thread(lab.call_bridge, "orders", "import", str(source))
    source.unlink()
    (temporary / "left-behind").write_text(PLANTED)
    opened = f'exec 8>"{temporary}/$1" 9>"{temporary}/deleted"; echo $1 >&9; rm "{temporary}/deleted"'
    program = ("sh", "-c", f'{opened}; export PLANTED=$1; shift; exec "$@"', "sh", PLANTED, str(CALL_BRIDGE))
    with settings(lab, {"log": {"level": "debug"}}), another_daemon(lab, *program):
        async with registered_phone(lab) as phone:
            call = await phone.dial(f"*{code}")
            await call.answered()
            answers = await asyncio.to_thread(asked_of_api, lab, PLANTED)
            of_commands = await asyncio.to_thread(everything_said_by_commands, lab, tmp_path, PLANTED)
            await call.hang_up()
        await nothing_left(lab)
        shown = await crashed(lab)
    places = {
        "GET /v1/calls": answers["GET", "/v1/calls"],
        "orders list": of_commands["orders", "list"].encode(),
        "audit show": of_commands["audit", "show"].encode(),
        "calls": of_commands["calls",].encode(),
        **shown,
        **{Path(path).name: data for path, data in files_of(lab, tmp_path).items()},
    }
    found = {place.partition(":")[0] for place in found_in(places, [PLANTED])}
    assert found >= {
        "GET /v1/calls",
        "orders list",
        "audit show",
        "calls",
        "process",
        "open files",
        "deleted files",
        "left-behind",
        "daemon.log",
        "backup.db",
    }
    database = lab.database_path.name
    assert found & {database, f"{database}-wal"}, "what is not in the file yet is in its log"


def test_no_core_dump_is_left(shop: Lab) -> None:
    cores = subprocess.run(
        ["find", str(shop.folder), "-name", "core*", "-type", "f"], capture_output=True, text=True, check=True
    )
    assert cores.stdout == ""
