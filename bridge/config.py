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
from dataclasses import dataclass
from decimal import Decimal
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
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from bridge.rules import (
    ORDINARY_LINES,
    Allowance,
    Countries,
    Limits,
    LineType,
    LineTypes,
    LockOut,
    Policy,
    Prices,
    TimeRange,
    Tolls,
    WorkingHours,
)

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
    match = (
        re.fullmatch(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", text, re.ASCII) if isinstance(text, str) else None
    )
    if match is None:
        raise ValueError('must be a time range such as "09:00-18:00"')
    from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
    return TimeRange(from_hour * 60 + from_minute, to_hour * 60 + to_minute)


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


def _like(pattern: str, wanted: str) -> AfterValidator:
    """A text that matches the whole pattern; `wanted` ends the sentence "must be ..."."""
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"must be {wanted}")
        return text

    return AfterValidator(check)


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


def _is_loopback(parts: SplitResult) -> bool:
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be a text on one line")
    return text


Line = Annotated[str, AfterValidator(_printable)]
Region = Annotated[str, AfterValidator(_region)]
Timezone = Annotated[zoneinfo.ZoneInfo, BeforeValidator(_timezone)]
FilePath = Annotated[Path, BeforeValidator(_path)]
HoursOfADay = Annotated[tuple[Annotated[TimeRange, BeforeValidator(_hours)], ...], Field(strict=False)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
Count = Annotated[int, Field(ge=1, le=100_000)]
Price = Annotated[Decimal, BeforeValidator(_money)]
Money = Annotated[Price, AfterValidator(_some_money)]


# --- The sections, as config.yaml documents them ------------------------------------------------------


class Section(BaseModel):
    """A part of the file: no unknown keys, no conversions ("5" is no number), no changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


# A section left out is one of defaults alone, checked like one that is written.
LEFT_OUT: Any = {}


class Shop(Section):
    name: Line
    country: Region
    language: Literal["en", "ru"] = "en"
    timezone: Timezone


class Asterisk(Section):
    plain_http_allowed: bool = False  # before ari_url, whose check reads it
    ari_url: str = "http://127.0.0.1:8088/ari"
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


class SealedTrunk(Section):
    endpoint: Annotated[
        str,
        _like(r"PJSIP/\{token\}@[A-Za-z0-9_-]+", "PJSIP/{token}@NAME, NAME of letters, digits, - and _"),
    ] = "PJSIP/{token}@trunk-sealed"
    # It is copied into a SIP header between < and >, so it can hold nothing that would end it.
    carrier: Annotated[
        str,
        _like(r"sips?:\{number\}@[A-Za-z0-9_.:;=\[\]?%-]+", "sip:{number}@HOST:PORT, the carrier's address"),
    ]
    listen: Annotated[
        str,
        _like(r"127(\.[0-9]{1,3}){3}:[0-9]{1,5}", "a loopback address and a port, such as 127.0.0.1:5071"),
    ] = "127.0.0.1:5071"
    watch: Annotated[str, _like(r"[A-Za-z0-9_-]+", "an endpoint's name")] | None = "trunk"


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


class Api(Section):
    socket: FilePath = Path("var/call-bridge.sock")


class Calls(Section):
    ring_seconds: Annotated[int, Field(ge=5, le=300)] = 45
    manager_ring_seconds: Annotated[int, Field(ge=5, le=300)] = 30
    max_seconds: Annotated[int, Field(ge=10, le=86_400)] = 7200
    max_live: Count = 50


class LimitRules(Section):
    per_hour: Count = 60
    live_per_manager: Count = 1
    per_day: Count = 300
    per_day_in_all: Count = 2000
    minutes_per_day: Count = 300
    minutes_per_day_in_all: Count = 3000
    spend_per_day: Money = Decimal(20)
    spend_per_day_in_all: Money = Decimal(100)


class PriceRules(Section):
    currency: Annotated[str, _like(r"[A-Z]{3}", "a currency's ISO code of three capital letters")] = "GBP"
    default: Price = Decimal("0.50")
    own_country: Price = Decimal("0.05")
    countries: dict[Region, dict[Annotated[LineType, Field(strict=False)], Price]] = LEFT_OUT


_DAYTIME: Any = ("08:00-21:00",)  # as it would be written, for defaults are checked and read like the rest


class HourRules(Section):
    monday: HoursOfADay = _DAYTIME
    tuesday: HoursOfADay = _DAYTIME
    wednesday: HoursOfADay = _DAYTIME
    thursday: HoursOfADay = _DAYTIME
    friday: HoursOfADay = _DAYTIME
    saturday: HoursOfADay = _DAYTIME
    sunday: HoursOfADay = _DAYTIME


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


class Config(Section):
    """The whole file. Paths are resolved, the time zone is loaded, secrets are named but not read."""

    shop: Shop
    asterisk: Asterisk = LEFT_OUT
    trunk: Trunk
    managers: Managers = LEFT_OUT
    store: Store = LEFT_OUT
    keys: Keys
    api: Api = LEFT_OUT
    calls: Calls = LEFT_OUT
    rules: Rules = LEFT_OUT
    log: Log = LEFT_OUT

    def policy(self) -> Policy:
        """The rules as the pure core takes them."""
        limits, hours, lock_out = self.rules.limits, self.rules.working_hours, self.rules.lock_out
        return Policy(
            limits=Limits(
                calls_per_hour=limits.per_hour,
                live_in_all=self.calls.max_live,
                live_per_manager=limits.live_per_manager,
            ),
            tolls=self._tolls(),
            hours=WorkingHours(
                days=(
                    hours.monday,
                    hours.tuesday,
                    hours.wednesday,
                    hours.thursday,
                    hours.friday,
                    hours.saturday,
                    hours.sunday,
                ),
                timezone=self.shop.timezone,
            ),
            countries=Countries(self.rules.other_countries | {self.shop.country}),
            line_types=LineTypes(self.rules.line_types),
            lock_out=LockOut(
                misses=lock_out.misses,
                within_seconds=lock_out.within_seconds,
                for_seconds=lock_out.for_seconds,
            ),
            refusal_delay_ms=self.rules.refusal_delay_ms,
        )

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

Key = tuple[str | int, ...]


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
    values = source.values(text)
    try:
        config = Config.model_validate(values, context={"folder": path.absolute().parent})
    except ValidationError as error:
        source.add_all(error.errors(include_url=False, include_input=False))
    if source.problems:
        raise ConfigError(source.problems)
    return config


def known_keys(section: type[BaseModel] = Config, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key there is, sections too: ("rules",), ("rules", "limits"), ("rules", "limits", "per_hour")."""
    for name, field in section.model_fields.items():
        yield (*above, name)
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, Section):
                yield from known_keys(kind, (*above, name))


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
        self._lines: dict[Key, int] = {(): 1}

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
        self._lines[key] = node.start_mark.line + 1
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
                self._lines[*key, name.value] = line
                section[name.value] = self._value(value, (*key, name.value))
        return section

    def _line(self, key: Key) -> int:
        """The line of the key, or of the nearest section around it where the key itself is missing."""
        while key not in self._lines:
            key = key[:-1]
        return self._lines[key]


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
