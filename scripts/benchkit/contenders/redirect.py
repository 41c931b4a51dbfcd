"""(h) An experiment: call-bridge's rules and redirect server behind a plain Dial() of a token.

The dialplan asks for a token by FastAGI; the product's admission decides and puts the call on record, the
number is opened, Dial() takes the token, and the product's redirect server tells PJSIP the number. The
product's own /token does more: here nobody writes the call's result down, caps it, or takes it over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchkit.contenders.base import Contender
from benchkit.settings import HOST
from labkit.processes import Process

if TYPE_CHECKING:
    from benchkit.site import Site

ENDPOINT: Final = "bench-redirect"


class Redirect(Contender):
    key = "h"
    title = "experiment: token by FastAGI, Dial(), redirect server"
    prefix = "88"

    def extensions(self, site: Site) -> str:
        return f"""\
exten => _88XXXX,1,AGI(agi://{HOST}:{site.settings.redirect_agi_port},${{EXTEN:2}},${{CHANNEL(endpoint)}})
 same => n,Dial(PJSIP/${{TOKEN}}@{ENDPOINT},45)
"""

    def pjsip(self, site: Site) -> str:
        return f"""
[{ENDPOINT}](call-bridge-trunk-sealed)
aors={ENDPOINT}
{site.shop_identity}

[{ENDPOINT}](call-bridge-trunk-sealed-aor)
contact=sip:{HOST}:{site.settings.redirect_sip_port}
"""

    def start(self, site: Site) -> None:
        site.start_program("redirect", port=site.settings.redirect_agi_port)

    def processes(self, site: Site) -> list[Process]:
        return [site.programs["redirect"]]
