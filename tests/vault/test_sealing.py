"""A sealed number opens in its own row, with its own keys, unaltered, and nowhere else."""

import traceback
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.vault import (
    HiddenNumber,
    KeyEncryptionKey,
    KeyMissing,
    KeyRing,
    KeyUnusable,
    SealBroken,
    Vault,
    wrapped_by,
)
from bridge.vault.keys import SecretKey

CLEAR = "+447700900123"
RING = KeyRing.new()
VAULT = Vault(RING)
PLACE: dict[str, Any] = {"customer_id": 7, "contact_id": 42, "kind": "phone"}
DATA_KEY = VAULT.new_data_key(7)
SEALED = VAULT.seal(HiddenNumber(CLEAR), **PLACE, data_key=DATA_KEY)

numbers = st.integers(0, 999).map(lambda last: HiddenNumber(f"+447700900{last:03}"))
ids = st.integers(-(2**63), 2**63 - 1)
places = st.fixed_dictionaries({"customer_id": ids, "contact_id": ids, "kind": st.text(max_size=20)})


def assert_does_not_open(sealed: bytes, data_key: bytes = DATA_KEY, **place: Any) -> None:
    with pytest.raises(SealBroken) as caught:
        VAULT.open(sealed, **(PLACE | place), data_key=data_key)
    shown = "".join(traceback.format_exception(caught.value))
    assert "900123" not in shown + str(caught.value.args)


@given(numbers, places)
def test_what_was_sealed_opens_in_its_place(number: HiddenNumber, place: dict[str, Any]) -> None:
    data_key = VAULT.new_data_key(place["customer_id"])
    sealed = VAULT.seal(number, **place, data_key=data_key)
    assert VAULT.open(sealed, **place, data_key=data_key) == number


def test_a_vault_made_anew_from_the_same_ring_opens_it() -> None:
    vault = Vault(KeyRing.load(RING.dump()))
    assert vault.open(SEALED, **PLACE, data_key=DATA_KEY).reveal() == CLEAR


@given(places)
def test_a_value_moved_to_any_other_place_does_not_open(place: dict[str, Any]) -> None:
    assume(place != PLACE)
    assert_does_not_open(SEALED, **place)


@given(ids.filter(lambda contact_id: contact_id != PLACE["contact_id"]))
def test_a_value_moved_to_another_row_does_not_open(contact_id: int) -> None:
    assert_does_not_open(SEALED, contact_id=contact_id)


@given(st.text(max_size=8).filter(lambda kind: kind != PLACE["kind"]))
def test_a_value_moved_to_another_kind_does_not_open(kind: str) -> None:
    assert_does_not_open(SEALED, kind=kind)


@given(ids.filter(lambda customer_id: customer_id != PLACE["customer_id"]))
def test_a_value_moved_to_another_customer_does_not_open(customer_id: int) -> None:
    assert_does_not_open(SEALED, customer_id=customer_id)
    assert_does_not_open(SEALED, customer_id=customer_id, data_key=VAULT.new_data_key(customer_id))


@given(st.integers(0, 255).filter(lambda version: version != SEALED[0]))
def test_a_value_of_another_version_does_not_open(version: int) -> None:
    assert_does_not_open(bytes([version]) + SEALED[1:])


