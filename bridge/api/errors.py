"""What asking the daemon can come to, apart from its client: most commands never ask it."""

from __future__ import annotations


class ApiUnavailable(Exception):
    """No daemon answers on the socket; the message says what to do."""


class ApiProblem(Exception):
    """The daemon's answer is a refusal. `reason` is a stable word for programs, `detail` says what to do."""

    def __init__(self, status: int, title: str, detail: str, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.title = title
        self.detail = detail
        self.reason = reason
