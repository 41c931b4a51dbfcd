"""pjsip.conf as PJSIP's sorcery takes it: objects told apart by `type=`, and their defaults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bridge.config import Config
from bridge.doctor.conf import Conf, Section, is_true

MANAGERS_CONTEXT: Final = "call-bridge-managers"
TRUNK_CONTEXT: Final = "call-bridge-trunk"
MANAGER_TEMPLATE: Final = "call-bridge-manager"
SEALED_TEMPLATE: Final = "call-bridge-trunk-sealed"
TRUNK_TEMPLATE: Final = "call-bridge-trunk"

LOOPBACK: Final = "127.0.0.1"
SIP_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}
_BIND: Final = re.compile(r"(?P<host>[0-9.]{7,15})(?::(?P<port>[0-9]{1,5}))?", re.ASCII)

DEFAULTS: Final = {
    "allow_overlap": "yes",
    "allow_subscribe": "yes",
    "allow_transfer": "yes",
    "direct_media": "yes",
    "dtmf_mode": "rfc4733",
    "fax_detect": "no",
    "force_rport": "yes",
    "identify_by": "username,ip",
    "max_audio_streams": "1",
    "max_video_streams": "1",
    "one_touch_recording": "no",
    "redirect_method": "user",
    "rewrite_contact": "no",
    "rpid_immediate": "no",
    "rtp_symmetric": "no",
    "send_aoc": "no",
    "send_connected_line": "yes",
    "send_diversion": "yes",
    "send_history_info": "no",
    "send_pai": "no",
    "send_rpid": "no",
    "suppress_q850_reason_headers": "no",
    "t38_udptl": "no",
    "trust_connected_line": "yes",
    "trust_id_inbound": "no",
    "trust_id_outbound": "no",
    # Of an AOR.
    "max_contacts": "0",
    "remove_existing": "no",
    "maximum_expiration": "7200",
    "qualify_frequency": "0",
}
"""What an endpoint or AOR has where nothing is written, in res_pjsip's own source; empty for all else."""


@dataclass(frozen=True, slots=True)
class Line:
    """How customers are dialled: by which endpoint, and whether as tokens."""

    endpoint: str
    sealed: bool


def objects(conf: Conf | None, kind: str) -> dict[str, Section]:
    """All objects of one `type`, by name. Of two of the same name, the first."""
    found: dict[str, Section] = {}
    for section in conf.in_use() if conf else ():
        setting = section.last("type")
        if setting is not None and setting.value.lower() == kind:
            found.setdefault(section.name, section)
    return found


def sip_address(conf: Conf | None, protocol: str) -> tuple[str, int]:
    """Where a program on the PBX's own machine reaches its SIP: the first such transport's bind, of IPv4."""
    for section in objects(conf, "transport").values():
        bind = _BIND.fullmatch(value_of(section, "bind"))
        if bind is not None and (value_of(section, "protocol") or "udp").lower() == protocol:
            everywhere = bind["host"] == "0.0.0.0"  # noqa: S104 - what is written there, not what is bound here
            return (LOOPBACK if everywhere else bind["host"]), int(bind["port"] or SIP_PORTS[protocol])
    return LOOPBACK, SIP_PORTS[protocol]


def value_of(section: Section, name: str) -> str:
    """The effective value."""
    setting = section.last(name)
    return setting.value if setting is not None else DEFAULTS.get(name, "")


def same(value: str, wanted: str) -> bool:
    """Whether two values mean the same; `yes` and `no` have many spellings."""
    if wanted in {"yes", "no"}:
        return is_true(value) == (wanted == "yes")
    return value.strip().lower() == wanted.lower()


def codecs(section: Section) -> set[str]:
    """What `allow` and `disallow` leave, in the order they are written; "all" where anything goes."""
    allowed: set[str] = set()
    for setting in section.settings:
        name = setting.name.lower()
        if name not in {"allow", "disallow"}:
            continue
        for word in map(str.strip, setting.value.lower().split(",")):
            if name == "disallow" or word.startswith("!"):
                codec = word.removeprefix("!")
                allowed = set() if codec == "all" else allowed - {codec}
            elif word:
                allowed.add(word)
    return allowed


def names_in(section: Section, name: str) -> list[str]:
    """The objects that a setting such as `aors=` names."""
    return [word.strip() for word in value_of(section, name).split(",") if word.strip()]


def manager_endpoints(
    conf: Conf | None, config: Config | None, managers: Iterable[str] | None
) -> dict[str, Section]:
    """The endpoints of managers' phones: those of managers in the database, and those that look like one."""
    wanted = set(endpoint_names(config, managers or ()))
    return {
        name: section
        for name, section in objects(conf, "endpoint").items()
        if name in wanted
        or MANAGER_TEMPLATE in section.parents
        or value_of(section, "context") == MANAGERS_CONTEXT
    }


def endpoint_names(config: Config | None, managers: Iterable[str]) -> list[str]:
    """What the endpoints of these extensions are called."""
    pattern = config.managers.endpoint.removeprefix("PJSIP/") if config else "{extension}"
    return [pattern.replace("{extension}", extension) for extension in managers]


def lines(config: Config | None) -> list[Line]:
    """The endpoints that config.yaml dials by or watches; without it, those of dialplan/."""
    if config is None:
        return [Line("trunk-sealed", sealed=True), Line("trunk", sealed=False)]
    sealed, direct = config.trunk.sealed, config.trunk.direct
    if sealed is None:
        return [Line((direct or "").rpartition("@")[2], sealed=False)]
    found = [Line(sealed.endpoint.rpartition("@")[2], sealed=True)]
    return [*found, *(Line(watch, sealed=False) for watch, _ in sealed.gateways if watch is not None)]


def trunk_endpoints(conf: Conf | None, config: Config | None) -> Iterator[tuple[Line, Section]]:
    """The endpoints of lines to the carrier: those of config.yaml, and others made from our templates."""
    named = {line.endpoint: line for line in lines(config)}
    for name, section in objects(conf, "endpoint").items():
        if name in named:
            yield named[name], section
        elif TRUNK_TEMPLATE in section.parents or SEALED_TEMPLATE in section.parents:
            yield Line(name, sealed=SEALED_TEMPLATE in section.parents), section


def endpoints_of_interest(
    conf: Conf | None, config: Config | None, managers: Iterable[str] | None
) -> list[str]:
    names = [*manager_endpoints(conf, config, managers)]
    return [*names, *(section.name for _, section in trunk_endpoints(conf, config))]
