"""What can go wrong with a request to ARI.

No error here holds any text of the request or of the answer: ARI's answers repeat what they were sent, and
that may hold a phone number. `operation` is a name from this package's source, such as "channels.create".
"""

from __future__ import annotations


class AriError(Exception):
    """Asterisk did not do what it was asked. Also the class for statuses that have no class of their own.

    `status` is the HTTP status, or None where no answer came.
    """

    def __init__(self, operation: str, status: int | None = None) -> None:
        super().__init__(operation, status)
        self.operation = operation
        self.status = status

    def __str__(self) -> str:
        return f"{self.operation}: {'no answer' if self.status is None else self.status}"


class BadRequest(AriError):
    """400. `bridge.add_channel` answers so for a channel that is gone."""


class AccessDenied(AriError):
    """401 or 403: user or password of ari.conf are wrong, or the user is read-only."""


class NotFound(AriError):
    """404: the channel, bridge, playback, application or variable does not exist (any more)."""


class Conflict(AriError):
    """409: the id is taken, or the channel is not in a state for this (not in Stasis, dialled too early).

    From `channels.create` it may also mean an endpoint that cannot be reached: Asterisk 22 tells the two
    apart by an errno that an earlier request may have left behind.
    """


class InvalidState(AriError):
    """412: the channel is not up yet, or is on its way out."""


class Unprocessable(AriError):
    """422: the channel is dialling, or not in the bridge, or not in Stasis."""


class AllocationFailed(AriError):
    """500. From `channels.create`: nobody is registered at the endpoint.

    From `bridges.create`: the id is taken. From `channel.get_variable`: a dialplan function that failed.
    """


class LinkDown(AriError):
    """Asterisk cannot be reached: refused, reset, no answer in time, or 503 while it starts.

    The command may have been carried out all the same; ask before repeating it.
    """


class MalformedAnswer(AriError):
    """The answer's status was good and its content was not what ARI documents."""


class UnusableId(ValueError):
    """An id that may not stand in a URL. The id itself is not repeated: it might be a phone number."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation

    def __str__(self) -> str:
        return f"{self.operation}: an id may hold only letters, digits and . _ : @ / ; -"


_BY_STATUS: dict[int, type[AriError]] = {
    400: BadRequest,
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    409: Conflict,
    412: InvalidState,
    422: Unprocessable,
    500: AllocationFailed,
    503: LinkDown,
}


def error_for(operation: str, status: int) -> AriError:
    """The error that an HTTP status stands for; the one place where the two meet."""
    return _BY_STATUS.get(status, AriError)(operation, status)
