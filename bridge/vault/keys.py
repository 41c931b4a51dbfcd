"""The key ring: which keys there are, how they are written down, and where they are read from."""

import base64
import binascii
import hmac
import os
import re
import secrets
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, Self, SupportsIndex, assert_never

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bridge.vault.errors import KeyFileExists, KeyMissing, KeyUnusable

KEY_SIZE = 32  # AES-256, and the full strength of HMAC-SHA-256

_FORMAT = "call-bridge-keys/1"
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LONGEST_FILE = 65_536  # bytes; about a thousand keys
_PREAMBLE = """\
# The keys of call-bridge. Whoever has this file and the database reads every number;
# without this file nobody does. Keep a copy, apart from the copies of the database.
"""


class SecretKey:
    """32 secret bytes that mask themselves in `repr` and refuse to be pickled."""

    __slots__ = ("_material",)

    def __init__(self, material: bytes) -> None:
        if len(material) != KEY_SIZE:
            del material
            raise ValueError(f"a key is {KEY_SIZE} bytes long")
        self._material = material

    @classmethod
    def new(cls) -> Self:
        return cls(secrets.token_bytes(KEY_SIZE))

    def material(self) -> bytes:
        """The bytes themselves."""
        return self._material

    def cipher(self) -> AESGCM:
        return AESGCM(self._material)

    def derive(self, purpose: bytes) -> "SecretKey":
        """Another key, for one purpose, by HKDF-SHA-256 (RFC 5869)."""
        return SecretKey(HKDF(SHA256(), KEY_SIZE, salt=None, info=purpose).derive(self._material))

    def check_value(self, name: str) -> bytes:
        """32 bytes that tell whether a key is still the same and nothing else of it."""
        return hmac.digest(self._material, b"call-bridge key check 1: " + name.encode(), "sha256")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretKey):
            return NotImplemented
        return hmac.compare_digest(self._material, other._material)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "(secret key)"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret key is not pickled")


