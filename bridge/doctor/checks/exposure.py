"""Checks of who can reach Asterisk: HTTP, ARI, AMI, SIP, sound, and what its own options open."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from bridge.doctor.checks.managers import is_weak
from bridge.doctor.checks.options import Option, option_check
from bridge.doctor.conf import Conf, Place, Section, is_true
from bridge.doctor.model import Check, Facts, Gravity, Spot, correct, setting_spot
from bridge.doctor.pjsip import manager_endpoints, objects, value_of

_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - Asterisk's default, looked for and not bound to


def is_loopback(address: str) -> bool:
    """Of an address with or without a port."""
    host = urlsplit(f"//{address}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _value(conf: Conf, section: str, name: str, default: str) -> str:
    setting = conf.last(section, name)
    return setting.value if setting else default


def bound(conf: Conf, name: str, what: str) -> Iterator[Spot]:
    """An address that is not this machine's own; nothing written means every address."""
    setting = conf.last("general", name)
    if not is_loopback(setting.value if setting else _EVERYWHERE):
        yield setting_spot(conf, "general", setting, f"{name}=127.0.0.1", what)


# --- HTTP and ARI -------------------------------------------------------------------------------------


def _disabled(file: str, default: str) -> Callable[[Facts], Iterator[Spot]]:
    """No line is proposed: switched on alone, without the other settings, it would listen to everybody."""

    def look(facts: Facts) -> Iterator[Spot]:
        conf = facts.conf(file)
        setting = conf.last("general", "enabled")
        if not is_true(setting.value if setting else default if file in facts.confs else "no"):
            yield Spot(setting.place if setting else Place(conf.path), f"{file} switches it off")

    return look


def _http_bind(facts: Facts) -> Iterator[Spot]:
    conf = facts.conf("http.conf")
    if is_true(_value(conf, "general", "enabled", "no")):
        yield from bound(conf, "bindaddr", "Asterisk's web server listens to other machines, unencrypted")


def _http_tls(facts: Facts) -> Iterator[Spot]:
    conf = facts.conf("http.conf")
    setting = conf.last("general", "tlsbindaddr")
    if is_true(_value(conf, "general", "tlsenable", "no")) and not is_loopback(
        setting.value if setting else _EVERYWHERE
    ):
        yield setting_spot(
            conf, "general", setting, "tlsbindaddr=127.0.0.1:8089", "ARI can be reached from afar"
        )


def _http_url(facts: Facts) -> Iterator[Spot]:
    conf = facts.conf("http.conf")
    if facts.config is None or "http.conf" not in facts.confs:
        return
    url = urlsplit(facts.config.asterisk.ari_url)
    port = _value(conf, "general", "bindport", "8088")
    if url.scheme == "http" and is_loopback(url.hostname or "") and str(url.port or 80) != port:
        yield Spot(facts.config_place("ari_url"), "asterisk.ari_url has another port than http.conf")


def _ari_users(facts: Facts) -> Iterator[Section]:
    for section in facts.conf("ari.conf").in_use():
        if section.name.lower() != "general" and value_of(section, "type").lower() in {"user", ""}:
            yield section


def _our_user(facts: Facts) -> Section | None:
    name = facts.config.asterisk.ari_user if facts.config else "call-bridge"
    return next((section for section in _ari_users(facts) if section.name == name), None)


def _ari_user_missing(facts: Facts) -> Iterator[Spot]:
    if facts.config is not None and _our_user(facts) is None:
        yield Spot(facts.config_place("ari_user"), "ari.conf has no user of the name in asterisk.ari_user")


def _ari_origins(facts: Facts) -> Iterator[Spot]:
    conf = facts.conf("ari.conf")
    setting = conf.last("general", "allowed_origins")
    if setting is not None and "*" in setting.value:
        yield setting_spot(conf, "general", setting, "allowed_origins=", "any web page may talk to ARI")


def _ari_channelvars(facts: Facts) -> Iterator[Spot]:
    conf = facts.conf("ari.conf")
    setting = conf.last("general", "channelvars")
    if setting is not None and setting.value:
        yield setting_spot(conf, "general", setting, "channelvars=", "events carry channel variables")


def _ari_weak(facts: Facts) -> Iterator[Spot]:
    for user in _ari_users(facts):
        setting = user.last("password")
        if value_of(user, "password_format").lower() == "crypt":
            continue
        if setting is None or is_weak(setting.value, user.name):
            place = setting.place if setting else user.place
            yield Spot(place, f"the password of ARI's user {user.name} can be guessed")


def _ari_differs(facts: Facts) -> Iterator[Spot]:
    user = _our_user(facts)
    setting = user.last("password") if user else None
    if user is None or setting is None or facts.ari_password is None:
        return
    if value_of(user, "password_format").lower() == "crypt":
        return
    if not hmac.compare_digest(setting.value.encode(), facts.ari_password.encode()):
        yield Spot(setting.place, "asterisk.ari_password_file holds another password")


def _other_users(facts: Facts) -> Iterator[Section]:
    ours = _our_user(facts)
    if ours is not None:
        yield from (user for user in _ari_users(facts) if user is not ours)


