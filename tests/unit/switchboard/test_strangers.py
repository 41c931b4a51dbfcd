"""Callers whom nobody knows: few are kept, not for long, and their numbers sealed."""

from __future__ import annotations

import pytest

from bridge.switchboard.strangers import KEPT_MS, MOST_KEPT, SealedCaller, Stranger, Strangers
from bridge.vault import KeyRing, SealBroken, Vault, read_number

NOW = 1_800_000_000_000
NUMBER = read_number("+447700900461", "GB")


def stranger(at_ms: int = NOW) -> Stranger:
    return Stranger(at_ms, None)


def test_whoever_is_taken_is_there_no_more() -> None:
    kept = Strangers()
    kept.keep(7, stranger())
    with kept.taken(7, NOW) as first, kept.taken(7, NOW) as second:
        assert first == stranger()
        assert second is None
    assert len(kept) == 0


def test_whoever_could_not_be_attached_is_there_again() -> None:
    kept = Strangers()
    kept.keep(7, stranger())
    with pytest.raises(LookupError), kept.taken(7, NOW):
        raise LookupError
    with kept.taken(7, NOW) as again:
        assert again == stranger()


def test_nobody_is_kept_for_longer_than_a_shift() -> None:
    kept = Strangers()
    kept.keep(7, stranger())
    kept.keep(8, stranger(NOW + KEPT_MS))
    assert len(kept) == 1, "gone when the next one comes"
    with kept.taken(8, NOW + 2 * KEPT_MS) as late:
        assert late is None


def test_of_too_many_the_oldest_goes() -> None:
    kept = Strangers()
    for label in range(1, MOST_KEPT + 2):
        kept.keep(label, stranger())
    assert len(kept) == MOST_KEPT
    with kept.taken(1, NOW) as oldest, kept.taken(2, NOW) as next_one:
        assert oldest is None
        assert next_one is not None


def test_a_number_opens_again_and_by_its_own_keys_alone() -> None:
    vault = Vault(KeyRing.new())
    sealed = SealedCaller.of(NUMBER, vault)
    assert sealed.opened(vault) == NUMBER
    with pytest.raises(SealBroken):
        sealed.opened(Vault(KeyRing.new()))


def test_no_text_of_it_tells_anything() -> None:
    sealed = SealedCaller.of(NUMBER, Vault(KeyRing.new()))
    for text in (repr(sealed), repr(Stranger(NOW, sealed))):
        assert "7700900461" not in text
        assert repr(sealed.sealed) not in text
