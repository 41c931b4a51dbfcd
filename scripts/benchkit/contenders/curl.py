"""(b) The dialplan asks the shop's web application for the number, by CURL()."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchkit.contenders.base import Contender
from benchkit.settings import HOST
from labkit.processes import Process

if TYPE_CHECKING:
    from benchkit.site import Site


class Curl(Contender):
    key = "b"
    title = "dialplan, CURL() look-up, Dial()"
    prefix = "82"

    def extensions(self, site: Site) -> str:
        return f"""\
exten => _82XXXX,1,Set(NUMBER=${{CURL(http://{HOST}:{site.settings.curl_port}/number?code=${{EXTEN:2}})}})
 same => n,Dial(PJSIP/${{NUMBER}}@trunk,45)
"""

    def start(self, site: Site) -> None:
        site.start_program("curl", port=site.settings.curl_port)

    def processes(self, site: Site) -> list[Process]:
        return [site.programs["curl"]]
