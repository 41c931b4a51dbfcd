"""The alert rules: real ones, of metrics that exist, each of which sounds when it should and not before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from promtool import ALERTS, promtool, rules, unknown_in

DAEMON: Final = '{job="call-bridge",instance="pbx"}'
MINUTES: Final = 120


def of(metric: str, **labels: str) -> str:
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{DAEMON[:-1]},{inner}}}" if inner else f"{metric}{DAEMON}"


def always(value: float) -> str:
    return f"{value}x{MINUTES}"


def growing(by_a_minute: float) -> str:
    return f"0+{by_a_minute}x{MINUTES}"


def buckets(metric: str, seconds: str, **labels: str) -> dict[str, str]:
    """A histogram of ten observations a minute, none of which took longer than this, or less than half."""
    bounds = ["0.001", "0.002", "0.02", "0.1", "1", "10", "+Inf"]
    return {
        of(f"{metric}_bucket", le=bound, **labels): growing(10 if float(bound) >= float(seconds) else 0)
        for bound in bounds
    }


WELL: Final[Mapping[str, str]] = {
    of("up"): always(1),
    of("callbridge_ari_link"): always(1),
    of("callbridge_carrier_up"): always(1),
    of("callbridge_sealed"): always(0),
    of("callbridge_panic"): always(0),
    of("callbridge_config_reload_success"): always(1),
    of("callbridge_working_hours"): always(1),
    of("callbridge_live_calls"): always(5),
    of("callbridge_live_calls_limit"): always(50),
    of("callbridge_ledger_backlog"): always(0),
    of("callbridge_lock_outs_total"): always(1),
    of("callbridge_sign_in_failures_total"): growing(0.1),
    of("callbridge_calls_total", result="talked"): growing(2),
    of("callbridge_calls_total", result="failed"): always(1),
    of("callbridge_refusals_total", reason="not_yours"): growing(0.2),
    of("callbridge_refusals_total", reason="panic"): always(0),
    of("callbridge_stray_channels_total", reason="unexpected-arguments"): always(3),
    of("callbridge_toll_usage_ratio", limit="minutes"): always(0.5),
    of("callbridge_webhook_backlog"): always(2),
    of("callbridge_sip_attacks_total"): growing(2),
    of("callbridge_shops_failing"): always(0),
    of("callbridge_text_attempts_total", answer="sent"): growing(0.2),
    of("callbridge_text_attempts_total", answer="refused"): always(3),
    of("callbridge_text_attempts_total", answer="later"): growing(0.2),
    of("callbridge_text_attempts_total", answer="unsure"): always(1),
    **buckets("callbridge_setup_seconds", "0.02", step="decide"),
    **buckets("callbridge_setup_seconds", "0.02", step="join"),
    **buckets("callbridge_setup_seconds", "1", step="ring"),
    **buckets("callbridge_loop_lag_seconds", "0.002"),
    **buckets("callbridge_commit_seconds", "0.002"),
}
"""A shop at work in which all is well, by series; promtool's notation: start, step, number of steps."""


@dataclass(frozen=True)
class Trouble:
    """What is otherwise than well, and the one alert that it sounds."""

    alert: str
    series: Mapping[str, str]


