"""What people are told when a command fails: one clear message each, that says what to do.

Known errors are explained; of all others only the type and the place in the program are told, never their
text or a local variable, for nobody knows what those hold.
"""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import typer
from sqlalchemy.exc import OperationalError
from typer import TyperException

from bridge.api.errors import ApiProblem, ApiUnavailable
from bridge.cli.exits import Exit
from bridge.config import ConfigError
from bridge.install.errors import InstallRefused
from bridge.intake.masking import without_numbers
from bridge.intake.spreadsheet import SpreadsheetUnreadable
from bridge.store.errors import DatabaseUnusable, StoreRefused
from bridge.vault import VaultError


class CommandFailed(Exception):
    """A command can't do what it was asked; the message says what to do."""

    def __init__(self, exit_code: Exit, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Explanation:
    exit_code: Exit
    message: str


_IN_ITS_OWN_WORDS: Final[tuple[tuple[type[Exception], Exit], ...]] = (
    (ConfigError, Exit.CONFIG),
    (VaultError, Exit.KEYS),
    (ApiUnavailable, Exit.UNAVAILABLE),
    (InstallRefused, Exit.REFUSED),
)
"""Errors whose text was written for people, and quotes nothing that was typed or read."""


def explain(error: Exception) -> Explanation:
    """The words and the exit code for an error that ended a command."""
    for kind, exit_code in _IN_ITS_OWN_WORDS:
        if isinstance(error, kind):
            return Explanation(exit_code, str(error))
    match error:
        case CommandFailed():
            return Explanation(error.exit_code, str(error))
        case TyperException():
            return Explanation(Exit.USAGE, _usage(error.format_message()))
        case DatabaseUnusable():  # it repeats the path that was typed
            return Explanation(Exit.DATABASE, without_numbers(str(error)))
        case StoreRefused():  # it repeats what was typed as an order code or an extension
            return Explanation(Exit.REFUSED, _sentence(without_numbers(str(error))))
        case ApiProblem():
            unable = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            return Explanation(Exit.UNAVAILABLE if unable else Exit.REFUSED, error.detail or error.title)
        case SpreadsheetUnreadable():
            return Explanation(Exit.FILE, f"{error}.")
        case OSError(strerror=str(trouble)):
            return Explanation(Exit.FILE, f"{without_numbers(str(error.filename or 'A file'))}: {trouble}.")
        case OperationalError():  # SQLite's own words, such as "database is locked"; they quote no value
            return Explanation(Exit.DATABASE, f"The database can't be used now: {error.orig}.")
        case typer.Abort():
            return Explanation(Exit.INTERRUPTED, "Stopped; nothing was changed.")
        case _:
            return Explanation(Exit.UNFORESEEN, _unforeseen(error))


def _usage(trouble: str) -> str:
    """It quotes the command line, where a number may have been typed although none belongs there."""
    if not trouble:
        return ""  # the help was printed instead
    return f"{_sentence(without_numbers(trouble))}\nTry `call-bridge --help`, or --help after the command."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def _unforeseen(error: Exception) -> str:
    """The same fault has the same id on every machine: it is made of the places that the error passed."""
    places = [
        f"{frame.filename.rpartition('/bridge/')[2]}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "/bridge/" in frame.filename
    ]
    kind = type(error).__name__
    error_id = hashlib.sha256("\n".join([kind, *places]).encode()).hexdigest()[:8]
    place = places[-1] if places else "outside of call-bridge"
    return (
        f"Something went wrong that call-bridge did not foresee: error {error_id} ({kind}, {place}).\n"
        "Please report this line; it holds nothing of your data."
    )
