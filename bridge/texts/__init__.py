"""Text messages: what a gateway is, for whoever writes one. docs/texts.md, "A gateway of your own".

A gateway hands texts to an operator. It is a class, named in the entry points group
`call_bridge.text_gateways`, and imports nothing of call-bridge but this and `bridge.outgoing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

GROUP: Final = "call_bridge.text_gateways"


class Came(StrEnum):
    """What came of handing a text over."""

    SENT = "sent"
    """The operator has taken it."""
    REFUSED = "refused"
    """Not taken, and never will be: this text, or its number, is wrong."""
    LATER = "later"
    """Not taken, for a reason that may pass: it is tried again."""
    UNSURE = "unsure"
    """It may have been taken: no answer came, or none that can be read. It is tried again by its id alone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`status`: HTTP's, where there was one. Nothing else of what an operator says is kept: it may quote."""

    came: Came
    status: int | None = None

    def __str__(self) -> str:
        return self.came if self.status is None else f"{self.came} {self.status}"


@dataclass(frozen=True, slots=True)
class Text:
    """One attempt at one text. `number`: E.164 with its plus; it is read for this attempt alone.

    `id` is 20 small letters, and the same at each attempt.
    """

    id: str
    number: str = field(repr=False)
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """The section `texts` of config.yaml, as far as a gateway goes by it. `options`: its own."""

    url: str
    token: str | None = field(default=None, repr=False)
    private_networks: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)


class Gateway(Protocol):
    """Made once, of `Settings`; it raises what it likes where it can't be."""

    @property
    def takes_ids(self) -> bool:
        """Whether a text that is handed over twice with one id is sent once."""

    async def send(self, text: Text) -> Answer:
        """Hand it over, within 30 seconds. What it raises counts as `Came.UNSURE`, and is told by its type.

        It runs in the process that has the keys, in its event loop: it blocks nothing, and logs and keeps
        nothing of what it is given. A number is in the body of one request, never in a URL.
        """
