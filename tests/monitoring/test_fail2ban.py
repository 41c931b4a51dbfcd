"""fail2ban's filters, by its own judge, on lines that a real Asterisk and a real daemon have written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from shop import until

from bridge.config import load_config
from bridge.proof.sip.phone import Phone, RegistrationRefused
from labkit import debian
from labkit.lab import Lab

OURS: Final = Path(__file__).parents[2] / "docs" / "monitoring" / "fail2ban"
DESK: Final = OURS / "filter.d" / "call-bridge-desk.conf"
SIP: Final = OURS / "filter.d" / "call-bridge-sip.conf"
OTHERS_ADDRESS: Final = "192.0.2.99"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A shop whose Asterisk logs security events, as a PBX with fail2ban does."""
    lab = Lab.up(tmp_path_factory.mktemp("lab"))
    lab.asterisk.rx("module load res_security_log.so")
    lab.asterisk.rx("logger add channel security.log security")
    yield lab
    lab.down()


def fail2ban(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of Debian's fail2ban, which is Python, by the Python of the tests. Raises LabError."""
    root = debian.unpacked(debian.FAIL2BAN).path
    return subprocess.run(
        [sys.executable, root / "usr/bin" / program, *arguments],
        env={"PYTHONPATH": str(root / "usr/lib/python3/dist-packages"), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def banned(log: Path, rule: Path) -> list[str]:
    """The addresses that a filter counts against, one for each line that it matches."""
    done = fail2ban("fail2ban-regex", "--out", "ip", log, rule)
    assert done.returncode in {0, 255}, done.stderr  # 255: nothing matched
    return done.stdout.split()


async def sign_in(lab: Lab, address: str) -> None:
    connector = aiohttp.UnixConnector(str(load_config(lab.config_path).api.desk_socket))
    body = {"login": "101", "password": "a wrong one", "address": address, "agent": '"address": "192.0.2.99"'}
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.post("http://desk/v1/sign-in", json=body) as answer,
    ):
        assert answer.status in {401, 403}


async def test_a_wrong_password_at_the_desk_counts_against_its_address_alone(lab: Lab) -> None:
    addresses = ["198.51.100.7", "2001:db8:0:7::1"]
    for address in addresses:
        await sign_in(lab, address)
    log = lab.log("daemon")
    await until(lambda: log.read_text().count("a sign-in failed") == len(addresses), "both in the log")
    assert banned(log, DESK) == ["198.51.100.7", "2001:db8:0:7::/64"]


async def test_a_browser_without_an_address_gets_nobody_banned(lab: Lab, tmp_path: Path) -> None:
    log = lab.log("daemon")
    begins_at = log.stat().st_size
    await sign_in(lab, '"address": "192.0.2.99"')
    await until(lambda: b"a sign-in failed" in log.read_bytes()[begins_at:], "the line")
    (tmp_path / "log").write_bytes(log.read_bytes()[begins_at:] + b"\n")
    assert banned(tmp_path / "log", DESK) == []


async def register(lab: Lab, name: str, password: str) -> None:
    async with Phone(name, password, server=lab.sip_address) as phone:
        await phone.register()


def security_log(lab: Lab) -> Path:
    (found,) = lab.folder.rglob("security.log")
    return found


async def test_wrong_and_unknown_phones_at_asterisk_count_and_a_right_one_does_not(
    lab: Lab,
) -> None:
    await register(lab, "101", lab.managers["101"].password)
    assert banned(security_log(lab), SIP) == []
    for name in ("101", "999"):
        with pytest.raises(RegistrationRefused):
            await register(lab, name, "wrong")
    await until(lambda: "InvalidAccountID" in security_log(lab).read_text(), "both in the log")
    assert set(banned(security_log(lab), SIP)) == {lab.sip_address[0]}


async def test_nobody_can_write_a_line_that_bans_somebody_else(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(RegistrationRefused):
        await register(lab, "101", "wrong")
    written = security_log(lab).read_text().splitlines()
    line = next(line for line in written if "ChallengeResponseFailed" in line)
    forged = f'x",RemoteAddress="IPV4/UDP/{OTHERS_ADDRESS}/5060"'
    attempts = [_with(line, field, forged) for field in ("AccountID", "SessionID", "Response")]
    assert all(OTHERS_ADDRESS in attempt for attempt in attempts)
    (tmp_path / "log").write_text("".join(f"{each}\n" for each in (*attempts, line)))
    assert banned(tmp_path / "log", SIP) == [lab.sip_address[0]], "the honest line alone counts"


def _with(line: str, field: str, value: str) -> str:
    """The line with something else in one of the fields that a stranger fills."""
    return re.sub(rf',{field}="[^"]*"', f',{field}="{value}"', line)


def test_fail2ban_takes_the_filters_and_the_jails(tmp_path: Path) -> None:
    folder = tmp_path / "fail2ban"
    shutil.copytree(debian.unpacked(debian.FAIL2BAN).path / "etc" / "fail2ban", folder)
    (folder / "jail.d" / "defaults-debian.conf").unlink(missing_ok=True)
    shutil.copytree(OURS, folder, dirs_exist_ok=True)
    log = tmp_path / "security.log"
    log.touch()
    jail = folder / "jail.d" / "call-bridge.conf"
    jail.write_text(jail.read_text().replace("/var/log/asterisk/security.log", str(log)))
    done = fail2ban("fail2ban-client", "-c", folder, "--dump")
    assert done.returncode == 0, done.stderr
    for name in ("call-bridge-desk", "call-bridge-sip"):
        assert f"'{name}', 'addfailregex'" in done.stdout, done.stdout + done.stderr
