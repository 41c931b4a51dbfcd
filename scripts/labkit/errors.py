"""The one failure that scripts show to people as a sentence instead of a traceback."""

INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended, by the shells' convention (128 + SIGINT)


class LabError(Exception):
    """Something outside our code is missing or refused; the message says what, and what to do about it."""
