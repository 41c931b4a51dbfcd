"""What may go wrong with keys and seals.

Every message says what to do about it. None holds key bytes, a number, or anything read from a sealed value:
these texts are meant for logs and terminals.
"""


class VaultError(Exception):
    """Any failure of the vault other than a refused number (`numbers.NumberRefused`)."""


class KeyMissing(VaultError):
    """No key ring where one was expected, or the ring lacks a key that the database was sealed with."""


class KeyUnusable(VaultError):
    """There is a key ring, but it is malformed, readable by others, or not the one of this database."""


class KeyFileExists(VaultError):
    """A key file was to be written where a file already is; key files are never overwritten."""


class SealBroken(VaultError):
    """A sealed value does not open here: it was altered, moved from another row, or sealed by other keys."""
