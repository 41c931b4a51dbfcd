"""Checks of the line to the carrier: the endpoint that calls come in by, and the one for sealed calls."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator

from bridge.asterisk.pbx import DROPPED_FRAMES
from bridge.asterisk.sealed.redirect import keeps_causes
from bridge.doctor.checks.dialplan import strips
from bridge.doctor.checks.endpoints import FOR_BOTH, Wanted, settings_checks, spots
from bridge.doctor.conf import Section
from bridge.doctor.model import Check, Facts, Gravity, Spot, correct
from bridge.doctor.pjsip import (
    TRUNK_CONTEXT,
    codecs,
    lines,
    names_in,
    objects,
    same,
    trunk_endpoints,
    value_of,
)

_FEWEST_NETWORK_BITS = {4: 20, 6: 48}
_SIP_PORT = 5060
_CODECS = frozenset({"alaw", "ulaw"})
_FRAME_DROP = "FRAME_DROP(RX)="


def _sections(facts: Facts) -> list[Section]:
    return [section for _, section in trunk_endpoints(facts.confs.get("pjsip.conf"), facts.config)]


def _of_kind(facts: Facts, *, sealed: bool) -> list[Section]:
    pairs = trunk_endpoints(facts.confs.get("pjsip.conf"), facts.config)
    return [section for line, section in pairs if line.sealed is sealed]


def _plain(facts: Facts) -> list[Section]:
    return _of_kind(facts, sealed=False)


def _sealed(facts: Facts) -> list[Section]:
    return _of_kind(facts, sealed=True)


def _aors(facts: Facts, endpoints: list[Section]) -> list[Section]:
    every = objects(facts.confs.get("pjsip.conf"), "aor")
    names = [name for endpoint in endpoints for name in names_in(endpoint, "aors")]
    return [every[name] for name in dict.fromkeys(names) if name in every]


def _missing(facts: Facts) -> Iterator[Spot]:
    every = objects(facts.confs.get("pjsip.conf"), "endpoint")
    if facts.config is None:
        return
    for line in lines(facts.config):
        if line.endpoint not in every:
            key = "endpoint" if line.sealed else "watch" if facts.config.trunk.sealed else "direct"
            yield Spot(facts.config_place(key), f"pjsip.conf has no endpoint [{line.endpoint}]")


def _lacks(name: str) -> Callable[[Facts], Iterator[Spot]]:
    def look(facts: Facts) -> Iterator[Spot]:
        for endpoint in _sections(facts):
            if not value_of(endpoint, name):
                setting = endpoint.last(name)
                yield Spot(setting.place if setting else endpoint.place, f"[{endpoint.name}] has no {name}")

    return look


def _caller_id_differs(facts: Facts) -> Iterator[Spot]:
    if facts.config is None:
        return
    for endpoint in _sections(facts):
        setting = endpoint.last("callerid")
        number = re.search(r"<([^>]*)>", setting.value) if setting else None
        if setting and (number is None or number[1] != facts.config.trunk.caller_id_number):
            yield Spot(
                setting.place, f"[{endpoint.name}] callerid is not trunk.caller_id_number of config.yaml"
            )


def _qualify(facts: Facts) -> Iterator[Spot]:
    for aor in _aors(facts, _plain(facts)):
        if same(value_of(aor, "qualify_frequency"), "0"):
            setting = aor.last("qualify_frequency")
            yield Spot(
                setting.place if setting else aor.place,
                f"[{aor.name}] is not asked whether it is there",
                correct(aor, setting, "qualify_frequency=30"),
            )


def _sealed_qualify(facts: Facts) -> Iterator[Spot]:
    for aor in _aors(facts, _sealed(facts)):
        yield from spots(aor, "qualify_frequency", "0")


def _sealed_contact(facts: Facts) -> Iterator[Spot]:
    if facts.config is None or facts.config.trunk.sealed is None:
        return
    wanted = f"sip:{facts.config.trunk.sealed.listen}"
    for aor in _aors(facts, _sealed(facts)):
        contacts = aor.all("contact")
        if [contact.value for contact in contacts] != [wanted]:
            wrong = next((contact for contact in contacts if contact.value != wanted), None)
            yield Spot(
                wrong.place if wrong else aor.place,
                f"[{aor.name}] has another contact than trunk.sealed.listen of config.yaml",
                correct(aor, wrong, f"contact={wanted}"),
            )


def _sealed_asterisk(facts: Facts) -> Iterator[Spot]:
    if facts.config is None or facts.config.trunk.sealed is None:
        return
    transports = objects(facts.confs.get("pjsip.conf"), "transport").values()
    udp = [_source(transport) for transport in transports if same(value_of(transport, "protocol"), "udp")]
    if udp and facts.config.trunk.sealed.asterisk not in udp:
        yield Spot(facts.config_place("asterisk"), f"Asterisk's SIP comes from {' or '.join(udp)}")


def _sealed_transport(facts: Facts) -> Iterator[Spot]:
    transports = objects(facts.confs.get("pjsip.conf"), "transport")
    for endpoint in _sealed(facts):
        setting = endpoint.last("transport")
        transport = transports.get(setting.value) if setting else None
        if setting and transport and not same(value_of(transport, "protocol"), "udp"):
            yield Spot(
                setting.place,
                f"[{endpoint.name}] sends tokens by {value_of(transport, 'protocol')}",
                correct(endpoint, setting, "transport="),
            )


def _source(transport: Section) -> str:
    """Where messages to loopback come from that leave by a UDP transport."""
    host, _, port = value_of(transport, "bind").partition(":")
    return f"{'127.0.0.1' if host == '0.0.0.0' else host}:{port or _SIP_PORT}"  # noqa: S104 - it is read


def _sealed_redirects(facts: Facts) -> Iterator[Spot]:
    if facts.ari is not None and _sealed(facts) and not keeps_causes(facts.ari.version):
        yield Spot(None, f"Asterisk {facts.ari.version} follows a carrier's redirections on sealed calls")


def _sealed_proxy(facts: Facts) -> Iterator[Spot]:
    endpoints = _sealed(facts)
    for section in (*endpoints, *_aors(facts, endpoints)):
        setting = section.last("outbound_proxy")
        if setting is not None and setting.value:
            yield Spot(
                setting.place,
                f"[{section.name}] has an outbound_proxy",
                correct(section, setting, "outbound_proxy="),
            )


def _sealed_frames(facts: Facts) -> Iterator[Spot]:
    for endpoint in _sealed(facts):
        settings = [each for each in endpoint.all("set_var") if each.value.startswith(_FRAME_DROP)]
        setting = settings[-1] if settings else None
        dropped = setting.value.removeprefix(_FRAME_DROP).split(",") if setting else []
        if missing := [frame for frame in DROPPED_FRAMES.split(",") if frame not in dropped]:
            yield Spot(
                setting.place if setting else endpoint.place,
                f"[{endpoint.name}] lets {', '.join(missing)} come from a customer",
                correct(endpoint, setting, f"set_var={_FRAME_DROP}{DROPPED_FRAMES}"),
            )


def _identify_wide(facts: Facts) -> Iterator[Spot]:
    ours = {section.name for section in _sections(facts)}
    for identify in objects(facts.confs.get("pjsip.conf"), "identify").values():
        if value_of(identify, "endpoint") not in ours:
            continue
        for setting in identify.all("match"):
            if any(_is_wide(word.strip()) for word in setting.value.split(",")):
                yield Spot(setting.place, f"[{identify.name}] takes whole networks for the carrier")


def _is_wide(match: str) -> bool:
    try:
        network = ipaddress.ip_network(match, strict=False)
    except ValueError:  # a host's name
        return False
    return network.prefixlen < _FEWEST_NETWORK_BITS[network.version]


def _identify_sealed(facts: Facts) -> Iterator[Spot]:
    sealed = {section.name for section in _sealed(facts)}
    for identify in objects(facts.confs.get("pjsip.conf"), "identify").values():
        if value_of(identify, "endpoint") in sealed:
            yield Spot(identify.place, f"[{identify.name}] lets calls come in by the sealed endpoint")


def _identify_missing(facts: Facts) -> Iterator[Spot]:
    identifies = objects(facts.confs.get("pjsip.conf"), "identify").values()
    known = {value_of(identify, "endpoint") for identify in identifies}
    for endpoint in _plain(facts):
        if endpoint.name not in known:
            yield Spot(
                endpoint.place, f"no identify section tells which address [{endpoint.name}] calls from"
            )


def _codecs_of(facts: Facts) -> Iterator[Spot]:
    for endpoint in _sections(facts):
        if more := codecs(endpoint) - _CODECS:
            setting = endpoint.last("allow")
            yield Spot(
                setting.place if setting else endpoint.place,
                f"[{endpoint.name}] also takes {', '.join(sorted(more))}",
                correct(endpoint, setting, "allow=!all,alaw,ulaw"),
            )


def _direct(facts: Facts) -> Iterator[Spot]:
    if facts.config is not None and facts.config.trunk.sealed is None:
        yield Spot(facts.config_place("direct"), "customers are dialled directly")


def _context(facts: Facts) -> Iterator[Spot]:
    for endpoint in _sections(facts):
        if not strips(facts, value_of(endpoint, "context")):
            yield from spots(endpoint, "context", TRUNK_CONTEXT)


CHECKS = (
    *settings_checks("trunk", FOR_BOTH, _sections),
    Check(
        "trunk-context",
        Gravity.WARNING,
        "Calls come in by another context than one that strips the caller's number.",
        f"Set `context={TRUNK_CONTEXT}` or `context=call-bridge-callers`, or include one in your own.",
        _context,
    ),
    *settings_checks(
        "trunk",
        (
            Wanted("rewrite_contact", "no", Gravity.NOTICE, "A carrier with several machines gets answers at the wrong one."),  # noqa: E501
        ),
        _sections,
    ),
    *settings_checks(
        "trunk",
        (
            Wanted("identify_by", "ip", Gravity.CRITICAL, "Anybody who writes the trunk's name into From is taken for the carrier."),  # noqa: E501
            Wanted("redirect_method", "user", Gravity.CRITICAL, "A carrier that answers 302 makes Asterisk dial what it likes, with the number in a channel's name."),  # noqa: E501
        ),
        _plain,
    ),
    *settings_checks(
        "sealed",
        (
            Wanted("identify_by", "header", Gravity.CRITICAL, "Calls can come in by the endpoint that is for sealed calls out."),  # noqa: E501
            Wanted("redirect_method", "uri_pjsip", Gravity.CRITICAL, "The daemon's answer is not followed within PJSIP: no call goes out, or the number enters Asterisk."),  # noqa: E501
        ),
        _sealed,
    ),
    Check(
        "trunk-endpoint-missing",
        Gravity.CRITICAL,
        "An endpoint that config.yaml names does not exist, so no customer can be dialled.",
        "Add it as `dialplan/pjsip-trunk.conf` shows, or correct the name in config.yaml.",
        _missing,
    ),
    Check(
        "trunk-callerid-missing",
        Gravity.WARNING,
        "Customers see the manager's extension, or what the manager's phone says.",
        "Set `callerid=` to the shop's name and number.",
        _lacks("callerid"),
    ),
    Check(
        "trunk-from-user-missing",
        Gravity.WARNING,
        "From tells the carrier, and through it the customer, another number than the shop's.",
        "Set `from_user=` to the shop's number.",
        _lacks("from_user"),
    ),
    Check(
        "trunk-caller-id-differs",
        Gravity.NOTICE,
        "The shop shows different numbers, depending on who asks.",
        "Let `callerid=` and `trunk: caller_id_number:` of config.yaml be the same number.",
        _caller_id_differs,
    ),
    Check(
        "trunk-qualify",
        Gravity.WARNING,
        "A dead carrier is noticed only when a manager waits in vain.",
        "Set `qualify_frequency=30` in the trunk's AOR.",
        _qualify,
    ),
    Check(
        "trunk-identify-wide",
        Gravity.CRITICAL,
        "Whole networks are taken for the carrier, and may send calls as if they were it.",
        "Let `match=` name the carrier's addresses alone.",
        _identify_wide,
    ),
    Check(
        "trunk-identify-missing",
        Gravity.NOTICE,
        "Calls from the carrier are not known as such and are refused.",
        "Add a section of `type=identify`, as `dialplan/pjsip-trunk.conf` shows.",
        _identify_missing,
    ),
    Check(
        "trunk-codecs",
        Gravity.NOTICE,
        "Sound is transcoded on the line, or carries more than sound.",
        "Set `disallow=all` and `allow=alaw,ulaw`, the two that every carrier and phone has.",
        _codecs_of,
    ),
    Check(
        "trunk-direct",
        Gravity.NOTICE,
        "Asterisk itself dials the number: it is in its memory, events and console while a call lasts.",
        "Dial sealed if the carrier allows it (`trunk: sealed:` of config.yaml); otherwise the checks of "
        "logs, modules and AMI matter twice.",
        _direct,
    ),
    Check(
        "sealed-contact",
        Gravity.CRITICAL,
        "Asterisk asks somebody else than the daemon what a token stands for.",
        "Let the sealed endpoint's AOR have one contact, `sip:` and `trunk: sealed: listen:` of config.yaml.",
        _sealed_contact,
    ),
    Check(
        "sealed-asterisk",
        Gravity.CRITICAL,
        "The daemon takes Asterisk for a stranger, and no sealed call succeeds.",
        "Let `trunk: sealed: asterisk:` of config.yaml be the address that Asterisk's UDP transport is bound "
        "to; for 0.0.0.0 that is 127.0.0.1.",
        _sealed_asterisk,
    ),
    Check(
        "sealed-transport",
        Gravity.CRITICAL,
        "Tokens don't reach the daemon, which takes them by UDP, and no sealed call succeeds.",
        "Take `transport=` out of the sealed endpoint; how the carrier is reached is said by `trunk: sealed: "
        "carrier:` of config.yaml.",
        _sealed_transport,
    ),
    Check(
        "sealed-redirects",
        Gravity.WARNING,
        "A carrier that answers 302 makes PJSIP call whatever it names, be it one of your phones.",
        "Update Asterisk: from 20.19, 22.9 and 23.3 on the daemon can stop it.",
        _sealed_redirects,
    ),
    Check(
        "sealed-frames",
        Gravity.WARNING,
        "In a call that a dialplan of yours dials by a token, a carrier can spell the number to the manager, "
        "by keys for one.",
        "Leave `set_var=FRAME_DROP(RX)=...` to the template from `dialplan/`, or copy that line from it.",
        _sealed_frames,
    ),
    Check(
        "sealed-outbound-proxy",
        Gravity.CRITICAL,
        "Tokens go to the proxy instead of the daemon, and no sealed call succeeds.",
        "Take `outbound_proxy=` out of the sealed endpoint and its AOR. `trunk: sealed: carrier:` of "
        "config.yaml can name the proxy, as `;maddr=` at its end.",
        _sealed_proxy,
    ),
    Check(
        "sealed-identified",
        Gravity.CRITICAL,
        "Calls come in by an endpoint that follows any redirection.",
        "Take the `type=identify` section away, or let it name the other trunk.",
        _identify_sealed,
    ),
    Check(
        "sealed-qualify",
        Gravity.WARNING,
        "A daemon that has just started counts as dead until Asterisk asks again.",
        "Set `qualify_frequency=0` in the AOR of the sealed endpoint.",
        _sealed_qualify,
    ),
)  # fmt: skip
