"""(e) Click-to-call by AMI's Originate, from a web program on panoramisk; then the dialplan, as in (a)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchkit.clicks import post
from benchkit.contenders.base import Contender
from benchkit.contenders.plain import look_up_and_dial
from benchkit.settings import AMI_USER
from labkit.processes import Process

if TYPE_CHECKING:
    from benchkit.site import Site


PREFIX = "80"
"""Before the order code in what the manager's phone is connected to: nobody dials it."""


class AmiClick(Contender):
    key = "e"
    title = "AMI Originate on panoramisk (click), Dial()"
    clicks = True

    def extensions(self, site: Site) -> str:
        return look_up_and_dial(PREFIX)

    def manager(self, site: Site) -> str:
        return f"""
[general](+)
enabled=yes
port={site.settings.ami_port}

[{AMI_USER}]
secret={site.settings.ami_secret}
read=
write=originate
"""

    @contextmanager
    def in_turn(self, site: Site) -> Iterator[None]:
        """An AMI client makes Asterisk write every event: it is logged in only while it has its turn."""
        site.start_program("ami", socket_path=site.settings.ami_click)
        try:
            yield
        finally:
            site.end_program("ami")

    def processes(self, site: Site) -> list[Process]:
        return [site.programs["ami"]]

    def click(self, site: Site, extension: str, code: str) -> None:
        post(site.settings.ami_click, "/click", {"extension": extension, "order": code})
