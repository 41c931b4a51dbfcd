"""One attempt to deliver one message. The answer's body is not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp.abc import AbstractResolver

from bridge.outgoing import NotPosted, Reach, post
from bridge.switchboard.metrics import HookAnswer

SECONDS: Final = 10.0
"""For all of it: a program that needs longer for its work does it after it has answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`status`: HTTP's, where there was one."""

    came: HookAnswer
    status: int | None = None

    def __str__(self) -> str:
        return self.came if self.status is None else f"{self.came} {self.status}"


class Courier:
    """`resolver` looks names up; by default the machine's own does."""

    def __init__(self, reach: Reach, resolver: AbstractResolver | None = None) -> None:
        self.reach = reach
        self._resolver = resolver

    async def deliver(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Raises nothing but CancelledError."""
        came = await post(url, headers, body, self.reach, seconds=SECONDS, resolver=self._resolver)
        return Answer(HookAnswer(came.why)) if isinstance(came, NotPosted) else _answer(came.status)


def _answer(status: int) -> Answer:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(HookAnswer.ARRIVED, status)
    if status == HTTPStatus.GONE:
        return Answer(HookAnswer.GONE, status)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Answer(HookAnswer.REDIRECTED, status)
    return Answer(HookAnswer.REFUSED, status)
