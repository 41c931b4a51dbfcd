"""(d) A FastAGI program on panoramisk says the number; then Dial()."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchkit.contenders.base import Contender
from benchkit.settings import HOST
from labkit.processes import Process

if TYPE_CHECKING:
    from benchkit.site import Site


class FastAgi(Contender):
    key = "d"
    title = "FastAGI on panoramisk, Dial()"
    prefix = "84"

    def extensions(self, site: Site) -> str:
        return f"""\
exten => _84XXXX,1,AGI(agi://{HOST}:{site.settings.fastagi_port}/number,${{EXTEN:2}})
 same => n,Dial(PJSIP/${{NUMBER}}@trunk,45)
"""

    def start(self, site: Site) -> None:
        site.start_program("fastagi", port=site.settings.fastagi_port)

    def processes(self, site: Site) -> list[Process]:
        return [site.programs["fastagi"]]
