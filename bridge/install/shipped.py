"""Where the files lie that call-bridge brings along: dialplan, units, the configuration with its comments."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Final

from bridge.install.errors import NotShipped

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_CHECKOUT: Final = _PACKAGE.parent
_INSTALLED: Final = Path(sysconfig.get_path("data")) / "share" / "call-bridge"
_FIRST_FILE: Final = Path("dialplan", "extensions-call-bridge.conf")

UNITS: Final = _PACKAGE / "units"


def shared_files() -> Path:
    """The folder with `dialplan/` and `config.yaml`: the checkout's, or what the wheel has installed."""
    for folder in (_CHECKOUT, _INSTALLED):
        if (folder / _FIRST_FILE).is_file():
            return folder
    raise NotShipped(f"{_INSTALLED} lacks the dialplan: install call-bridge anew, from its wheel or package.")
