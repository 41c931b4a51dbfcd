"""The doctor finds nothing in a shop that is well, and exactly what was broken in one that is not."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from doctor_mutations import AMI_OURS, MUTATIONS, PASSWORD, append
from doctor_shop import Shop, make_shop, substitute
from included_pbx import SHIPPED, IncludedPbx, include
from shop import settings

from bridge.cli.exits import Exit
from bridge.cli.main import run
from bridge.doctor.checks import BY_ID, CHECKS
from bridge.doctor.checks.endpoints import FOR_MANAGERS_AORS
from bridge.doctor.conf import Section, is_true, read_conf
from bridge.doctor.examine import examine
from bridge.doctor.gather import _units, gather
from bridge.doctor.model import Finding, Gravity
from bridge.doctor.patch import patch_of
from bridge.doctor.pjsip import DEFAULTS, objects, value_of
from labkit.lab import Lab
from labkit.units import UNITS


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("healthy"))


@pytest.fixture
def shop(healthy: Shop, tmp_path: Path) -> Shop:
    return healthy.copy(tmp_path / "shop")


def found(shop: Shop) -> list[Finding]:
    return examine(shop.facts())


def told(finding: Finding) -> tuple[str, str]:
    """What a finding is about; its line moves when another is written above.

    Of what has no place the words tell of a state, such as a version, that a mutation may have changed.
    """
    return finding.check.id, "" if finding.spot.place is None else finding.spot.what


def test_nothing_is_found_in_a_shop_made_of_the_shipped_files(healthy: Shop) -> None:
    assert list(map(told, found(healthy))) == []


def test_nothing_is_found_where_ami_is_on_for_the_daemons_user_alone(shop: Shop) -> None:
    AMI_OURS(shop)
    assert list(map(told, found(shop))) == []


@pytest.mark.parametrize("more", ["eventfilter=^Event: Newchannel", "eventfilter(name(Newchannel))="])
def test_a_filter_that_lets_more_events_through_is_found(more: str, shop: Shop) -> None:
    AMI_OURS(shop)
    append("manager.conf", f"[call-bridge](+)\n{more}")(shop)
    assert [finding.check.id for finding in found(shop)] == ["ami-filter"]


def test_every_check_has_a_way_to_be_broken_and_no_other_is_listed() -> None:
    assert sorted(MUTATIONS) == sorted(check.id for check in CHECKS)


@pytest.mark.parametrize("check_id", MUTATIONS)
def test_the_doctor_names_exactly_what_was_broken(check_id: str, shop: Shop) -> None:
    mutation = MUTATIONS[check_id]
    mutation.prepare(shop)
    before = {told(finding) for finding in found(shop)}
    mutation.harm(shop)
    new = [finding for finding in found(shop) if told(finding) not in before]
    assert [finding.check.id for finding in new] == [check_id]
    place = new[0].spot.place
    assert place is None or place.line == 0 or place.path.read_text().splitlines()[place.line - 1].strip()


@pytest.mark.parametrize("check_id", MUTATIONS)
def test_the_patch_heals_what_it_touches_and_breaks_nothing(check_id: str, shop: Shop) -> None:
    mutation = MUTATIONS[check_id]
    mutation.prepare(shop)
    mutation.harm(shop)
    ill = found(shop)
    patch = patch_of(ill)
    apply(patch)
    touched = {told(finding) for finding in ill if finding.spot.change}
    left = {told(finding) for finding in found(shop)}
    assert left <= {told(finding) for finding in ill} - touched
    assert bool(patch) == bool(touched)


def apply(patch: str) -> None:
    if shutil.which("patch") is None:
        pytest.skip("patch(1) is not on this machine")
    if patch:
        done = subprocess.run(
            ["patch", "-p0", "--force", "--directory=/"],
            input=patch,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_no_password_of_the_shop_is_in_anything_the_doctor_says(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every endpoint has one setting or more beside its password that is wrong."""
    for check_id in (
        "manager-send-pai",
        "manager-codecs",
        "ari-read-only",
        "ari-password-differs",
        "ami-write",
    ):
        MUTATIONS[check_id].prepare(shop)
        MUTATIONS[check_id].harm(shop)
    passwords = passwords_of(shop)
    assert len(passwords) >= 4
    for options in ([], ["--json"], ["--fix"]):
        doctor(shop, *options)
    printed = "".join(capsys.readouterr())
    assert "manager-send-pai" in printed
    assert [password for password in passwords if password in printed] == []


