"""config.yaml: typed, and every error with its line.

The text is read to YAML nodes, which know their lines, and only then to plain values: so every fault,
of the syntax or of a value, is told as `config.yaml:17: rules.limits.per_hour: must be ...`, and all
faults are told at once. No message repeats a value: it may be a password or a phone number gone astray.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import SplitResult, urlsplit

import phonenumbers
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from bridge.intake.masking import holds_number
from bridge.rules import (
    ORDINARY_LINES,
    Allowance,
    Countries,
    Day,
    Limits,
    LineType,
    LineTypes,
    LockOut,
    OpeningHours,
    Policy,
    Prices,
    Role,
    StandIns,
    TimeRange,
    Tolls,
    WorkingHours,
)
from bridge.rules.texts import SHIPPED, TemplateRefused, check_template

Key = tuple[str | int, ...]

# --- Errors -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One fault. `line` counts from 1, or is None for the file as a whole; `key` is dotted, maybe empty."""

    path: Path
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        place = self.path.name if self.line is None else f"{self.path.name}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(Exception):
    """The configuration can't be used; `problems` holds every fault found, in the order of their lines."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line or 0)
        super().__init__("\n".join(map(str, self.problems)))


# --- What a value may be ------------------------------------------------------------------------------


def _region(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        upper = {"UK": "GB"}.get(code.upper(), code.upper())
        hint = f"; did you mean {upper}?" if upper in phonenumbers.SUPPORTED_REGIONS else ""
        raise ValueError(f"must be a country's ISO code of two capital letters{hint}")
    return code


def _timezone(name: object) -> zoneinfo.ZoneInfo:
    if not isinstance(name, str):
        raise ValueError("must be a time zone, such as Europe/London")
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder, such as Europe
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ", such as Europe/London"
        raise ValueError(f"must be a time zone this machine knows{hint}") from None


def _path(text: object, info: ValidationInfo) -> Path:
    """A path as the daemon can open it: a relative one starts at the configuration file's folder."""
    if not isinstance(text, str | Path) or not str(text).strip() or not str(text).isprintable():
        raise ValueError("must be a path")
    folder: Path = (info.context or {})["folder"]  # load_config always gives it
    return folder / text


def _hours(text: object) -> object:
    return TimeRange.read(text if isinstance(text, str) else "")


def _day(text: object) -> Day:
    return Day.read(text if isinstance(text, str) else "")


def _money(amount: object) -> Decimal:
    """An amount of money. YAML's floats are texts here, which is well: 0.1 is no binary fraction."""
    text = "" if isinstance(amount, bool) or not isinstance(amount, int | str | Decimal) else str(amount)
    if re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,4})?", text, re.ASCII) is None:
        raise ValueError("must be an amount of money, such as 0.05")
    return Decimal(text)


def _some_money(amount: Decimal) -> Decimal:
    if amount == 0:
        raise ValueError("must be more than 0")
    return amount


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is, in words for docs/config.md, where its type alone does not tell."""

    words: str


@dataclass(frozen=True, slots=True)
class _Like:
    pattern: re.Pattern[str]
    wanted: str

    def __call__(self, text: str) -> str:
        if self.pattern.fullmatch(text) is None:
            raise ValueError(f"must be {self.wanted}")
        return text


def _like(pattern: str, wanted: str) -> AfterValidator:
    """A text that matches the whole pattern; `wanted` ends the sentence "must be ..."."""
    return AfterValidator(_Like(re.compile(pattern, re.ASCII), wanted))


def _http_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that don't match, a port that is no number: the message would quote them
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise ValueError("must be an http or https URL, such as http://127.0.0.1:8088/ari")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must hold no user, password or query: they have keys of their own")
    return parts


def _collector(url: str) -> str:
    try:
        _http_url(url)
    except ValueError:
        raise ValueError("must be the collector's URL, such as http://127.0.0.1:4318/v1/traces") from None
    return url


def _is_loopback(parts: SplitResult) -> bool:
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be a text on one line")
    return text


Line = Annotated[str, AfterValidator(_printable), Kind("a text on one line")]
Region = Annotated[str, AfterValidator(_region), Kind("a country's ISO code")]
Timezone = Annotated[zoneinfo.ZoneInfo, BeforeValidator(_timezone), Kind("a time zone")]
FilePath = Annotated[Path, BeforeValidator(_path), Kind("a path")]
HoursOfADay = Annotated[
    tuple[Annotated[TimeRange, BeforeValidator(_hours)], ...], Field(strict=False), Kind("a list of hours")
]
CalendarDay = Annotated[Day, BeforeValidator(_day)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
Count = Annotated[int, Field(ge=1, le=100_000)]
CountInAll = Annotated[int, Field(ge=1, le=1_000_000)]
Price = Annotated[Decimal, BeforeValidator(_money), Kind("an amount of money")]
Money = Annotated[Price, AfterValidator(_some_money), Kind("an amount of money, more than 0")]
Roles = Annotated[frozenset[Annotated[Role, Field(strict=False)]], Field(strict=False)]


# --- The sections, as config.yaml documents them ------------------------------------------------------


class Section(BaseModel):
    """A part of the file: no unknown keys, no conversions ("5" is no number), no changes later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, validate_default=True, defer_build=True
    )


