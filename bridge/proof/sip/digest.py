"""Digest authentication for SIP (RFC 3261, section 22, with RFC 8760's SHA-256 and RFC 7616's rules)."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

# Strongest first. RFC 8760, section 2.4: of several challenges take the topmost one supported; a server that
# lists MD5 first does so for old clients only, so a known stronger one is preferred here.
_ALGORITHMS = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}

_PARAMETER = re.compile(r'(?P<name>[\w-]+)\s*=\s*(?:"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<token>[^\s,]+))')


class NoUsableChallenge(Exception):
    """The server asks for authentication in a way that this client does not know."""


@dataclass(frozen=True)
class Challenge:
    """A WWW-Authenticate or Proxy-Authenticate header."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    opaque: str | None = None
    qop_auth: bool = False

    @classmethod
    def parse(cls, value: str) -> Challenge:
        """Raises NoUsableChallenge for another scheme, algorithm, or quality of protection."""
        scheme, _, rest = value.strip().partition(" ")
        fields = _fields(rest)
        algorithm = fields.get("algorithm", "MD5").upper()
        qualities = {quality.strip() for quality in fields.get("qop", "").split(",") if quality.strip()}
        if scheme.lower() != "digest" or algorithm not in _ALGORITHMS or "nonce" not in fields:
            raise NoUsableChallenge(f"{scheme} with {algorithm}")
        if qualities and "auth" not in qualities:
            raise NoUsableChallenge("qop without auth")
        return cls(fields.get("realm", ""), fields["nonce"], algorithm, fields.get("opaque"), bool(qualities))

    def __str__(self) -> str:
        return (
            f'Digest realm="{self.realm}", nonce="{self.nonce}", algorithm={self.algorithm}'
            + (f', opaque="{self.opaque}"' if self.opaque else "")
            + (', qop="auth"' if self.qop_auth else "")
        )


@dataclass(frozen=True)
class Credentials:
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"

    def answer(self, challenges: list[str], method: str, uri: str) -> str:
        """The Authorization header for the strongest of the challenges. Raises NoUsableChallenge."""
        challenge = _strongest(challenges)
        return self.answer_challenge(challenge, method, uri, client_nonce=secrets.token_hex(8))

    def answer_challenge(self, challenge: Challenge, method: str, uri: str, *, client_nonce: str) -> str:
        """Each challenge is answered once, so the nonce count is always 1."""
        response = self.response(challenge, method, uri, client_nonce=client_nonce, nonce_count="00000001")
        return (
            f'Digest username="{self.username}", realm="{challenge.realm}", nonce="{challenge.nonce}", '
            f'uri="{uri}", response="{response}", algorithm={challenge.algorithm}'
            + (f', opaque="{challenge.opaque}"' if challenge.opaque else "")
            + (f', qop=auth, nc=00000001, cnonce="{client_nonce}"' if challenge.qop_auth else "")
        )

    def response(
        self, challenge: Challenge, method: str, uri: str, *, client_nonce: str, nonce_count: str
    ) -> str:
        """RFC 7616, section 3.4.1, in lower-case hexadecimal."""

        def digest(*parts: str) -> str:
            return _ALGORITHMS[challenge.algorithm](":".join(parts).encode()).hexdigest()

        secret = digest(self.username, challenge.realm, self.password)
        if not challenge.qop_auth:
            return digest(secret, challenge.nonce, digest(method, uri))
        return digest(secret, challenge.nonce, nonce_count, client_nonce, "auth", digest(method, uri))

    def accept(self, challenge: Challenge, authorization: str, method: str) -> bool:
        """Whether an Authorization header answers our own challenge with this password."""
        fields = _fields(authorization.strip().partition(" ")[2])
        if (fields.get("nonce"), fields.get("username")) != (challenge.nonce, self.username):
            return False
        expected = self.response(
            challenge,
            method,
            fields.get("uri", ""),
            client_nonce=fields.get("cnonce", ""),
            nonce_count=fields.get("nc", ""),
        )
        return secrets.compare_digest(expected, fields.get("response", ""))


def _strongest(values: list[str]) -> Challenge:
    usable = []
    refusal = NoUsableChallenge("no challenge at all")
    for value in values:
        try:
            usable.append(Challenge.parse(value))
        except NoUsableChallenge as error:
            refusal = error
    if not usable:
        raise refusal
    return min(usable, key=lambda challenge: list(_ALGORITHMS).index(challenge.algorithm))


def _fields(text: str) -> dict[str, str]:
    return {
        match["name"].lower(): match["token"] or re.sub(r"\\(.)", r"\1", match["quoted"] or "")
        for match in _PARAMETER.finditer(text)
    }
