"""What the checks work out, where one mutation in tests/pbx does not show all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from doctor_facts import facts_of

from bridge.doctor.checks import BY_ID, CHECKS
from bridge.doctor.checks.dialplan import reachable
from bridge.doctor.checks.exposure import is_loopback
from bridge.doctor.checks.machine import ADVISORIES, is_affected
from bridge.doctor.checks.managers import is_weak
from bridge.doctor.model import Facts, FileState, OperatorState
from bridge.doctor.pjsip import codecs, objects

SPOOL = "[directories]\nastspooldir => {}\n"
SMALLEST = """\
shop:
  name: Example Shop
  country: GB
  timezone: Europe/London
trunk:
  caller_id_name: Example Shop
  caller_id_number: "+442079460000"
  direct: PJSIP/{number}@trunk
keys:
  file: keys
"""
VRFP, _WCVV, C4CG, AMI_FILES = ADVISORIES


def lines_of(check_id: str, folder: Path, texts: dict[str, str]) -> list[int]:
    """The lines where the check finds something."""
    spots = BY_ID[check_id].look(facts_of(folder, texts))
    return [spot.place.line for spot in spots if spot.place]


def test_ids_are_unique() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize(
    "version",
    ["20.20.0", "22.10.0~dfsg-1", "21.12.2", "19.8.1", "certified/20.7-cert10", "certified-22.8-cert2"],
)
def test_a_release_before_the_fix_is_affected(version: str) -> None:
    assert is_affected(version, VRFP)


@pytest.mark.parametrize(
    "version",
    ["20.20.1", "22.10.1+dfsg+~cs6.17", "23.4.1", "24.0.0", "certified/20.7-cert11", "22.8-cert3", "GIT-x"],
)
def test_a_release_with_the_fix_is_not(version: str) -> None:
    assert not is_affected(version, VRFP)


def test_a_branch_that_began_after_the_fix_never_had_the_fault() -> None:
    assert not is_affected("22.0.0", C4CG)
    assert is_affected("22.0.0", AMI_FILES)


@pytest.mark.parametrize("password", ["", "101", "short1!", "aaaaaaaaaaaaaaaa", "my-password-2026"])
def test_a_password_that_can_be_guessed_is_weak(password: str) -> None:
    assert is_weak(password, "101")


def test_a_random_password_is_not() -> None:
    assert not is_weak("4bf0e3c19a7d52", "101")


def test_ice_is_told_of_where_no_managers_phone_is_a_browser(tmp_path: Path) -> None:
    phone = "[101]\ntype=endpoint\ncontext=call-bridge-managers\n"
    rtp = {"rtp.conf": "[general]\nicesupport=yes\n"}
    assert lines_of("rtp-ice", tmp_path / "phone", rtp | {"pjsip.conf": phone}) == [2]
    template = "[call-bridge-manager-webrtc](!)\nwebrtc=yes\n"
    browser = template + phone.replace("]", "](call-bridge-manager-webrtc)", 1)
    assert lines_of("rtp-ice", tmp_path / "browser", rtp | {"pjsip.conf": browser}) == []


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:8088", "[::1]:8088", "localhost"])
def test_loopback_is_told_with_and_without_a_port(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0:5060", "192.0.2.1", "[::]", "", "pbx.example"])
def test_all_else_is_not_loopback(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("disallow=all\nallow=alaw,ulaw", {"alaw", "ulaw"}),
        ("allow=g722\nallow=!all,alaw", {"alaw"}),
        ("allow=alaw\nallow=opus\ndisallow=alaw", {"opus"}),
        ("allow=all", {"all"}),
    ],
)
def test_codecs_are_what_allow_and_disallow_leave_in_their_order(
    text: str, left: set[str], tmp_path: Path
) -> None:
    facts = facts_of(tmp_path, {"pjsip.conf": f"[101]\ntype=endpoint\n{text}\n"})
    assert codecs(objects(facts.confs["pjsip.conf"], "endpoint")["101"]) == left


@pytest.mark.parametrize(
    "step",
    [
        "Goto(office,1,1)",
        "GotoIf($[1 = 1]?office,1,1)",
        "Gosub(office,s,1)",
        "Dial(Local/1@office)",
        "Macro(office)",
    ],
)
def test_a_context_is_reachable_by_each_kind_of_jump(step: str, tmp_path: Path) -> None:
    text = f"[call-bridge-managers]\nexten => 9,1,{step}\n[office]\nexten => 1,1,Hangup()\n[home]\n"
    assert reachable(facts_of(tmp_path, {"extensions.conf": text})) == {"call-bridge-managers", "office"}


def test_a_context_is_reachable_by_includes_of_includes_and_from_a_managers_own_context(
    tmp_path: Path,
) -> None:
    texts = {
        "extensions.conf": "[mine]\ninclude => a,9:00-17:00\n[a]\ninclude => b\n[b]\n[c]\n",
        "pjsip.conf": "[call-bridge-manager](!)\ntype=endpoint\n[101](call-bridge-manager)\ncontext=mine\n",
    }
    assert reachable(facts_of(tmp_path, texts)) == {"mine", "a", "b"}


@pytest.mark.parametrize(
    "step",
    [
        "Dial(PJSIP/${EXTEN}@trunk,30)",
        "Dial(PJSIP/trunk/sip:1@192.0.2.1)",
        "Dial(Local/1@x&PJSIP/${EXTEN:1}@trunk-sealed)",
        "Originate(PJSIP/1@trunk,app,Wait,1)",
        "Dial(${OUT}/${EXTEN})",
        "Dial(PJSIP/1@${LINE})",
    ],
)
def test_each_way_to_dial_by_the_trunk_is_seen(step: str, tmp_path: Path) -> None:
    text = f"[globals]\nOUT=PJSIP/trunk\nLINE=trunk\n[office]\nexten => 1,1,{step}\n"
    assert lines_of("dialplan-others-dial", tmp_path, {"extensions.conf": text}) == [5]


@pytest.mark.parametrize(
    "step", ["Dial(PJSIP/102)", "Dial(PJSIP/trunkline)", "Playback(trunk)", "Dial(PJSIP/1@other)"]
)
def test_other_dialling_is_left_alone(step: str, tmp_path: Path) -> None:
    text = f"[office]\nexten => 1,1,{step}\n"
    assert lines_of("dialplan-others-dial", tmp_path, {"extensions.conf": text}) == []


def test_a_number_in_the_dialplan_is_in_no_finding(tmp_path: Path) -> None:
    steps = "exten => 9,1,Dial(PJSIP/+447700900123@trunk)\n same => n,System(x +447700900123)\n"
    text = f"[call-bridge-managers]\n{steps}"
    facts = facts_of(tmp_path, {"extensions.conf": text})
    spots = [spot for check in CHECKS for spot in check.look(facts)]
    assert any("dials by the trunk" in spot.what for spot in spots)
    assert "7700900123" not in repr(spots)
    assert "7700900123" not in repr(facts)


def test_autoload_asks_for_each_module_that_should_stay_out_to_be_barred(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    for name in ("bridge_native_rtp", "res_hep", "codec_alaw"):
        (modules / f"{name}.so").touch()
    texts = {
        "asterisk.conf": f"[directories]\nastmoddir => {modules}\n",
        "modules.conf": "[modules]\nautoload=yes\nnoload=res_hep.so\n",
    }
    (spot,) = BY_ID["modules-autoload"].look(facts_of(tmp_path, texts))
    assert spot.change is not None
    assert spot.change.lines == ("noload=bridge_native_rtp.so",)


def test_files_that_do_not_exist_leave_asterisks_own_defaults(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {"pjsip.conf": ""})
    found = {check.id for check in CHECKS if any(check.look(facts))}
    assert {"cdr-enabled", "features-pickup", "http-disabled", "dialplan-missing"} <= found
    assert not {"cel-enabled", "ami-enabled", "hep-enabled", "log-queue"} & found


# --- texts and messages ---


def texting(folder: Path, **files: str) -> Facts:
    texts = "texts:\n  enabled: true\n  url: https://sms.example/v1\n  token_file: token\n"
    facts = facts_of(folder, {"config.yaml": SMALLEST + texts, **files})
    assert facts.config is not None, facts.config_problems
    return facts


def whats(check_id: str, facts: Facts) -> list[str]:
    return [spot.what for spot in BY_ID[check_id].look(facts)]


def test_a_token_that_is_not_there_or_empty_is_told_without_its_text(tmp_path: Path) -> None:
    assert whats("texts-token", texting(tmp_path)) == [
        "the operator's token can't be read (FileNotFoundError)"
    ]
    assert whats("texts-token", texting(tmp_path, token="  \n")) == ["the operator's token is empty"]
    open_to_all = texting(tmp_path, token="XyzzySecret")
    assert [("XyzzySecret" in what, "other users" in what) for what in whats("texts-token", open_to_all)] == [
        (False, True)
    ]
    (tmp_path / "token").chmod(0o600)
    assert whats("texts-token", texting(tmp_path)) == []


def test_a_token_of_another_users_than_the_daemons_is_none(tmp_path: Path) -> None:
    facts = texting(tmp_path, token="secret")
    assert facts.config is not None
    token, database = FileState(0o600, owner=0), FileState(0o600, owner=54321)
    files = {tmp_path / "token": token, facts.config.store.path: database}
    assert whats("texts-token", replace(facts, files=files)) == [
        "it belongs to user 0, the daemon's database to user 54321"
    ]


@pytest.mark.parametrize(
    ("state", "check_id"),
    [
        (OperatorState(known=False), "texts-address"),
        (OperatorState(allowed=False), "texts-address"),
        (OperatorState(trouble="TimeoutError"), "texts-unreachable"),
        (OperatorState(), None),
    ],
)
def test_what_became_of_a_connection_is_told_once_and_only_where_texts_are_sent(
    state: OperatorState, check_id: str | None, tmp_path: Path
) -> None:
    asked = replace(texting(tmp_path), operator=state)
    found = [each for each in ("texts-address", "texts-unreachable") if whats(each, asked)]
    assert found == ([] if check_id is None else [check_id])
    silent = replace(facts_of(tmp_path, {"config.yaml": SMALLEST}), operator=state)
    assert [each for each in ("texts-address", "texts-unreachable") if whats(each, silent)] == []


@pytest.mark.parametrize(
    ("mode", "owner", "may"),
    [
        (0o700, 7, True),
        (0o500, 7, False),
        (0o600, 7, False),
        (0o700, 8, False),
        (0o770, 8, True),
        (0o750, 8, False),
        (0o707, 8, True),
    ],
)
def test_asterisk_may_write_by_its_own_bits_the_groups_or_everybodys(
    mode: int, owner: int, may: bool, tmp_path: Path
) -> None:
    facts = facts_of(tmp_path, {"config.yaml": f"{SMALLEST}callbacks:\n  voicemail: true\n"})
    facts = replace(
        facts,
        files={Path("/var/spool/asterisk/recording"): FileState(mode, owner)},
        machine=replace(facts.machine, asterisk_user=7),
    )
    assert whats("voicemail-folder-closed", facts) == (
        [] if may else ["Asterisk runs as user 7, who can't write here"]
    )
    assert bool(whats("voicemail-folder-open", facts)) == bool(mode & 0o007)


def test_a_folder_on_another_machine_is_not_looked_for_here(tmp_path: Path) -> None:
    elsewhere = "asterisk:\n  ari_url: https://pbx.example:8089/ari\n"
    voicemail = "callbacks:\n  voicemail: true\n"
    facts = facts_of(tmp_path, {"config.yaml": SMALLEST + voicemail + elsewhere})
    assert facts.config is not None, facts.config_problems
    assert whats("voicemail-folder", facts) == []
    here = facts_of(tmp_path, {"config.yaml": SMALLEST + voicemail, "asterisk.conf": SPOOL.format(tmp_path)})
    assert whats("voicemail-folder", here) == [
        "Asterisk's folder of recordings is not there, or can't be seen"
    ]
    (tmp_path / "recording").mkdir()
    assert whats("voicemail-folder", facts_of(tmp_path, {})) == []
