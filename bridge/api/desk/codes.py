"""Codes of a second factor: time-based one-time passwords (RFC 6238), each taken once."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import Final

import pyotp

from bridge.api.desk.daemon import DeskDaemon
from bridge.api.desk.door import Door
from bridge.api.problems import Problem
from bridge.store.accounts import Account, begin_enrolment, take_step
from bridge.vault import SealBroken, SecretSealer

_STEP_SECONDS: Final = 30
_STEPS_BESIDE: Final = (-1, 0, 1)
"""Clocks differ, and people type: the step before and the one after will do (RFC 6238, 5.2)."""


async def expect_code(
    daemon: DeskDaemon, door: Door, account: Account, address: str, code: str, status: HTTPStatus, now_ms: int
) -> None:
    """Use the code up. Raises Problem (wrong-code, with this status; 429 too-many-tries; 503 sealed)."""
    with door.knock(account.login, address, now_ms):
        if not await _takes(daemon, account, code, now_ms):
            await door.refuse(daemon, account.login, address, account.manager, "code-wrong", now_ms)
            raise Problem(status, "wrong-code", "The code is wrong, or was used before.")


async def _takes(daemon: DeskDaemon, account: Account, code: str, now_ms: int) -> bool:
    """Whether the account's app shows this code now, and nobody has used it yet: from then on it is used."""
    if account.totp_sealed is None:
        return False
    manager_id = account.manager.id
    step = _step_of(code, _opened(daemon, account.totp_sealed, manager_id), now_ms)
    return step is not None and await take_step(daemon.database, manager_id, step)


def _opened(daemon: DeskDaemon, sealed: bytes, manager_id: int) -> str:
    try:
        return _sealer(daemon).open(sealed, manager_id=manager_id).decode()
    except SealBroken as broken:
        raise Problem(HTTPStatus.CONFLICT, "seal-broken", f"{broken} Ask for a new link.") from None


def _step_of(code: str, secret: str, now_ms: int) -> int | None:
    """The time step that has this code, among those that count now."""
    generator = pyotp.TOTP(secret, interval=_STEP_SECONDS)
    now = now_ms // 1000 // _STEP_SECONDS
    steps = [now + beside for beside in _STEPS_BESIDE]
    fitting = [step for step in steps if hmac.compare_digest(generator.generate_otp(step), code)]
    return fitting[0] if fitting else None


async def new_secret(daemon: DeskDaemon, account: Account, actor: str, now_ms: int) -> str:
    """A secret for the account's app, in base32, kept sealed. Raises Problem (503 sealed)."""
    secret = pyotp.random_base32()
    manager_id = account.manager.id
    sealed = _sealer(daemon).seal(secret.encode(), manager_id=manager_id)
    await begin_enrolment(daemon.database, manager_id, sealed, actor=actor, now_ms=now_ms)
    return secret


def app_uri(secret: str, account: Account, shop: str) -> str:
    """What the app reads from a picture: an otpauth URI, as Google Authenticator's wiki describes it."""
    return pyotp.TOTP(secret, interval=_STEP_SECONDS).provisioning_uri(name=account.login, issuer_name=shop)


def _sealer(daemon: DeskDaemon) -> SecretSealer:
    if daemon.vault is None:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "sealed",
            "The daemon has no key, so codes can't be checked. See its log.",
        )
    return daemon.vault.account_secrets
