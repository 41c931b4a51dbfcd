"""Which files of Asterisk's matter, and where asterisk.conf puts what it writes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bridge.doctor.conf import Conf

CONF_FILES: Final = (
    "asterisk.conf",
    "ari.conf",
    "cdr.conf",
    "cel.conf",
    "extensions.conf",
    "features.conf",
    "hep.conf",
    "http.conf",
    "logger.conf",
    "manager.conf",
    "modules.conf",
    "pjproject.conf",
    "pjsip.conf",
    "rtp.conf",
)
OTHER_DIALPLANS: Final = ("extensions.ael", "extensions.lua")
CREDENTIAL_STORE: Final = Path("/etc/credstore")
"""Where systemd looks for credentials that are not encrypted (systemd.exec(5), LoadCredential=)."""


def directory(asterisk_conf: Conf | None, name: str, default: str) -> Path:
    """A folder of asterisk.conf's [directories]."""
    setting = asterisk_conf.last("directories", name) if asterisk_conf else None
    return Path(setting.value if setting else default)


def recordings(asterisk_conf: Conf | None) -> Path:
    """The folder of what ARI records."""
    return directory(asterisk_conf, "astspooldir", "/var/spool/asterisk") / "recording"


def log_files(asterisk_conf: Conf | None, logger_conf: Conf | None) -> list[Path]:
    """The files that logger.conf writes."""
    section = logger_conf.section("logfiles") if logger_conf else None
    folder = directory(asterisk_conf, "astlogdir", "/var/log/asterisk")
    return [folder / each.name for each in section.settings] if section else []
