"""From the configuration's word of where the keys are to a vault whose keys are those of the database."""

from __future__ import annotations

from bridge.config import Keys
from bridge.store.database import Database
from bridge.store.key_checks import known_checks, verify_keys
from bridge.vault import KeyCredential, KeyEnvironment, KeyFile, KeySource, Vault, read_key_ring


def key_source(keys: Keys) -> KeySource:
    """Where the configuration says that the keys are."""
    if keys.file is not None:
        return KeyFile(keys.file)
    if keys.credential is not None:
        return KeyCredential(keys.credential)
    assert keys.environment is not None  # noqa: S101 - the configuration holds exactly one of the three
    return KeyEnvironment(keys.environment)


async def unlock(keys: Keys, db: Database) -> Vault:
    """The vault, once its keys are known to be those of this database: a number sealed by others is lost.

    Raises KeyMissing and KeyUnusable.
    """
    vault = Vault(read_key_ring(key_source(keys)))
    vault.check_keys(await known_checks(db))
    await verify_keys(db, vault.key_check())
    return vault
