"""What is read of AMI's events, and that nothing else of them is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.asterisk.ami.happenings import EVENTS, PhoneSeen, Reader, TriedInVain
from bridge.asterisk.ami.rights import FILTERS, READ, WRITE, manager_conf_user
from bridge.rules.sip_attacks import Tried

NUMBER = "+447700900123"
FAILED = {
    "Event": "ChallengeResponseFailed",
    "Privilege": "security,all",
    "Service": "PJSIP",
    "AccountID": NUMBER,
    "SessionID": "1-2-3",
    "RemoteAddress": "IPV4/UDP/192.0.2.9/5060",
    "Challenge": "a-challenge",
    "Response": "an-answer",
    "ExpectedResponse": "the-right-answer",
}


def test_a_phone_that_comes_or_goes_is_known_by_its_extension() -> None:
    reader = Reader("PJSIP/desk-{extension}")
    event = {"Event": "PeerStatus", "Peer": "PJSIP/desk-101", "PeerStatus": "Reachable"}
    assert reader.read(event) == PhoneSeen("101", reachable=True)
    assert reader.read(event | {"PeerStatus": "Unreachable"}) == PhoneSeen("101", reachable=False)
    assert reader.read(event | {"PeerStatus": "Lagged"}) is None
    assert reader.read(event | {"Peer": "PJSIP/trunk"}) is None


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        ("ChallengeResponseFailed", Tried.PASSWORDS),
        ("InvalidPassword", Tried.PASSWORDS),
        ("InvalidAccountID", Tried.NAMES),
    ],
)
def test_of_a_failed_sign_in_nothing_is_kept_but_the_address_and_its_kind(name: str, tried: Tried) -> None:
    assert Reader("PJSIP/{extension}").read(FAILED | {"Event": name}) == TriedInVain("192.0.2.9", tried)


def test_an_ipv6_address_is_read_too() -> None:
    event = FAILED | {"RemoteAddress": "IPV6/TLS/2001:db8::1/5061"}
    assert Reader("PJSIP/{extension}").read(event) == TriedInVain("2001:db8::1", Tried.PASSWORDS)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Event": "Newchannel", "CallerIDNum": NUMBER},
        {"Event": ["PeerStatus", "PeerStatus"]},
        {"Event": "PeerStatus"},
        {"Event": "PeerStatus", "Peer": ["PJSIP/101"], "PeerStatus": "Reachable"},
        FAILED | {"RemoteAddress": "nonsense"},
        FAILED | {"RemoteAddress": ["IPV4/UDP/192.0.2.9/5060"]},
    ],
)
def test_what_is_not_as_documented_or_does_not_concern_us_is_nothing(event: dict[str, object]) -> None:
    assert Reader("PJSIP/{extension}").read(event) is None


def test_the_users_rights_are_two_classes_of_events_and_no_action() -> None:
    assert (READ, WRITE) == (("system", "security"), ())
    assert {f"^Event: {name}" for name in EVENTS} < set(FILTERS)
    lines = manager_conf_user("call-bridge")
    assert {"read=system,security", "write=", "permit=127.0.0.1/255.255.255.255"} < set(lines)


def test_the_page_shows_just_this_user() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ami.md").read_text()
    shown = [line.strip() for line in page.splitlines() if line.startswith("    ")]
    begin = shown.index("[call-bridge]")
    lines = manager_conf_user("call-bridge")
    assert tuple(shown[begin : begin + len(lines)]) == lines
    assert shown[begin + len(lines)].startswith("#include")