def passwords_of(shop: Shop) -> set[str]:
    texts = (
        path.read_text() for path in (*shop.etc.glob("*.conf"), shop.folder / "secrets" / "ari-password")
    )
    return {PASSWORD, *re.findall(r"^(?:password|secret)=(.+)$", "\n".join(texts), re.MULTILINE)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look at another user's keys")
def test_root_may_ask_about_keys_of_the_daemons_user(shop: Shop) -> None:
    for path in ("secrets/keys", "secrets/ari-password", "var/call-bridge.sqlite3"):
        os.chown(shop.folder / path, 54321, 54321)
    assert list(map(told, found(shop))) == []


def test_a_unit_is_read_with_its_drop_ins_as_systemd_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc, shipped = tmp_path / "etc", tmp_path / "lib"
    monkeypatch.setattr("bridge.doctor.gather._UNIT_FOLDERS", (str(etc), str(shipped)))
    for folder in (etc / "call-bridge.service.d", shipped):
        folder.mkdir(parents=True)
    shutil.copy(UNITS / "call-bridge.service", shipped)
    drop_in = etc / "call-bridge.service.d" / "override.conf"
    drop_in.write_text("[Service]\n#LimitCORE=0\nWatchdogSec=0\n")
    ((path, settings),) = _units().items()
    assert path == shipped / "call-bridge.service"
    assert (settings["Type"], settings["LimitCORE"], settings["WatchdogSec"]) == ("notify", "0", "0")


# --- The command --------------------------------------------------------------------------------------


def doctor(shop: Shop, *options: str) -> int:
    etc = ["--asterisk-etc", str(shop.etc)]
    return run(["--config", str(shop.config_path), "doctor", "--offline", *etc, *options])


@pytest.mark.parametrize(
    ("check_id", "code"),
    [
        ("manager-rtp-symmetric", Exit.DONE),
        ("manager-context", Exit.FOUND_WARNING),
        ("manager-send-pai", Exit.FOUND_CRITICAL),
    ],
)
def test_the_exit_code_tells_the_gravest_finding(check_id: str, code: Exit, shop: Shop) -> None:
    MUTATIONS[check_id].harm(shop)
    assert doctor(shop) == code


def test_json_tells_file_line_and_the_line_to_write(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    MUTATIONS["manager-send-pai"].harm(shop)
    doctor(shop, "--json")
    findings = json.loads(capsys.readouterr().out)["findings"]
    (finding,) = [
        each for each in findings if each["gravity"] != "notice"
    ]  # the shop's last backup grows old
    path = shop.etc / "pjsip.conf"
    line = path.read_text().splitlines().index("send_pai=yes") + 1
    assert (finding["file"], finding["line"]) == (str(path), line)
    assert (finding["id"], finding["gravity"]) == ("manager-send-pai", "critical")
    assert finding["change"] == ["send_pai=no"]


def test_a_pipe_gets_the_whole_of_each_line(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    MUTATIONS["manager-send-pai"].harm(shop)
    doctor(shop)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "critical manager-send-pai"
    assert re.fullmatch(rf"    {re.escape(str(shop.etc))}/pjsip.conf:[0-9]+", lines[1])
    assert lines[4] == "    -> change it to: send_pai=no"


def test_a_check_is_explained_and_a_misspelt_one_guessed(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(shop, "--explain", "manager-send-pai") == Exit.DONE
    assert BY_ID["manager-send-pai"].meaning in capsys.readouterr().out
    assert doctor(shop, "--explain", "manager-send-pia") == Exit.USAGE
    assert "did you mean manager-send-pai?" in capsys.readouterr().err


def test_a_template_that_was_broken_is_told_once_for_all_its_endpoints(shop: Shop) -> None:
    substitute(shop.folder / "dialplan" / "pjsip-managers.conf", r"^direct_media=no$", "direct_media=yes")
    (finding,) = found(shop)
    assert finding.check.id == "manager-direct-media"
    assert finding.spot.place is not None
    assert finding.spot.place.path.name == "pjsip-managers.conf"


def test_a_generated_file_is_left_alone_and_the_file_to_use_is_named(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop.etc / "pjsip.endpoint.conf").write_text(
        "; Do NOT edit this file as it is auto-generated by FreePBX.\n\n"
        '[199](call-bridge-manager)\nauth=101\naors=101\ncallerid="199" <199>\nsend_pai=yes\n'
    )
    substitute(shop.etc / "pjsip.conf", r"\Z", "\n#include pjsip.endpoint.conf\n")
    doctor(shop, "--fix")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "pjsip.endpoint_custom_post.conf" in captured.err
    assert "[199](+)\n  send_pai=no" in captured.err


def test_a_patch_goes_to_a_new_file_and_over_none(shop: Shop, tmp_path: Path) -> None:
    MUTATIONS["manager-send-pai"].harm(shop)
    path = tmp_path / "doctor.patch"
    before = (shop.etc / "pjsip.conf").read_text()
    assert doctor(shop, "--patch", str(path)) == Exit.FOUND_CRITICAL
    assert "+send_pai=no" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (shop.etc / "pjsip.conf").read_text() == before
    assert doctor(shop, "--patch", str(path)) == Exit.FILE


# --- A live one ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, limits[1]))  # as LimitCORE=0 would in production
    try:
        lab = Lab.up(tmp_path_factory.mktemp("live"))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
    yield lab
    lab.down()


def ids(lab: Lab) -> list[str]:
    """What is found on a running lab, but for what depends on the machine that runs it."""
    facts = gather(lab.asterisk.etc, lab.config_path, running=True)
    facts = replace(facts, machine=replace(facts.machine, units={}, free_bytes=None))
    return [finding.check.id for finding in examine(facts) if finding.check.gravity > Gravity.NOTICE]


def test_nothing_above_a_notice_is_found_in_a_shop_that_runs(live: Lab) -> None:
    assert ids(live) == []


def test_a_module_that_was_loaded_by_hand_is_found(live: Lab) -> None:
    live.asterisk.rx("module load app_chanspy.so")
    assert ids(live) == ["module-chanspy"]
    live.asterisk.rx("module unload app_chanspy.so")
    assert ids(live) == []


def test_a_log_that_was_switched_on_by_hand_is_found(live: Lab) -> None:
    live.asterisk.rx("logger add channel all.log verbose,error")
    assert ids(live) == ["log-running"]
    live.asterisk.rx("logger remove channel all.log")
    assert ids(live) == []


def test_an_endpoint_that_runs_with_other_settings_than_its_file_is_found(live: Lab) -> None:
    path = live.asterisk.etc / "pjsip.conf"
    good = path.read_text()
    path.write_text(good.replace("[101](call-bridge-manager)", "[101](call-bridge-manager)\nsend_pai=yes", 1))
    live.asterisk.rx("module reload res_pjsip.so")
    assert ids(live) == ["manager-send-pai"]
    path.write_text(good)
    assert ids(live) == ["pjsip-not-reloaded"]
    live.asterisk.rx("module reload res_pjsip.so")
    assert ids(live) == []


def test_a_daemon_that_is_gone_is_found(live: Lab) -> None:
    live.stop_daemon()
    assert ids(live) == ["daemon-silent"]
    live.start_daemon()
    assert ids(live) == []


def test_a_running_shop_that_takes_messages_and_sends_texts_is_well_until_it_can_not(live: Lab) -> None:
    folder, token = live.folder / "spool" / "recording", live.record.secrets / "texts-token"
    token.write_text("a token\n")
    token.chmod(0o600)
    folder.mkdir(mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as operator:
        url = f"http://127.0.0.1:{operator.getsockname()[1]}/messages"
        texts = {"enabled": True, "url": url, "token_file": str(token), "private_networks": ["127.0.0.0/8"]}
        with settings(live, {"callbacks": {"voicemail": True}, "texts": texts}):
            assert ids(live) == []
            live.asterisk.rx("module unload res_ari_recordings.so")
            assert ids(live) == ["voicemail-not-running"]
            live.asterisk.rx("module load res_ari_recordings.so")
            folder.rmdir()
            operator.close()
            assert sorted(ids(live)) == ["texts-unreachable", "voicemail-folder"]
    assert ids(live) == []


# --- What the doctor believes of Asterisk -------------------------------------------------------------

TRICKY = """\
[tricky-base](!)
type=endpoint
context=first ; a comment
send_pai=no
send_rpid=yes
[tricky-more](!,tricky-base)
send_pai=yes
;-- send_pai=no
send_rpid=no --;
[tricky](tricky-more)
SEND_DIVERSION => no
context=second
[tricky-base](+TEMPLATES=include)
direct_media=no
[tricky](+)
context=third
#include tricky_*.conf
[bare]
type=endpoint
"""


@pytest.fixture(scope="module")
def tricky(live: Lab) -> Lab:
    (live.asterisk.etc / "tricky_a.conf").write_text("send_connected_line=no\n")
    (live.asterisk.etc / "tricky_b.conf").write_text("send_connected_line=yes\nallow_transfer=off\n")
    path = live.asterisk.etc / "pjsip.conf"
    path.write_text(path.read_text() + TRICKY)
    live.asterisk.rx("module reload res_pjsip.so")
    return live


def shown(lab: Lab, endpoint: str) -> dict[str, str]:
    rows = re.findall(
        r"^ (\w+) +: (.*?) *$", lab.asterisk.rx(f"pjsip show endpoint {endpoint}"), re.MULTILINE
    )
    return dict(rows)


def believed(lab: Lab, endpoint: str) -> Section:
    return objects(read_conf(lab.asterisk.etc / "pjsip.conf", lab.asterisk.etc), "endpoint")[endpoint]


SEEN = (
    "context",
    "send_pai",
    "send_rpid",
    "send_diversion",
    "send_connected_line",
    "direct_media",
    "allow_transfer",
)


@pytest.mark.parametrize("name", SEEN)
def test_templates_comments_and_includes_mean_to_the_doctor_what_they_mean_to_asterisk(
    name: str, tricky: Lab
) -> None:
    assert_same(value_of(believed(tricky, "tricky"), name), shown(tricky, "tricky")[name])


ENDPOINT_DEFAULTS = sorted(set(DEFAULTS) - {wanted.name for wanted in FOR_MANAGERS_AORS} - {
    "maximum_expiration", "qualify_frequency"
})  # fmt: skip


@pytest.mark.parametrize("name", ENDPOINT_DEFAULTS)
def test_the_doctor_knows_what_asterisk_takes_where_nothing_is_written(name: str, tricky: Lab) -> None:
    assert_same(DEFAULTS[name], shown(tricky, "bare")[name])


def assert_same(ours: str, theirs: str) -> None:
    if theirs in {"true", "false"}:
        assert is_true(ours) == (theirs == "true")
    else:
        assert sorted(ours.split(",")) == sorted(theirs.strip("()").replace("|", ",").split(","))


ASTERISK_SAYS = {
    "cdr-enabled": ("cdr show status", r"Logging: +Enabled"),
    "cel-enabled": ("cel show status", r"CEL Logging: +Enabled"),
    "features-pickup": ("features show", r"^Pickup +\*8 +\S"),
    "features-blind-transfer": ("features show", r"^Blind Transfer +# +\S"),
    "features-transfer": ("features show", r"^Attended Transfer +\S"),
    "features-disconnect": ("features show", r"^Disconnect Call +\* +\S"),
    "features-parking": ("features show", r"^Park Call +\S"),
    "features-recording": ("features show", r"^One Touch MixMonitor +\S"),
    "http-disabled": ("http show status", r"Server Disabled"),
    "ami-enabled": ("manager show settings", r"Manager \(AMI\): +Yes"),
    "ami-web": ("manager show settings", r"Web Manager \(AMI/HTTP\): +Yes"),
    "rtp-strict": ("rtp show settings", r"Strict RTP: +No"),
    "rtp-ice": ("rtp show settings", r"ICE support: +Yes"),
    "core-dump-option": ("core show settings", r"Dump core on crash: +Yes"),
    "console-verbose": ("core show settings", r"Root console verbosity: +[1-9]"),
}
"""By check: the answer that a running Asterisk gives where the check should find something."""

CONFIGURATIONS = {
    "files that are missing": {},
    "files that are empty": dict.fromkeys(
        ("cdr.conf", "cel.conf", "features.conf", "manager.conf"), "[general]\n"
    ),
    "settings given twice": {
        "rtp.conf": "[general]\nstrictrtp=no\nstrictrtp=yes\nicesupport=no\nicesupport=yes\n",
        "cdr.conf": "[general]\nenable=no\nenable=yes\n",
        "cel.conf": "[general]\nenable=no\nenable=yes\n",
        "features.conf": "[general]\npickupexten=\npickupexten=*9\n[featuremap]\nblindxfer=\nblindxfer=#1\n",
        "manager.conf": "[general]\nbindaddr=127.0.0.1\nport=0\nwebenabled=no\nwebenabled=yes\n",
    },
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_single_settings_mean_to_the_doctor_what_they_mean_to_asterisk(
    configuration: str, tmp_path: Path
) -> None:
    pbx = IncludedPbx(tmp_path)
    pbx.start({"modules.conf": include(SHIPPED / "modules.conf"), **CONFIGURATIONS[configuration]})
    try:
        answers = {command: pbx.rx(command) for command, _ in ASTERISK_SAYS.values()}
    finally:
        pbx.stop()
    facts = gather(pbx.asterisk.etc, tmp_path / "config.yaml", running=False)
    bad = {
        check_id
        for check_id, (command, pattern) in ASTERISK_SAYS.items()
        if re.search(pattern, answers[command], re.MULTILINE)
    }
    assert {check_id for check_id in ASTERISK_SAYS if any(BY_ID[check_id].look(facts))} == bad
