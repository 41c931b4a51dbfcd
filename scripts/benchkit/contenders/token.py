"""(h) A dialplan of the shop's own calls the customer by call-bridge's token, as docs/agi.md has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchkit.contenders.base import Contender
from labkit.processes import Process

if TYPE_CHECKING:
    from benchkit.site import Site

CONTEXT = "bench-token"


class Token(Contender):
    key = "h"
    title = "a token of call-bridge's by FastAGI, Dial()"
    prefix = "88"

    def extensions(self, site: Site) -> str:
        return f"exten => _88XXXX,1,Goto({CONTEXT},${{EXTEN:2}},1)\n"

    def contexts(self, site: Site) -> str:
        agi = f"agi://{site.settings.token_agi}"
        return f"""
[{CONTEXT}]
exten => _XXXX,1,AGI({agi}/token,${{EXTEN}})
 same => n,GotoIf($["${{AGISTATUS}} ${{CALLBRIDGE_STATUS}}" = "SUCCESS ok"]?dial)
 same => n,Hangup(21)
 same => n(dial),Dial(PJSIP/${{CALLBRIDGE_TOKEN}}@${{CALLBRIDGE_ENDPOINT}},45,rIi)
 same => n,Hangup()
exten => h,1,GotoIf($["${{CALLBRIDGE_CALL}}" = ""]?end)
 same => n,AGI({agi}/result,${{CALLBRIDGE_CALL}},${{DIALSTATUS}},${{HANGUPCAUSE}},${{ANSWEREDTIME}})
 same => n(end),NoOp()
"""

    def start(self, site: Site) -> None:
        site.start_daemon()

    def processes(self, site: Site) -> list[Process]:
        return [site.daemon]
