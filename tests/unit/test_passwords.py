"""What an unknown login is compared with: a hash that no password has, and that takes as long as others."""

from __future__ import annotations

from argon2 import PasswordHasher, extract_parameters

from bridge.api.desk.passwords import Passwords


async def test_nobodys_hash_is_compared_like_any_other() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("correct horse battery staple")
    nobodys = passwords._nobodys
    assert (
        extract_parameters(nobodys)
        == extract_parameters(hashed)
        == extract_parameters(PasswordHasher().hash("x"))
    )
    assert list(map(len, nobodys.split("$"))) == list(map(len, hashed.split("$")))
    assert not passwords.is_outdated(nobodys)
    assert not await passwords.fits("correct horse battery staple", None)
    assert await passwords.fits("correct horse battery staple", hashed)