@dataclass(frozen=True, slots=True)
class KeyEncryptionKey:
    """A key that wraps customers' data keys. `id`: up to 32 of a-z, 0-9 and hyphen."""

    id: str
    key: SecretKey

    @classmethod
    def new(cls) -> Self:
        return cls(f"k-{secrets.token_hex(4)}", SecretKey.new())


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key of a shop.

    Key-encryption keys rotate: the current one wraps, older ones still unwrap. The blind-index key doesn't,
    as every index would have to be computed anew from the numbers; nor does the audit key, which the trail of
    the past is checked by.
    """

    current: KeyEncryptionKey
    older: tuple[KeyEncryptionKey, ...]
    blind_index: SecretKey
    audit: SecretKey

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the key-encryption keys, the current one first."""
        return tuple(kek.id for kek in self.encryption_keys)

    @property
    def encryption_keys(self) -> tuple[KeyEncryptionKey, ...]:
        return (self.current, *self.older)

    @classmethod
    def new(cls) -> Self:
        return cls(KeyEncryptionKey.new(), (), blind_index=SecretKey.new(), audit=SecretKey.new())

    def rotated(self) -> Self:
        """The ring with a new current key, all others kept."""
        return replace(self, current=KeyEncryptionKey.new(), older=self.encryption_keys)

    def without(self, key_id: str) -> Self:
        """The ring without one of its older keys; raises KeyUnusable where `key_id` is none of these."""
        if key_id == self.current.id:
            raise KeyUnusable(f"{key_id} is the current key: `call-bridge keys rotate` puts another first.")
        if key_id not in self.ids:
            raise KeyUnusable("The key ring has no key of this name: `call-bridge keys status` lists them.")
        return replace(self, older=tuple(kek for kek in self.older if kek.id != key_id))

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `dump` wrote; raises KeyUnusable, which names the faulty field and holds nothing of its
        value.

        The text is fields between white space, `#` comments to the end of the line: so it can be a file with
        a field on each line, and an environment variable of a single line.
        """
        try:
            return cls._from_fields(_fields_of(text))
        except _Malformed as malformed:
            fault = str(malformed)
        del text  # raised out here, the exception's frames and chain hold no key
        raise KeyUnusable(f"The key ring is malformed: {fault}. Restore it from its copy.")

    @classmethod
    def _from_fields(cls, fields: dict[str, str]) -> Self:
        keks = {
            name.removeprefix("kek:"): _key_from(name, value)
            for name, value in fields.items()
            if name.startswith("kek:")
        }
        current = fields.get("current")
        if current not in keks:
            raise _Malformed("the field 'current' names none of the ring's keys")
        for name in ("blind-index", "audit"):
            if name not in fields:
                raise _Malformed(f"the field {name!r} is missing")
        return cls(
            current=KeyEncryptionKey(current, keks.pop(current)),
            older=tuple(KeyEncryptionKey(key_id, key) for key_id, key in keks.items()),
            blind_index=_key_from("blind-index", fields["blind-index"]),
            audit=_key_from("audit", fields["audit"]),
        )

    def dump(self) -> str:
        """The ring as text, keys in the clear: for a key file, and for nothing else."""
        fields = [_FORMAT, f"current={self.current.id}"]
        fields += [f"kek:{kek.id}={_text_of(kek.key)}" for kek in self.encryption_keys]
        fields += [f"blind-index={_text_of(self.blind_index)}", f"audit={_text_of(self.audit)}"]
        return _PREAMBLE + "\n".join(fields) + "\n"


class _Malformed(Exception):
    """What is wrong with the text of a key ring, in words that hold nothing of it but names of fields."""


def _fields_of(text: str) -> dict[str, str]:
    words = " ".join(line.partition("#")[0] for line in text.splitlines()).split()
    if words[:1] != [_FORMAT]:
        raise _Malformed(f"it does not begin with {_FORMAT}")
    fields: dict[str, str] = {}
    for position, word in enumerate(words[1:], start=2):
        name, _, value = word.partition("=")
        if not _is_field(name):
            raise _Malformed(f"field {position} is none that this version knows")
        if name in fields:
            raise _Malformed(f"the field {name!r} is there twice")
        fields[name] = value
    return fields


def _is_field(name: str) -> bool:
    if name.startswith("kek:"):
        return _KEY_ID.fullmatch(name.removeprefix("kek:")) is not None
    return name in ("current", "blind-index", "audit")


def _key_from(name: str, value: str) -> SecretKey:
    try:
        return SecretKey(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise _Malformed(f"the field {name!r} is not {KEY_SIZE} bytes in base64") from None


def _text_of(key: SecretKey) -> str:
    return base64.b64encode(key.material()).decode("ascii")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of the daemon's user or root, mode 0600 or less."""

    path: Path


@dataclass(frozen=True, slots=True)
class KeyCredential:
    """A systemd credential (`LoadCredential=` or `LoadCredentialEncrypted=`, systemd.exec(5))."""

    name: str


@dataclass(frozen=True, slots=True)
class KeyEnvironment:
    """An environment variable. The weakest place: child processes and /proc/PID/environ have it too."""

    variable: str


KeySource = KeyFile | KeyCredential | KeyEnvironment


def read_key_ring(source: KeySource) -> KeyRing:
    """Read the ring; raises KeyMissing where there is none, KeyUnusable where it can't be trusted."""
    match source:
        case KeyFile(path):
            return KeyRing.load(_read_private(path))
        case KeyCredential(name):
            return KeyRing.load(_read_credential(name))
        case KeyEnvironment(variable):
            return KeyRing.load(_read_environment(variable))
        case _:
            assert_never(source)


