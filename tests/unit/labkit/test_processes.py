import dataclasses
import resource
import sys
from pathlib import Path

import pytest

from labkit.processes import Process, last_lines, start


@pytest.fixture
def sleeper(tmp_path):
    process = start(["sleep", "60"], log=tmp_path / "log", folder=tmp_path)
    yield process
    process.kill()


def test_a_started_process_is_alive_until_it_is_ended(sleeper):
    assert sleeper.alive
    sleeper.end()
    assert not sleeper.alive


def test_a_recycled_pid_is_neither_taken_for_ours_nor_ended(sleeper):
    predecessor = dataclasses.replace(sleeper, started=sleeper.started - 1)
    assert not predecessor.alive
    predecessor.end()
    predecessor.kill()
    assert sleeper.alive


def test_ending_insists_when_asking_does_not_help(tmp_path):
    ready = tmp_path / "ready"
    program = (
        "import signal, pathlib, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(60)\n"
    )
    process = start([sys.executable, "-c", program], log=tmp_path / "log", folder=tmp_path)
    while not ready.exists():
        assert process.alive, last_lines(tmp_path / "log")
    process.end(grace_s=0.1)
    assert not process.alive


def test_ending_what_is_gone_already_is_no_error(tmp_path):
    process = start(["sleep", "60"], log=tmp_path / "log", folder=tmp_path)
    process.kill()
    process.end()
    with pytest.raises(ProcessLookupError):
        Process.of(process.pid)


def test_a_process_leaves_no_core_dump_and_a_private_log(sleeper, tmp_path):
    command_line = Path(f"/proc/{sleeper.pid}/cmdline")
    while command_line.read_bytes() != b"sleep\x0060\x00":
        assert sleeper.alive
    assert resource.prlimit(sleeper.pid, resource.RLIMIT_CORE) == (0, 0)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
