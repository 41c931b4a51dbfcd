"""Sealed dialling on every kind of trunk that a shop may have, as docs/trunks.md tells it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from shop import next_result, nothing_left, records, registered_phone
from trunk_peers import CarrierWithPassword, Certificates, make_certificates, stream_front
from trunk_yard import NUMBER, fail, lab_with, put_on, sealed_endpoint, talk

from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier, answer, silence
from bridge.proof.sip.digest import Credentials
from bridge.proof.sip.message import NameAddress
from bridge.proof.sip.rtp import Sealed
from labkit import ports
from labkit.lab import Lab
from labkit.plan import TCP, UDP

HOST = "127.0.0.3"
ACCOUNT = Credentials("442079460077", "d6Vb20xkTqL9")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("pki") / "good", HOST)


@pytest.fixture(scope="module")
def registrar_port() -> int:
    return ports.free_port(HOST, UDP)


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, registrar_port: int
) -> Iterator[Lab]:
    pjsip = f"""
[system]
type=system
timer_t1=100
timer_b=6400

[tls]
type=transport
protocol=tls
bind=127.0.0.1:{ports.free_port("127.0.0.1", TCP)}
ca_list_file={certificates.authority}
verify_server=yes
method=tlsv1_2

[account]
type=auth
auth_type=userpass
username={ACCOUNT.username}
password={ACCOUNT.password}

[wrong-account]
type=auth
auth_type=userpass
username={ACCOUNT.username}
password=wrong

