"""(r) Nothing but ARI: the same requests as call-bridge's, on bare sockets, with no rules and no records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchkit.contenders.base import Contender
from labkit.processes import Process

if TYPE_CHECKING:
    from benchkit.site import Site

APP = "bench-bare"


class Bare(Contender):
    key = "r"
    title = "bare ARI: what the interface itself costs"
    prefix = "89"

    def extensions(self, site: Site) -> str:
        return f"exten => _89XXXX,1,Stasis({APP},${{EXTEN:2}})\n same => n,Hangup()\n"

    def start(self, site: Site) -> None:
        site.start_program("bare", application=APP)

    def processes(self, site: Site) -> list[Process]:
        return [site.programs["bare"]]
