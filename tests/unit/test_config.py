"""config.yaml: what is refused, in which words, on which line; and that the shipped file tells all."""

from __future__ import annotations

import re
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Config, ConfigError, ConfigProblem, known_keys, load_config
from bridge.rules import Allowance, Day, LineType, OpeningHours, TimeRange, WorkingHours

SHIPPED = Path(__file__).parents[2] / "config.yaml"
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
  file: var/keys
"""
DIRECT = "  direct: PJSIP/{number}@trunk\n"
NUMBER = "447700900123"


def _load(folder: Path, text: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def _errors(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text)
    return str(caught.value).splitlines()


# --- What loads ---------------------------------------------------------------------------------------


def test_the_shipped_file_loads_as_it_is() -> None:
    assert load_config(SHIPPED).shop.name == "Example Shop"


def test_what_is_left_out_has_the_value_the_shipped_file_shows(tmp_path: Path) -> None:
    shipped = _load(tmp_path, SHIPPED.read_text(encoding="utf-8"))
    sealed = SMALLEST.replace(DIRECT, '  sealed:\n    carrier: "sip:{number}@192.0.2.10:5060"\n')
    assert _load(tmp_path, sealed) == shipped


def test_relative_paths_start_at_the_files_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc/config.yaml").write_text(SMALLEST + "store:\n  path: /srv/shop.db\n")
    config = load_config(Path("etc/config.yaml"))
    assert config.keys.file == tmp_path / "etc/var/keys"
    assert config.api.socket == tmp_path / "etc/var/call-bridge.sock"
    assert config.store.path == Path("/srv/shop.db")


def test_the_policy_holds_what_the_file_says(tmp_path: Path) -> None:
    policy = _load(
        tmp_path,
        SMALLEST
        + """\
calls: {max_live: 7}
rules:
  limits:
    {per_hour: 11, per_day: 22, live_per_manager: 2, per_day_in_all: 33, minutes_per_day: 44,
     minutes_per_day_in_all: 55, spend_per_day: 6.60, spend_per_day_in_all: 77}
  prices: {default: 1.5, own_country: 0.1, countries: {IE: {mobile: 0.2}, GB: {voip: 0}}}
  working_hours:
    saturday: ["22:00-06:00", "09:00-12:30"]
    sunday: []
  other_countries: [IE]
  line_types: [mobile]
  lock_out: {misses: 3, within_seconds: 44, for_seconds: 55}
  refusal_delay_ms: 66
""",
    ).policy()
    limits, lock_out = policy.limits, policy.lock_out
    assert (limits.calls_per_hour, limits.live_per_manager, limits.live_in_all) == (11, 2, 7)
    assert policy.tolls.manager == Allowance(22, 44, Decimal("6.60"))
    assert policy.tolls.in_all == Allowance(33, 55, Decimal(77))
    assert policy.hours.days[5:] == ((TimeRange(1320, 360), TimeRange(540, 750)), ())
    assert policy.hours.timezone.key == "Europe/London"
    assert policy.countries.allowed == {"GB", "IE"}
    assert policy.line_types.allowed == {LineType.MOBILE}
    assert (lock_out.misses, lock_out.within_seconds, lock_out.for_seconds) == (3, 44, 55)
    assert policy.refusal_delay_ms == 66


def test_the_opening_hours_hold_what_the_file_says(tmp_path: Path) -> None:
    hours = _load(
        tmp_path,
        SMALLEST
        + """\
callbacks:
  hours: {saturday: ["22:00-06:00"], sunday: []}
  holidays: [12-25, 2026-04-03]
  open_days: {2026-12-24: ["09:00-13:00"]}
