"""The lab itself, on a real Asterisk. The daemon has no part in these."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asterisk_log import said_of_files

from labkit.errors import LabError
from labkit.lab import AlreadyUpError, Lab
from labkit.processes import Process
from labkit.record import LabRecord


@pytest.fixture
def create(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Makes labs, in a folder of the given name, that end with the test."""
    labs: list[Lab] = []

    def create(name: str = "lab", **facts: object) -> Lab:
        labs.append(Lab.create(tmp_path / name, **facts))  # type: ignore[arg-type]
        return labs[-1]

    yield create
    for lab in labs:
        lab.down()


def test_asterisk_takes_the_shipped_files_without_a_complaint(create):
    lab = create()
    lab.start_asterisk()
    logs = said_of_files("".join(path.read_text() for path in lab.record.log_folder.glob("*.log")))
    assert "WARNING" not in logs
    assert "ERROR" not in logs
    assert "101" in lab.asterisk.rx("pjsip show endpoint 101")
    assert f"bindport={lab.record.ari_port}" in (lab.asterisk.etc / "http.conf").read_text()


def test_sound_stays_in_the_labs_own_ports(create):
    lab = create()
    lab.start_asterisk()
    settings = lab.asterisk.rx("rtp show settings")
    assert f"Port start:      {lab.record.rtp_first_port}" in settings
    assert f"Port end:        {lab.record.rtp_last_port}" in settings


def test_two_labs_run_side_by_side(create):
    labs = [create("one"), create("two")]
    for lab in labs:
        lab.start_asterisk()
    assert all(lab.asterisk.running for lab in labs)
    assert labs[0].sip_address != labs[1].sip_address
    assert all(str(lab.sip_address[1]) in lab.asterisk.rx("pjsip show transports") for lab in labs)


def test_a_lab_that_is_up_is_not_started_again(create):
    create().start_asterisk()
    with pytest.raises(AlreadyUpError, match="is up already"):
        create()


@pytest.mark.parametrize(("kind", "name"), [(socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")])
def test_an_occupied_sip_port_is_named(create, kind, name):
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(LabError, match=rf"SIP port {port} .*{name}"):
            create(sip_port=port)


def test_down_ends_what_the_lab_started_and_nothing_else(create):
    lab, other = create("one"), create("two")
    lab.start_asterisk()
    lab.start_carrier()
    other.start_asterisk()
    processes = list(lab.record.processes.values())
    assert len(processes) == 2
    lab.down()
    assert not any(process.alive for process in processes)
    assert not lab.record.run_folder.exists()
    assert other.asterisk.running


def test_a_later_program_ends_a_lab_by_its_record_alone(create):
    lab = create()
    lab.start_asterisk()
    found = Lab.load(lab.folder)
    assert found is not None
    found.down()
    assert not lab.asterisk.running


def test_a_process_that_got_an_old_pid_survives_down(create):
    lab = create()
    lab.start_carrier()
    innocent = lab.record.processes["carrier"]
    lab.record.processes["daemon"] = Process(innocent.pid, innocent.started - 1)
    lab.stop_daemon()
    assert innocent.alive


def test_a_lab_begun_again_keeps_its_phones_accounts(create):
    first = create(managers=2)
    first.down()
    again = create(managers=3)
    assert again.sip_address == first.sip_address
    assert {extension: again.managers[extension] for extension in first.managers} == first.managers
    assert list(again.managers) == ["101", "102", "103"]


def test_passwords_lie_only_in_files_that_others_cannot_read(create):
    lab = create()
    lab.start_asterisk()
    secrets = [lab.ari_password, *(manager.password for manager in lab.managers.values())]
    holders = [
        path
        for path in lab.folder.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]
    assert {path.name for path in holders} >= {"lab.json", "pjsip.conf"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)
    assert not any(secret in repr(lab.record) for secret in secrets)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"bind": "localhost"}, "IPv4 address"),
        ({"sip_port": 70000}, "from 1 to 65535"),
        ({"managers": 0}, "1 to 899 managers"),
        ({"carrier": "carrier.example"}, "HOST:PORT"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(create, facts, reason):
    with pytest.raises(LabError, match=reason):
        create(**facts)


def test_sockets_fit_when_the_lab_lies_deep(create):
    lab = create("deep and with spaces " + "d" * 120)
    lab.start_asterisk()
    assert "fully booted" in lab.asterisk.rx("core waitfullybooted")
    assert len(str(lab.api_socket)) < 107


def test_a_record_of_something_else_is_no_lab(tmp_path):
    (tmp_path / "lab.json").write_text('{"folder": 5}')
    assert LabRecord.load(tmp_path) is None
    assert Lab.load(tmp_path) is None


def test_a_carrier_at_the_phones_own_address_is_refused_with_the_reason(create):
    with pytest.raises(LabError, match="cannot be told from the managers' phones"):
        create(carrier="127.0.0.1:5080")
