"""SRTP as RFC 3711 has it: its own test vectors, and what is not of who has the key."""

from __future__ import annotations

import secrets

import pytest

from bridge.proof.sip import srtp
from bridge.proof.sip.rtp import HeaderExtension, RtpPacket, sender_report, source_description

MASTER = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6")


def rtp(sequence: int, **more: object) -> bytes:
    return RtpPacket(8, sequence, sequence * 160, 0xCAFEBABE, b"tone" * 40, **more).encode()  # type: ignore[arg-type]


def test_keys_are_derived_as_in_appendix_b3() -> None:
    assert srtp._derived(MASTER, 0, 16) == bytes.fromhex("C61E7A93744F39EE10734AFE3FF7A087")
    assert srtp._derived(MASTER, 2, 14) == bytes.fromhex("30CBBC08863D8C85D49DB34A9AE1")
    assert srtp._derived(MASTER, 1, 20) == bytes.fromhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")


def test_the_keystream_is_that_of_appendix_b2() -> None:
    key, salt = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"), 0xF0F1F2F3F4F5F6F7F8F9FAFBFCFD
    stream = srtp._mixed(key, salt << 16, bytes(32))
    assert stream.hex().upper() == "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB"


@pytest.mark.parametrize("more", [{}, {"csrc": (1, 2)}, {"extension": HeaderExtension(0xBEDE, b"abcd")}])
def test_what_is_sealed_opens_and_does_not_show(more: dict[str, object]) -> None:
    sender, receiver = srtp.Direction(MASTER), srtp.Direction(MASTER)
    for sequence in (65533, 65534, 65535, 0, 1, 65535, 2):  # over the end, and one that comes late
        packet = rtp(sequence, **more)
        sealed = sender.sealed_rtp(packet)
        assert b"tone" not in sealed
        assert receiver.opened_rtp(sealed) == packet


def test_reports_are_sealed_too() -> None:
    sender, receiver = srtp.Direction(MASTER), srtp.Direction(MASTER)
    report = sender_report(7, 160, 1, 160) + source_description(7, [(1, "peer@proof")])
    for _ in range(3):
        sealed = sender.sealed_rtcp(report)
        assert b"peer@proof" not in sealed
        assert receiver.opened_rtcp(sealed) == report


def test_what_is_altered_or_of_another_key_is_refused() -> None:
    packet, report = rtp(1), sender_report(7, 160, 1, 160)
    others = srtp.Direction(secrets.token_bytes(srtp.MASTER_BYTES))
    with pytest.raises(srtp.NotAuthentic):
        others.opened_rtp(srtp.Direction(MASTER).sealed_rtp(packet))
    with pytest.raises(srtp.NotAuthentic):
        others.opened_rtcp(srtp.Direction(MASTER).sealed_rtcp(report))
    with pytest.raises(srtp.NotAuthentic):
        srtp.Direction(MASTER).opened_rtp(packet)
    with pytest.raises(srtp.NotAuthentic):
        srtp.Direction(MASTER).opened_rtp(b"\x80")