""",
    ).opening_hours()
    assert hours.week.days[4:] == ((TimeRange(0, 1440),), (TimeRange(1320, 360),), ())
    assert hours.week.timezone.key == "Europe/London"
    assert hours.holidays == {Day.read("12-25"), Day.read("2026-04-03")}
    assert hours.open_days == {Day.read("2026-12-24"): (TimeRange(540, 780),)}


def test_without_opening_hours_phones_ring_always(tmp_path: Path) -> None:
    hours = _load(tmp_path, SMALLEST).opening_hours()
    assert hours == OpeningHours(WorkingHours(((TimeRange(0, 1440),),) * 7, hours.week.timezone))


def test_the_price_of_a_line_is_its_own_or_its_countrys_or_the_default(tmp_path: Path) -> None:
    text = (
        "rules:\n  prices: {default: 1.5, own_country: 0.1, countries: {IE: {mobile: 0.2}, GB: {voip: 0}}}\n"
    )
    prices = _load(tmp_path, SMALLEST + text).policy().tolls.prices
    assert prices.of("IE", "mobile") == Decimal("0.2")
    assert prices.of("IE", "fixed_line") == Decimal("1.5")
    assert prices.of("FR", "mobile") == Decimal("1.5")
    assert prices.of("GB", "mobile") == Decimal("0.1")
    assert prices.of("GB", "voip") == 0
    assert prices.of("GB", "premium_rate") == Decimal("1.5"), (
        "what a country's ordinary lines cost is too little"
    )


def test_only_the_shops_own_country_may_be_called_by_default(tmp_path: Path) -> None:
    assert _load(tmp_path, SMALLEST).policy().countries.allowed == {"GB"}


def test_norway_is_a_country_and_not_false(tmp_path: Path) -> None:
    assert _load(tmp_path, SMALLEST.replace("GB", "NO")).shop.country == "NO"


@pytest.mark.parametrize(
    "url", ["http://localhost:8088/ari", "http://[::1]:8088/ari", "https://pbx.example/ari"]
)
def test_ari_may_be_plain_on_this_machine_and_encrypted_anywhere(tmp_path: Path, url: str) -> None:
    assert _load(tmp_path, SMALLEST + f'asterisk: {{ari_url: "{url}"}}\n').asterisk.ari_url == url


def test_ari_may_be_plain_across_the_network_where_that_is_said(tmp_path: Path) -> None:
    text = SMALLEST + "asterisk: {ari_url: 'http://192.0.2.1:8088/ari', plain_http_allowed: true}\n"
    assert _load(tmp_path, text).asterisk.ari_url == "http://192.0.2.1:8088/ari"


def test_the_api_is_off_by_default_and_may_be_elsewhere_where_that_is_said(tmp_path: Path) -> None:
    assert _load(tmp_path, SMALLEST).api.listen is None
    anywhere = "api: {listen: '0.0.0.0:8444', plain_http_allowed: true}\n"
    assert _load(tmp_path, SMALLEST + anywhere).api.listen == "0.0.0.0:8444"
    assert _load(tmp_path, SMALLEST + "api: {listen: '[::1]:8444'}\n").api.listen == "[::1]:8444"


@pytest.mark.parametrize(
    "desk",
    [
        "{listen: '[::1]:8090'}",
        "{url: 'http://127.0.0.1:8090'}",
        "{listen: '0.0.0.0:443', tls: {certificate: a.pem, key: a.key}, url: 'https://desk.example.net/'}",
    ],
)
def test_the_desk_may_be_plain_on_this_machine_and_encrypted_anywhere(tmp_path: Path, desk: str) -> None:
    assert (_load(tmp_path, SMALLEST + f"desk: {desk}\n").desk.url or "")[-1:] != "/"


@pytest.mark.parametrize(
    ("phones", "told"),
    [
        ("{srtp: true}", "must have transport tls for srtp"),
        ("{srtp: true, transport: tcp}", "must have transport tls for srtp"),
        ("{server: 'pbx.example.net;transport=tls'}", "must be the PBX's host"),
        ("{websocket: 'ws://desk.example.net/ws'}", "must be wss, unless it is on this machine"),
        ("{websocket: 'https://desk.example.net/ws'}", "must be a wss URL"),
        ('{websocket: "wss://desk.example.net/ws; script-src *"}', "must be a wss URL"),
        ("{websocket: 'wss://*.example.net'}", "must be a wss URL"),
    ],
)
def test_phones_are_told_nothing_that_shows_a_key_or_widens_a_policy(
    tmp_path: Path, phones: str, told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        _load(tmp_path, SMALLEST + f"desk: {{phones: {phones}}}\n")
    assert [told in problem.message for problem in refused.value.problems] == [True]


def test_phones_may_be_encrypted_or_not_and_the_websocket_plain_on_this_machine(tmp_path: Path) -> None:
    for phones in (
        "{}",
        "{server: pbx.example.net, transport: tls, srtp: true}",
        "{server: '10.0.0.1:5080'}",
        "{websocket: 'wss://desk.example.net:8443/ws'}",
        "{websocket: 'ws://127.0.0.1:8088/ws'}",
    ):
        _load(tmp_path, SMALLEST + f"desk: {{phones: {phones}}}\n")


def test_agi_listens_nowhere_by_default_and_on_the_network_where_that_is_said(tmp_path: Path) -> None:
    assert _load(tmp_path, SMALLEST).agi.listen is None
    text = "agi: {network_allowed: true, listen: '192.0.2.9:4573', peers: ['192.0.2.1', '::1']}\n"
    agi = _load(tmp_path, SMALLEST + text).agi
    assert (agi.listen, agi.peers) == ("192.0.2.9:4573", {"192.0.2.1", "::1"})


# --- What is refused ----------------------------------------------------------------------------------

PLAIN_HTTP = (
    "12: asterisk.ari_url: must be https unless Asterisk is on this machine: plain http would "
    "carry the ARI password and customers' numbers readable across the network"
)
LITERAL_PASSWORD = (
    "12: asterisk.ari_password: passwords don't belong here: write it to a file of mode 0600 "
    "and name that in ari_password_file"
)
TRUNK = "8: trunk.direct: must be PJSIP/{number}@NAME, NAME of letters, digits, - and _"
URL = "12: asterisk.ari_url: must be an http or https URL, such as http://127.0.0.1:8088/ari"
MANAGERS = (
    "12: managers.endpoint: must be PJSIP/{extension}, with nothing but letters, digits, - and _ "
    "around {extension}"
)
ONE_WAY = "5: trunk: must have either a section named sealed or a value for direct"
CARRIER = "8: trunk.sealed.carrier: must be sip:{number}@HOST:PORT, the carrier's address"
LISTEN = "8: trunk.sealed.listen: must be a loopback address and a port, such as 127.0.0.1:5071"
SOURCE = "8: trunk.sealed.asterisk: must be an IPv4 address and a port, such as 127.0.0.1:5060"
BACKUP = '{trunk-2: "sip:{number}@h2"}'
BACKUP_URI = CARRIER.replace("8: trunk.sealed.carrier", "11: trunk.sealed.backups.?")
NEVER_LEFT = (
    "8: trunk.sealed: must watch the first gateway, or the backups are never used: give watch an endpoint"
)
PLAIN_DESK = (
    "12: desk.listen: must be a loopback address unless desk.tls has a certificate: passwords would cross "
    "the network readable"
)
PLAIN_API = (
    "12: api.listen: must be a loopback address, with a proxy before it that has TLS: plain http would carry "
    "tokens and customers' numbers readable across the network"
)
API_ADDRESS = "12: api.listen: must be an address and a port, such as 127.0.0.1:8444"
DESK_ADDRESS = "12: desk.listen: must be an address and a port, such as 127.0.0.1:8090"
HALF_OF_TLS = "12: desk.tls: must have both certificate and key, or neither"
DESK_URL = "12: desk.url: must be the desk's own address, such as https://desk.example.net"
DESK_UNDER_A_PATH = "12: desk.url: must have no path: browsers keep the desk's cookies for a whole host"
PLAIN_DESK_URL = "12: desk.url: must be https, unless it is on this machine"
OPEN_AGI = (
    "12: agi.listen: must be a loopback address unless agi.network_allowed is true: FastAGI is not "
    "encrypted, and has no password"
)
AGI_ADDRESS = "12: agi.listen: must be an address and a port, such as 127.0.0.1:4573"
ONE_KEY = "9: keys: must name exactly one of file, credential and environment"


@pytest.mark.parametrize(
    ("find", "put", "error"),
    [
        (
            "GB",
            "UK",
            "3: shop.country: must be a country's ISO code of two capital letters; did you mean GB?",
        ),
        (
            "London",
            "Lodnon",
            "4: shop.timezone: must be a time zone this machine knows; did you mean Europe/London?",
        ),
        ("  name:", "  naem:", "1: shop.name: is missing\n2: shop.naem: unknown key; did you mean name?"),
        (
            "  name: Example Shop\n",
            "  name: Example Shop\n  name: Again\n",
            "3: shop.name: is given twice, first on line 2",
        ),
        ("  name: Example Shop", "\tname: Example Shop", "2: holds a tab: YAML is indented with spaces"),
        (DIRECT, "  direct: PJSIP/trunk\n", TRUNK),
        (DIRECT, "", ONE_WAY),
        (DIRECT, DIRECT + '  sealed: {carrier: "sip:{number}@192.0.2.10"}\n', ONE_WAY),
        (DIRECT, '  sealed: {carrier: "sip:{number}@h>;x"}\n', CARRIER),
        (DIRECT, '  sealed: {carrier: "sip:{number}@h", listen: "0.0.0.0:5071"}\n', LISTEN),
        (DIRECT, '  sealed: {carrier: "sip:{number}@h?Route=x"}\n', CARRIER),
        (DIRECT, '  sealed: {carrier: "sip:{number}@h", asterisk: "localhost"}\n', SOURCE),
        (
            DIRECT,
            '  sealed:\n    carrier: "sip:{number}@h"\n    backups:\n      trunk-2: h2\n',
            BACKUP_URI,
        ),
        (
            DIRECT,
            f'  sealed: {{carrier: "sip:{{number}}@h", watch: null, backups: {BACKUP}}}\n',
            NEVER_LEFT,
        ),
        ("@trunk\n", "@trunk{number}\n", TRUNK),
        ("@trunk\n", "@a/b\n", TRUNK),
        ("keys:\n", "  number_format: national\nkeys:\n", "9: trunk.number_format: must be +e164 or e164"),
        ("  file: var/keys\n", "  file: var/keys\n  environment: KEYS\n", ONE_KEY),
        ("  file: var/keys\n", "  credential: null\n", ONE_KEY),
        ("", "rules:\n  limits:\n    per_hour: 0\n", "13: rules.limits.per_hour: must be 1 or more"),
        ("", "rules:\n  limits:\n    per_hour: ten\n", "13: rules.limits.per_hour: must be a whole number"),
        ("", "rules:\n  refusal_delay_ms: 9999\n", "12: rules.refusal_delay_ms: must be 5000 or less"),
        (
            "",
            "rules:\n  per_hour: 5\n",
            "12: rules.per_hour: unknown key; did you mean rules.limits.per_hour?",
        ),
        (
            "",
            "rules:\n  limits:\n    spend_per_day: cheap\n",
            "13: rules.limits.spend_per_day: must be an amount of money, such as 0.05",
        ),
        (
            "",
            "rules:\n  limits: {spend_per_day: 0.00}\n",
            "12: rules.limits.spend_per_day: must be more than 0",
        ),
        (
            "",
            "rules:\n  limits: {minutes_per_day: 0}\n",
            "12: rules.limits.minutes_per_day: must be 1 or more",
        ),
        (
            "",
            "rules:\n  prices: {default: -1}\n",
            "12: rules.prices.default: must be an amount of money, such as 0.05",
        ),
        (
            "",
            "rules:\n  prices: {currency: £}\n",
            "12: rules.prices.currency: must be a currency's ISO code of three capital letters",
        ),
        (
            "",
            "rules:\n  prices:\n    countries:\n      GB: {mobile: 0.05}\n      UK: {mobile: 0.05}\n",
            "15: rules.prices.countries.UK: must be a country's ISO code of two capital letters; "
            "did you mean GB?",
        ),
        (
            "",
            "rules:\n  prices: {countries: {GB: 0.05}}\n",
            "12: rules.prices.countries.GB: must be a section: indented lines of `key: value`",
        ),
        (
            "",
            "rules:\n  prices: {countries: {GB: {satellite: 9}}}\n",
            "12: rules.prices.countries.GB.satellite: must be mobile, fixed_line, fixed_line_or_mobile, "
            "toll_free, premium_rate, shared_cost, voip or other",
        ),
        ("", "rules: 5\n", "11: rules: must be a section: indented lines of `key: value`"),
        (
            "",
            'rules:\n  working_hours:\n    monday:\n      - "09:00-12:00"\n      - "9-18"\n',
            '15: rules.working_hours.monday: must be a time range such as "09:00-18:00"',
        ),
        (
            "",
            'rules:\n  working_hours:\n    monday: ["09:00-25:00"]\n',
            "13: rules.working_hours.monday: must lie between 00:00 and 24:00",
        ),
        (
            "",
            'callbacks:\n  hours:\n    monday: ["09:00-18:00"]\n    tuesday: ["9-18"]\n',
            '14: callbacks.hours.tuesday: must be a time range such as "09:00-18:00"',
        ),
        (
            "",
            'callbacks:\n  holidays:\n    - "2026-12-25"\n    - "02-30"\n',
            "14: callbacks.holidays: must be a day that the calendar has",
        ),
        (
            "",
            "callbacks:\n  holidays: [25.12.]\n",
            '12: callbacks.holidays: must be a day such as "2026-12-25", or "12-25" for every year',
        ),
        (
            "",
            'callbacks:\n  open_days:\n    "12-24": ["09:00-13:00"]\n    Christmas: ["09:00-13:00"]\n',
            "14: callbacks.open_days.Christmas: "
            'must be a day such as "2026-12-25", or "12-25" for every year',
        ),
        (
            "",
            'callbacks:\n  open_days:\n    "12-24": ["9-13"]\n',
            '13: callbacks.open_days.?: must be a time range such as "09:00-18:00"',
        ),
        ("", "asterisk:\n  ari_url: ftp://127.0.0.1\n", URL),
        ("", "asterisk:\n  ari_url: http://[127.0.0.1\n", URL),
        ("", "asterisk:\n  ari_url: http://192.0.2.1:8088/ari\n", PLAIN_HTTP),
        ("", "asterisk:\n  ari_password: example\n", LITERAL_PASSWORD),
        ("", "managers:\n  endpoint: SIP/{extension}\n", MANAGERS),
        ("", "api:\n  listen: 0.0.0.0:8444\n", PLAIN_API),
        ("", "api:\n  listen: '[2001:db8::1]:8444'\n", PLAIN_API),
        ("", "api:\n  listen: 127.0.0.1:99999\n", API_ADDRESS),
        ("", "desk:\n  listen: 0.0.0.0:8090\n", PLAIN_DESK),
        ("", "desk:\n  listen: '[::]:8090'\n", PLAIN_DESK),
        ("", "desk:\n  listen: 127.0.0.1:99999\n", DESK_ADDRESS),
        ("", "desk:\n  tls: {certificate: desk.pem}\n", HALF_OF_TLS),
        ("", "desk:\n  url: http://desk.example.net\n", PLAIN_DESK_URL),
        ("", "desk:\n  url: https://example.net/desk\n", DESK_UNDER_A_PATH),
        ("", "desk:\n  url: desk.example.net\n", DESK_URL),
        (
            "",
            "desk:\n  second_factor: [boss]\n",
            "12: desk.second_factor: must be manager, supervisor or owner",
        ),
        ("", "agi:\n  listen: 0.0.0.0:4573\n", OPEN_AGI),
        ("", "agi:\n  listen: '[2001:db8::1]:4573'\n", OPEN_AGI),
        ("", "agi:\n  listen: 127.0.0.1:0\n", AGI_ADDRESS),
        (
            "",
            "webhooks:\n  private_networks: [192.168.1.20/24]\n",
            "12: webhooks.private_networks: must be a network, such as 192.0.2.0/24, or an address",
        ),
        ("", "texts:\n  enabled: true\n", "11: texts: must have a url where enabled is true"),
        (
            "",
            "ami: {enabled: true}\n",
            "11: ami: must name one of secret_file and secret_credential where enabled is true",
        ),
        (
            "",
            "ami: {host: 192.0.2.1}\n",
            "11: ami.host: must be a loopback address: AMI is not encrypted",
        ),
        (
            "",
            "texts:\n  url: http://sms.example/\n",
            "12: texts.url: must be https: plain http is for texts.private_networks alone",
        ),
        (
            "",
            "texts:\n  url: https://sms.example/?key=abc\n",
            "12: texts.url: must hold no user, password or query: they have keys of their own",
        ),
        (
            "",
            "texts:\n  templates:\n    ready:\n      en: '{name}, order {order} is ready'\n",
            "14: texts.templates.ready.en: must have no placeholders but {order}, {shop} and {number}",
        ),
        (
            "",
            "texts:\n  templates: {ready: {en: Call +44 7700 900123}}\n",
            "12: texts.templates.ready.en: must hold no number: {number} is the shop's own",
        ),
        (
            "",
            "texts:\n  after: {busy: ready}\n",
            "11: texts: must name a template that there is after each result of after",
        ),
        (
            "",
            'calls:\n  compare_code: "**9"\n',
            "1: calls.do_not_call_code *9 and calls.compare_code **9 can't be told apart:"
            " neither may end with the other",
        ),
        (
            "",
            'captures:\n  code: "*5*7"\n',
            "1: captures.code *5*7 and calls.compare_code *7 can't be told apart:"
            " neither may end with the other",
        ),
        ("", "agi:\n  peers: [pbx.example]\n", "12: agi.peers: must be an IP address, such as 127.0.0.1"),
        ("", "agi:\n  peers: []\n", "12: agi.peers: must be a list that is not empty"),
        ("", "log:\n  level: loud\n", "12: log.level: must be debug, info, warning or error"),
        (
            "",
            "log:\n  level: !!python/name:os.system\n",
            "12: log.level: has a tag (!...) that is not used here",
        ),
        ("", 'log:\n  level: "\\UFFFFFFFF"\n', "12: is not valid YAML here"),
        ("", 'log:\n  level: "\\U00110000"\n', "12: is not valid YAML here"),
        ("", "log: &log {}\ncalls: *log\n", "12: is not valid YAML here: no alias (*name) is used here"),
        ("", "log: " + "[" * 40 + "\n", "11: is not valid YAML here: nothing is nested so deeply"),
    ],
)
def test_a_fault_is_told_with_its_line_and_key(tmp_path: Path, find: str, put: str, error: str) -> None:
    text = SMALLEST.replace(find, put, 1) if find else SMALLEST + put
    assert "\n".join(_errors(tmp_path, text)).replace("config.yaml:", "") == error


@pytest.mark.parametrize(
    "url", ["https://user:example@pbx.example/ari", "https://pbx.example/ari?api_key=u:p"]
)
def test_a_password_in_the_url_is_refused(tmp_path: Path, url: str) -> None:
    assert _errors(tmp_path, SMALLEST + f'asterisk:\n  ari_url: "{url}"\n') == [
        "config.yaml:12: asterisk.ari_url: must hold no user, password or query: they have keys of their own"
    ]


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = (
        SMALLEST.replace("GB", "XX")
        + "log:\n  levle: info\n  format: xml\ncalls:\n  max_live: 0\n  max_live: 1\n"
    )
    assert [error.split(": ")[:2] for error in _errors(tmp_path, text)] == [
        ["config.yaml:3", "shop.country"],
        ["config.yaml:12", "log.levle"],
        ["config.yaml:13", "log.format"],
        ["config.yaml:16", "calls.max_live"],
    ]


def test_an_empty_file_is_told_what_it_lacks(tmp_path: Path) -> None:
    assert _errors(tmp_path, "") == [
        "config.yaml:1: shop: is missing",
        "config.yaml:1: trunk: is missing",
        "config.yaml:1: keys: is missing",
    ]


def test_a_file_that_is_not_there_is_told_without_a_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^config\.yaml: can't be read: No such file"):
        load_config(tmp_path / "config.yaml")


def test_a_file_in_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("shop:\n  name: Магазин\n".encode("cp1251"))
    with pytest.raises(ConfigError, match=r"^config\.yaml:2: must be UTF-8 text$"):
        load_config(path)


@pytest.mark.parametrize(
    "text",
    [
        SMALLEST.replace("GB", NUMBER),
        SMALLEST.replace("Europe/London", NUMBER),
        SMALLEST + f"{NUMBER}: x\n",
        SMALLEST + f"'+{NUMBER}': x\n",
        SMALLEST + f"log: {{level: {NUMBER}}}\n",
        SMALLEST + f"calls: {{max_live: {NUMBER}}}\n",
        SMALLEST + f"asterisk: {{ari_url: 'http://[{NUMBER}'}}\n",
        SMALLEST + f"asterisk: {{ari_url: 'http://a:{NUMBER}/'}}\n",
        SMALLEST + f"log: *a{NUMBER}\n",
        SMALLEST + f"log: !a{NUMBER}!b c\n",
        SMALLEST + f"store: [&a{NUMBER} x, &a{NUMBER} y]\n",
        SMALLEST + f"%{NUMBER}\n",
        SMALLEST + f'rules: {{working_hours: {{monday: ["{NUMBER}"]}}}}\n',
    ],
)
def test_no_error_repeats_a_number_that_went_astray(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    told = str(caught.value) + repr(caught.value) + repr(caught.value.problems)
    assert NUMBER not in told.replace(str(tmp_path), "")


# --- Whatever is written ------------------------------------------------------------------------------

_names = st.sampled_from([key[-1] for key in known_keys()])
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names | _scalars, inner, max_size=5),
)
_fragments = st.lists(
    st.sampled_from(
        [
            *"{}[]:,-?!&*|>'\"%@`#~<\t\n \\",
            "\n  ",
            ": ",
            "- ",
            "--- ",
            "...\n",
            "!!int ",
            "<<: ",
            "\\UFFFFFFFF",
            "log",
            "shop",
            "1",
            "é",
        ]
    ),
    max_size=30,
).map("".join)


def _problems(data: bytes) -> list[ConfigProblem]:
    """What is wrong with such a file; whatever else is raised fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_bytes(data)
        try:
            load_config(path)
        except ConfigError as error:
            return error.problems
    return []


