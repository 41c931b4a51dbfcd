"""Vault: sealing numbers for the database, and opening them again.

AES-256-GCM (NIST SP 800-38D) under one data key per customer, each wrapped by a key-encryption key of the
ring. Destroying a customer's wrapped data key makes the customer's sealed numbers unreadable wherever they
were copied without it.

    wrapped data key   version (1) | length of KEK id (1) | KEK id | nonce (12) | ciphertext (32) | tag (16)
    sealed number      version (1) | nonce (12) | ciphertext (16) | tag (16)
    sealed sound       version (1) | nonce (12) | ciphertext (as long as the sound) | tag (16)

Associated data ties each to its place: copied to another row, it does not open. Nonces are random: SP
800-38D, 8.3 allows 2**32 of them to a key, more than a shop has customers, or a customer numbers.
"""

import hmac
import secrets
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.vault.errors import KeyMissing, KeyUnusable, SealBroken, VaultError
from bridge.vault.hidden import HiddenNumber
from bridge.vault.keys import KEY_SIZE, KeyRing, SecretKey
from bridge.vault.secrets import ProgramSecrets, SecretSealer
from bridge.vault.signing import AuditSigner, RequestMarker

_VERSION = 1
_NONCE_SIZE = 12  # 96 bits, SP 800-38D, 8.2.2
_TAG_SIZE = 16
_BLIND_INDEX = b"call-bridge blind index 1"


OF_NOBODY = 0
"""What stands for the customer in seals of what is no customer's yet: no row has this id."""


class Vault:
    """Seals and opens numbers with the keys of one ring. Any thread may use it.

    `reread` reads the ring anew. It is asked when a data key is met that none of the ring's keys wrapped: a
    rotation elsewhere has then put a new key into the ring, and calls go on while it re-wraps.
    """

    def __init__(self, ring: KeyRing, *, reread: Callable[[], KeyRing] | None = None) -> None:
        self._reread = reread
        self._keks = _keks_of(ring)
        self._index_key = ring.blind_index.derive(_BLIND_INDEX)
        self._check_values = _check_values(ring)
        self._audit_signer = AuditSigner(ring.audit)
        self._secret_sealer = SecretSealer(ring.audit)
        self._program_secrets = ProgramSecrets(ring.audit)
        self._request_marker = RequestMarker(ring.audit)

    @property
    def current_key_id(self) -> str:
        """The id of the key that wraps new data keys."""
        return self._keks.current_id

    @property
    def audit_signer(self) -> AuditSigner:
        return self._audit_signer

    @property
    def request_marker(self) -> RequestMarker:
        return self._request_marker

    @property
    def account_secrets(self) -> SecretSealer:
        return self._secret_sealer

    @property
    def program_secrets(self) -> ProgramSecrets:
        return self._program_secrets

    def reload(self, ring: KeyRing) -> None:
        """Go over to the same ring after a rotation or a retirement.

        Raises KeyUnusable for another ring: one whose keys of the same names are others.
        """
        checks = _check_values(ring)
        for name in checks.keys() & self._check_values.keys():
            if not hmac.compare_digest(checks[name], self._check_values[name]):
                raise KeyUnusable(f"The key {name!r} has changed since the ring was last read.")
        self._keks, self._check_values = _keks_of(ring), checks

    def new_data_key(self, customer_id: int) -> bytes:
        """A new data key for a customer, wrapped by the ring's current key."""
        return self._wrap(SecretKey.new(), customer_id)

    def rewrap(self, data_key: bytes, *, customer_id: int) -> bytes:
        """The same data key, wrapped by the ring's current key; raises SealBroken."""
        return self._wrap(self._unwrap(data_key, customer_id), customer_id)

    def seal(
        self, number: HiddenNumber, *, customer_id: int, contact_id: int, kind: str, data_key: bytes
    ) -> bytes:
        """The number as bytes that open in this contact's row alone; raises SealBroken for `data_key`."""
        cipher = self._unwrap(data_key, customer_id).cipher()
        nonce = secrets.token_bytes(_NONCE_SIZE)
        bound_to = _number_binding(customer_id, contact_id, kind)
        return bytes([_VERSION]) + nonce + number.seal_with(cipher, nonce, bound_to)

    def open(
        self, sealed: bytes, *, customer_id: int, contact_id: int, kind: str, data_key: bytes
    ) -> HiddenNumber:
        """The number sealed for this contact; raises SealBroken."""
        if sealed[:1] != bytes([_VERSION]):
            raise SealBroken("The number was sealed in a format that this version does not know.")
        cipher = self._unwrap(data_key, customer_id).cipher()
        bound_to = _number_binding(customer_id, contact_id, kind)
        nonce, ciphertext = sealed[1 : 1 + _NONCE_SIZE], sealed[1 + _NONCE_SIZE :]
        try:
            return HiddenNumber.unseal_with(cipher, nonce, ciphertext, bound_to)
        except (InvalidTag, ValueError):
            raise SealBroken("The sealed number was altered, or belongs to another contact.") from None

    def seal_sound(self, sound: bytes, *, customer_id: int, message_id: str, data_key: bytes) -> bytes:
        """What a customer has said, as bytes that open as this message alone; raises SealBroken.

        Who speaks may say a number, or key one in: sound is hidden as numbers are.
        """
        cipher = self._unwrap(data_key, customer_id).cipher()
        nonce = secrets.token_bytes(_NONCE_SIZE)
        sealed = cipher.encrypt(nonce, sound, _sound_binding(customer_id, message_id))
        return bytes([_VERSION]) + nonce + sealed

    def open_sound(self, sealed: bytes, *, customer_id: int, message_id: str, data_key: bytes) -> bytes:
        """The sound sealed as this message; raises SealBroken."""
        if sealed[:1] != bytes([_VERSION]):
            raise SealBroken("The message was sealed in a format that this version does not know.")
        cipher = self._unwrap(data_key, customer_id).cipher()
        nonce, ciphertext = sealed[1 : 1 + _NONCE_SIZE], sealed[1 + _NONCE_SIZE :]
        try:
            return cipher.decrypt(nonce, ciphertext, _sound_binding(customer_id, message_id))
        except (InvalidTag, ValueError):
            raise SealBroken("The sealed message was altered, or is another one.") from None

    def blind_index(self, number: HiddenNumber) -> bytes:
        """32 bytes, the same for the same number: finds a caller's contact without opening any.

        HMAC-SHA-256 of E.164. Without a key the ten billion numbers of a country would be hashed in minutes.
        """
        return number.index_with(self._index_key.material())

    def key_check(self) -> dict[str, bytes]:
        """A check value for each key of the ring, by name, to be kept in the database for `check_keys`."""
        return dict(self._check_values)

    def check_keys(self, known: Mapping[str, bytes]) -> None:
        """Compare the ring with the check values kept in the database, before anything is sealed or opened.

        Raises KeyMissing for a key that the ring lacks, KeyUnusable for one that is another than it was.
        """
        for name, value in known.items():
            if name not in self._check_values:
                raise KeyMissing(f"The key ring lacks the key {name!r}, in use here: restore it from a copy.")
            if not hmac.compare_digest(value, self._check_values[name]):
                raise KeyUnusable(
                    f"The key {name!r} is not the one that this database was sealed with: is it another "
                    "shop's key ring? Restore the right one from its copy."
                )

    def _wrap(self, data_key: SecretKey, customer_id: int) -> bytes:
        keks = self._keks
        kek_id = keks.current_id.encode("ascii")
        nonce = secrets.token_bytes(_NONCE_SIZE)
        bound_to = _wrapping_binding(customer_id, kek_id)
        ciphertext = keks.ciphers[keks.current_id].encrypt(nonce, data_key.material(), bound_to)
        return wrapped_by(keks.current_id) + nonce + ciphertext

    def _unwrap(self, wrapped: bytes, customer_id: int) -> SecretKey:
        kek_id, nonce, ciphertext = _parts_of_wrapped(wrapped)
        cipher = self._cipher_of(kek_id.decode("ascii", "replace"))
        return _unwrapped(cipher, nonce, ciphertext, _wrapping_binding(customer_id, kek_id))

    def _cipher_of(self, kek_id: str) -> AESGCM:
        """The key of this id, looked for in the ring as it is now where it wasn't there before."""
        if kek_id not in self._keks.ciphers and self._reread is not None:
            try:
                self.reload(self._reread())
            except VaultError:
                raise SealBroken("The customer's data key needs a key ring that can't be read now.") from None
        cipher = self._keks.ciphers.get(kek_id)
        if cipher is None:
            raise SealBroken("The customer's data key was wrapped by a key that the ring lacks.")
        return cipher


