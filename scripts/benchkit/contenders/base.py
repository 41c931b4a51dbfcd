"""What every way to reach a customer says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from labkit.processes import Process

if TYPE_CHECKING:
    from benchkit.site import Site


class Contender:
    """One way. Subclasses fill in the class variables and what differs; a new one goes into `contenders.ALL`.

    `prefix` is dialled before the order code. The pattern that `extensions` defines for it lives in the
    shipped context of managers' phones, so that all ways share phones, templates and trunk.
    """

    key: ClassVar[str]
    """The letter by which people choose it."""
    title: ClassVar[str]
    prefix: ClassVar[str] = ""
    clicks: ClassVar[bool] = False
    """Whether it has click-to-call."""

    @property
    def dials(self) -> bool:
        """Whether a manager's phone can dial by it."""
        return bool(self.prefix)

    def extensions(self, site: Site) -> str:
        """Lines for the context of managers' phones; CODE of the pattern is ${EXTEN:2}."""
        return ""

    def contexts(self, site: Site) -> str:
        """Contexts of its own."""
        return ""

    def manager(self, site: Site) -> str:
        """What it needs of AMI, which is off else, as shipped: it costs every call something."""
        return ""

    def start(self, site: Site) -> None:
        """Start its processes, with Asterisk up. Raises LabError."""

    @contextmanager
    def in_turn(self, site: Site) -> Iterator[None]:
        """Around each of its blocks: what may only run while it has its turn."""
        yield

    def processes(self, site: Site) -> list[Process]:
        """Its processes beside Asterisk, whose CPU time is its own."""
        return []

    def metrics(self, site: Site) -> str:
        """What its program tells of itself, in Prometheus' words; nothing where it does not."""
        return ""

    def click(self, site: Site, extension: str, code: str) -> None:
        """Ask for a call as a shop's program would: one POST on a Unix socket. Raises LabError."""
        raise NotImplementedError