[account]
type=registration
server_uri=sip:{HOST}:{registrar_port}
client_uri=sip:{ACCOUNT.username}@{HOST}:{registrar_port}
contact_user={ACCOUNT.username}
outbound_auth=account
retry_interval=1
line=yes
endpoint=trunk
"""
    pjsip += sealed_endpoint("sealed-srtp", "media_encryption=sdes")
    pjsip += sealed_endpoint("sealed-by-tls", "transport=tls")
    by_account = (f"from_user={ACCOUNT.username}", "from_domain=carrier.example")
    pjsip += sealed_endpoint("sealed-account", "outbound_auth=account", *by_account)
    pjsip += sealed_endpoint("sealed-wrong", "outbound_auth=wrong-account", *by_account)
    lab = lab_with(tmp_path_factory.mktemp("trunks"), pjsip)
    yield lab
    lab.down()


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_a_call_goes_out_by_a_stream(lab: Lab, certificates: Certificates, transport: str) -> None:
    port = ports.free_port(HOST, TCP)
    put_on(lab, f"sip:{{number}}@{HOST}:{port};transport={transport}")
    own = certificates if transport == "tls" else None
    async with (
        Carrier((HOST, 0), behaviour=answer(after=0.05)) as carrier,
        stream_front(carrier, (HOST, port), certificates=own),
    ):
        customer = await talk(lab, carrier)
    assert customer.invite.require("Via").startswith(f"SIP/2.0/{transport.upper()} ")


async def test_a_call_goes_out_to_a_sips_address(lab: Lab, certificates: Certificates) -> None:
    port = ports.free_port(HOST, TCP)
    put_on(lab, f"sips:{{number}}@{HOST}:{port}")
    async with (
        Carrier((HOST, 0), behaviour=answer(after=0.05)) as carrier,
        stream_front(carrier, (HOST, port), certificates=certificates),
    ):
        await talk(lab, carrier)


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> None:
    strange = make_certificates(tmp_path_factory.mktemp("strange") / "pki", HOST)
    port = ports.free_port(HOST, TCP)
    put_on(lab, f"sip:{{number}}@{HOST}:{port};transport=tls")
    async with (
        Carrier((HOST, 0)) as carrier,
        stream_front(carrier, (HOST, port), certificates=strange),
    ):
        assert (await fail(lab)).result == "carrier-down"
        assert not carrier.requests


async def test_a_certificate_for_another_name_is_not_believed(lab: Lab, certificates: Certificates) -> None:
    other = "127.0.0.4"
    port = ports.free_port(other, TCP)
    put_on(lab, f"sip:{{number}}@{other}:{port};transport=tls")
    async with (
        Carrier((other, 0)) as carrier,
        stream_front(carrier, (other, port), certificates=certificates),
    ):
        assert (await fail(lab)).result == "carrier-down"
        assert not carrier.requests


async def test_a_sealed_endpoint_with_a_tls_transport_gets_no_token_across(
    lab: Lab, certificates: Certificates
) -> None:
    port = ports.free_port(HOST, TCP)
    put_on(lab, f"sip:{{number}}@{HOST}:{port};transport=tls", endpoint="sealed-by-tls")
    async with (
        Carrier((HOST, 0)) as carrier,
        stream_front(carrier, (HOST, port), certificates=certificates),
    ):
        assert (await fail(lab)).result == "congestion"
        assert not carrier.requests


async def test_sound_is_encrypted_where_the_endpoint_says_so(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sealed, "take_off", lambda _sealed, data: data)  # let it be seen as it is on the wire
    before = records(lab)
    async with Carrier((HOST, 0), behaviour=answer(after=0.05)) as carrier:
        put_on(lab, f"sip:{{number}}@{HOST}:{carrier.address[1]}", endpoint="sealed-srtp")
        async with registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await call.answered()
            customer = await carrier.called()
            assert b"RTP/SAVP" in customer.invite.body
            assert b"a=crypto:1 AES_CM_128_HMAC_SHA1_80" in customer.invite.body
            await customer.media.wait_for_audio(25)
            # SRTP's tag of 80 bits is at the end of each packet (RFC 3711, section 4.2).
            assert {len(packet.payload) for packet in customer.received_audio} == {160 + 10}
            await call.hang_up()
    assert (await next_result(lab, before)).result == "talked"
    await nothing_left(lab)


@pytest.mark.parametrize("invite_challenge", [401, 407])
async def test_a_carrier_that_asks_for_the_password_gets_it(
    lab: Lab, registrar_port: int, invite_challenge: int
) -> None:
    put_on(lab, f"sip:{{number}}@{HOST}:{registrar_port}", endpoint="sealed-account")
    async with CarrierWithPassword(
        (HOST, registrar_port), ACCOUNT, invite_challenge=invite_challenge
    ) as carrier:
        lab.asterisk.rx("pjsip send register account")
        await carrier.wait_for_request("REGISTER", times=2)
        customer = await talk(lab, carrier)
    assert customer.invite.from_address.uri == f"sip:{ACCOUNT.username}@carrier.example"
    registered = carrier.registered[-1].partition(";")[0]
    assert customer.invite.require("Contact").strip("<>") == registered.strip("<>"), "known by its Contact"
    assert customer.invite.to_address.uri.endswith("@127.0.0.1"), "To is the token at the redirect server"


@pytest.mark.parametrize("line_known", [True, False])
async def test_a_call_to_the_registered_contact_is_the_carriers(
    lab: Lab, registrar_port: int, line_known: bool
) -> None:
    """Carriers call from changing addresses: what tells them is the line in the Contact they were given."""
    async with CarrierWithPassword((HOST, registrar_port), ACCOUNT) as carrier:
        lab.asterisk.rx("pjsip send register account")
        await carrier.wait_for_request("REGISTER", times=2)
        contact = NameAddress.parse(carrier.registered[-1]).uri
        uri = contact if line_known else contact.partition(";")[0]
        caller = NameAddress("sip:+442079460555@carrier.example")
        call = await Call.outgoing(carrier, uri, lab.sip_address, from_=caller)
        assert (await call.settled()).status == (200 if line_known else 401)
        await call.hang_up()
    await nothing_left(lab)


async def test_a_wrong_password_is_tried_once(lab: Lab, registrar_port: int) -> None:
    put_on(lab, f"sip:{{number}}@{HOST}:{registrar_port}", endpoint="sealed-wrong")
    async with CarrierWithPassword((HOST, registrar_port), ACCOUNT) as carrier:
        assert (await fail(lab)).result == "declined"
        assert len(carrier.received("INVITE")) == 2
        assert not carrier.incoming_calls


async def test_a_carrier_that_never_says_a_word_is_down(lab: Lab) -> None:
    async with Carrier((HOST, 0), behaviour=silence()) as carrier:
        put_on(lab, f"sip:{{number}}@{HOST}:{carrier.address[1]}")
        assert (await fail(lab, within=20)).result == "carrier-down"
        assert len(carrier.received("INVITE")) > 1


async def test_a_proxy_in_front_of_the_carrier_gets_the_call(lab: Lab) -> None:
    async with Carrier((HOST, 0), behaviour=answer(after=0.05)) as proxy:
        uri = f"sip:{{number}}@carrier.example:{proxy.address[1]};maddr={HOST}"
        put_on(lab, uri)
        customer = await talk(lab, proxy)
    assert customer.invite.uri == uri.replace("{number}", NUMBER)


SECOND_BRANCH = "second-branch"


async def fork(call: Call) -> None:
    """Ring with early media on two branches, and answer on both (RFC 3261, section 13.2.2.4)."""
    assert call.invite_transaction is not None
    await call.send_early_media()
    description = "application/sdp", call.invite_transaction.request.body
    for status in (183, 200):
        if status == 200:
            await call.answer()
        other = call.agent.response(call.invite, status, tag=SECOND_BRANCH)
        other.set_body(*description)
        call.agent.send(other, call.invite_transaction.source)


async def test_of_two_branches_that_answer_the_first_has_the_call(lab: Lab) -> None:
    """PJSIP ends the second by nothing but silence: it acknowledges the first again, and sends no BYE."""
    before = records(lab)
    async with Carrier((HOST, 0), behaviour=fork) as carrier:
        put_on(lab, f"sip:{{number}}@{HOST}:{carrier.address[1]}")
        async with registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await call.answered()
            customer = await carrier.called()
            acknowledgement = await carrier.wait_for_request("ACK", times=2)
            assert acknowledgement.to_address.tag == customer.local_tag
            await call.media.wait_for_audio(25)
            await customer.media.wait_for_audio(25)
            await call.hang_up()
            await customer.ended()
            told = [each.status for each in call.responses]
            assert told in ([401, 100, 200], [401, 100, 180, 200]), "nothing is told twice"
            assert not [each for each in carrier.requests if each.to_address.tag == SECOND_BRANCH]
    assert (await next_result(lab, before)).result == "talked"
    await nothing_left(lab)