# A section left out is one of defaults alone, checked like one that is written.
LEFT_OUT: Any = {}


class Shop(Section):
    name: Line
    country: Region
    language: Literal["en", "ru"] = "en"
    timezone: Timezone


class Asterisk(Section):
    plain_http_allowed: bool = False  # before ari_url, whose check reads it
    ari_url: Annotated[str, Kind("an http or https URL")] = "http://127.0.0.1:8088/ari"
    ari_user: Line = "call-bridge"
    ari_password_file: FilePath = Path("var/ari-password")
    application: Annotated[str, _like(r"[A-Za-z0-9_-]+", "letters, digits, - and _")] = "call-bridge"

    @field_validator("ari_url")
    @classmethod
    def _reachable_safely(cls, url: str, info: ValidationInfo) -> str:
        parts = _http_url(url)
        if parts.scheme == "http" and not _is_loopback(parts) and not info.data.get("plain_http_allowed"):
            raise ValueError(
                "must be https unless Asterisk is on this machine: plain http would carry the ARI password "
                "and customers' numbers readable across the network"
            )
        return url.rstrip("/")


# It is copied into a SIP header between < and >, so it can hold nothing that would end it. Headers of its own
# (after a "?") PJSIP would put into the INVITE.
CarrierUri = Annotated[
    str,
    _like(r"sips?:\{number\}@[A-Za-z0-9_.:;=\[\]%-]+", "sip:{number}@HOST:PORT, the carrier's address"),
]
EndpointName = Annotated[str, _like(r"[A-Za-z0-9_-]+", "an endpoint's name")]


class SealedTrunk(Section):
    endpoint: Annotated[
        str,
        _like(r"PJSIP/\{token\}@[A-Za-z0-9_-]+", "PJSIP/{token}@NAME, NAME of letters, digits, - and _"),
    ] = "PJSIP/{token}@trunk-sealed"
    carrier: CarrierUri
    listen: Annotated[
        str,
        _like(r"127(\.[0-9]{1,3}){3}:[0-9]{1,5}", "a loopback address and a port, such as 127.0.0.1:5071"),
    ] = "127.0.0.1:5071"
    asterisk: Annotated[
        str,
        _like(
            r"[0-9]{1,3}(\.[0-9]{1,3}){3}:[0-9]{1,5}", "an IPv4 address and a port, such as 127.0.0.1:5060"
        ),
    ] = "127.0.0.1:5060"
    watch: EndpointName | None = "trunk"
    backups: dict[EndpointName, CarrierUri] = LEFT_OUT

    @model_validator(mode="after")
    def _can_be_left(self) -> Self:
        if self.backups and self.watch is None:
            raise ValueError(
                "must watch the first gateway, or the backups are never used: give watch an endpoint"
            )
        return self

    @property
    def gateways(self) -> tuple[tuple[str | None, str], ...]:
        """The carrier's addresses, the most wanted first, each after the endpoint that watches it."""
        return ((self.watch, self.carrier), *self.backups.items())


class Trunk(Section):
    sealed: SealedTrunk | None = None
    direct: (
        Annotated[
            str,
            _like(
                r"PJSIP/\{number\}@[A-Za-z0-9_-]+", "PJSIP/{number}@NAME, NAME of letters, digits, - and _"
            ),
        ]
        | None
    ) = None
    number_format: Literal["+e164", "e164"] = "+e164"
    # Both stand in a SIP header: quotes, brackets and line ends would let them write other headers.
    caller_id_name: Annotated[Line, _like(r'[^"<>\\]+', 'a text without " < > and \\')]
    caller_id_number: Annotated[
        str, _like(r"\+?[0-9]{3,15}", "3 to 15 digits, after a + where the carrier wants one")
    ]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.sealed is None) == (self.direct is None):
            raise ValueError("must have either a section named sealed or a value for direct")
        return self