@dataclass(frozen=True, slots=True)
class _Keks:
    """The key-encryption keys of a ring, exchanged all at once when it is read anew."""

    current_id: str
    ciphers: Mapping[str, AESGCM]


def _keks_of(ring: KeyRing) -> _Keks:
    return _Keks(ring.current.id, {kek.id: kek.key.cipher() for kek in ring.encryption_keys})


def _check_values(ring: KeyRing) -> dict[str, bytes]:
    return {
        **{check_name(kek.id): kek.key.check_value(kek.id) for kek in ring.encryption_keys},
        "blind-index": ring.blind_index.check_value("blind-index"),
        "audit": ring.audit.check_value("audit"),
    }


def check_name(key_id: str) -> str:
    """What the check value of a key-encryption key is called in `Vault.key_check`."""
    return f"kek:{key_id}"


def wrapped_by(key_id: str) -> bytes:
    """The bytes that each data key wrapped by this key begins with, and no other."""
    return bytes([_VERSION, len(key_id)]) + key_id.encode("ascii")


def _unwrapped(cipher: AESGCM, nonce: bytes, ciphertext: bytes, bound_to: bytes) -> SecretKey:
    try:
        return SecretKey(cipher.decrypt(nonce, ciphertext, bound_to))
    except InvalidTag:
        raise SealBroken("The customer's data key was altered, or belongs to another customer.") from None


def _parts_of_wrapped(wrapped: bytes) -> tuple[bytes, bytes, bytes]:
    """The KEK's id, the nonce and the ciphertext with its tag."""
    if len(wrapped) < 2 or wrapped[0] != _VERSION:
        raise SealBroken("The customer's data key was wrapped in a format that this version does not know.")
    id_ends = 2 + wrapped[1]
    nonce_ends = id_ends + _NONCE_SIZE
    if len(wrapped) != nonce_ends + KEY_SIZE + _TAG_SIZE:
        raise SealBroken("The customer's data key is cut off or has grown.")
    return wrapped[2:id_ends], wrapped[id_ends:nonce_ends], wrapped[nonce_ends:]


def _number_binding(customer_id: int, contact_id: int, kind: str) -> bytes:
    """Fixed lengths first, the one text last: two different places never give the same bytes."""
    return b"call-bridge number" + struct.pack(">Bqq", _VERSION, customer_id, contact_id) + kind.encode()


def _sound_binding(customer_id: int, message_id: str) -> bytes:
    return b"call-bridge sound" + struct.pack(">Bq", _VERSION, customer_id) + message_id.encode()


def _wrapping_binding(customer_id: int, kek_id: bytes) -> bytes:
    return b"call-bridge data key" + struct.pack(">Bq", _VERSION, customer_id) + kek_id
