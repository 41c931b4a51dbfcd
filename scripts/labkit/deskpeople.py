"""People who sign in to a lab's desk: made as a shop makes them, by a one-time link of the command line."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import pyotp

from labkit.deskapi import Answer, DeskApi
from labkit.errors import LabError
from labkit.lab import Lab

STEP_SECONDS = 30  # RFC 6238, 4.1: the time step X
BROWSER = {"address": "127.0.0.1", "agent": "lab"}


class Authenticator:
    """An authenticator app. A code is of use once, so it shows the next one early rather than one again."""

    def __init__(self, secret: str) -> None:
        self._codes = pyotp.TOTP(secret)
        self._shown = 0

    async def code(self) -> str:
        """A code that has not been shown yet and that a server will take: this step's, or the next one's."""
        step = max(self._shown + 1, int(time.time() // STEP_SECONDS))
        # A server takes codes that are one step ahead (RFC 6238, 5.2), and no more.
        await asyncio.sleep(max(0.0, (step - 1) * STEP_SECONDS - time.time()))
        self._shown = step
        return self._codes.generate_otp(step)


@dataclass(frozen=True)
class DeskPerson:
    """`authenticator` is None for whoever signs in with a password alone."""

    extension: str
    password: str = field(repr=False)
    authenticator: Authenticator | None = field(repr=False)


async def invitation(lab: Lab, extension: str) -> str:
    """A fresh one-time link, from the command that a shop's administrator gives."""
    printed = await asyncio.to_thread(lab.call_bridge, "desk", "invite", extension, "--json")
    link: str = json.loads(printed)["link"]
    return link


async def invitation_of_owner(api: DeskApi, owner: str, extension: str) -> str:
    """A fresh one-time link's path, from an owner who has signed in. Raises LabError."""
    path = f"/v1/managers/{extension}/invitations"
    invited: str = taken(await api.ask("POST", path, token=owner))["path"]
    return invited


async def admit(lab: Lab, api: DeskApi, extension: str) -> DeskPerson:
    """Let somebody in by a link of the command line. Raises LabError."""
    return await follow(api, await invitation(lab, extension), extension)


async def follow(api: DeskApi, link: str, extension: str) -> DeskPerson:
    """Use a one-time link, and enrol a second factor where the role wants one. Raises LabError."""
    password = secrets.token_urlsafe(16)
    token = link.rpartition("/")[2]
    answer = await api.ask("POST", f"/v1/invitations/{token}", {"password": password, **BROWSER})
    session = taken(answer)["token"]
    me = taken(await api.ask("GET", "/v1/me", token=session))
    authenticator = await _enrolled(api, session) if me["must_enrol"] else None
    taken(await api.ask("POST", "/v1/sign-out", token=session))
    return DeskPerson(extension, password, authenticator)


async def _enrolled(api: DeskApi, session: str) -> Authenticator:
    enrolment = taken(await api.ask("POST", "/v1/second-factor/new", token=session))
    authenticator = Authenticator(enrolment["secret"])
    code = {"code": await authenticator.code()}
    taken(await api.ask("POST", "/v1/second-factor/confirm", code, token=session))
    return authenticator


async def sign_in(api: DeskApi, person: DeskPerson) -> str:
    """The token of a new session, second factor given. Raises LabError."""
    login = {"login": person.extension, "password": person.password, **BROWSER}
    signed_in = taken(await api.ask("POST", "/v1/sign-in", login))
    token: str = signed_in["token"]
    if signed_in["second_factor_wanted"]:
        assert person.authenticator is not None
        code = {"code": await person.authenticator.code()}
        token = taken(await api.ask("POST", "/v1/second-factor", code, token=token))["token"]
    return token


async def choose_language(api: DeskApi, person: DeskPerson, language: str) -> None:
    """Have the desk speak to them in "en" or "ru", whatever their browser says. Raises LabError."""
    token = await sign_in(api, person)
    taken(await api.ask("POST", "/v1/language", {"language": language}, token=token))
    taken(await api.ask("POST", "/v1/sign-out", token=token))


def taken(answer: Answer) -> dict[str, Any]:
    """What was answered. Raises LabError for a refusal."""
    if answer.status >= 400:
        raise LabError(f"the desk's API refuses: {answer.status} {answer.reason}")
    return answer.said or {}
