"""Asterisk's own metrics, scraped while people talk, as docs/monitoring/prometheus.yml has them scraped."""

from __future__ import annotations

import asyncio
import re
import socket
import urllib.request
from collections.abc import Iterator
from typing import Final

import pytest
import yaml
from promtool import MONITORING, promtool
from shop import carrier_of, registered_phone

from labkit import ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST

SCRAPES: Final = MONITORING / "prometheus.yml"
NUMBER: Final = "7700900123"
PROMETHEUS_CONF: Final = "[general]\nenabled=yes\ncore_metrics_enabled=yes\nuri=metrics\n"


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A shop whose Asterisk has its res_prometheus loaded."""
    carrier_port = ports.free_port(CARRIER_HOST, socket.SOCK_DGRAM)
    lab = Lab.up(tmp_path_factory.mktemp("lab"), carrier=f"{CARRIER_HOST}:{carrier_port}")
    (main_file,) = lab.folder.rglob("asterisk.conf")
    main_file.with_name("prometheus.conf").write_text(PROMETHEUS_CONF)
    lab.asterisk.rx("module load res_prometheus.so")
    yield lab
    lab.down()


def scraped(lab: Lab) -> str:
    with urllib.request.urlopen(f"{lab.ari_url.removesuffix('/ari')}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def kept(metrics: str) -> list[str]:
    """The series that are left of a scrape, by the rules of the shipped file."""
    (scrape,) = (
        job for job in yaml.safe_load(SCRAPES.read_text())["scrape_configs"] if job["job_name"] == "asterisk"
    )
    dropped = [
        re.compile(rule["regex"]) for rule in scrape["metric_relabel_configs"] if rule["action"] == "drop"
    ]
    series = [line for line in metrics.splitlines() if line and not line.startswith("#")]
    names = [re.split(r"[{ ]", line, maxsplit=1)[0] for line in series]
    return [
        line
        for line, name in zip(series, names, strict=True)
        if not any(rule.fullmatch(name) for rule in dropped)
    ]


async def test_asterisks_metrics_hold_no_number_and_what_is_kept_of_them_no_call(lab: Lab) -> None:
    async with carrier_of(lab) as carrier, registered_phone(lab) as phone:
        call = await phone.dial("*1042")
        await call.answered()
        await (await carrier.called()).media.wait_for_audio(5)
        metrics = await asyncio.to_thread(scraped, lab)
        await call.hang_up()
    assert "asterisk_channels_state{" in metrics, "a call is on"
    assert NUMBER not in metrics
    assert "cb-" in metrics
    left = kept(metrics)
    assert any(line.startswith("asterisk_channels_count") for line in left)
    assert [line for line in left if "cb-" in line or "PJSIP/101-" in line] == []


def test_prometheus_takes_the_shipped_configuration() -> None:
    done = promtool("check", "config", SCRAPES)
    assert done.returncode == 0, done.stdout + done.stderr