class Managers(Section):
    endpoint: Annotated[
        str,
        _like(
            r"PJSIP/[A-Za-z0-9_-]*\{extension\}[A-Za-z0-9_-]*",
            "PJSIP/{extension}, with nothing but letters, digits, - and _ around {extension}",
        ),
    ] = "PJSIP/{extension}"


Recording = Annotated[
    str,
    _like(
        r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*",
        "a recording's name, as Playback() takes it",
    ),
]


_DAYTIME: Any = ("08:00-21:00",)  # as it would be written, for defaults are checked and read like the rest
_ALL_DAY: Any = ("00:00-24:00",)


class HourRules(Section):
    monday: HoursOfADay = _DAYTIME
    tuesday: HoursOfADay = _DAYTIME
    wednesday: HoursOfADay = _DAYTIME
    thursday: HoursOfADay = _DAYTIME
    friday: HoursOfADay = _DAYTIME
    saturday: HoursOfADay = _DAYTIME
    sunday: HoursOfADay = _DAYTIME

    def week(self, timezone: zoneinfo.ZoneInfo) -> WorkingHours:
        days = (
            self.monday,
            self.tuesday,
            self.wednesday,
            self.thursday,
            self.friday,
            self.saturday,
            self.sunday,
        )
        return WorkingHours(days, timezone)


class CallerHours(HourRules):
    """The same, open all the week but for what is written."""

    monday: HoursOfADay = _ALL_DAY
    tuesday: HoursOfADay = _ALL_DAY
    wednesday: HoursOfADay = _ALL_DAY
    thursday: HoursOfADay = _ALL_DAY
    friday: HoursOfADay = _ALL_DAY
    saturday: HoursOfADay = _ALL_DAY
    sunday: HoursOfADay = _ALL_DAY


class Callbacks(Section):
    endpoints: Annotated[frozenset[EndpointName], Field(strict=False, min_length=1)] = frozenset({"trunk"})
    caller_in: Literal["From", "P-Asserted-Identity"] = "From"
    first_seconds: Annotated[int, Field(ge=1, le=60)] = 8
    ring_seconds: Annotated[int, Field(ge=5, le=60)] = 20
    stand_ins: Annotated[StandIns, Field(strict=False)] = StandIns.SUPERVISORS
    hours: CallerHours = LEFT_OUT
    holidays: Annotated[frozenset[CalendarDay], Field(strict=False), Kind("a list of days")] = frozenset()
    open_days: Annotated[dict[CalendarDay, HoursOfADay], Kind("days and their hours")] = LEFT_OUT
    ask_code: bool = True
    code_prompt: Annotated[tuple[Recording, ...], Field(strict=False, min_length=1)] = (
        "vm-enter-num-to-call",
        "vm-then-pound",
    )
    code_seconds: Annotated[int, Field(ge=5, le=60)] = 20
    codes_per_caller: Annotated[int, Field(ge=1, le=100)] = 5
    codes_in_all: Annotated[int, Field(ge=1, le=1000)] = 60
    voicemail: bool = False
    voicemail_prompt: Annotated[tuple[Recording, ...], Field(strict=False, min_length=1)] = (
        "vm-nobodyavail",
        "vm-intro",
    )
    voicemail_seconds: Annotated[int, Field(ge=10, le=300)] = 120
    voicemails_kept: Annotated[int, Field(ge=1, le=1000)] = 200
    voicemail_days: Annotated[int, Field(ge=1, le=365)] = 30


KeyCode = Annotated[str, _like(r"|[*#][0-9*]{1,3}", "* or #, then up to three keys, or nothing")]


class Captures(Section):
    code: KeyCode = "*5"
    key_seconds: Annotated[int, Field(ge=3, le=60)] = 12
    longest_seconds: Annotated[int, Field(ge=30, le=600)] = 120


class Store(Section):
    path: FilePath = Path("var/call-bridge.db")


class Keys(Section):
    file: FilePath | None = None
    credential: Annotated[str, _like(r"[A-Za-z0-9_.-]+", "a credential's name, not a path")] | None = None
    environment: Annotated[str, _like(r"[A-Za-z_][A-Za-z0-9_]*", "a variable's name")] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if [self.file, self.credential, self.environment].count(None) != 2:
            raise ValueError("must name exactly one of file, credential and environment")
        return self


Listen = Annotated[
    str, _like(r"([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}", "an address and a port")
]


