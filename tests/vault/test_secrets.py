"""Secrets of accounts and programs: sealed to one place, and opened there alone."""

from __future__ import annotations

import pytest

from bridge.vault import KeyRing, SealBroken, Vault

RING = KeyRing.new()
SEALER = Vault(RING).account_secrets
SECRET = b"JBSWY3DPEHPK3PXP"


def test_a_secret_opens_where_it_was_sealed_by_the_same_ring_and_after_a_rotation() -> None:
    sealed = SEALER.seal(SECRET, manager_id=7)
    assert SEALER.open(sealed, manager_id=7) == SECRET
    assert Vault(RING.rotated()).account_secrets.open(sealed, manager_id=7) == SECRET


def test_the_secret_is_not_to_be_seen_and_no_two_seals_are_alike() -> None:
    first, second = (SEALER.seal(SECRET, manager_id=7) for _ in range(2))
    assert SECRET not in first
    assert first != second


def test_a_secret_copied_to_another_row_does_not_open() -> None:
    with pytest.raises(SealBroken):
        SEALER.open(SEALER.seal(SECRET, manager_id=7), manager_id=8)


def test_a_secret_of_another_shops_ring_does_not_open() -> None:
    with pytest.raises(SealBroken):
        Vault(KeyRing.new()).account_secrets.open(SEALER.seal(SECRET, manager_id=7), manager_id=7)


def test_whatever_byte_is_altered_it_does_not_open() -> None:
    sealed = SEALER.seal(SECRET, manager_id=7)
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(SealBroken):
            SEALER.open(bytes(altered), manager_id=7)


@pytest.mark.parametrize("length", range(len(SEALER.seal(SECRET, manager_id=7))))
def test_what_is_cut_off_does_not_open(length: int) -> None:
    with pytest.raises(SealBroken):
        SEALER.open(SEALER.seal(SECRET, manager_id=7)[:length], manager_id=7)


def test_no_error_holds_the_secret() -> None:
    with pytest.raises(SealBroken) as broken:
        SEALER.open(SEALER.seal(SECRET, manager_id=7), manager_id=8)
    assert broken.value.__cause__ is None
    assert SECRET.decode() not in repr(broken.value)


def test_a_programs_secret_opens_under_its_own_name_and_as_nothing_else() -> None:
    sealer = Vault(RING).program_secrets
    sealed = sealer.seal(SECRET, "webhook 3")
    assert sealer.open(sealed, "webhook 3") == SECRET
    assert Vault(RING.rotated()).program_secrets.open(sealed, "webhook 3") == SECRET
    with pytest.raises(SealBroken):
        sealer.open(sealed, "webhook 4")
    with pytest.raises(SealBroken):
        SEALER.open(sealed, manager_id=3)
    with pytest.raises(SealBroken):
        Vault(KeyRing.new()).program_secrets.open(sealed, "webhook 3")
