"""What a form is refused for, kept to be shown beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import ValidationError

from bridge.desk.client import DeskProblem


@dataclass(slots=True)
class Refusal:
    """`problem` is None where nothing was refused."""

    problem: DeskProblem | None = None


@contextmanager
def refused_for(reason: str, status: int) -> Iterator[Refusal]:
    """Keep what is refused for this reason; whatever else is refused goes on as a DeskProblem.

    A value that the daemon is not even asked about, for its form, is refused for the same reason.
    """
    refusal = Refusal()
    try:
        yield refusal
    except ValidationError:
        refusal.problem = DeskProblem(status, reason)
    except DeskProblem as problem:
        if problem.reason != reason:
            raise
        refusal.problem = problem
