"""Where a proof's calls can go: to this machine, by the trunk's own endpoint, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.asterisk.loopback import NotLoopback, loopback_carrier
from bridge.asterisk.trunk import DirectTrunk, Gateway, Gateways, SealedTrunk
from bridge.vault import HiddenNumber, canary

LOOPBACK = "sip:{number}@127.0.0.1:5080"


@pytest.mark.parametrize("address", ["127.0.0.1:5080", "127.255.0.9:1", "127.0.0.1:65535"])
def test_a_loopback_address_is_a_carrier(address: str) -> None:
    assert loopback_carrier(address) == f"sip:{{number}}@{address}"


def test_a_carrier_of_streams_is_reached_by_them() -> None:
    address = "127.0.0.1:5080"
    assert loopback_carrier(address, "udp") == f"sip:{{number}}@{address}"
    assert loopback_carrier(address, "tcp") == f"sip:{{number}}@{address};transport=tcp"
    assert loopback_carrier(address, "tls") == f"sip:{{number}}@{address};transport=tls"


@pytest.mark.parametrize(
    "address",
    [
        *("192.0.2.10:5060", "0.0.0.0:5060", "126.255.255.255:5060", "128.0.0.1:5060", "2130706433:5060"),
        *("localhost:5060", "127.0.0.1.example:5060", "127.0.0.1@192.0.2.10:5060", "[::1]:5060"),
        *("127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:5060\n", "127.1:5060"),
        *(
            "127.0.0.1:5060;maddr=192.0.2.10",
            "127.0.0.1:5060?Route=x",
            "127.0.0.0001:5060",
            "",
        ),
    ],
)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(NotLoopback):
        loopback_carrier(address)


@given(st.ip_addresses(v=4), st.integers(1, 65_535))
def test_of_all_addresses_those_of_loopback_pass_and_no_others(host: object, port: int) -> None:
    try:
        loopback_carrier(f"{host}:{port}")
    except NotLoopback:
        assert not str(host).startswith("127.")
    else:
        assert str(host).startswith("127.")


def test_a_direct_trunk_dials_a_proofs_carrier_by_its_own_endpoint() -> None:
    trunk = DirectTrunk("PJSIP/{number}@trunk", "e164").to(LOOPBACK)
    number = canary()
    assert trunk.dial_string(number) == f"PJSIP/trunk/sip:{number.reveal()[1:]}@127.0.0.1:5080"
    assert trunk.endpoint_name == "trunk"


def test_a_sealed_trunk_has_tokens_made_for_a_proofs_carrier_though_its_own_is_down() -> None:
    made: list[tuple[str, HiddenNumber, str | None]] = []

    def issue(token: str, number: HiddenNumber, carrier: str | None) -> None:
        made.append((token, number, carrier))

    down = Gateways((Gateway("sip:{number}@192.0.2.10:5060", is_down=lambda: True),))
    own = SealedTrunk(
        "PJSIP/{token}@trunk-sealed",
        reserve=lambda: "token",
        issue=issue,
        void=lambda token: None,
        gateways=down,
        know_version=lambda version: None,
    )
    trunk = own.to(LOOPBACK)
    number = canary()
    assert trunk.dial_string(number) == "PJSIP/token@trunk-sealed"
    assert made == [("token", number, LOOPBACK)]
    assert trunk.endpoint_name == "trunk-sealed"
