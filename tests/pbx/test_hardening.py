"""The settings that keep numbers in, as a running Asterisk understands them."""

from __future__ import annotations

import base64
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from included_pbx import (
    PASSWORD,
    SHIPPED,
    SHOP_NUMBER,
    IncludedPbx,
    everything_shipped,
    example,
    include,
)

from labkit.errors import LabError
from labkit.places import DIALPLAN

BOTH = {
    "send_pai": ("false", "P-Asserted-Identity names the other side"),
    "send_rpid": ("false", "Remote-Party-ID names the other side"),
    "send_diversion": ("false", "Diversion names who forwarded"),
    "send_history_info": ("false", "History-Info names everybody the call went by"),
    "send_connected_line": ("no", "updates in a call name the other side"),
    "send_aoc": ("false", "advice of charge is the carrier's text"),
    "rpid_immediate": ("false", "names the other side while it still rings"),
    "trust_id_inbound": ("false", "what the other side claims to be would be passed on"),
    "trust_id_outbound": ("false", "private identities would be sent"),
    "trust_connected_line": ("no", "updates from the other side would be passed on"),
    "direct_media": ("false", "phones would exchange sound, and addresses, with the carrier"),
    "t38_udptl": ("false", "a second road for data"),
    "fax_detect": ("false", "would leave the dialplan for a fax extension"),
    "max_video_streams": ("0", "a second road for data"),
    "max_audio_streams": ("1", "a second road for data"),
    "allow": ("(alaw|ulaw)", "nothing is transcoded"),
    "allow_transfer": ("false", "REFER would dial on the shop's account"),
    "allow_subscribe": ("false", "dialogue events show who talks with whom"),
    "allow_overlap": ("false", "a code counts when it is complete"),
    "redirect_method": ("user", "302 would be followed without being asked"),
    "message_context": ("call-bridge-refuse", "text messages pass by the daemon"),
    "force_rport": ("true", "answers go to where requests come from"),
    "rtp_symmetric": ("true", "sound goes to where sound comes from"),
}
MANAGER = {
    **BOTH,
    "context": ("call-bridge-managers", "order codes and nothing else"),
    "identify_by": ("username", "an address proves nobody"),
    "auth": ("101", "a name is proven by a password"),
    "suppress_q850_reason_headers": ("true", "Reason passes on the cause that the carrier gave"),
    "rewrite_contact": ("true", "phones behind a router"),
    "callerid": ('"101" <101>', "the name on record, whatever the phone claims"),
    "call_group": ("", "nobody picks up other people's calls"),
    "pickup_group": ("", "nobody picks up other people's calls"),
    "named_call_group": ("", "nobody picks up other people's calls"),
    "named_pickup_group": ("", "nobody picks up other people's calls"),
    "one_touch_recording": ("false", "recordings start at the owner's wish"),
    "dtmf_mode": ("auto", "keys are not sound, in whatever way they come"),
}
BROWSER = {
    **MANAGER,
    "auth": ("103", "a name is proven by a password"),
    "callerid": ('"103" <103>', "the name on record, whatever the phone claims"),
    "media_encryption": ("dtls", "what browsers speak, and nothing in clear"),
}
"""A manager whose phone is the desk's page: what keeps numbers in is the same."""

TRUNK = {
    **BOTH,
    "context": ("call-bridge-trunk", "where callers' numbers are stripped"),
    "identify_by": ("ip", "anybody can write `trunk` into From"),
    "callerid": (f'"Shop" <{SHOP_NUMBER}>', "customers see the shop"),
    "from_user": (SHOP_NUMBER, "customers see the shop, not the extension"),
    "rewrite_contact": ("false", "the carrier's Contact is right"),
}
MANAGER_AOR = {
    "max_contacts": ("1", "no second phone rings along unnoticed"),
    "remove_existing": ("true", "the newest registration wins"),
    "maximum_expiration": ("600", "a phone that is gone is forgotten"),
    "qualify_frequency": ("30", "keeps the router's door open"),
}
TRUNK_AOR = {
    "qualify_frequency": ("30", "a dead carrier is known before a manager dials"),
    "qualify_timeout": ("3.000000", "a dead carrier is known before a manager dials"),
}
SHOWN = {
    "endpoint 101": MANAGER,
    "endpoint 103": BROWSER,
    "endpoint trunk": TRUNK,
    "aor 101": MANAGER_AOR,
    "aor trunk": TRUNK_AOR,
}

