"""The only code that can read a phone number.

Numbers go in through `read_number`, are kept as sealed bytes by `Vault`, and live in memory as
`HiddenNumber`, whose one way out is `.reveal()`. `hidden` has the type, `numbers` what people write,
`numbering_plans` the short way through that, `keys` the key ring and where it comes from, `sealing` the
encryption, `secrets` that of accounts and programs, `signing` the audit's signature and marks of requests,
`errors` what may go wrong.
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
    replace_key_file,
    write_key_file,
)
from bridge.vault.numbers import (
    NumberFault,
    NumberRefused,
    ReadNumber,
    canary,
    is_canary,
    read_doubtful,
    read_number,
    read_said,
)
from bridge.vault.sealing import OF_NOBODY, Vault, check_name, wrapped_by
from bridge.vault.secrets import ProgramSecrets, SecretSealer
from bridge.vault.signing import AuditSigner, RequestMarker

__all__ = [
    "OF_NOBODY",
    "AuditSigner",
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
    "ProgramSecrets",
    "ReadNumber",
    "RequestMarker",
    "SealBroken",
    "SecretSealer",
    "Vault",
    "VaultError",
    "canary",
    "check_name",
    "is_canary",
    "read_doubtful",
    "read_key_ring",
    "read_number",
    "read_said",
    "replace_key_file",
    "wrapped_by",
    "write_key_file",
]