TROUBLES: Final = [
    Trouble("CallBridgeAway", {of("up"): always(0)}),
    Trouble("CallBridgeNoLink", {of("callbridge_ari_link"): always(0)}),
    Trouble("CallBridgeSealed", {of("callbridge_sealed"): always(1)}),
    Trouble("CallBridgePanic", {of("callbridge_panic"): always(1)}),
    Trouble("CallBridgeCarrierDown", {of("callbridge_carrier_up"): always(0)}),
    Trouble("CallBridgeSetupSlow", buckets("callbridge_setup_seconds", "10", step="decide")),
    Trouble("CallBridgeCarrierSlow", buckets("callbridge_setup_seconds", "10", step="ring")),
    Trouble("CallBridgeLoopLag", buckets("callbridge_loop_lag_seconds", "0.1")),
    Trouble("CallBridgeCommitsSlow", buckets("callbridge_commit_seconds", "1")),
    Trouble("CallBridgeBacklogGrowing", {of("callbridge_ledger_backlog"): growing(20)}),
    Trouble("CallBridgeRefusalsSpike", {of("callbridge_refusals_total", reason="panic"): growing(3)}),
    Trouble("CallBridgeCodesTried", {of("callbridge_lock_outs_total"): f"0x{MINUTES - 5} 1x10"}),
    Trouble("CallBridgePasswordsTried", {of("callbridge_sign_in_failures_total"): growing(5)}),
    Trouble("CallBridgeNearLimit", {of("callbridge_toll_usage_ratio", limit="minutes"): always(0.85)}),
    Trouble("CallBridgeNearlyFull", {of("callbridge_live_calls"): always(48)}),
    Trouble("CallBridgeNoCalls", {of("callbridge_calls_total", result="talked"): always(200)}),
    Trouble("CallBridgeCallsFail", {of("callbridge_calls_total", result="failed"): growing(2)}),
    Trouble("CallBridgeConfigRefused", {of("callbridge_config_reload_success"): always(0)}),
    Trouble(
        "CallBridgeStrayChannels",
        {of("callbridge_stray_channels_total", reason="unexpected-arguments"): growing(1)},
    ),
    Trouble("CallBridgeWebhooksWait", {of("callbridge_webhook_backlog"): always(50)}),
    Trouble("CallBridgeSipAttack", {of("callbridge_sip_attacks_total"): growing(30)}),
    Trouble("CallBridgeShopsGiveNothing", {of("callbridge_shops_failing"): always(1)}),
    Trouble("CallBridgeTextsFail", {of("callbridge_text_attempts_total", answer="sent"): always(20)}),
]


def judge(folder: Path, series: Mapping[str, str], sounding: set[str]) -> str:
    """What promtool has to say where not exactly these alerts sound at the end; nothing where they do."""
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(sounding)]
    question = 'count by (alertname) (ALERTS{alertstate="firing"})'
    test: dict[str, Any] = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [{"expr": question, "eval_time": f"{MINUTES}m", "exp_samples": samples}],
            }
        ],
    }
    path = folder / "test.yml"
    path.write_text(yaml.safe_dump(test))
    done = promtool("test", "rules", path)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_prometheus_takes_the_rules() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


def test_a_shop_in_which_all_is_well_sounds_no_alert(tmp_path: Path) -> None:
    assert judge(tmp_path, WELL, set()) == ""


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.alert)
def test_an_alert_sounds_in_its_trouble_and_no_other_does(trouble: Trouble, tmp_path: Path) -> None:
    assert judge(tmp_path, {**WELL, **trouble.series}, {trouble.alert}) == ""


def test_outside_working_hours_nobody_misses_calls(tmp_path: Path) -> None:
    closed = {of("callbridge_working_hours"): always(0)}
    silent = {of("callbridge_calls_total", result="talked"): always(200)}
    assert judge(tmp_path, {**WELL, **closed, **silent}, set()) == ""


@pytest.mark.parametrize("answer", ["refused", "later", "unsure"])
def test_texts_that_keep_failing_sound_whatever_the_operator_says(answer: str, tmp_path: Path) -> None:
    attempts = {each: always(20) for each in ("sent", "refused", "later", "unsure")} | {answer: growing(1)}
    series = {of("callbridge_text_attempts_total", answer=each): values for each, values in attempts.items()}
    assert judge(tmp_path, {**WELL, **series}, {"CallBridgeTextsFail"}) == ""


def test_a_shop_that_sends_no_texts_or_one_that_is_refused_sounds_nothing(tmp_path: Path) -> None:
    silent = {each: always(0) for each in ("sent", "later", "unsure")}
    series = {of("callbridge_text_attempts_total", answer=each): values for each, values in silent.items()}
    one = {of("callbridge_text_attempts_total", answer="refused"): f"0x{MINUTES - 10} 1x20"}
    assert judge(tmp_path, {**WELL, **series, **one}, set()) == ""


def test_each_alert_has_a_trouble_that_sounds_it() -> None:
    assert [trouble.alert for trouble in TROUBLES] == [rule["alert"] for rule in rules()]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_speaks_of_metrics_that_exist_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert list(unknown_in(rule["expr"])) == []
    assert set(rule["annotations"]) == {"summary", "do"}
    assert rule["labels"]["severity"] in {"critical", "warning"}


def test_a_metric_a_label_and_a_value_that_do_not_exist_are_found() -> None:
    query = 'sum by (extension) (callbridge_calls_total{result=~"talked|lost"}) + callbridge_cals_total'
    assert sorted(unknown_in(query)) == [
        "callbridge_calls_total{result=lost}",
        "callbridge_cals_total",
        "extension",
    ]