NEEDED = """
    bridge_holding bridge_simple bridge_softmix chan_bridge_media chan_pjsip func_frame_drop
    app_stasis res_stasis res_stasis_playback res_stasis_snoop res_ari res_ari_channels res_ari_bridges
    res_ari_events res_pjsip_pubsub res_pjsip_header_funcs res_pjsip_refer res_pjsip_endpoint_identifier_ip
    res_pjsip_endpoint_identifier_user res_pjsip_authenticator_digest res_srtp
""".split()  # noqa: SIM905 - one name a line would fill a screen
FORBIDDEN = re.compile(
    r"^(bridge_native_rtp|res_pjsip_messaging|res_pjsip_diversion|res_pjsip_exten_state|.*body_generator"
    r"|res_pjsip_logger|res_pjsip_history|res_hep.*|cdr_.*|cel_.*|app_chanspy|app_mixmonitor|app_voicemail.*"
    r"|res_parking|app_dial|app_system|app_cdr|func_shell|func_env|func_cdr|pbx_spool|res_agi|app_disa"
    r"|app_originate|app_directed_pickup|res_pjsip_config_wizard|res_pjsip_endpoint_identifier_anonymous)$"
)
LOGGER = "[general]\n[logfiles]\nmessages.log => warning,error\n"


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IncludedPbx]:
    pbx = IncludedPbx(tmp_path_factory.mktemp("pbx"))
    browser = example("pjsip-managers.conf").replace("101", "103")
    browser = browser.replace("(call-bridge-manager)", "(call-bridge-manager-webrtc)")
    pbx.start({**everything_shipped(), "pjsip.conf": pbx.pjsip(browser), "http.conf": pbx.http()})
    yield pbx
    pbx.stop()


def test_all_files_together_start_an_asterisk_that_has_nothing_to_complain_of(pbx: IncludedPbx) -> None:
    assert pbx.complaints() == set()


@pytest.mark.parametrize(
    ("shown", "setting"), [(shown, setting) for shown, settings in SHOWN.items() for setting in settings]
)
def test_the_pjsip_templates_set_what_keeps_numbers_in(pbx: IncludedPbx, shown: str, setting: str) -> None:
    value, why = SHOWN[shown][setting]
    pattern = rf"^ *{setting} +: (.*)$"
    found = re.search(pattern, pbx.rx(f"pjsip show {shown}"), re.MULTILINE)
    assert found, f"this Asterisk has no setting {setting}"
    assert found[1].strip() == value, why


def test_every_secrecy_setting_is_written_down_and_not_left_to_the_default() -> None:
    for file_name, settings in (("pjsip-managers.conf", MANAGER), ("pjsip-trunk.conf", TRUNK)):
        text = (DIALPLAN / file_name).read_text()
        missing = [name for name in settings if not re.search(rf"^;?{name}=", text, re.MULTILINE)]
        assert missing == []


def test_what_is_needed_is_loaded_and_runs(pbx: IncludedPbx) -> None:
    loaded = modules(pbx)
    assert {name: loaded.get(name) for name in NEEDED} == dict.fromkeys(NEEDED, "Running")


def test_every_module_that_was_asked_for_runs(pbx: IncludedPbx) -> None:
    asked = set(re.findall(r"^load=(\w+)\.so$", (SHIPPED / "modules.conf").read_text(), re.MULTILINE))
    assert {name for name, state in modules(pbx).items() if state == "Running"} >= asked


def test_nothing_is_loaded_that_shows_or_keeps_numbers(pbx: IncludedPbx) -> None:
    assert [name for name in modules(pbx) if FORBIDDEN.match(name)] == []


def test_no_call_records_are_kept(pbx: IncludedPbx) -> None:
    assert re.search(r"Logging: +Disabled", pbx.rx("cdr show status"))
    assert re.search(r"CEL Logging: +Disabled", pbx.rx("cel show status"))


def test_the_log_takes_warnings_and_errors_alone(pbx: IncludedPbx) -> None:
    """The console, too, would get what is verbose: Asterisk adds that level to it unasked."""
    table = pbx.rx("logger show channels").rpartition("Configuration")[2]
    rows = re.findall(r"(\w+) +\w+ +Enabled +- ([A-Z ]+?) *$", table, re.MULTILINE)
    assert rows == [("File", "WARNING ERROR")]


