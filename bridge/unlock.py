"""From the configuration's word of where the keys are to a vault whose keys are those of the database."""

from __future__ import annotations

from bridge.config import Keys
from bridge.store.database import Database
from bridge.store.key_checks import known_checks, verify_keys
from bridge.vault import KeyCredential, KeyEnvironment, KeyFile, KeySource, Vault, VaultError, read_key_ring


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

    From then on the audit is signed.

    Raises KeyMissing and KeyUnusable.
    """
    source = key_source(keys)
    vault = Vault(read_key_ring(source), reread=lambda: read_key_ring(source))
    vault.check_keys(await known_checks(db))
    await verify_keys(db, vault.key_check())
    db.sign_audit_with(vault.audit_signer)
    return vault


async def sign_audit(keys: Keys, db: Database) -> None:
    """Let the audit be signed, if the keys can be had and are known to be those of this database.

    A command that needs no keys works without them; what it does is then on record unsigned.
    """
    known = await known_checks(db)
    if "audit" not in known:
        return
    try:
        vault = Vault(read_key_ring(key_source(keys)))
        vault.check_keys(known)
    except VaultError:
        return
    db.sign_audit_with(vault.audit_signer)
