"""Prometheus' own judge of rules, and what rules and dashboards say of our metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client import REGISTRY

import bridge.switchboard.metrics  # noqa: F401 - it puts them into the registry
from labkit import debian

MONITORING: Final = Path(__file__).parents[2] / "docs" / "monitoring"
ALERTS: Final = MONITORING / "alerts.yml"
DASHBOARD: Final = MONITORING / "grafana-dashboard.json"

OF_THE_SCRAPE: Final = {"job", "instance"}
"""The labels that Prometheus itself gives to whatever it scrapes."""


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the machine's own promtool, else Debian's. Raises LabError."""
    own = shutil.which("promtool")
    command = [own] if own else debian.unpacked(debian.PROMETHEUS).command("usr/bin/promtool")
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )


def rules() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries() -> list[str]:
    """The dashboard's, as Prometheus gets them once Grafana has put its variables in."""
    texts = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    return [text.replace("$__rate_interval", "5m").replace("$instance", ".*") for text in texts]


def unknown_in(query: str) -> Iterator[str]:
    """What a query says of our metrics that the registry does not know: names, labels, values of labels."""
    known = _series()
    for name, matchers in re.findall(r"\b(callbridge_\w+)(?:\{([^}]*)\})?", query):
        if name not in known:
            yield name
            continue
        for label, values in re.findall(r'(\w+)\s*[=!]~?\s*"([^"]*)"', matchers):
            if label not in OF_THE_SCRAPE:
                yield from (
                    f"{name}{{{label}={value}}}"
                    for value in values.split("|")
                    if value not in known[name].get(label, ())
                )
    may_group_by = OF_THE_SCRAPE.union(
        *(known.get(name, {}) for name in re.findall(r"callbridge_\w+", query))
    )
    for labels in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query):
        yield from (label for label in re.split(r"\s*,\s*", labels) if label not in may_group_by)


def _series() -> dict[str, dict[str, set[str]]]:
    """The values of each label of each series that a scrape shows."""
    known: dict[str, dict[str, set[str]]] = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            labels = known.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return known
