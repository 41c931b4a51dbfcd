"""Deciding what a lab will be: addresses, free ports, passwords; where possible those of the previous lab."""

import ipaddress
import secrets
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from bridge.rules import Role
from labkit import ports
from labkit.asterisk import short_run_folder
from labkit.errors import LabError
from labkit.record import LabManager, LabRecord

# Another address of loopback than the managers': the trunk is known by its address alone.
CARRIER_HOST = "127.0.0.2"
ARI_HOST = DESK_HOST = "127.0.0.1"
NAMES = ("Anna", "Boris", "Clara", "Dmitri", "Emma", "Fyodor", "Grace", "Irina")
FIRST_EXTENSION = 101
MOST_MANAGERS = 899  # up to extension 999
FEWEST_RTP_PORTS = 200
RTP_PORTS_A_MANAGER = 5  # RTP and RTCP of two legs; one to spare, as Asterisk tries them at random
HIGHEST_PORT = 65535
UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


def decide(
    folder: Path,
    previous: LabRecord | None,
    *,
    managers: int,
    carrier: str | None,
    sip_port: int | None,
    bind: str,
    roles: Mapping[str, Role],
) -> LabRecord:
    """The record of a new lab in `folder`; makes nothing but its run folder. Raises LabError."""
    if not 1 <= managers <= MOST_MANAGERS:
        raise LabError(f"a lab has 1 to {MOST_MANAGERS} managers")
    _check_bind(bind)
    if carrier:
        _check_carrier(carrier, bind)
    if previous:
        shutil.rmtree(previous.run_folder, ignore_errors=True)
    sip = _sip_port(bind, sip_port, previous)
    accounts = _managers(managers, roles, previous)
    rtp_ports = max(FEWEST_RTP_PORTS, RTP_PORTS_A_MANAGER * len(accounts))
    rtp = ports.free_range(bind, rtp_ports, UDP)
    return LabRecord(
        folder=folder,
        run_folder=short_run_folder(),
        bind=bind,
        sip_port=sip,
        rtp_first_port=rtp,
        rtp_last_port=rtp + rtp_ports - 1,
        ari_port=ports.free_port(ARI_HOST, TCP),
        redirect_port=ports.free_port(ARI_HOST, UDP),
        desk_port=_desk_port(previous),
        ari_password=previous.ari_password if previous else _password(),
        carrier=carrier or f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP, TCP)}",
        carrier_is_simulated=carrier is None,
        managers=accounts,
        # With new managers among them, the database is made anew.
        prepared=bool(previous and previous.prepared and previous.managers == accounts),
    )


def _check_bind(bind: str) -> None:
    try:
        ipaddress.IPv4Address(bind)
    except ValueError:
        raise LabError(
            f"phones are served on an IPv4 address of this machine, which {bind!r} is not"
        ) from None


def _check_carrier(carrier: str, bind: str) -> None:
    host, _, port = carrier.rpartition(":")
    if not host or not port.isdigit():
        raise LabError(f"the carrier is given as HOST:PORT, not {carrier!r}")
    if host in (bind, "localhost") and ipaddress.ip_address(bind).is_loopback:
        raise LabError(
            f"a carrier at {host} cannot be told from the managers' phones, which are there too: "
            f"let it listen at {CARRIER_HOST}"
        )


def _sip_port(bind: str, wanted: int | None, previous: LabRecord | None) -> int:
    """The port asked for; else the previous lab's, so that phones stay set up; else any free one."""
    if wanted is not None:
        _require_free(bind, wanted)
        return wanted
    if previous and previous.bind == bind and ports.is_free(bind, previous.sip_port, (UDP, TCP)):
        return previous.sip_port
    return ports.free_port(bind, UDP, TCP)


def _require_free(bind: str, port: int) -> None:
    if not 1 <= port <= HIGHEST_PORT:
        raise LabError(f"a SIP port is a number from 1 to {HIGHEST_PORT}")
    for kind, name in ((UDP, "UDP"), (TCP, "TCP")):
        if not ports.is_free(bind, port, (kind,)):
            raise LabError(
                f"SIP port {port} of {bind} cannot be had ({name}): something else uses it, choose another"
            )


def _desk_port(previous: LabRecord | None) -> int:
    """The previous lab's where it is free, so that links and what browsers keep stay good."""
    if previous and ports.is_free(DESK_HOST, previous.desk_port, (TCP,)):
        return previous.desk_port
    return ports.free_port(DESK_HOST, TCP)


def _managers(count: int, roles: Mapping[str, Role], previous: LabRecord | None) -> dict[str, LabManager]:
    known = previous.managers if previous else {}
    wanted = [str(FIRST_EXTENSION + number) for number in range(max(count, len(known)))]
    return {
        extension: known.get(extension)
        or LabManager(NAMES[number % len(NAMES)], _password(), roles.get(extension, Role.MANAGER).value)
        for number, extension in enumerate(wanted)
    }


def _password() -> str:
    """120 random bits that can be typed into a phone and need no quoting anywhere."""
    return secrets.token_hex(15)
