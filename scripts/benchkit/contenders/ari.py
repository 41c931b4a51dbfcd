"""(f) The obvious ARI program on ari-client: create, wait, dial, wait for the answer, bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchkit.contenders.base import Contender
from labkit.processes import Process

if TYPE_CHECKING:
    from benchkit.site import Site

APP = "bench-ari"


class Ari(Contender):
    key = "f"
    title = "ARI program on ari-client"
    prefix = "86"

    def extensions(self, site: Site) -> str:
        return f"exten => _86XXXX,1,Stasis({APP},${{EXTEN:2}})\n same => n,Hangup()\n"

    def start(self, site: Site) -> None:
        site.start_program("ari", application=APP)

    def processes(self, site: Site) -> list[Process]:
        return [site.programs["ari"]]
