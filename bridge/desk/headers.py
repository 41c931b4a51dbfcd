"""What every answer of the desk carries, whatever made it, and the two things no request gets past."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.desk.csrf import comes_from_elsewhere

CONTENT_SECURITY_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "media-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        # htmx makes elements of the desk's own answers; the one policy, of desk.js, lets it make no script.
        "require-trusted-types-for 'script'",
        "trusted-types default",
    ]
)

ALWAYS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
    "display-capture=(), clipboard-read=(), clipboard-write=(self)",
}

_HSTS: Final = "max-age=31536000"
_LARGEST_BODY: Final = 65_536
"""Bytes: a note of 4000 characters, each of which may take twelve in a form, and some room."""


class Gate:
    """The outermost layer. `origin` is the desk's own, `encrypted` whether browsers reach it over TLS.

    `websocket`: where a phone in the page may connect, and for that listen to the microphone.
    """

    def __init__(self, app: ASGIApp, *, origin: str, encrypted: bool, websocket: str | None = None) -> None:
        self._app = app
        self._origin = origin
        self._always = ALWAYS | ({"Strict-Transport-Security": _HSTS} if encrypted else {})
        if websocket is not None:
            self._always |= _with_phone(websocket)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._always.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        app = self._refusal(scope) or self._app
        await app(scope, _limited(receive), send_with_headers)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if comes_from_elsewhere(scope["method"], headers, self._origin):
            return PlainTextResponse("This request does not come from the desk.", 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            return PlainTextResponse("This request is too large.", 413)
        return None


def _with_phone(websocket: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace(
            "connect-src 'self'", f"connect-src 'self' {websocket}"
        ),
        "Permissions-Policy": ALWAYS["Permissions-Policy"].replace("microphone=()", "microphone=(self)"),
    }


def _limited(receive: Receive) -> Receive:
    """The same, but that it hangs up on a body of undeclared length that grows too large."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        return message if received <= _LARGEST_BODY else {"type": "http.disconnect"}

    return receive_some