def _only_looks(user: Section) -> bool:
    return is_true(value_of(user, "read_only") or "no")


def _ari_others(facts: Facts) -> Iterator[Spot]:
    """No line is proposed: `read_only=yes` would make of it another finding."""
    for user in _other_users(facts):
        if not _only_looks(user):
            yield Spot(user.place, f"ARI's user {user.name} may do all that the daemon may")


def _ari_readers(facts: Facts) -> Iterator[Spot]:
    """Dialled direct, whether or not they may only look."""
    if facts.config is not None and facts.config.trunk.sealed is None:
        for user in _other_users(facts):
            yield Spot(user.place, f"ARI's user {user.name} sees the numbers that are dialled")


def _ari_watchers(facts: Facts) -> Iterator[Spot]:
    """Dialled sealed. Who may do more than look is a finding already."""
    if facts.config is not None and facts.config.trunk.sealed is not None:
        for user in filter(_only_looks, _other_users(facts)):
            yield Spot(user.place, f"ARI's user {user.name} can ask what the carrier has answered")


def _ari_read_only(facts: Facts) -> Iterator[Spot]:
    user = _our_user(facts)
    setting = user.last("read_only") if user else None
    if user is not None and setting is not None and is_true(setting.value):
        yield Spot(
            setting.place, "the daemon's own user may only look", correct(user, setting, "read_only=no")
        )


# --- SIP ----------------------------------------------------------------------------------------------


def _plain_transport(facts: Facts) -> Iterator[Spot]:
    for transport in objects(facts.confs.get("pjsip.conf"), "transport").values():
        setting = transport.last("bind")
        protocol = value_of(transport, "protocol").lower() or "udp"
        if setting is not None and protocol not in {"tls", "wss"} and not is_loopback(setting.value):
            yield Spot(setting.place, f"[{transport.name}] takes calls over the network unencrypted")


def _old_tls(facts: Facts) -> Iterator[Spot]:
    for transport in objects(facts.confs.get("pjsip.conf"), "transport").values():
        setting = transport.last("method")
        if setting is not None and setting.value.lower() not in {"tlsv1_2", "tlsv1_3"}:
            yield Spot(
                setting.place,
                f"[{transport.name}] takes outdated encryption",
                correct(transport, setting, "method=tlsv1_2"),
            )


def _sip_debug(facts: Facts) -> Iterator[Spot]:
    for section in objects(facts.confs.get("pjsip.conf"), "global").values():
        setting = section.last("debug")
        if setting is not None and setting.value.lower() not in {"no", "false", "off", "0"}:
            yield Spot(
                setting.place, f"[{section.name}] logs SIP messages", correct(section, setting, "debug=no")
            )


def _anonymous(facts: Facts) -> Iterator[Spot]:
    endpoint = objects(facts.confs.get("pjsip.conf"), "endpoint").get("anonymous")
    if endpoint is not None:
        yield Spot(endpoint.place, "there is an endpoint for callers whom nobody knows")


_OPTIONS: Final = (
    Option("http-static", "http.conf", "general", "enable_static", "no", "no", Gravity.NOTICE,
           "Asterisk serves files as web pages, which nobody needs here."),
    Option("http-status", "http.conf", "general", "enable_status", "no", "no", Gravity.NOTICE,
           "Asterisk's status page tells strangers what is reachable."),
    Option("ami-web", "manager.conf", "general", "webenabled", "no", "no", Gravity.WARNING,
           "The Asterisk Manager Interface is served by the web server as well."),
    Option("live-dangerously", "asterisk.conf", "options", "live_dangerously", "no", "no", Gravity.CRITICAL,
           "Whoever reaches ARI or AMI can run programs and read files by dialplan functions."),
    Option("exec-includes", "asterisk.conf", "options", "execincludes", "no", "no", Gravity.WARNING,
           "Whoever can write a configuration file can run programs as Asterisk."),
    Option("console-shell", "asterisk.conf", "options", "disable_remote_console_shell", "yes", "no", Gravity.NOTICE,  # noqa: E501
           "Asterisk's console gives a shell to whoever is let in."),
    Option("core-dump-option", "asterisk.conf", "options", "dumpcore", "no", "no", Gravity.CRITICAL,
           "A crash writes Asterisk's memory to disk, hidden numbers included."),
    Option("rtp-strict", "rtp.conf", "general", "strictrtp", "yes", "yes", Gravity.WARNING,
           "Sound is taken from any address: strangers can talk into a call, or have it sent to them.",
           first_counts=True),
)  # fmt: skip
_ICE: Final = option_check(
    Option("rtp-ice", "rtp.conf", "general", "icesupport", "no", "yes", Gravity.NOTICE,
           "ICE tells phones all addresses of this machine.", first_counts=True)
)  # fmt: skip


def _ice(facts: Facts) -> Iterator[Spot]:
    """Browsers can't do without it; of other phones' endpoints each says no to it by itself."""
    endpoints = manager_endpoints(facts.confs.get("pjsip.conf"), facts.config, facts.managers)
    if not any(is_true(value_of(endpoint, "webrtc") or "no") for endpoint in endpoints.values()):
        yield from _ICE.look(facts)


