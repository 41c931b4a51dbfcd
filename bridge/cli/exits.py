"""Exit codes: what a script learns of a command. docs/cli.md and `--help` show this table."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended; `meaning` says it in words."""

    def __new__(cls, code: int, meaning: str) -> Exit:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    meaning: str

    DONE = 0, "Done."
    UNFORESEEN = 1, "An error of call-bridge itself; the message holds an error id to report."
    USAGE = 2, "The command line is not one that call-bridge knows."
    SOME_REJECTED = 3, "The import is done, but some rows were rejected; the rejects file says why."
    CONFIG = 4, "The configuration is missing or has faults."
    KEYS = 5, "The keys are missing, unusable, or not those of this database."
    DATABASE = 6, "The database can't be used."
    REFUSED = 7, "What was asked for contradicts what is stored, or the rules forbid it."
    UNAVAILABLE = 8, "No daemon answers, or the one that does is not able to do this now."
    NOT_STARTED = 9, "The daemon could not start."
    FILE = 10, "A file can't be read or written, or is no spreadsheet."
    AUDIT_ALTERED = 11, "The audit was altered, or rows of it are missing."
    FOUND_WARNING = 20, "The doctor found something to be warned of, and nothing critical."
    FOUND_CRITICAL = 21, "The doctor found something critical."
    INTERRUPTED = 130, "Ended by Ctrl-C, or by a No to a question."


def as_help() -> str:
    """The table as the end of `--help`: a paragraph for each code."""
    return "\n\n".join(["Exit codes:", *(f"{code.value} {code.meaning}" for code in Exit)])
