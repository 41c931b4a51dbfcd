"""What scripts/quickstart tells and answers; the PBX between is a plain one."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from plain_pbx import PASSWORD, PlainPbx
from rich.console import Console

from bridge.proof.storytexts import language_of
from labkit import quickstart
from labkit.lab import Lab
from labkit.processes import Process
from labkit.quickstarttexts import ENGLISH, RUSSIAN
from labkit.record import LabManager, LabRecord


def record_of(folder: Path, *, sip_port: int = 5060, carrier: str = "127.0.0.2:5060") -> LabRecord:
    return LabRecord(
        folder=folder,
        run_folder=folder,
        bind="127.0.0.1",
        sip_port=sip_port,
        rtp_first_port=10000,
        rtp_last_port=10001,
        ari_port=8088,
        redirect_port=5071,
        desk_port=8090,
        ari_password="unused",
        carrier=carrier,
        carrier_is_simulated=True,
        managers={"101": LabManager("Anna", PASSWORD)},
    )


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab with the plain PBX in the place of its own."""
    pbx = PlainPbx(tmp_path)
    host, port = pbx.carrier_address
    lab = Lab(record_of(tmp_path, sip_port=pbx.sip_port, carrier=f"{host}:{port}"))
    pbx.start()
    lab.start_carrier()
    yield lab
    lab.down()
    pbx.stop()


def test_the_sample_call_is_told_and_proven(lab: Lab) -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    assert quickstart.tell_a_call(lab, ENGLISH, console) == 0
    told = console.export_text()
    assert "Hidden number seen by the manager: no " in told
    assert told.count("BYE") == 2


def test_without_a_carrier_nothing_is_proven(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quickstart, "ANSWER_SECONDS", 0.5)
    lab.record.processes["carrier"].kill()
    console = Console(record=True, width=120, file=io.StringIO())
    assert quickstart.tell_a_call(lab, RUSSIAN, console) == 1
    assert RUSSIAN.story.verdict.format(answer=RUSSIAN.story.not_proven) in console.export_text()


def test_a_second_run_beside_the_first_is_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = record_of(tmp_path)
    record.processes["asterisk"] = Process.of(os.getpid())
    record.save()
    assert quickstart.main(["--once", "--language", "en", "--dir", str(tmp_path)]) == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith("quickstart: a quickstart runs already")
    assert len(complaint.splitlines()) == 2


def test_an_occupied_port_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert quickstart.main(["--once", "--sip-port", str(port), "--dir", str(tmp_path)]) == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith("quickstart: ")
    assert str(port) in complaint


@pytest.mark.parametrize(("locale", "language"), [("ru_RU.UTF-8", "ru"), ("en_GB.UTF-8", "en"), ("", "en")])
def test_the_language_follows_the_locale(locale: str, language: str) -> None:
    assert language_of(locale) == language