CHECKS = (
    *map(option_check, _OPTIONS),
    replace(_ICE, look=_ice),
    Check(
        "http-disabled",
        Gravity.CRITICAL,
        "Asterisk's web server is off, so the daemon can't reach ARI and nothing is dialled.",
        "Include `dialplan/asterisk/http.conf` in http.conf: it listens on this machine alone.",
        _disabled("http.conf", "no"),
    ),
    Check(
        "ari-disabled",
        Gravity.CRITICAL,
        "ARI is off, so the daemon can't reach Asterisk and nothing is dialled.",
        "Include `dialplan/asterisk/ari.conf` in ari.conf, which tells how to make the password.",
        _disabled("ari.conf", "yes"),
    ),
    Check(
        "http-bind",
        Gravity.CRITICAL,
        "Other machines can reach ARI without encryption, and read its password on the way.",
        "Set `bindaddr=127.0.0.1` in http.conf; from another machine use TLS or a tunnel.",
        _http_bind,
    ),
    Check(
        "http-tls-bind",
        Gravity.WARNING,
        "Other machines can try ARI's password, and Asterisk writes no log line when they fail.",
        "Set `tlsbindaddr=` to a loopback address, or let a firewall admit the daemon's machine alone.",
        _http_tls,
    ),
    Check(
        "ari-url-port",
        Gravity.CRITICAL,
        "The daemon looks for ARI on a port where Asterisk does not listen.",
        "Let `asterisk: ari_url:` of config.yaml have the port of http.conf's `bindport`.",
        _http_url,
    ),
    Check(
        "ari-user-missing",
        Gravity.CRITICAL,
        "The daemon's user is unknown to ARI, so nothing is dialled.",
        "Take `dialplan/asterisk/ari.conf`, or correct `asterisk: ari_user:` of config.yaml.",
        _ari_user_missing,
    ),
    Check(
        "ari-origins",
        Gravity.CRITICAL,
        "A web page that somebody opens on this machine may talk to ARI.",
        "Leave `allowed_origins=` empty in ari.conf.",
        _ari_origins,
    ),
    Check(
        "ari-channelvars",
        Gravity.WARNING,
        "Every ARI event carries channel variables, to every client.",
        "Leave `channelvars=` empty in ari.conf.",
        _ari_channelvars,
    ),
    Check(
        "ari-weak-password",
        Gravity.CRITICAL,
        "Whoever guesses ARI's password places calls and listens to them; failed tries leave no trace.",
        "Make one with `openssl rand -hex 24`, in ari.conf's private file and in asterisk.ari_password_file.",
        _ari_weak,
    ),
    Check(
        "ari-password-differs",
        Gravity.CRITICAL,
        "The daemon's password is not the one in ari.conf, so nothing is dialled.",
        "Write the same password to both files, reload res_ari, and restart the daemon.",
        _ari_differs,
    ),
    Check(
        "ari-other-users",
        Gravity.WARNING,
        "Another program may place calls past the daemon, and see what is dialled.",
        "Take the user out of ari.conf. `read_only=yes` keeps it from calling, and not from looking.",
        _ari_others,
    ),
    Check(
        "ari-readers",
        Gravity.CRITICAL,
        "Another program reads every number that is dialled: direct dialling puts it into ARI's events and "
        "variables, which `read_only=yes` does not hide.",
        "Take the user out of ari.conf, or dial sealed.",
        _ari_readers,
    ),
    Check(
        "ari-watchers",
        Gravity.WARNING,
        "Another program sees who calls and when; and the number, where the carrier names in its answer whom "
        "it has reached: `read_only=yes` lets it ask Asterisk for those headers.",
        "Take the user out of ari.conf, or ask the carrier to send no identity of the called party.",
        _ari_watchers,
    ),
    Check(
        "ari-read-only",
        Gravity.CRITICAL,
        "The daemon may only look, so nothing is dialled.",
        "Set `read_only=no` for the daemon's user in ari.conf.",
        _ari_read_only,
    ),
    Check(
        "sip-unencrypted",
        Gravity.NOTICE,
        "Who is on the network between phones and PBX can listen to calls.",
        "Use a TLS transport and `media_encryption=sdes`, as `dialplan/pjsip-managers.conf` shows.",
        _plain_transport,
    ),
    Check(
        "sip-old-tls",
        Gravity.WARNING,
        "This transport takes encryption that is broken by now.",
        "Set `method=tlsv1_2`.",
        _old_tls,
    ),
    Check(
        "sip-debug",
        Gravity.CRITICAL,
        "Every SIP message, with all its numbers, is written to the console and the log.",
        "Set `debug=no` in the section of `type=global`.",
        _sip_debug,
    ),
    Check(
        "sip-anonymous",
        Gravity.WARNING,
        "Anybody who finds this PBX can call into it.",
        "Take the endpoint called `anonymous` out.",
        _anonymous,
    ),
)
