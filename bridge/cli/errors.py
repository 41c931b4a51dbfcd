"""What people are told when a command fails: one clear message each, that says what to do.

Known errors are explained; of all others only the type and the place in the program are told, never their
text or a local variable, for nobody knows what those hold.
"""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass

import typer
from typer import TyperException

from bridge.api.client import ApiProblem, ApiUnavailable
from bridge.cli.exits import Exit
from bridge.config import ConfigError
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


def explain(error: Exception) -> Explanation:
    """The words and the exit code for an error that ended a command."""
    match error:
        case CommandFailed():
            return Explanation(error.exit_code, str(error))
        case TyperException():
            # It quotes the command line, where a number may have been typed although none belongs there.
            return Explanation(Exit.USAGE, without_numbers(error.format_message()))
        case ConfigError():
            return Explanation(Exit.CONFIG, str(error))
        case VaultError():
            return Explanation(Exit.KEYS, str(error))
        case DatabaseUnusable():
            return Explanation(Exit.DATABASE, str(error))
        case StoreRefused():  # it repeats the code or the extension that was typed
            return Explanation(Exit.REFUSED, _sentence(without_numbers(str(error))))
        case SpreadsheetUnreadable():
            return Explanation(Exit.REFUSED, str(error))
        case ApiUnavailable():
            return Explanation(Exit.UNAVAILABLE, str(error))
        case ApiProblem():
            return Explanation(Exit.REFUSED, error.detail or error.title)
        case typer.Abort():
            return Explanation(Exit.INTERRUPTED, "Stopped; nothing was changed.")
        case _:
            return Explanation(Exit.UNFORESEEN, _unforeseen(error))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


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
