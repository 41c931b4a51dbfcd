"""The dashboard: what Grafana asks of it, and queries that Prometheus understands, of metrics that exist."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from promtool import DASHBOARD, panels, promtool, queries, unknown_in

import bridge.switchboard.metrics  # noqa: F401 - it puts them into the registry

COLUMNS = 24


def test_prometheus_understands_each_query(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries())]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_a_query_is_of_metrics_and_labels_that_exist(query: str) -> None:
    assert list(unknown_in(query)) == []


def test_every_metric_has_its_place_on_the_dashboard() -> None:
    ours = {family.name for family in REGISTRY.collect() if family.name.startswith("callbridge_")}
    shown = " ".join(queries())
    assert {name for name in ours if not re.search(rf"\b{name}(_total|_bucket|_count)?\b", shown)} == set()


def test_no_two_panels_lie_on_each_other_or_share_an_id() -> None:
    placed = [panel["gridPos"] for panel in panels()]
    assert all(place["x"] + place["w"] <= COLUMNS for place in placed)
    assert [pair for pair in itertools.combinations(placed, 2) if _overlap(*pair)] == []
    assert len({panel["id"] for panel in panels()}) == len(panels())


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


def test_each_panel_takes_the_prometheus_that_its_reader_chooses() -> None:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    variables = {variable["name"]: variable["type"] for variable in dashboard["templating"]["list"]}
    assert variables == {"datasource": "datasource", "instance": "query"}
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels():
        if panel["type"] != "row":
            assert [target["datasource"] for target in panel["targets"]] == [chosen] * len(panel["targets"])
            assert panel["datasource"] == chosen
