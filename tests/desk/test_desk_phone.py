"""The page by which managers set up their own phone, and what the phone is served."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import examples
import pytest
from example_daemon import ExampleDaemon
from served import Browser, served_desk

from bridge.desk import softphones
from bridge.desk.headers import CONTENT_SECURITY_POLICY

LINK = "/phone/account/" + "b" * 45
NAMESPACE = "{http://www.linphone.org/xsds/lpconfig.xsd}"
NASTY = "a<b>&\"c'd-101"


def linphones(xml: str | bytes) -> dict[str, dict[str, str]]:
    """Sections with their entries, as Linphone reads them."""
    root = ElementTree.fromstring(xml)
    assert root.tag == f"{NAMESPACE}config"
    read: dict[str, dict[str, str]] = {}
    for section in root:
        assert (section.tag, set(section.attrib)) == (f"{NAMESPACE}section", {"name"})
        for entry in section:
            assert (entry.tag, entry.attrib["overwrite"]) == (f"{NAMESPACE}entry", "true")
            read.setdefault(section.attrib["name"], {})[entry.attrib["name"]] = entry.text or ""
    return read


def test_linphone_is_given_all_that_it_registers_and_talks_with() -> None:
    read = linphones(softphones.linphone(examples.phone_account(password=NASTY)))
    server = "<sip:pbx.example.net:5061;transport=tls>"
    proxy, auth, sip = read["proxy_0"], read["auth_info_0"], read["sip"]
    assert (proxy["reg_proxy"], proxy["reg_route"]) == (server, server)
    assert (proxy["reg_identity"], proxy["reg_sendregister"]) == ("sip:101@pbx.example.net", "1")
    assert (auth["username"], auth["passwd"], auth["domain"]) == ("101", NASTY, "pbx.example.net")
    assert (sip["media_encryption"], sip["media_encryption_mandatory"]) == ("srtp", "1")
    assert (sip["use_rfc2833"], sip["use_info"], sip["default_proxy"]) == ("1", "0", "0")
    assert [read[f"audio_codec_{n}"]["mime"] for n in (0, 1)] == ["PCMA", "PCMU"]
    assert read["misc"] == {"transient_provisioning": "1"}, "or it asks for the link again at each start"


def test_a_phone_of_the_office_is_told_to_encrypt_nothing() -> None:
    account = examples.phone_account(transport="udp", port=5060, srtp=False)
    read = linphones(softphones.linphone(account))
    assert (read["sip"]["media_encryption"], read["sip"]["media_encryption_mandatory"]) == ("none", "0")
    assert read["proxy_0"]["reg_proxy"] == "<sip:pbx.example.net:5060;transport=udp>"
    zoiper = ElementTree.fromstring(softphones.zoiper(account)).find("accounts/account")
    assert zoiper is not None
    assert (zoiper.findtext("SIP_transport_type"), zoiper.findtext("SIP_srtp_mode")) == ("UDP", "none")


def test_zoiper_is_given_the_same() -> None:
    root = ElementTree.fromstring(softphones.zoiper(examples.phone_account(password=NASTY)))
    assert (root.tag, root.findtext("prov_version")) == ("options", "1.13")
    (account,) = root.findall("accounts/account")
    told = {child.tag: child.text for child in account if not len(child)}
    assert (told["username"], told["SIP_auth_username"], told["password"]) == ("101", "101", NASTY)
    assert (told["SIP_domain"], told["SIP_transport_type"]) == ("pbx.example.net:5061", "TLS")
    assert (told["SIP_srtp_mode"], told["SIP_dtmf_style"]) == ("SDES", "rfc_2833")
    assert (told["mwi_subscribe_usage"], told["SIP_subscribe_presence"]) == ("disabled", "false")
    assert [codec.findtext("codec_id") for codec in account.findall("codecs/codec")] == ["6", "0"]


@pytest.mark.parametrize("app", ["linphone", "zoiper", "by-hand"])
async def test_a_manager_is_shown_a_link_once(tmp_path: Path, app: str) -> None:
    daemon = ExampleDaemon(me=examples.me(phones=True))
    async with served_desk(daemon, tmp_path) as desk:
        page = (await desk.get("/phone")).text
        assert f'name="app" value="{app}"' in page
        made = await desk.post("/phone/links", {"app": app})
        assert f"{desk.origin}/phone/account/once" in made.text
        assert 'class="qr"' in made.text
        assert "style=" not in made.text.partition('class="qr"')[2].partition("</svg>")[0], "the CSP"
        assert daemon.asked[-1] == ("POST", "/v1/phone/links", {"app": app})
        assert (await desk.post("/phone/links", {"app": "another"})).status == 422


@pytest.mark.parametrize("app", ["linphone", "zoiper"])
async def test_a_program_fetches_its_account_without_signing_in(tmp_path: Path, app: str) -> None:
    daemon = ExampleDaemon(phone_account=examples.phone_account(app=app))
    async with served_desk(daemon, tmp_path) as desk:
        # Zoiper adds these to the address that it was given.
        answer = await desk.get(f"{LINK}?username=x&password=y&version=1.13", signed_in=False)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/xml")
    assert answer.headers["Cache-Control"] == "no-store"
    assert examples.PHONE_PASSWORD in answer.text
    asked = ("POST", f"/v1/phone-links/{'b' * 45}", {"address": "127.0.0.1"})
    assert daemon.asked == [asked], "what a program says of itself goes no further"


@pytest.mark.parametrize(("language", "told"), [("en", "Your phone's account"), ("ru", "Учётная запись")])
async def test_by_hand_it_is_a_page_that_says_what_to_type(tmp_path: Path, language: str, told: str) -> None:
    daemon = ExampleDaemon(phone_account=examples.phone_account(app="by-hand"))
    async with served_desk(daemon, tmp_path) as desk:
        page = await desk.get(LINK, signed_in=False, **{"Accept-Language": language})
    assert (page.status, page.headers["Cache-Control"]) == (200, "no-store")
    for shown in (told, "pbx.example.net:5061", ">101<", examples.PHONE_PASSWORD, "TLS", "SRTP"):
        assert shown in page.text


async def test_a_link_that_does_not_work_is_told_as_any_other(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.problem = (404, "not-found")
    page = await desk.get(LINK, signed_in=False)
    assert (page.status, "This link does not work" in page.text) == (404, True)
    daemon.problem = (429, "too-many-tries")
    page = await desk.get(LINK, signed_in=False)
    assert (page.status, page.headers["Retry-After"], "Too many tries." in page.text) == (429, "7", True)


async def test_another_sites_page_uses_no_link_up(desk: Browser, daemon: ExampleDaemon) -> None:
    page = await desk.get(
        LINK, signed_in=False, **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    )
    assert (page.status, daemon.asked) == (403, [])


async def test_where_phones_are_not_set_up_from_the_desk_it_says_so(desk: Browser) -> None:
    page = (await desk.get("/phone")).text
    assert "Phones are not set up from the desk in this shop." in page
    assert "/phone/links" not in page
    assert 'href="/phone"' not in (await desk.get("/")).text


async def test_before_the_password_is_handed_over_it_says_whom_to_ask(tmp_path: Path) -> None:
    daemon = ExampleDaemon(me=examples.me(phones=True), phone_is_ready=False)
    async with served_desk(daemon, tmp_path) as desk:
        page = (await desk.get("/phone")).text
        assert 'href="/phone"' in page
    assert "Ask your administrator." in page
    assert "/phone/links" not in page


def test_the_password_is_in_no_repr() -> None:
    assert examples.PHONE_PASSWORD not in repr(examples.phone_account())


# --- the phone in the page ---


async def test_a_page_with_a_phone_may_connect_to_its_websocket_alone(tmp_path: Path) -> None:
    daemon = ExampleDaemon(me=examples.me(browser_phone=True))
    websocket = examples.BROWSER_PHONE.websocket
    async with served_desk(daemon, tmp_path, websocket=websocket) as desk:
        page = await desk.get("/")
        account = await desk.post("/phone/browser")
    policy = page.headers["Content-Security-Policy"]
    assert f"connect-src 'self' {websocket};" in policy
    assert policy.replace(f" {websocket}", "") == CONTENT_SECURITY_POLICY
    assert "microphone=(self)" in page.headers["Permissions-Policy"]
    assert ('id="phone"' in page.text, "vendor/jssip.js" in page.text) == (True, True)
    assert examples.PHONE_PASSWORD not in page.text
    assert (account.status, account.headers["Cache-Control"]) == (200, "no-store")
    assert json.loads(account.text)["password"] == examples.PHONE_PASSWORD


async def test_without_a_phone_no_page_has_its_script_or_may_connect_anywhere(desk: Browser) -> None:
    page = await desk.get("/")
    assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "microphone=()" in page.headers["Permissions-Policy"]
    assert ('id="phone"' in page.text, "jssip" in page.text) == (False, False)