def test_ami_is_off_and_http_is_on_loopback(pbx: IncludedPbx) -> None:
    assert re.search(r"Manager \(AMI\): +No", pbx.rx("manager show settings"))
    assert f"Bound to 127.0.0.1:{pbx.ari_port}" in pbx.rx("http show status")


def test_keys_pressed_in_a_call_do_nothing(pbx: IncludedPbx) -> None:
    builtin = pbx.rx("features show").partition("Dynamic Feature")[0]
    # A row is "name  default  current"; where a feature is off the last column is empty.
    assert (
        re.findall(r"^(?:Pickup +\*8|Blind Transfer +#|Disconnect Call +\*) +\S", builtin, re.MULTILINE) == []
    )


def test_the_console_starts_silent(pbx: IncludedPbx) -> None:
    assert re.search(r"Root console verbosity: +0", pbx.rx("core show settings"))


async def test_ari_takes_the_password_of_the_private_file_and_no_other(pbx: IncludedPbx) -> None:
    assert await ari_status(pbx, PASSWORD) == 200
    assert await ari_status(pbx, "") == 401
    assert await ari_status(pbx, "call-bridge") == 401


def test_without_a_password_there_is_no_ari(tmp_path: Path) -> None:
    pbx = IncludedPbx(tmp_path)
    texts = {**everything_shipped(), "http.conf": pbx.http()}
    del texts["call-bridge-ari-password.conf"]
    try:
        pbx.start(texts)
        assert "call-bridge" not in pbx.rx("ari show users")
    except LabError:  # refusing to start is as good
        pass
    finally:
        pbx.stop()


def test_the_recipe_for_the_password_makes_a_file_for_asterisk_alone(tmp_path: Path) -> None:
    found = re.search(r"^; +(\(umask .*\))$", (SHIPPED / "ari.conf").read_text(), re.MULTILINE)
    assert found
    path = tmp_path / "call-bridge-ari-password.conf"
    subprocess.run(["sh", "-c", found[1].replace("/etc/asterisk", str(tmp_path))], check=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert re.fullmatch(r"password=[0-9a-f]{48}\n", path.read_text())


def alone() -> list[Path]:
    shipped = [path for path in SHIPPED.glob("*.conf") if path.name not in {"asterisk.conf", "modules.conf"}]
    return sorted([*shipped, *DIALPLAN.glob("*.conf")])


@pytest.fixture(scope="module")
def complaints_of_a_bare_asterisk(tmp_path_factory: pytest.TempPathFactory) -> set[object]:
    pbx = IncludedPbx(tmp_path_factory.mktemp("bare"))
    pbx.start({"modules.conf": include(SHIPPED / "modules.conf"), "logger.conf": LOGGER})
    try:
        return set(pbx.complaints())
    finally:
        pbx.stop()


@pytest.mark.parametrize("path", alone(), ids=lambda path: path.name)
def test_each_file_alone_adds_no_complaint(
    path: Path, tmp_path: Path, complaints_of_a_bare_asterisk: set[object]
) -> None:
    pbx = IncludedPbx(tmp_path)
    texts = {"modules.conf": include(SHIPPED / "modules.conf"), "logger.conf": LOGGER}
    texts["call-bridge-ari-password.conf"] = f"password={PASSWORD}\n"
    texts["extensions.conf"] = ""
    names = {"extensions-call-bridge": "extensions.conf"}
    name = "pjsip.conf" if path.stem.startswith("pjsip-") else names.get(path.stem, path.name)
    texts[name] = include(path)
    if name == "http.conf":
        texts[name] = pbx.http()
    pbx.start(texts)
    try:
        assert pbx.complaints() - complaints_of_a_bare_asterisk == set()
    finally:
        pbx.stop()


def modules(pbx: IncludedPbx) -> dict[str, str]:
    rows = re.findall(r"^(\w+)\.so .*?(Running|Not Running)", pbx.rx("module show"), re.MULTILINE)
    return dict(rows)


async def ari_status(pbx: IncludedPbx, password: str) -> int:
    login = base64.b64encode(f"call-bridge:{password}".encode()).decode()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Basic {login}"}) as session,
        session.get(f"{pbx.ari_url}/ari/asterisk/ping") as response,
    ):
        return response.status
