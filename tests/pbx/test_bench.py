"""The bench with tiny numbers: every way connects a call, on the files that the leak suite runs on."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchkit import ladder, plot, report
from benchkit import site as site_module
from benchkit.contenders import ALL, COMPARED, ami, token
from benchkit.contenders.callbridge import Sealed
from benchkit.site import Site, asterisk_files, open_site, settings_of
from labkit import pbxfiles
from labkit.lab import Lab
from labkit.places import CHECKOUT

pytestmark = pytest.mark.alone

CALLS, BLOCKS = 2, 1
DIALLING = [kind.key for kind in ALL if kind().dials]
CLICKING = [kind.key for kind in ALL if kind.clicks]
ADDED_MODULES = {"app_dial.so", "func_db.so", "res_curl.so", "func_curl.so", "res_speech.so", "res_agi.so"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command has written."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    arguments = [
        *("--blocks", str(BLOCKS), "--calls", str(CALLS), "--clicks", "1", "--managers", "3"),
        *("--sustain", "1", "--hold", "2", "--rates", "3"),
        *("--live", "2", "--talking", "2", "--orders", "1000"),
        *("--json", str(path)),
    ]
    done = subprocess.run(
        [CHECKOUT / "scripts" / "bench", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Targets" in done.stdout
    facts: dict[str, Any] = json.loads(path.read_text())
    return facts


def test_every_way_is_measured() -> None:
    assert {*DIALLING, *CLICKING} == {kind.key for kind in ALL}


@pytest.mark.parametrize("key", DIALLING)
def test_every_way_connects_its_calls_with_sound(run: dict[str, Any], key: str) -> None:
    (way,) = [each for each in run["calls"] if each["contender"] == key]
    assert way["failed"] == 0
    assert [len(block) for block in way["answer_to_sound"]] == [CALLS] * BLOCKS
    assert all(time > 0 for block in way["invite_to_200"] for time in block)


@pytest.mark.parametrize("key", CLICKING)
def test_a_click_makes_the_managers_phone_ring(run: dict[str, Any], key: str) -> None:
    (way,) = [each for each in run["clicks"] if each["contender"] == key]
    assert way["failed"] == 0
    assert [len(block) for block in way["click_to_phone"]] == [1] * BLOCKS


def test_every_way_that_can_be_dialled_holds_the_lowest_rate(run: dict[str, Any]) -> None:
    failed = {each["contender"]: each["rungs"][0]["failed"] for each in run["ladder"]}
    assert failed == dict.fromkeys(DIALLING, 0)


def test_a_plain_call_and_call_bridge_hold_their_rate_for_longer(run: dict[str, Any]) -> None:
    held = {each["contender"]: each["held_for_long"] for each in run["ladder"] if each["held_for_long"]}
    assert {
        key: [(rung["seconds"], rung["calls"], rung["failed"]) for rung in held[key]] for key in held
    } == {key: [(2, 6, 0)] for key in COMPARED}


def test_live_calls_and_orders_are_measured(run: dict[str, Any]) -> None:
    assert {(each["contender"], each["live"]) for each in run["crowd"]} == {("a", 2), ("g", 2), ("G", 2)}
    assert {(each["contender"], each["live"]) for each in run["talk"]} == {("a", 2), ("g", 2), ("G", 2)}
    assert [each["orders"] for each in run["growth"]] == [1000]
    assert run["growth"][0]["lookup_p99"] > 0
    assert run["loop_lag_p99_ms"] > 0


def test_what_is_said_in_a_live_call_is_heard_at_the_other_end(run: dict[str, Any]) -> None:
    ways, packets_a_second = 2, 50
    for talk in run["talk"]:
        heard = talk["heard"]
        due = heard["seconds"] * ways * packets_a_second * talk["live"]
        assert heard["seconds"] >= 1
        assert heard["packets"] >= 0.9 * due, talk["contender"]
        assert (heard["silent"], heard["foreign"]) == (0, 0), talk["contender"]


def test_it_says_what_it_was_run_on(run: dict[str, Any]) -> None:
    assert run["machine"]["cores"] >= 1
    assert re.match(r"\d+\.", run["versions"]["Asterisk"])
    assert run["options"]["parts"].split() == list(report.PARTS)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Decided on, but not started."""
    lab = Lab.create(tmp_path / "lab", managers=2, carrier="127.0.0.2:5070")
    return Site(lab, settings_of(lab), tuple(kind() for kind in ALL))