def _all_have_a_line(problems: list[ConfigProblem]) -> bool:
    return all(problem.line is not None and problem.line >= 1 for problem in problems)


@given(st.text() | _fragments)
def test_any_text_is_refused_in_words_with_lines(text: str) -> None:
    problems = _problems(text.encode("utf-8", "surrogatepass"))
    assert problems
    assert _all_have_a_line(problems)


@given(_values)
def test_any_yaml_is_refused_in_words_with_lines(value: object) -> None:
    problems = _problems(yaml.safe_dump(value, allow_unicode=True).encode())
    assert problems
    assert _all_have_a_line(problems)


@given(_fragments)
def test_any_addition_to_a_good_file_loads_or_is_refused_with_lines(text: str) -> None:
    assert _all_have_a_line(_problems((SMALLEST + text).encode()))


@pytest.mark.parametrize("key", list(known_keys()), ids=".".join)
@pytest.mark.parametrize(
    "value", [None, True, 10**30, "", "a\0b", "\ud800", [[]], ["x", None], {}, {"a": "b"}]
)
def test_any_value_of_any_key_loads_or_is_refused_with_its_line(key: tuple[str, ...], value: object) -> None:
    tree = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    section = tree
    for name in key[:-1]:
        section = section[name]
    section[key[-1]] = value
    problems = _problems(yaml.safe_dump(tree).encode())
    assert _all_have_a_line(problems)
    assert all(problem.key.startswith(key[0]) for problem in problems)


# --- The shipped file tells all -----------------------------------------------------------------------


def _documented_keys() -> dict[tuple[str, ...], bool]:
    """Every key of the shipped file by its indentation, and whether a comment is above it or beside it."""
    documented: dict[tuple[str, ...], bool] = {}
    above: list[str] = []
    commented = False
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        key = re.match(r"( *)([a-z_]+):", line)
        if key:
            above[len(key[1]) // 2 :] = [key[2]]
            documented[tuple(above)] = commented or " # " in line
        commented = line.lstrip().startswith("#")
    return documented


def test_every_key_is_in_the_shipped_file_and_no_other() -> None:
    assert set(_documented_keys()) == set(known_keys())


def test_every_key_of_the_shipped_file_is_documented() -> None:
    sections = {key[:-1] for key in known_keys()}
    assert [key for key, told in _documented_keys().items() if not told and key not in sections] == []
