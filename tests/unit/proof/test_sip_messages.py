"""SIP messages are read as RFC 3261 writes them, and written so that others can read them."""

from __future__ import annotations

import pytest

from bridge.proof.sip.digest import Challenge, Credentials, NoUsableChallenge
from bridge.proof.sip.message import MalformedMessage, NameAddress, Request, Response, Uri, parse
from bridge.proof.sip.sdp import PCMA, AudioDescription, NoAudio, offer


def test_compact_names_folded_lines_and_case_are_understood() -> None:
    message = parse(
        b"INVITE sip:1042@h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bKa\r\nF: <sip:a@h>;tag=1\r\n"
        b"t : <sip:b@h>\r\ni:c1\r\nSubject: two\r\n  lines\r\nCSEQ: 7 INVITE\r\nl: 2\r\n\r\nhi"
    )
    assert isinstance(message, Request)
    assert message.branch == "z9hG4bKa"
    assert message.from_address.tag == "1"
    assert message.get("subject") == "two lines"
    assert (message.call_id, message.cseq, message.body) == ("c1", (7, "INVITE"), b"hi")


def test_a_message_survives_writing_and_reading() -> None:
    response = Response(180, "Ringing", headers=[("Via", "x"), ("X-Name", "Анна")], body=b"\0\xff")
    again = parse(response.encode())
    assert again.encode() == response.encode()


def test_bytes_that_are_no_utf8_survive_too() -> None:
    data = b"OPTIONS sip:h SIP/2.0\r\nSubject: \xff\xfe\r\nContent-Length: 0\r\n\r\n"
    assert parse(data).encode() == data


def test_surplus_bytes_are_cut_at_the_content_length() -> None:
    assert parse(b"OPTIONS sip:h SIP/2.0\r\nContent-Length: 1\r\n\r\nabc").body == b"a"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x00rtp",
        b"OPTIONS sip:h SIP/2.0\r\nVia: x\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"OPTIONS sip:h SIP/2.0\r\nno colon\r\n\r\n",
        b"OPTIONS sip:h SIP/2.0\r\nContent-Length: 5\r\n\r\nabc",
        b"OPTIONS sip:h SIP/2.0\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_is_no_sip_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse(data)


def test_setting_a_header_replaces_every_line_of_it_in_place() -> None:
    request = Request("OPTIONS", "sip:h", headers=[("A", "1"), ("b", "2"), ("B", "3"), ("C", "4")])
    request.set("B", "5")
    assert request.headers == [("A", "1"), ("B", "5"), ("C", "4")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '"Order \\"1042\\"" <sip:1042@h;user=phone>;tag=t',
            NameAddress("sip:1042@h;user=phone", 'Order "1042"', "t"),
        ),
        ("Bare Name <sip:a@h>", NameAddress("sip:a@h", "Bare Name")),
        ("sip:a@h;tag=t", NameAddress("sip:a@h", "", "t")),
        ('"a < b" <sip:a@h>', NameAddress("sip:a@h", "a < b")),
    ],
)
def test_addresses_are_read(text: str, expected: NameAddress) -> None:
    assert NameAddress.parse(text) == expected
    assert NameAddress.parse(str(expected)) == expected


def test_uris_are_taken_apart() -> None:
    assert Uri.parse("sip:*1042@127.0.0.1:5070;transport=udp") == Uri("*1042", "127.0.0.1", 5070)
    assert Uri.parse("sip:h") == Uri("", "h", 5060)
    with pytest.raises(MalformedMessage):
        Uri.parse("tel:1")


# RFC 7616, section 3.9.1
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CLIENT_NONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
RFC_RESPONSES = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}
MUFASA = Credentials("Mufasa", "Circle of Life")


@pytest.mark.parametrize("algorithm", RFC_RESPONSES)
def test_digests_are_those_of_the_rfc(algorithm: str) -> None:
    challenge = Challenge.parse(
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="{NONCE}"'
    )
    answer = MUFASA.answer_challenge(challenge, "GET", "/dir/index.html", client_nonce=CLIENT_NONCE)
    assert f'response="{RFC_RESPONSES[algorithm]}"' in answer
    assert MUFASA.accept(challenge, answer, "GET")
    assert not Credentials("Mufasa", "other").accept(challenge, answer, "GET")


def test_the_strongest_challenge_is_answered() -> None:
    challenges = [f'Digest realm="r", nonce="n{name}", algorithm={name}' for name in ("MD5", "SHA-256", "X")]
    assert 'nonce="nSHA-256"' in MUFASA.answer(challenges, "INVITE", "sip:h")


@pytest.mark.parametrize("challenge", ['Basic realm="r"', 'Digest nonce="n", qop="auth-int"'])
def test_a_challenge_that_cannot_be_met_is_told(challenge: str) -> None:
    with pytest.raises(NoUsableChallenge):
        MUFASA.answer([challenge], "INVITE", "sip:h")


def test_credentials_show_no_password() -> None:
    assert "Circle" not in repr(MUFASA)


def test_an_answer_takes_the_offerers_event_type_and_mirrors_its_direction() -> None:
    offered = AudioDescription.parse(
        b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 3 8 96\r\na=rtpmap:96 telephone-event/8000\r\n"
        b"a=sendonly\r\n"
    )
    answer = AudioDescription.parse(offered.answered_at("127.0.0.1", 5000).encode())
    assert answer == AudioDescription("127.0.0.1", 5000, (PCMA, 96), 96, "recvonly")


def test_an_offer_names_both_codecs_and_events() -> None:
    assert AudioDescription.parse(offer("127.0.0.1", 4000).encode()).formats == (8, 0, 101)


@pytest.mark.parametrize("body", [b"", b"v=0\r\nm=video 1 RTP/AVP 1\r\n", b"v=0\r\nm=audio 1 RTP/AVP 8\r\n"])
def test_a_description_without_audio_is_told(body: bytes) -> None:
    with pytest.raises(NoAudio):
        AudioDescription.parse(body)
