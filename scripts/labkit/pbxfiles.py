"""A lab's Asterisk configuration: the shipped files, included as integrators do, and the lab's values."""

import os
import re
from pathlib import Path

from labkit import music
from labkit.errors import LabError
from labkit.places import DIALPLAN
from labkit.record import ARI_USER, LabRecord

SHIPPED = DIALPLAN / "asterisk"
SHOP_NAME = "Shop"
# From Ofcom's range for fiction: nobody's number.
SHOP_NUMBER = "+442079460000"
CARRIER_ASKED_SECONDS = 2
"""How often a lab's carrier is asked whether it lives: tests stop and start theirs, and wait for it."""

SHOP_IDENTITY = f'callerid="{SHOP_NAME}" <{SHOP_NUMBER}>\nfrom_user={SHOP_NUMBER}'


def write(record: LabRecord, etc: Path) -> None:
    """Write everything but asterisk.conf into `etc`, for the owner alone: it holds passwords."""
    for name, text in texts(record).items():
        write_private(etc / name, text)
    music.write(record.folder / music.FOLDER)


def write_private(path: Path, text: str) -> None:
    """Replace `path` by a file with mode 0600."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)


def texts(record: LabRecord) -> dict[str, str]:
    """The configuration by file name."""
    shipped = {path.name: _include(path) for path in sorted(SHIPPED.glob("*.conf"))}
    del shipped["asterisk.conf"]
    return {
        **shipped,
        "http.conf": shipped["http.conf"] + f"\n[general](+)\nbindport={record.ari_port}\n",
        "modules.conf": shipped["modules.conf"] + "\n[modules](+)\nload=res_musiconhold.so\n",
        "rtp.conf": _rtp(record),
        "musiconhold.conf": f"[default]\nmode=files\ndirectory={record.folder / music.FOLDER}\n",
        f"{ARI_USER}-ari-password.conf": f"password={record.ari_password}\n",
        "extensions.conf": _include(DIALPLAN / "extensions-call-bridge.conf"),
        "pjsip.conf": _pjsip(record),
    }


def _include(path: Path) -> str:
    return f'#include "{path}"\n'


def _rtp(record: LabRecord) -> str:
    """The shipped file with our range put in: of a setting given twice, Asterisk's RTP takes the first."""
    text = (SHIPPED / "rtp.conf").read_text()
    for name, port in (("rtpstart", record.rtp_first_port), ("rtpend", record.rtp_last_port)):
        text, replaced = re.subn(rf"^{name}=\d+$", f"{name}={port}", text, flags=re.MULTILINE)
        if replaced != 1:
            raise LabError(f"{SHIPPED / 'rtp.conf'} should set {name} once")
    return text


def _pjsip(record: LabRecord) -> str:
    parts = [
        _include(DIALPLAN / "pjsip-managers.conf") + _include(DIALPLAN / "pjsip-trunk.conf"),
        f"[udp]\ntype=transport\nprotocol=udp\nbind={record.sip_address}\n",
        f"[tcp]\ntype=transport\nprotocol=tcp\nbind={record.sip_address}\n",
        *(_manager(extension, manager.password) for extension, manager in record.managers.items()),
        _trunk(record.carrier),
        _sealed_trunk(record),
    ]
    return "\n".join(parts)


def _manager(extension: str, password: str) -> str:
    return f"""\
[{extension}](call-bridge-manager)
auth={extension}
aors={extension}
callerid="{extension}" <{extension}>

[{extension}](call-bridge-manager-auth)
username={extension}
password={password}

[{extension}](call-bridge-manager-aor)
"""


def _trunk(carrier: str) -> str:
    host = carrier.rpartition(":")[0]
    return f"""\
[trunk](call-bridge-trunk)
aors=trunk
{SHOP_IDENTITY}

[trunk](call-bridge-trunk-aor)
contact=sip:{carrier}
qualify_frequency={CARRIER_ASKED_SECONDS}

[trunk]
type=identify
endpoint=trunk
match={host.strip("[]")}
"""


def _sealed_trunk(record: LabRecord) -> str:
    return f"""\
[trunk-sealed](call-bridge-trunk-sealed)
aors=trunk-sealed
{SHOP_IDENTITY}

[trunk-sealed](call-bridge-trunk-sealed-aor)
contact=sip:{record.redirect_address}
"""