def test_it_runs_on_the_files_that_the_leak_suite_runs_on(site: Site) -> None:
    """A lab's file comes first in each of the bench's, whole; only these have something below it."""
    labs, ours = pbxfiles.texts(site.lab.record), asterisk_files(site)
    assert ours.keys() == labs.keys()
    assert all(ours[name].startswith(text) for name, text in labs.items())
    changed = {name for name, text in labs.items() if ours[name] != text}
    assert changed == {"modules.conf", "extensions.conf", "manager.conf"}


def test_ami_is_off_as_shipped_but_for_the_way_that_needs_it(site: Site) -> None:
    """It costs every call something."""
    without = Site(site.lab, site.settings, tuple(kind() for kind in ALL if kind().dials))
    assert asterisk_files(without)["manager.conf"] == pbxfiles.texts(site.lab.record)["manager.conf"]
    assert "enabled=yes" in asterisk_files(site)["manager.conf"]


def test_what_it_adds_changes_nothing_that_is_shipped(site: Site) -> None:
    labs, ours = pbxfiles.texts(site.lab.record), asterisk_files(site)
    added = {name: ours[name].removeprefix(text) for name, text in labs.items()}
    assert set(re.findall(r"load=(\S+)", added["modules.conf"])) == ADDED_MODULES
    dialled, *contexts = re.split(
        r"^\[(?!call-bridge-managers\])", added["extensions.conf"], flags=re.MULTILINE
    )
    assert [each.partition("]")[0] for each in contexts] == [token.CONTEXT]
    patterns = re.findall(r"^exten => (\S+?),", dialled, re.MULTILINE)
    own = {kind.key: kind.prefix for kind in ALL} | {ami.AmiClick.key: ami.PREFIX}
    assert patterns == [f"_{prefix}XXXX" for prefix in own.values() if prefix not in ("", "*")]


def test_the_way_by_a_token_dials_as_the_documentation_says(site: Site) -> None:
    page = (CHECKOUT / "docs" / "agi.md").read_text()
    example = page.partition("[our-calls]\n")[2].partition("```")[0].splitlines()
    _, *documented = [line for line in example if not line.startswith(";")]
    assert len(documented) > 6
    _, _, _, *ours = token.Token().contexts(site).splitlines()
    assert [line.replace(site.settings.token_agi, "127.0.0.1:4573") for line in ours] == documented


def test_the_page_holds_results_of_the_bench_alone() -> None:
    page = (CHECKOUT / "docs" / "performance.md").read_text()
    for part in (*report.PARTS, "timeline", "profile"):
        assert report.with_part(page, part, ["new"]) != page
    for name in re.findall(r"\(performance/(\S+)\)", page):
        assert (CHECKOUT / "docs" / "performance" / name).read_text().startswith("<svg")
    assert plot.draw("empty", []).startswith("<svg")


def test_a_call_that_the_rules_refuse_counts_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered, by a message that says so."""
    monkeypatch.setitem(site_module._LIMITS, "per_day_in_all", CALLS)
    with open_site(tmp_path / "lab", (Sealed(),), managers=3, most_live=24) as site:
        *_, climbs = ladder.climb(site, seconds=1, rates=[CALLS + 1], progress=print)
    assert [(rung.calls, rung.failed) for rung in climbs[0].rungs] == [(3, 1), (3, 3)]
