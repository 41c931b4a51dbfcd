"""(g) call-bridge with everything on: rules, sealed numbers, signed audit, records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchkit.clicks import post
from benchkit.contenders.base import Contender
from labkit.places import CHECKOUT, SCRIPTS
from labkit.processes import Process, start
from labkit.readiness import answers_ok, get, wait_until_ready

if TYPE_CHECKING:
    from benchkit.site import Site

DIRECT_APP = "call-bridge-direct"


class Sealed(Contender):
    key = "g"
    title = "call-bridge, sealed"
    prefix = "*"
    clicks = True

    def start(self, site: Site) -> None:
        site.start_daemon()

    def processes(self, site: Site) -> list[Process]:
        return [site.daemon]

    def metrics(self, site: Site) -> str:
        return get(site.lab.api_socket, "/metrics")

    def click(self, site: Site, extension: str, code: str) -> None:
        post(site.lab.api_socket, "/v1/calls", {"extension": extension, "order": code})


def start_in_place_of_the_daemon(site: Site, program: str, output: Path) -> None:
    """Start one of `benchkit.programs` that is the daemon, and writes down to `output` how it fares."""
    lab = site.lab
    command: list[str | Path] = [sys.executable, "-m", program, lab.config_path, output]
    environment = {"PYTHONPATH": f"{SCRIPTS}:{CHECKOUT}"}
    log = lab.log("daemon")
    process = start(command, log=log, folder=site.folder, environment=environment)
    lab.record.processes["daemon"] = process
    wait_until_ready("the daemon", process, lambda: answers_ok(lab.api_socket, "/readyz"), log)


class Direct(Contender):
    key = "G"
    title = "call-bridge, direct"
    prefix = "87"
    clicks = True

    def extensions(self, site: Site) -> str:
        """The shipped way into the daemon, with a second daemon's name in the variable that it reads."""
        return f"""\
exten => _87XXXX,1,Set(CALLBRIDGE_APP={DIRECT_APP})
 same => n,Goto(call-bridge-order,${{EXTEN:2}},1)
"""

    def start(self, site: Site) -> None:
        site.start_second_daemon()

    def processes(self, site: Site) -> list[Process]:
        return [site.programs["direct"]]

    def metrics(self, site: Site) -> str:
        return get(site.direct.socket, "/metrics")

    def click(self, site: Site, extension: str, code: str) -> None:
        post(site.direct.socket, "/v1/calls", {"extension": extension, "order": code})