class Api(Section):
    socket: FilePath = Path("var/call-bridge.sock")
    desk_socket: FilePath = Path("var/desk.sock")
    plain_http_allowed: bool = False  # before listen, whose check reads it
    listen: Listen | None = None
    requests_per_minute: Count = 600

    @field_validator("listen")
    @classmethod
    def _encrypted_across_the_network(cls, address: str | None, info: ValidationInfo) -> str | None:
        if address is None:
            return None
        try:
            parts = _http_url(f"http://{address}")
        except ValueError:
            raise ValueError("must be an address and a port, such as 127.0.0.1:8444") from None
        if not _is_loopback(parts) and not info.data.get("plain_http_allowed"):
            raise ValueError(
                "must be a loopback address, with a proxy before it that has TLS: plain http would carry "
                "tokens and customers' numbers readable across the network"
            )
        return address


def _ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("must be an IP address, such as 127.0.0.1") from None


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError("must be a network, such as 192.0.2.0/24, or an address") from None


Networks = Annotated[
    frozenset[Annotated[str, AfterValidator(_network), Kind("a network")]], Field(strict=False)
]


class Webhooks(Section):
    private_networks: Networks = frozenset()
    disable_after_days: Annotated[int, Field(ge=1, le=30)] = 5


class Shops(Section):
    private_networks: Networks = frozenset()
    pull_every_seconds: Annotated[int, Field(ge=10, le=86_400)] = 60
    first_days: Annotated[int, Field(ge=1, le=365)] = 14


def _template(words: str) -> str:
    try:
        check_template(words)
    except TemplateRefused as refused:
        raise ValueError(f"must {refused}") from None
    if holds_number(words):
        raise ValueError("must hold no number: {number} is the shop's own")
    return words


TemplateName = Annotated[
    str,
    _like(r"[a-z]{1,20}(-[a-z]{1,20}){0,3}", "a name of small letters, such as tried-to-reach"),
    Kind("a template's name"),
]
TemplateWords = Annotated[str, AfterValidator(_template), Kind("a template")]
FieldName = Annotated[str, _like(r"[A-Za-z0-9_.-]{1,60}", "a field's name of letters, digits, _ . and -")]


class TextsHttp(Section):
    number_field: FieldName = "to"
    number_format: Literal["+e164", "e164"] = "+e164"
    text_field: FieldName = "text"
    id_field: FieldName | None = "id"
    more_fields: dict[FieldName, Line] = LEFT_OUT
    accepted: dict[FieldName, Line] = LEFT_OUT


