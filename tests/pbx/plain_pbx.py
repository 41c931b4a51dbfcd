"""A plain Asterisk between a phone and a carrier: Dial() and nothing of call-bridge.

101 is set up with care, 102 as carelessly as many: its phone is told whom the carrier says it reached.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from labkit import ports
from labkit.asterisk import Asterisk, find_asterisk, short_run_folder

PASSWORD = "only-for-this-test"
NUMBER = "+447700900123"
SHOP_NUMBER = "+442079460000"

EXTENSIONS = f"""\
[managers]
exten => *1042,1,Dial(PJSIP/{NUMBER}@trunk,30)
exten => 9,1,Answer()
 same => n,Echo()

[carrier]
exten => {SHOP_NUMBER},1,Dial(PJSIP/101,30)
"""

TRANSPORT_AND_TRUNK = f"""\
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{{sip_port}}

[trunk]
type=endpoint
context=carrier
disallow=all
allow=alaw
aors=trunk
callerid="Shop" <{SHOP_NUMBER}>
from_user={SHOP_NUMBER}
direct_media=no
trust_id_inbound=yes

[trunk]
type=aor
contact=sip:127.0.0.2:{{carrier_port}}

[trunk]
type=identify
endpoint=trunk
match=127.0.0.2
"""

MANAGER = f"""
[{{extension}}]
type=endpoint
context=managers
disallow=all
allow=alaw,ulaw
auth={{extension}}
aors={{extension}}
callerid="{{extension}}" <{{extension}}>
direct_media=no
rtp_symmetric=yes
{{more}}

[{{extension}}]
type=auth
auth_type=userpass
username={{extension}}
password={PASSWORD}

[{{extension}}]
type=aor
max_contacts=1
remove_existing=yes
"""

CARELESS = "send_pai=yes\nsend_connected_line=yes\ntrust_id_outbound=yes"


class PlainPbx:
    """Everything that Asterisk has is loaded: a Dial() needs more modules than are worth naming here."""

    def __init__(self, folder: Path) -> None:
        self.sip_port = ports.free_port("127.0.0.1", socket.SOCK_DGRAM)
        self.carrier_port = ports.free_port("127.0.0.2", socket.SOCK_DGRAM)
        self.asterisk = Asterisk(find_asterisk(), folder, short_run_folder())

    @property
    def sip_address(self) -> tuple[str, int]:
        return "127.0.0.1", self.sip_port

    @property
    def carrier_address(self) -> tuple[str, int]:
        return "127.0.0.2", self.carrier_port

    def start(self) -> None:
        self.asterisk.write_main_configuration()
        rtp_port = ports.free_range("127.0.0.1", 40, socket.SOCK_DGRAM)
        texts = {
            "modules.conf": "[modules]\nautoload=yes\n",
            "extensions.conf": EXTENSIONS,
            "rtp.conf": f"[general]\nrtpstart={rtp_port}\nrtpend={rtp_port + 39}\n",
            "pjsip.conf": TRANSPORT_AND_TRUNK.format(sip_port=self.sip_port, carrier_port=self.carrier_port)
            + _manager("101", "")
            + _manager("102", CARELESS),
        }
        for name, text in texts.items():
            (self.asterisk.etc / name).write_text(text)
        self.asterisk.start()

    def stop(self) -> None:
        self.asterisk.stop()
        shutil.rmtree(self.asterisk.run_folder)


def _manager(extension: str, more: str) -> str:
    return MANAGER.format(extension=extension, more=more)