@pytest.fixture
def one_data_key_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what keeps a value shut is what it was bound to, and not a different key."""
    key = SecretKey.new()
    monkeypatch.setattr(SecretKey, "new", lambda: key)


@pytest.mark.usefixtures("one_data_key_for_all")
def test_the_version_is_bound_and_not_merely_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = VAULT.new_data_key(7)
    sealed = VAULT.seal(HiddenNumber(CLEAR), **PLACE, data_key=wrapped)
    monkeypatch.setattr("bridge.vault.sealing._VERSION", 2)
    assert_does_not_open(bytes([2]) + sealed[1:], data_key=VAULT.new_data_key(7))
    with pytest.raises(SealBroken, match="data key was altered"):
        VAULT.rewrap(bytes([2]) + wrapped[1:], customer_id=7)


@pytest.mark.usefixtures("one_data_key_for_all")
def test_the_customer_is_bound_and_not_merely_given_another_key() -> None:
    sealed = VAULT.seal(HiddenNumber(CLEAR), **PLACE, data_key=VAULT.new_data_key(7))
    assert VAULT.open(sealed, **PLACE, data_key=VAULT.new_data_key(7)).reveal() == CLEAR
    assert_does_not_open(sealed, customer_id=8, data_key=VAULT.new_data_key(8))


def test_the_id_of_the_wrapping_key_is_bound_to_the_wrapping() -> None:
    twin = KeyEncryptionKey("twin", RING.current.key)
    other = KeyEncryptionKey("nint", RING.current.key)
    vault = Vault(KeyRing(twin, (other,), blind_index=RING.blind_index, audit=RING.audit))
    with pytest.raises(SealBroken, match="data key was altered"):
        vault.rewrap(vault.new_data_key(7).replace(b"twin", b"nint"), customer_id=7)


def test_a_data_key_of_the_same_customer_made_anew_does_not_open_older_values() -> None:
    assert_does_not_open(SEALED, data_key=VAULT.new_data_key(PLACE["customer_id"]))


@given(st.integers(0, 8 * len(SEALED) - 1))
def test_a_sealed_value_with_a_flipped_bit_does_not_open(bit: int) -> None:
    assert_does_not_open(flipped(SEALED, bit))


@given(st.integers(0, 8 * len(DATA_KEY) - 1))
def test_a_data_key_with_a_flipped_bit_does_not_open(bit: int) -> None:
    assert_does_not_open(SEALED, data_key=flipped(DATA_KEY, bit))


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value) ^ (1 << bit)).to_bytes(len(value))


@given(st.binary(max_size=100))
def test_bytes_from_anywhere_do_not_open(junk: bytes) -> None:
    assert_does_not_open(junk)
    assert_does_not_open(SEALED, data_key=junk)


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_a_value_cut_off_does_not_open(length: int) -> None:
    assert_does_not_open(SEALED[:length])


@pytest.mark.parametrize("length", range(len(DATA_KEY)))
def test_a_data_key_cut_off_does_not_open(length: int) -> None:
    assert_does_not_open(SEALED, data_key=DATA_KEY[:length])


def test_a_value_that_has_grown_does_not_open() -> None:
    assert_does_not_open(SEALED + b"\0")
    assert_does_not_open(SEALED, data_key=DATA_KEY + b"\0")


def test_a_broken_seal_shows_no_key_in_the_locals_of_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    known_key = SecretKey(b"K" * 32)
    monkeypatch.setattr(SecretKey, "new", lambda: known_key)
    data_key = VAULT.new_data_key(PLACE["customer_id"])
    with pytest.raises(SealBroken) as caught:
        VAULT.open(SEALED, **PLACE, data_key=data_key)
    assert caught.value.__context__ is not None
    for exception in (caught.value, caught.value.__context__):
        frames = [frame for frame, _ in traceback.walk_tb(exception.__traceback__)]
        of_the_vault = [frame for frame in frames if "/vault/sealing" in frame.f_code.co_filename]
        assert of_the_vault
        assert not any("KKKK" in str(frame.f_locals) for frame in of_the_vault)


def test_nothing_is_sealed_for_a_customer_with_anothers_data_key() -> None:
    with pytest.raises(SealBroken):
        VAULT.seal(HiddenNumber(CLEAR), **(PLACE | {"customer_id": 8}), data_key=DATA_KEY)


def test_the_same_number_sealed_twice_looks_different() -> None:
    again = VAULT.seal(HiddenNumber(CLEAR), **PLACE, data_key=DATA_KEY)
    assert again[1:13] != SEALED[1:13]
    assert again[13:] != SEALED[13:]


def test_a_sealed_value_tells_neither_number_nor_length() -> None:
    longest = VAULT.seal(HiddenNumber("+447700900123"), **PLACE, data_key=DATA_KEY)
    shorter = VAULT.seal(HiddenNumber("+12025550123"), **PLACE, data_key=DATA_KEY)
    assert len(longest) == len(shorter) == 45
    assert b"900123" not in longest


def test_data_keys_differ_for_each_customer_and_each_time() -> None:
    assert VAULT.new_data_key(1) != VAULT.new_data_key(1)


def test_a_data_key_names_the_key_that_wrapped_it() -> None:
    assert RING.current.id.encode() in DATA_KEY


def test_what_an_older_key_wrapped_opens_after_a_rotation() -> None:
    rotated = Vault(RING.rotated())
    assert rotated.open(SEALED, **PLACE, data_key=DATA_KEY).reveal() == CLEAR


def test_rewrapping_moves_a_data_key_to_the_current_key_and_leaves_the_sealed_values() -> None:
    ring = RING.rotated()
    rewrapped = Vault(ring).rewrap(DATA_KEY, customer_id=PLACE["customer_id"])
    assert ring.current.id.encode() in rewrapped
    only_the_new = KeyRing(ring.current, (), blind_index=ring.blind_index, audit=ring.audit)
    assert Vault(only_the_new).open(SEALED, **PLACE, data_key=rewrapped).reveal() == CLEAR


def test_a_data_key_is_not_rewrapped_for_another_customer() -> None:
    with pytest.raises(SealBroken):
        VAULT.rewrap(DATA_KEY, customer_id=8)


def test_a_stranger_with_another_ring_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        Vault(KeyRing.new()).open(SEALED, **PLACE, data_key=DATA_KEY)


def test_a_key_of_the_same_name_in_another_ring_opens_nothing() -> None:
    text = KeyRing.new().dump()
    namesake = KeyRing.load(text.replace(KeyRing.load(text).current.id, RING.current.id))
    with pytest.raises(SealBroken):
        Vault(namesake).open(SEALED, **PLACE, data_key=DATA_KEY)


@given(numbers, numbers)
def test_blind_indexes_are_equal_for_equal_numbers_alone(left: HiddenNumber, right: HiddenNumber) -> None:
    assert (VAULT.blind_index(left) == VAULT.blind_index(right)) == (left == right)
    assert len(VAULT.blind_index(left)) == 32


def test_a_blind_index_survives_a_rotation_and_depends_on_its_key() -> None:
    number = HiddenNumber(CLEAR)
    assert Vault(RING.rotated()).blind_index(number) == VAULT.blind_index(number)
    assert Vault(KeyRing.new()).blind_index(number) != VAULT.blind_index(number)


def test_blind_index_and_format_stay_what_they_were_when_databases_were_first_written() -> None:
    key = "A" * 43 + "="
    vault = Vault(KeyRing.load(f"call-bridge-keys/1 current=k kek:k={key} blind-index={key} audit={key}"))
    assert vault.blind_index(HiddenNumber(CLEAR)).hex() == (
        "343a2b6e0e76607de113ea6eb428dbcb5a31f77b5f6ba0f7790b1007de3d1ca0"
    )
    data_key = bytes.fromhex(
        "01016bbf83866e2093568bcb3661d39a08218f9b68bf0f9242ecce2c176c3913"
        "e299ff777363ac0e78162f3af0e847f42f23f49a4fbc11240dccf5fd605855"
    )
    sealed = bytes.fromhex(
        "01bf0fa139d327648f431a974e63e8faa8bf598a21e8dd3a1420242055039d5604b93451d88b43193671449a2e"
    )
    assert vault.open(sealed, **PLACE, data_key=data_key).reveal() == CLEAR
    assert vault.key_check()["kek:k"].hex() == (
        "2fd7732cff37e87578a951d6e8905e042b0950503ca21ae6d74e7f8528b6780c"
    )


def test_a_ring_passes_its_own_check() -> None:
    VAULT.check_keys(VAULT.key_check())
    VAULT.check_keys({})
    Vault(RING.rotated()).check_keys(VAULT.key_check())


def test_every_key_of_the_ring_has_a_check_value() -> None:
    assert set(VAULT.key_check()) == {f"kek:{RING.current.id}", "blind-index", "audit"}
    assert len(set(VAULT.key_check().values())) == 3


def test_a_check_value_is_not_the_key() -> None:
    assert RING.audit.material() not in VAULT.key_check().values()


@pytest.mark.parametrize("name", ["blind-index", "audit"])
def test_a_wrong_key_is_told_by_name(name: str) -> None:
    known = VAULT.key_check()
    known[name] = Vault(KeyRing.new()).key_check()[name]
    with pytest.raises(KeyUnusable, match=name):
        VAULT.check_keys(known)


def test_a_missing_key_is_told_by_name() -> None:
    rotated = RING.rotated()
    with pytest.raises(KeyMissing, match=rotated.current.id):
        VAULT.check_keys(Vault(rotated).key_check())


def test_a_wrong_key_of_the_right_name_is_told() -> None:
    text = KeyRing.new().dump()
    namesake = KeyRing.load(text.replace(KeyRing.load(text).current.id, RING.current.id))
    with pytest.raises(KeyUnusable, match=RING.current.id):
        Vault(namesake).check_keys(VAULT.key_check())


def test_a_vault_that_meets_a_new_key_reads_its_ring_again_and_once() -> None:
    rotated = RING.rotated()
    read: list[KeyRing] = []

    def reread() -> KeyRing:
        read.append(rotated)
        return rotated

    vault = Vault(RING, reread=reread)
    rewrapped = Vault(rotated).rewrap(DATA_KEY, customer_id=7)
    for data_key in (DATA_KEY, rewrapped, rewrapped, DATA_KEY):
        assert vault.open(SEALED, **PLACE, data_key=data_key) == HiddenNumber(CLEAR)
    assert len(read) == 1
    assert vault.current_key_id == rotated.current.id
    assert wrapped_by(rotated.current.id) == vault.new_data_key(7)[: len(wrapped_by(rotated.current.id))]


def test_a_ring_that_cannot_be_read_again_breaks_the_seal_and_nothing_else() -> None:
    def reread() -> KeyRing:
        raise KeyMissing("gone")

    vault = Vault(RING, reread=reread)
    with pytest.raises(SealBroken, match="can't be read now"):
        vault.rewrap(Vault(RING.rotated()).new_data_key(7), customer_id=7)
    assert vault.open(SEALED, **PLACE, data_key=DATA_KEY) == HiddenNumber(CLEAR)


def test_a_vault_does_not_go_over_to_another_shops_ring() -> None:
    vault = Vault(RING, reread=KeyRing.new)
    with pytest.raises(SealBroken):
        vault.rewrap(Vault(KeyRing.new()).new_data_key(7), customer_id=7)
    with pytest.raises(KeyUnusable, match="has changed"):
        vault.reload(KeyRing.new())
    assert vault.open(SEALED, **PLACE, data_key=DATA_KEY) == HiddenNumber(CLEAR)


def test_a_vault_forgets_a_retired_key_once_its_ring_is_loaded() -> None:
    rotated = RING.rotated()
    vault = Vault(rotated)
    vault.reload(rotated.without(RING.current.id))
    with pytest.raises(SealBroken, match="lacks"):
        vault.open(SEALED, **PLACE, data_key=DATA_KEY)


def test_the_audits_signature_is_by_a_key_of_its_own() -> None:
    signer = VAULT.audit_signer
    assert signer.is_signature(signer.sign(b"row"), b"row")
    assert not signer.is_signature(signer.sign(b"row"), b"raw")
    assert signer.sign(b"row") != Vault(KeyRing.new()).audit_signer.sign(b"row")
    assert signer.sign(b"call-bridge key check 1: audit") != VAULT.key_check()["audit"]
    assert Vault(RING.rotated()).audit_signer.sign(b"row") == signer.sign(b"row")


@given(st.binary(max_size=200), ids, st.text("bcdfgh", max_size=20))
def test_sealed_sound_opens_as_its_message_and_as_no_other(sound: bytes, customer: int, message: str) -> None:
    data_key = VAULT.new_data_key(customer)
    place: dict[str, Any] = {"customer_id": customer, "message_id": message, "data_key": data_key}
    sealed = VAULT.seal_sound(sound, **place)
    assert len(sound) < 4 or sound not in sealed
    assert VAULT.open_sound(sealed, **place) == sound
    with pytest.raises(SealBroken):
        VAULT.open_sound(sealed, **place | {"message_id": message + "b"})
    for altered in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"\0" + sealed[1:], b""):
        with pytest.raises(SealBroken):
            VAULT.open_sound(altered, **place)


def test_sealed_sound_is_no_sealed_number_and_a_number_no_sound() -> None:
    sealed = VAULT.seal_sound(b"sixteen bytes of", customer_id=7, message_id="", data_key=DATA_KEY)
    assert_does_not_open(sealed)
    with pytest.raises(SealBroken):
        VAULT.open_sound(SEALED, customer_id=7, message_id="", data_key=DATA_KEY)
