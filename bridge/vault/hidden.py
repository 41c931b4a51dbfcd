"""HiddenNumber: a phone number that shows itself to nobody by accident."""

import hashlib
import hmac
import re
import secrets
from typing import Any, NoReturn, Self, SupportsIndex, final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import CoreSchema, core_schema

MASK = "(hidden number)"

# ITU-T E.164, 6.2.1: a country code (never starting with 0) and the rest, fifteen digits at most.
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")

# "+" and fifteen digits. Shorter numbers are padded, so neither memory nor a sealed value tells the length.
_BLOCK_SIZE = 16

_PROCESS_KEY = secrets.token_bytes(32)


def _pad(nonce: bytes) -> bytes:
    return hashlib.blake2b(nonce, key=_PROCESS_KEY, digest_size=_BLOCK_SIZE).digest()


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(_BLOCK_SIZE)


@final
class HiddenNumber:
    """A phone number in E.164 form with its plus, that masks itself everywhere but in `reveal()`.

    Protected: `repr`, `str`, every format, JSON, pydantic, structlog, logging, tracebacks with captured
    locals, `dir` and `inspect.getmembers`, debuggers and crash reporters that walk objects. What the slots
    hold is the number XOR-ed with a pad derived from a random nonce of this value and a random key of this
    process, so no attribute, and no object reachable from this one, is the number. Two equal numbers look
    different. Copies are the same object, pickling is refused, and `==` takes the same time whatever the
    digits are.

    Not protected: against code in this process that means to read it, and against whoever sees the process's
    memory (a core dump, a debugger): pad key and slots are both there. The text this was built from is an
    ordinary string until Python frees it, and Python doesn't wipe what it frees.

    Sealing and indexing are methods here, so that ciphertexts and HMACs leave this class and plain text
    needn't.
    """

    __slots__ = ("__nonce", "__veiled")

    __nonce: bytes
    __veiled: bytes

    def __init__(self, e164: str) -> None:
        """Hide `e164`, "+" and 2 to 15 ASCII digits; ValueError (without the text) for anything else."""
        if not _E164.fullmatch(e164):
            del e164  # a traceback that shows locals must find none
            raise ValueError("not an E.164 number with its plus")
        self.__nonce = secrets.token_bytes(_BLOCK_SIZE)
        self.__veiled = _xor(e164.encode("ascii").ljust(_BLOCK_SIZE, b"\0"), _pad(self.__nonce))

    def reveal(self) -> str:
        """The number in the clear: to dial the customer, to show it to an owner, to send a text."""
        return self.__digits().decode("ascii")

    def seal_with(self, cipher: AESGCM, nonce: bytes, bound_to: bytes) -> bytes:
        """The number's ciphertext, always 32 bytes (a block of 16 and a tag of 16), bound to `bound_to`."""
        return cipher.encrypt(nonce, self.__block(), bound_to)

    @classmethod
    def unseal_with(cls, cipher: AESGCM, nonce: bytes, ciphertext: bytes, bound_to: bytes) -> Self:
        """Undo `seal_with`; raises cryptography's InvalidTag, or ValueError for what was no number."""
        # "replace": a UnicodeDecodeError would carry the decrypted bytes with it.
        return cls(cipher.decrypt(nonce, ciphertext, bound_to).rstrip(b"\0").decode("ascii", "replace"))

    def index_with(self, key: bytes) -> bytes:
        """HMAC-SHA-256 (RFC 2104) of the E.164 text under `key`: 32 bytes."""
        return hmac.digest(key, self.__digits(), "sha256")

    def __block(self) -> bytes:
        return _xor(self.__veiled, _pad(self.__nonce))

    def __digits(self) -> bytes:
        return self.__block().rstrip(b"\0")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HiddenNumber):
            return NotImplemented
        return hmac.compare_digest(self.__block(), other.__block())

    # A hash would let numbers be told apart, and be guessed, by their place in a set.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a hidden number is not pickled: pass its contact id instead")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a hidden number has no state to show")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        """Accept instances alone and serialise to the mask.

        pydantic's errors quote their input. So whatever is no HiddenNumber is exchanged for the mask first,
        and the error quotes that. (An error of another field quotes the whole input: never validate raw text
        into a model that has a hidden number; `read_number` first.)
        """
        return core_schema.chain_schema(
            [
                core_schema.no_info_plain_validator_function(_instance_or_mask),
                core_schema.is_instance_schema(cls),
            ],
            serialization=core_schema.plain_serializer_function_ser_schema(_mask),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"type": "string", "const": MASK, "readOnly": True}


def _instance_or_mask(value: object) -> object:
    return value if isinstance(value, HiddenNumber) else MASK


def _mask(value: object) -> str:
    return MASK
