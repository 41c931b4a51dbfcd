"""`call-bridge prove` on PBXs that speak TCP, TLS and SRTP: the proof's own peers speak it, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prover import prove
from shop import nothing_left
from trunk_peers import make_certificates
from trunk_yard import lab_with, put_on, sealed_endpoint

from bridge.api.client import ApiClient
from bridge.cli.prove import ProofExit
from bridge.proof.capture import Protocol
from bridge.proof.sip.carrier import Carrier, answer
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.rtp import ToneSource
from bridge.proof.sip.sdp import PCMA
from bridge.proof.sip.transport import Transport
from labkit import ports
from labkit.lab import Lab
from labkit.plan import TCP

HOST = "127.0.0.1"
CARRIER = "sip:{number}@127.0.0.2:5060"  # which no proof calls
SRTP_PHONE = """
[104](call-bridge-manager)
auth=104
aors=104
callerid="104" <104>
media_encryption=sdes

[104](call-bridge-manager-auth)
username=104
password=vT5kz0Qm7Xb2Lr9w

[104](call-bridge-manager-aor)
"""
PASSWORD = "vT5kz0Qm7Xb2Lr9w"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    own = make_certificates(tmp_path_factory.mktemp("pki") / "pbx", HOST)
    pjsip = f"""
[tls]
type=transport
protocol=tls
bind={HOST}:{ports.free_port(HOST, TCP)}
cert_file={own.server}
priv_key_file={own.key}
method=tlsv1_2
"""
    pjsip += SRTP_PHONE
    pjsip += sealed_endpoint("sealed-srtp", "media_encryption=sdes")
    lab = lab_with(tmp_path_factory.mktemp("transports"), pjsip)
    yield lab
    lab.down()


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_a_shop_is_proven_over_a_stream(lab: Lab, transport: str) -> None:
    put_on(lab, CARRIER)
    told = await prove(lab, "--transport", transport)
    assert "Hidden number seen by the manager: no" in told.answer, told.answer + told.notices
    assert f"places a proof call ({transport.upper()}, RTP)" in told.notices
    assert told.exit_code == ProofExit.PROVEN, told.answer
    await nothing_left(lab)


@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_phones_and_a_trunk_that_take_encrypted_sound_alone_are_proven(
    lab: Lab, transport: str
) -> None:
    put_on(lab, CARRIER, endpoint="sealed-srtp")
    told = await prove(lab, "--transport", transport, "--extension", "104", typed=f"{PASSWORD}\n")
    assert "Hidden number seen by the manager: no" in told.answer, told.answer + told.notices
    assert f"places a proof call ({transport.upper()}, SRTP)" in told.notices
    await nothing_left(lab)


async def test_encrypted_sound_is_opened_before_it_is_recorded(lab: Lab) -> None:
    """So that the scanner reads what was said; and what is said is the other side's tone."""
    put_on(lab, CARRIER, endpoint="sealed-srtp")
    carrier = Carrier((HOST, 0), behaviour=answer(after=0), transport=Transport.TLS)
    phone = Phone("104", PASSWORD, server=sip_address(lab), transport=Transport.TLS, offers_srtp=True)
    async with carrier, phone, ApiClient(lab.api_socket) as api:
        host, port = carrier.address
        code = (await api.expect_proof("104", f"{host}:{port}", "tls")).code
        call = await phone.dial(f"*{code}")
        await call.answered()
        customer = await carrier.called()
        for side, other in ((call, carrier), (customer, phone)):
            await side.media.wait_for_audio(25)
            heard = {packet.payload for packet in side.received_audio if packet.payload_type == PCMA}
            assert heard & {ToneSource(other.tone_hz).packet(PCMA)}, "the tone's first packet, as it was sent"
            recorded = {each.data[12:] for each in side.agent.recording.only(protocol=Protocol.RTP)}
            assert heard <= recorded
        assert all(b"RTP/SAVP " in each.invite.body for each in (call, customer))
        await call.hang_up()
    await nothing_left(lab)


def sip_address(lab: Lab) -> tuple[str, int]:
    """Of Asterisk's TLS."""
    (port,) = re.findall(rf"^protocol=tls\nbind={HOST}:(\d+)$", pjsip_of(lab), re.MULTILINE)
    return HOST, int(port)


def pjsip_of(lab: Lab) -> str:
    return (lab.asterisk.etc / "pjsip.conf").read_text()


async def test_a_pbx_that_asks_the_carrier_for_a_certificate_is_told_of(lab: Lab) -> None:
    put_on(lab, CARRIER)
    path = lab.asterisk.etc / "pjsip.conf"
    own = path.read_text()
    path.write_text(own.replace("method=tlsv1_2", "method=tlsv1_2\nverify_server=yes"))
    restart(lab)
    try:
        told = await prove(lab, "--transport", "tls")
    finally:
        path.write_text(own)
        restart(lab)
    assert told.exit_code == ProofExit.NOT_MADE
    assert "verify_server=yes" in told.notices


def restart(lab: Lab) -> None:
    """Asterisk takes changes of a transport in no other way."""
    lab.asterisk.stop()
    lab.start_asterisk()
    lab.restart_daemon()


async def test_a_transport_that_the_pbx_does_not_speak_is_told(lab: Lab) -> None:
    udp_port = lab.record.sip_port
    told = await prove(lab, "--transport", "tls", "--server", f"{HOST}:{udp_port}", "--language", "ru")
    assert told.exit_code == ProofExit.NOT_MADE
    assert re.search(rf"{HOST}:{udp_port} никто не отвечает по SIP \(TLS\)", told.notices)


async def test_an_encryption_that_the_proof_does_not_speak_is_told(lab: Lab, tmp_path: Path) -> None:
    path = lab.asterisk.etc / "pjsip.conf"
    own = path.read_text()
    path.write_text(
        own.replace("media_encryption=sdes", "media_encryption=dtls\ndtls_auto_generate_cert=yes", 1)
    )
    lab.asterisk.rx("module reload res_pjsip.so")
    try:
        told = await prove(lab, "--extension", "104", typed=f"{PASSWORD}\n")
    finally:
        path.write_text(own)
        lab.asterisk.rx("module reload res_pjsip.so")
    assert told.exit_code == ProofExit.NOT_MADE
    assert "media_encryption=sdes" in told.notices