def _read_private(path: Path) -> str:
    """The file's text, once nobody else can read it.

    Symbolic links are followed, since container platforms deliver secrets through them: what is checked is
    the file that was opened, by its descriptor, so that nothing can be exchanged between check and reading.
    """
    try:
        # O_NONBLOCK: opening a FIFO by mistake would hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise KeyMissing(
            f"There is no key file {path}. Restore it from its copy, or make a first one."
        ) from None
    except OSError as error:
        raise KeyUnusable(f"The key file {path} can't be opened: {error.strerror}.") from None
    try:
        _refuse_if_exposed(path, os.fstat(descriptor))
        return _decoded(os.read(descriptor, _LONGEST_FILE))
    finally:
        os.close(descriptor)


def _refuse_if_exposed(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyUnusable(f"{path} is not a regular file.")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyUnusable(f"The key file {path} has mode {mode:04o}, open to others: chmod 0600 {path}")
    if status.st_uid not in (0, os.geteuid()):
        raise KeyUnusable(f"The key file {path} belongs to another user: chown it to the daemon's own.")


def _read_credential(name: str) -> str:
    """The credential's text. Its mode is systemd's: access granted by an ACL shows in it as group bits."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        raise KeyMissing(
            f"systemd passed no credentials: add LoadCredential={name}:PATH to the unit's [Service]."
        )
    if "/" in name:
        raise KeyUnusable("A credential's name is no path: give the name alone.")
    try:
        return _decoded((Path(directory) / name).read_bytes())
    except FileNotFoundError:
        raise KeyMissing(f"systemd passed no credential {name!r}: add LoadCredential={name}:PATH.") from None
    except OSError as error:
        raise KeyUnusable(f"The credential {name!r} can't be read: {error.strerror}.") from None


def _read_environment(variable: str) -> str:
    text = os.environ.get(variable)
    if not text:
        raise KeyMissing(
            f"The environment variable {variable} is not set: it should hold the key ring's text."
        )
    return text


def _decoded(content: bytes) -> str:
    """ASCII, other bytes replaced: a UnicodeDecodeError would carry the keys, and no field holds others."""
    return content.decode("ascii", "replace")


def write_key_file(path: Path, ring: KeyRing) -> None:
    """Write `ring` to a new file of mode 0600, durably; raises KeyFileExists rather than overwrite anything.

    A file that could not be written to its end is removed: half a key ring would stand in the way of the
    whole.
    """
    try:
        descriptor = _create_private(path)
    except FileExistsError:
        raise KeyFileExists(f"{path} exists, and keys are never overwritten: choose another path.") from None
    try:
        _write_durably(descriptor, ring)
        _sync_directory(path.parent)
    except BaseException:
        path.unlink()
        raise


def replace_key_file(path: Path, ring: KeyRing) -> None:
    """Put `ring` in the place of the ring in this file, whose owner it keeps.

    Whoever reads the file, at any moment and after any crash, finds the one ring or the other, whole.
    Callers see to it that nobody else does the same at the same time. Raises OSError.
    """
    target = path.resolve(strict=True)  # a symbolic link stays one
    coming = target.with_name(f".{target.name}.new")
    coming.unlink(missing_ok=True)  # of a process that was killed here: keys don't lie about in copies
    descriptor = _create_private(coming)
    try:
        owner = target.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
        _write_durably(descriptor, ring)
        coming.replace(target)
    except BaseException:
        coming.unlink(missing_ok=True)
        raise
    _sync_directory(target.parent)


def _create_private(path: Path) -> int:
    """A descriptor of a new file, for writing; raises FileExistsError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _write_durably(descriptor: int, ring: KeyRing) -> None:
    """Write the ring to a new file, for its owner alone, and close it."""
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(descriptor, 0o600)  # a strict umask may have taken the owner's bits as well
        file.write(ring.dump())
        file.flush()
        os.fsync(descriptor)


def _sync_directory(directory: Path) -> None:
    """Make a new file's name durable, too: fsync of the file alone does not (fsync(2))."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