class Texts(Section):
    enabled: bool = False
    gateway: Annotated[str, _like(r"[a-z][a-z0-9-]{0,40}", "a gateway's name")] = "http"
    private_networks: Networks = frozenset()  # before url, whose check reads it
    url: Annotated[str, Kind("an https URL")] | None = None
    token_file: FilePath | None = None
    token_credential: Annotated[str, _like(r"[A-Za-z0-9_.-]+", "a credential's name, not a path")] | None = (
        None
    )
    http: TextsHttp = LEFT_OUT
    options: dict[FieldName, Line] = LEFT_OUT
    templates: dict[
        TemplateName, Annotated[dict[Literal["en", "ru"], TemplateWords], Field(min_length=1)]
    ] = LEFT_OUT
    per_customer_per_day: Annotated[int, Field(ge=1, le=20)] = 3
    after: dict[Literal["no-answer", "busy", "declined", "missed", "passed-on"], TemplateName] = LEFT_OUT

    @field_validator("url")
    @classmethod
    def _encrypted_across_the_network(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and _http_url(url).scheme == "http" and not info.data.get("private_networks"):
            raise ValueError("must be https: plain http is for texts.private_networks alone")
        return url

    @property
    def all_templates(self) -> Mapping[str, Mapping[str, str]]:
        """By name, then by language: those that are always there, and the shop's own."""
        own = {
            name: {str(language): words for language, words in template.items()}
            for name, template in self.templates.items()
        }
        return {**SHIPPED, **own}

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if self.enabled and self.url is None:
            raise ValueError("must have a url where enabled is true")
        if self.token_file is not None and self.token_credential is not None:
            raise ValueError("must have token_file or token_credential, and not both")
        if not set(self.after.values()) <= set(self.all_templates):
            raise ValueError("must name a template that there is after each result of after")
        return self


class Agi(Section):
    network_allowed: bool = False  # before listen, whose check reads it
    listen: (
        Annotated[
            str, _like(r"([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}", "an address and a port")
        ]
        | None
    ) = None
    peers: Annotated[
        frozenset[Annotated[str, AfterValidator(_ip_address), Kind("an IP address")]],
        Field(strict=False, min_length=1),
    ] = frozenset({"127.0.0.1"})

    @field_validator("listen")
    @classmethod
    def _of_this_machine_alone(cls, address: str | None, info: ValidationInfo) -> str | None:
        if address is None:
            return None
        try:
            parts = _http_url(f"http://{address}")
        except ValueError:
            raise ValueError("must be an address and a port, such as 127.0.0.1:4573") from None
        if not _is_loopback(parts) and not info.data.get("network_allowed"):
            raise ValueError(
                "must be a loopback address unless agi.network_allowed is true: FastAGI is not encrypted, "
                "and has no password"
            )
        return address


class Ami(Section):
    enabled: bool = False
    host: Annotated[
        str,
        _like(r"127(\.[0-9]{1,3}){3}|::1|localhost", "a loopback address: AMI is not encrypted"),
    ] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 5038
    user: Annotated[str, _like(r"[A-Za-z0-9_-]+", "letters, digits, - and _")] = "call-bridge"
    secret_file: FilePath | None = None
    secret_credential: Annotated[str, _like(r"[A-Za-z0-9_.-]+", "a credential's name, not a path")] | None = (
        None
    )

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        given = [self.secret_file, self.secret_credential].count(None)
        if given == 0 or (self.enabled and given == 2):
            raise ValueError("must name one of secret_file and secret_credential where enabled is true")
        return self


class Telemetry(Section):
    enabled: bool = False
    endpoint: Annotated[str, AfterValidator(_collector), Kind("an http or https URL")] = (
        "http://127.0.0.1:4318/v1/traces"
    )


class DeskTls(Section):
    certificate: FilePath | None = None
    key: FilePath | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("must have both certificate and key, or neither")
        return self


class ReadingLimits(Section):
    cards_per_minute: Count = 20
    cards_per_hour: Count = 200


class DeskPhones(Section):
    server: (
        Annotated[
            str,
            _like(
                r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?",
                "the PBX's host, and a port where it is not the usual one, such as pbx.example.net:5061",
            ),
        ]
        | None
    ) = None
    transport: Literal["udp", "tcp", "tls"] = "udp"
    srtp: bool = False
    websocket: Annotated[str, Kind("a wss URL")] | None = None

    @field_validator("websocket")
    @classmethod
    def _encrypted(cls, url: str | None) -> str | None:
        if url is None:
            return None
        # It stands in the Content-Security-Policy, where a space or a semicolon would begin something else.
        if re.fullmatch(r"wss?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._-]+)*", url) is None:
            raise ValueError("must be a wss URL, such as wss://desk.example.net/ws")
        parts = urlsplit(url)
        if parts.scheme == "ws" and not _is_loopback(parts):
            raise ValueError("must be wss, unless it is on this machine")
        return url

    @model_validator(mode="after")
    def _keys_cross_no_network_readable(self) -> Self:
        if self.srtp and self.transport != "tls":
            raise ValueError(
                "must have transport tls for srtp: its keys are exchanged in SIP, and would be readable"
            )
        return self


class Desk(Section):
    tls: DeskTls = LEFT_OUT  # before listen, whose check reads it
    listen: Listen = "127.0.0.1:8090"
    url: Annotated[str, Kind("an http or https URL without a path")] | None = None
    idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    longest_hours: Annotated[int, Field(ge=1, le=168)] = 12
    second_factor: Roles = frozenset({Role.SUPERVISOR, Role.OWNER})
    watermark: bool = True
    wrap_up_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    next_after_seconds: Annotated[int, Field(ge=0, le=300)] = 8
    disclosure: bool = False
    number_links: bool = False
    comparisons_per_day: Annotated[int, Field(ge=0, le=20)] = 3
    reading: ReadingLimits = LEFT_OUT
    phones: DeskPhones = LEFT_OUT

    @field_validator("listen")
    @classmethod
    def _encrypted_across_the_network(cls, address: str, info: ValidationInfo) -> str:
        try:
            parts = _http_url(f"http://{address}")
        except ValueError:
            raise ValueError("must be an address and a port, such as 127.0.0.1:8090") from None
        tls = info.data.get("tls")
        if not _is_loopback(parts) and isinstance(tls, DeskTls) and tls.certificate is None:
            raise ValueError(
                "must be a loopback address unless desk.tls has a certificate: passwords would cross the "
                "network readable"
            )
        return address

    @field_validator("url")
    @classmethod
    def _an_origin(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = _http_url(url)
        except ValueError:
            raise ValueError("must be the desk's own address, such as https://desk.example.net") from None
        if parts.path not in {"", "/"}:
            raise ValueError("must have no path: browsers keep the desk's cookies for a whole host")
        if parts.scheme == "http" and not _is_loopback(parts):
            raise ValueError("must be https, unless it is on this machine")
        return url.rstrip("/")


class Calls(Section):
    ring_seconds: Annotated[int, Field(ge=5, le=300)] = 45
    manager_ring_seconds: Annotated[int, Field(ge=5, le=300)] = 30
    next_contact_after: Annotated[
        frozenset[Literal["invalid-number", "busy", "declined", "no-answer"]], Field(strict=False)
    ] = frozenset({"invalid-number"})
    max_seconds: Annotated[int, Field(ge=10, le=86_400)] = 7200
    max_live: Count = 50
    on_stop: Literal["leave", "drain"] = "leave"
    drain_seconds: Seconds = 600
    do_not_call_code: KeyCode = "*9"
    compare_code: KeyCode = "*7"


class LimitRules(Section):
    per_hour: Count = 60
    live_per_manager: Count = 1
    per_day: Count = 300
    per_day_in_all: CountInAll = 2000
    minutes_per_day: Count = 300
    minutes_per_day_in_all: CountInAll = 3000
    spend_per_day: Money = Decimal(20)
    spend_per_day_in_all: Money = Decimal(100)


class PriceRules(Section):
    currency: Annotated[str, _like(r"[A-Z]{3}", "a currency's ISO code of three capital letters")] = "GBP"
    default: Price = Decimal("0.50")
    own_country: Price = Decimal("0.05")
    countries: dict[Region, dict[Annotated[LineType, Field(strict=False)], Price]] = LEFT_OUT


class LockOutRules(Section):
    misses: Annotated[int, Field(ge=1, le=100)] = 5
    within_seconds: Seconds = 600
    for_seconds: Seconds = 900


class Rules(Section):
    limits: LimitRules = LEFT_OUT
    prices: PriceRules = LEFT_OUT
    working_hours: HourRules = LEFT_OUT
    other_countries: Annotated[frozenset[Region], Field(strict=False)] = frozenset()
    line_types: Annotated[
        frozenset[Annotated[LineType, Field(strict=False)]], Field(strict=False, min_length=1)
    ] = ORDINARY_LINES
    lock_out: LockOutRules = LEFT_OUT
    refusal_delay_ms: Annotated[int, Field(ge=0, le=5000)] = 500


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a configuration is from. It makes no difference: what says the same is the same."""

    path: Path | None = field(default=None, compare=False)
    lines: Mapping[Key, int] = field(default_factory=dict, compare=False)


class Config(Section):
    """The whole file. Paths are resolved, the time zone is loaded, secrets are named but not read."""

    shop: Shop
    asterisk: Asterisk = LEFT_OUT
    trunk: Trunk
    managers: Managers = LEFT_OUT
    callbacks: Callbacks = LEFT_OUT
    captures: Captures = LEFT_OUT
    store: Store = LEFT_OUT
    keys: Keys
    api: Api = LEFT_OUT
    webhooks: Webhooks = LEFT_OUT
    shops: Shops = LEFT_OUT
    texts: Texts = LEFT_OUT
    agi: Agi = LEFT_OUT
    ami: Ami = LEFT_OUT
    calls: Calls = LEFT_OUT
    rules: Rules = LEFT_OUT
    desk: Desk = LEFT_OUT
    telemetry: Telemetry = LEFT_OUT
    log: Log = LEFT_OUT

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @model_validator(mode="after")
    def _codes_apart(self) -> Self:
        codes = {
            "captures.code": self.captures.code,
            "calls.do_not_call_code": self.calls.do_not_call_code,
            "calls.compare_code": self.calls.compare_code,
        }
        for (name, code), (other_name, other) in combinations(codes.items(), 2):
            if code and other and (code.endswith(other) or other.endswith(code)):
                raise ValueError(
                    f"{name} {code} and {other_name} {other} can't be told apart:"
                    " neither may end with the other"
                )
        return self

    @property
    def path(self) -> Path | None:
        """The file that it was read from."""
        return self._origin.path

    def line_of(self, *key: str) -> int | None:
        """Where a key stands in the file; None for one that is not in it, and has its default."""
        return self._origin.lines.get(key)

    def policy(self) -> Policy:
        """The rules as the pure core takes them."""
        limits, lock_out = self.rules.limits, self.rules.lock_out
        return Policy(
            limits=Limits(
                calls_per_hour=limits.per_hour,
                live_in_all=self.calls.max_live,
                live_per_manager=limits.live_per_manager,
            ),
            tolls=self._tolls(),
            hours=self.working_hours(),
            countries=Countries(self.rules.other_countries | {self.shop.country}),
            line_types=LineTypes(self.rules.line_types),
            lock_out=LockOut(
                misses=lock_out.misses,
                within_seconds=lock_out.within_seconds,
                for_seconds=lock_out.for_seconds,
            ),
            refusal_delay_ms=self.rules.refusal_delay_ms,
        )

    def working_hours(self) -> WorkingHours:
        """When customers may be called and sent texts."""
        return self.rules.working_hours.week(self.shop.timezone)

    def opening_hours(self) -> OpeningHours:
        """When managers' phones ring for customers who call, as the pure core takes it."""
        callbacks = self.callbacks
        week = callbacks.hours.week(self.shop.timezone)
        return OpeningHours(week, callbacks.holidays, callbacks.open_days)

    def _tolls(self) -> Tolls:
        limits, prices = self.rules.limits, self.rules.prices
        return Tolls(
            manager=Allowance(limits.per_day, limits.minutes_per_day, limits.spend_per_day),
            in_all=Allowance(
                limits.per_day_in_all, limits.minutes_per_day_in_all, limits.spend_per_day_in_all
            ),
            prices=Prices(
                default=prices.default,
                by_line={(self.shop.country, line.value): prices.own_country for line in ORDINARY_LINES}
                | {
                    (region, line.value): price
                    for region, lines in prices.countries.items()
                    for line, price in lines.items()
                },
            ),
        )


# --- Reading ------------------------------------------------------------------------------------------


def load_config(path: Path) -> Config:
    """Read and check the configuration; raises ConfigError, with every fault at once."""
    source = _Source(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise source.failure(None, f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise source.failure(line, "must be UTF-8 text") from None
    return config_of(text, path)


def config_of(text: str, path: Path) -> Config:
    """Check a configuration that lies, or is to lie, at `path`; raises ConfigError, with every fault."""
    source = _Source(path)
    values = source.values(text)
    try:
        config = Config.model_validate(values, context={"folder": path.absolute().parent})
    except ValidationError as error:
        source.add_all(error.errors(include_url=False, include_input=False))
    if source.problems:
        raise ConfigError(source.problems)
    config._origin = Origin(path.absolute(), source.lines)
    return config


def known_keys(section: type[BaseModel] = Config, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key there is, sections too: ("rules",), ("rules", "limits"), ("rules", "limits", "per_hour")."""
    for name, key in section.model_fields.items():
        yield (*above, name)
        for kind in (key.annotation, *get_args(key.annotation)):
            if isinstance(kind, type) and issubclass(kind, Section):
                yield from known_keys(kind, (*above, name))


def changed_keys(old: Section, new: Section, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys whose values differ; a section that only one of the two has is one key."""
    for name in type(old).model_fields:
        was, now = getattr(old, name), getattr(new, name)
        if isinstance(was, Section) and isinstance(now, Section):
            yield from changed_keys(was, now, (*above, name))
        elif was != now:
            yield (*above, name)


# The plain scalars that mean more than their text. YAML 1.1 has many more, which bite: NO (Norway) is
# false, 21:00 is 1260, 0101 is 65. These are YAML 1.2's core schema without octal, hex and floats.
_NULL, _BOOL, _INT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int"))
_STR, _MAP, _SEQ = (f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))
_SCALARS = {
    _NULL: re.compile(r"(?:|~|null)\Z"),
    _BOOL: re.compile(r"(?:true|false)\Z"),
    _INT: re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z"),
}
_DEEPEST = 10  # levels of nesting; the file needs four


class _NodeLoader(yaml.SafeLoader):
    """Composes nodes. Without aliases, which could make a small file endless, and not too deep to walk."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {  # noqa: RUF012 - PyYAML's way
        None: list(_SCALARS.items())
    }
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark  # the stubs know two kinds of marks, and not that both will do
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="no alias (*name) is used here", problem_mark=mark)
        if self.depth == _DEEPEST:
            raise yaml.MarkedYAMLError(problem="nothing is nested so deeply", problem_mark=mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Source:
    """One file being read: what was found wrong so far, and on which line each key stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[ConfigProblem] = []
        self.lines: dict[Key, int] = {(): 1}

    def failure(self, line: int | None, message: str) -> ConfigError:
        """A fault that leaves nothing to read further."""
        return ConfigError([ConfigProblem(self.path, line, "", message)])

    def add(self, key: Key, message: str, line: int | None = None) -> None:
        self.problems.append(ConfigProblem(self.path, line or self._line(key), _dotted(key), message))

    def add_all(self, errors: list[ErrorDetails]) -> None:
        """Take over what pydantic found, but for keys whose value could not even be read."""
        unreadable = {problem.key for problem in self.problems}
        for error in errors:
            if _dotted(error["loc"]) not in unreadable:
                self.add(error["loc"], _message(error))

    def values(self, text: str) -> Any:
        """The text as plain dicts, lists and scalars; raises ConfigError where it is no YAML."""
        loader = None
        try:
            loader = _NodeLoader(text)
            root = loader.get_single_node()
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise self.failure(line, "holds a character that text files don't have") from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self.failure(mark.line + 1 if mark else None, _syntax_message(error)) from None
        except (ValueError, OverflowError):  # PyYAML lets them through for an escape such as \UFFFFFFFF
            raise self.failure(loader.line + 1 if loader else None, "is not valid YAML here") from None
        return {} if root is None else self._value(root, ())

    def _value(self, node: yaml.Node, key: Key) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == _MAP:
            return self._section(node, key)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQ:
            return [self._item(item, (*key, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and (node.tag == _STR or _is_plain(node)):
            return _scalar(node)
        self.add(key, "has a tag (!...) that is not used here", node.start_mark.line + 1)
        return None

    def _item(self, node: yaml.Node, key: Key) -> Any:
        self.lines[key] = node.start_mark.line + 1
        return self._value(node, key)

    def _section(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        section: dict[str, Any] = {}
        for name, value in node.value:
            line = name.start_mark.line + 1
            if not isinstance(name, yaml.ScalarNode):
                self.add(key, "a key must be one word", line)
            elif name.value in section:
                first = self._line((*key, name.value))
                self.add((*key, name.value), f"is given twice, first on line {first}", line)
            else:
                self.lines[*key, name.value] = line
                section[name.value] = self._value(value, (*key, name.value))
        return section

    def _line(self, key: Key) -> int:
        """The line of the key, or of the nearest section around it where the key itself is missing."""
        while key not in self.lines:
            key = key[:-1]
        return self.lines[key]


def _is_plain(node: yaml.ScalarNode) -> bool:
    """Whether the text is what its tag says: `!!int five` is not."""
    return node.tag in _SCALARS and _SCALARS[node.tag].match(node.value) is not None


def _scalar(node: yaml.ScalarNode) -> str | int | bool | None:
    if node.tag == _INT:
        return int(node.value)
    if node.tag == _BOOL:
        return str(node.value) == "true"
    return None if node.tag == _NULL else str(node.value)


# --- Words --------------------------------------------------------------------------------------------

_HINTS: Mapping[Key, str] = {
    ("asterisk", "ari_password"): (
        "passwords don't belong here: write it to a file of mode 0600 and name that in ari_password_file"
    ),
}


_OF_A_KEY = "[key]"
"""By this pydantic says that the key itself, and not its value, is wrong."""


def _dotted(key: Key) -> str:
    """The key without places in lists, which the line tells; what can't be a key isn't repeated."""
    names = [part for part in key if isinstance(part, str) and part != _OF_A_KEY]
    return ".".join(name if re.fullmatch(r"[A-Za-z_-]{1,40}", name) else "?" for name in names)


def _message(error: ErrorDetails) -> str:
    """pydantic's finding in a sysadmin's words, never with the value."""
    wanted = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return _unknown_key(error["loc"])
        case "value_error":
            return str(wanted["error"])
        case kind:
            return "must be " + _KINDS.get(kind, "of another form").format(**wanted).replace("'", "")


_KINDS = {
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text (in quotes, if it looks like a number)",
    "string_unicode": "a text of whole characters",
    "tuple_type": "a list, such as [] or [one, two]",
    "frozen_set_type": "a list, such as [] or [one, two]",
    "model_type": "a section: indented lines of `key: value`",
    "dict_type": "a section: indented lines of `key: value`",
    "too_short": "a list that is not empty",
}


def _unknown_key(key: Key) -> str:
    if key in _HINTS:
        return _HINTS[key]
    *above, name = map(str, key)
    siblings = [known[-1] for known in known_keys() if known[:-1] == tuple(above)]
    elsewhere = [".".join(known) for known in known_keys() if known[-1] == name]
    near = (difflib.get_close_matches(name, siblings, n=1) or elsewhere)[:1]
    return f"unknown key; did you mean {near[0]}?" if near else "unknown key"


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's finding, unless it quotes what may be a number; tabs in plain words."""
    problem = error.problem or ""
    if "'\\t'" in problem:
        return "holds a tab: YAML is indented with spaces"
    quotes_the_file = re.search(r"\d", problem) is not None
    return "is not valid YAML here" + ("" if quotes_the_file or not problem else f": {problem}")
