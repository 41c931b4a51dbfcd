"""The one failure that scripts show to people as a sentence instead of a traceback."""


class LabError(Exception):
    """Something outside our code is missing or refused; the message says what, and what to do about it."""
