"""Signing in and out, and what people do about their own account."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Body

from bridge.api.desk import shapes
from bridge.api.desk.codes import app_uri, expect_code, new_secret
from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.door import Door, TheDoor
from bridge.api.desk.reader import (
    Entered,
    SignedIn,
    Token,
    actor_of,
    is_in_use,
    lifetime_of,
    nothing_here,
    signed_out,
)
from bridge.api.problems import Problem
from bridge.rules.signing_in import SHORTEST_PASSWORD, Weakness, place_of, weakness
from bridge.store.accounts import (
    Account,
    accept_invitation,
    account_by_login,
    account_of,
    change_password,
    confirm_enrolment,
    open_invitation,
    rehash_password,
    set_language,
)
from bridge.store.audit import AuditEntry
from bridge.store.sessions import (
    Browser,
    begin_session,
    complete_session,
    end_session,
    open_sessions,
    session_of,
)

router = APIRouter()

_MS_FOR_SECOND_FACTOR: Final = 600_000

_WHY_WEAK: Final = {
    Weakness.TOO_SHORT: f"A password has {SHORTEST_PASSWORD} characters or more.",
    Weakness.TOO_LONG: "The password is too long.",
    Weakness.GUESSABLE: "This is among what somebody would try first. Take a few words by chance.",
}

# --- before signing in ---


@router.post("/v1/sign-in")
async def sign_in(asked: shapes.SignIn, daemon: TheDaemon, door: TheDoor, now_ms: NowMs) -> shapes.SignedIn:
    login, browser = asked.login.strip(), _browser(asked)
    with door.knock(login, browser.address, now_ms):
        account = await account_by_login(daemon.database, login)
        fits = await door.passwords.fits(asked.password, account.password_hash if account else None)
        if account is None or not fits or account.manager.disabled:
            manager = account.manager if account else None
            await door.refuse(daemon, login, browser.address, manager, "sign-in-failed", now_ms)
            raise Problem(HTTPStatus.UNAUTHORIZED, "wrong-login", "Login or password is wrong.")
    await _keep_hash_of_today(daemon, door, account, asked.password)
    return await _begin(daemon, door, account, browser, now_ms)


@router.post("/v1/second-factor")
async def second_factor(
    asked: shapes.SecondFactor, token: Token, daemon: TheDaemon, door: TheDoor, now_ms: NowMs
) -> shapes.SignedIn:
    owner = await session_of(daemon.database, token)
    if owner is None or owner.session.complete or not is_in_use(daemon, owner, now_ms):
        raise signed_out()
    if now_ms - owner.session.created_ms >= _MS_FOR_SECOND_FACTOR:
        raise signed_out()
    account = await account_of(daemon.database, owner.manager.id)
    await expect_code(
        daemon, door, account, owner.session.address, asked.code, HTTPStatus.UNAUTHORIZED, now_ms
    )
    entry = _entry(now_ms, account, "sign-in", owner.session.address)
    new_token = await complete_session(daemon.database, owner.session.id, entry)
    if new_token is None:
        raise signed_out()
    door.welcome(account.login, owner.session.address)
    return shapes.SignedIn(token=new_token, second_factor_wanted=False)


@router.get("/v1/invitations/{token}")
async def invitation(token: str, daemon: TheDaemon, now_ms: NowMs) -> shapes.Invitation:
    found = await open_invitation(daemon.database, token, now_ms)
    if found is None:
        raise nothing_here()
    account = found.account
    return shapes.Invitation(name=account.manager.name, login=account.login, ends_ms=found.ends_ms)


@router.post("/v1/invitations/{token}")
async def use_invitation(
    token: str, asked: shapes.InvitationAccepted, daemon: TheDaemon, door: TheDoor, now_ms: NowMs
) -> shapes.SignedIn:
    found = await open_invitation(daemon.database, token, now_ms)
    if found is None:
        raise nothing_here()
    await _expect_strong(daemon, door, found.account, asked.password)
    password_hash = await door.passwords.hash(asked.password)
    actor = actor_of(found.account.manager.extension)
    account = await accept_invitation(daemon.database, token, password_hash, actor=actor, now_ms=now_ms)
    if account is None:
        raise nothing_here()
    return await _begin(daemon, door, account, _browser(asked), now_ms)


# --- one's own account ---


@router.get("/v1/me")
async def me(reader: Entered, daemon: TheDaemon) -> shapes.Me:
    desk, texts = daemon.config.desk, daemon.config.texts
    return shapes.Me(
        manager_id=reader.manager_id,
        name=reader.name,
        extension=reader.extension,
        role=reader.role,
        language=reader.language,
        shop=daemon.config.shop.name,
        second_factor=reader.second_factor,
        must_enrol=reader.must_enrol,
        watermark=desk.watermark,
        wrap_up_seconds=desk.wrap_up_seconds,
        next_after_seconds=desk.next_after_seconds,
        disclosure=desk.disclosure,
        number_links=desk.number_links,
        comparisons=desk.comparisons_per_day > 0,
        texts=list(texts.all_templates) if texts.enabled else [],
        phones=desk.phones.server is not None,
        browser_phone=desk.phones.websocket is not None,
        session_id=reader.session_id,
    )


@router.post("/v1/sign-out", status_code=HTTPStatus.NO_CONTENT)
async def sign_out(reader: Entered, daemon: TheDaemon, now_ms: NowMs) -> None:
    entry = AuditEntry(now_ms, reader.actor, "sign-out", "desk")
    await end_session(daemon.database, reader.session_id, reader.manager_id, entry)


@router.get("/v1/sessions")
async def sessions(reader: SignedIn, daemon: TheDaemon, now_ms: NowMs) -> shapes.Sessions:
    lifetime = lifetime_of(daemon.config.desk)
    return shapes.Sessions(
        sessions=[
            shapes.Session(
                id=each.id,
                address=each.address,
                agent=each.agent,
                created_ms=each.created_ms,
                seen_ms=each.seen_ms,
                current=each.id == reader.session_id,
            )
            for each in await open_sessions(daemon.database, reader.manager_id, lifetime, now_ms)
        ]
    )


@router.delete("/v1/sessions/{session_id}", status_code=HTTPStatus.NO_CONTENT)
async def end_own_session(session_id: str, reader: SignedIn, daemon: TheDaemon, now_ms: NowMs) -> None:
    entry = AuditEntry(now_ms, reader.actor, "session-end", "own")
    if not await end_session(daemon.database, session_id, reader.manager_id, entry):
        raise nothing_here()


@router.post("/v1/password", status_code=HTTPStatus.NO_CONTENT)
async def new_password(
    asked: shapes.NewPassword, reader: SignedIn, daemon: TheDaemon, door: TheDoor, now_ms: NowMs
) -> None:
    account = await account_of(daemon.database, reader.manager_id)
    with door.knock(account.login, reader.address, now_ms):
        if not await door.passwords.fits(asked.old, account.password_hash):
            await door.refuse(
                daemon, account.login, reader.address, account.manager, "password-wrong", now_ms
            )
            raise Problem(HTTPStatus.FORBIDDEN, "wrong-password", "The old password is another.")
    await _expect_strong(daemon, door, account, asked.new)
    await change_password(
        daemon.database,
        reader.manager_id,
        await door.passwords.hash(asked.new),
        but_session=reader.session_id,
        actor=reader.actor,
        now_ms=now_ms,
    )


@router.post("/v1/second-factor/new")
async def new_second_factor(
    reader: Entered,
    daemon: TheDaemon,
    door: TheDoor,
    now_ms: NowMs,
    asked: Annotated[shapes.SecondFactor | None, Body()] = None,
) -> shapes.Enrolment:
    """Whoever has one gives a code of it: a desk left open is not to be taken over with another app."""
    account = await account_of(daemon.database, reader.manager_id)
    if account.second_factor:
        code = asked.code if asked else ""
        await expect_code(
            daemon, door, account, reader.address, code, HTTPStatus.UNPROCESSABLE_ENTITY, now_ms
        )
    secret = await new_secret(daemon, account, reader.actor, now_ms)
    return shapes.Enrolment(secret=secret, uri=app_uri(secret, account, daemon.config.shop.name))


@router.post("/v1/second-factor/confirm", status_code=HTTPStatus.NO_CONTENT)
async def confirm_second_factor(
    asked: shapes.SecondFactor, reader: Entered, daemon: TheDaemon, door: TheDoor, now_ms: NowMs
) -> None:
    account = await account_of(daemon.database, reader.manager_id)
    await expect_code(
        daemon, door, account, reader.address, asked.code, HTTPStatus.UNPROCESSABLE_ENTITY, now_ms
    )
    await confirm_enrolment(
        daemon.database,
        reader.manager_id,
        but_session=reader.session_id,
        actor=reader.actor,
        now_ms=now_ms,
    )


@router.post("/v1/language", status_code=HTTPStatus.NO_CONTENT)
async def language(asked: shapes.NewLanguage, reader: Entered, daemon: TheDaemon) -> None:
    await set_language(daemon.database, reader.manager_id, asked.language)


# --- what several of them do ---


async def _begin(
    daemon: DeskDaemon, door: Door, account: Account, browser: Browser, now_ms: int
) -> shapes.SignedIn:
    """A session for somebody whose password was right, or was just set."""
    wanted = account.second_factor
    act = "sign-in-begun" if wanted else "sign-in"
    token = await begin_session(
        daemon.database,
        account.manager,
        browser,
        lifetime_of(daemon.config.desk),
        complete=not wanted,
        entry=_entry(now_ms, account, act, browser.address),
    )
    if not wanted:
        door.welcome(account.login, browser.address)
    return shapes.SignedIn(token=token, second_factor_wanted=wanted)


async def _keep_hash_of_today(daemon: DeskDaemon, door: Door, account: Account, password: str) -> None:
    if account.password_hash is not None and door.passwords.is_outdated(account.password_hash):
        await rehash_password(daemon.database, account.manager.id, await door.passwords.hash(password))


async def _expect_strong(daemon: DeskDaemon, door: Door, account: Account, password: str) -> None:
    """Raises Problem (422 weak-password, common-password)."""
    about = (account.login, account.manager.name, daemon.config.shop.name)
    if (found := weakness(password, about)) is not None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "weak-password", _WHY_WEAK[found])
    if await door.passwords.is_common(password):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "common-password",
            "This password was stolen from others, and is tried first. Take a few words by chance.",
        )


def _browser(asked: shapes.FromBrowser) -> Browser:
    agent = "".join(char for char in asked.agent if char.isprintable())
    return Browser(place_of(asked.address), agent)


def _entry(now_ms: int, account: Account, act: str, address: str) -> AuditEntry:
    return AuditEntry(now_ms, actor_of(account.manager.extension), act, "desk", f"address={address}")
