"""A lab's config.yaml: the project's own, which documents every setting, with the lab's values put in."""

from pathlib import Path
from typing import Any

import yaml

from labkit.pbxfiles import SHOP_NAME, SHOP_NUMBER, write_private
from labkit.places import CHECKOUT
from labkit.record import ARI_USER, LabRecord

SHIPPED_CONFIG = CHECKOUT / "config.yaml"
DESK_SOCKET = "desk.sock"  # beside the other socket
# Each of these sections names one source or place; the shipped one beside ours would contradict it.
REPLACED = ("store", "keys", "api")
PLENTY = 100_000
PLENTY_IN_ALL = 1_000_000
NO_LIMITS = dict.fromkeys(("per_hour", "per_day", "minutes_per_day"), PLENTY) | dict.fromkeys(
    ("per_day_in_all", "minutes_per_day_in_all", "spend_per_day", "spend_per_day_in_all"), PLENTY_IN_ALL
)
"""`rules.limits` for trials that make more calls than any shop's day has."""

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def write(record: LabRecord, api_socket: Path) -> None:
    """Write config.yaml and the file with ARI's password that it names."""
    write_private(record.ari_password_path, record.ari_password + "\n")
    settings = merged(yaml.safe_load(SHIPPED_CONFIG.read_text()), _settings(record, api_socket))
    write_private(record.config_path, yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))


def _settings(record: LabRecord, api_socket: Path) -> dict[str, dict[str, Any]]:
    return {
        "asterisk": {
            "ari_url": record.ari_url,
            "ari_user": ARI_USER,
            "ari_password_file": str(record.ari_password_path),
        },
        "trunk": {
            "caller_id_name": SHOP_NAME,
            "caller_id_number": SHOP_NUMBER,
            "sealed": {
                "carrier": f"sip:{{number}}@{record.carrier}",
                "listen": record.redirect_address,
                "asterisk": record.sip_address,
            },
        },
        "store": {"path": str(record.database_path)},
        "keys": {"file": str(record.secrets / "keys")},
        "api": {"socket": str(api_socket), "desk_socket": str(api_socket.with_name(DESK_SOCKET))},
        "desk": {"listen": record.desk_address},
        "rules": {
            # A lab is tried at any hour,
            "working_hours": {day: ["00:00-24:00"] for day in DAYS},
            # and by many tests, which dial wrong codes one after another: a restart lifts no lock-out.
            "lock_out": {"misses": 100, "within_seconds": 600, "for_seconds": 900},
        },
    }


def merged(shipped: dict[str, Any], ours: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The shipped settings with our sections laid over, or in place of, theirs."""
    sections = {
        name: values if name in REPLACED else {**(shipped.get(name) or {}), **values}
        for name, values in ours.items()
    }
    return {**shipped, **sections}
