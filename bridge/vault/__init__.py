"""The only code that can read a phone number.

Numbers go in through `read_number`, are kept as sealed bytes by `Vault`, and live in memory as
`HiddenNumber`, whose one way out is `.reveal()`. `hidden` has the type, `numbers` what people write, `keys`
the key ring and where it comes from, `sealing` the encryption, `errors` what may go wrong.
"""

from bridge.vault.errors import KeyFileExists, KeyMissing, KeyUnusable, SealBroken, VaultError
from bridge.vault.hidden import HiddenNumber
from bridge.vault.keys import (
    KeyCredential,
    KeyEncryptionKey,
    KeyEnvironment,
    KeyFile,
    KeyRing,
    KeySource,
    read_key_ring,
    write_key_file,
)
from bridge.vault.numbers import NumberFault, NumberRefused, ReadNumber, read_number
from bridge.vault.sealing import Vault

__all__ = [
    "HiddenNumber",
    "KeyCredential",
    "KeyEncryptionKey",
    "KeyEnvironment",
    "KeyFile",
    "KeyFileExists",
    "KeyMissing",
    "KeyRing",
    "KeySource",
    "KeyUnusable",
    "NumberFault",
    "NumberRefused",
    "ReadNumber",
    "SealBroken",
    "Vault",
    "VaultError",
    "read_key_ring",
    "read_number",
    "write_key_file",
]
