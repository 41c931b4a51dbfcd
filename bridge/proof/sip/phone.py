"""A manager's telephone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets

from bridge.proof.capture import Address, Recording
from bridge.proof.sip.call import Call
from bridge.proof.sip.digest import Credentials
from bridge.proof.sip.message import HeaderLines, NameAddress, Request, Response
from bridge.proof.sip.transaction import Timers
from bridge.proof.sip.transport import Transport
from bridge.proof.sip.ua import UserAgent

_EXPIRES_SECONDS = 120


class RegistrationRefused(Exception):
    """The server does not take this extension and password; the text has the status."""


class Phone(UserAgent):
    """Registers at `server` as `extension`, dials, and takes calls.

    Use it as a context manager, or `register` first and `close` last::

        async with Phone("101", password, server=("127.0.0.1", 5060)) as phone:
            await phone.register()
            call = await phone.dial("*1042")
            await call.answered()

    `auth_user` is what the password belongs to, where that is not the extension.
    """

    def __init__(
        self,
        extension: str,
        password: str,
        *,
        server: Address,
        local_host: str = "127.0.0.1",
        local_port: int = 0,
        display: str = "",
        auth_user: str = "",
        recording: Recording | None = None,
        timers: Timers | None = None,
        sends_audio: bool = True,
        transport: Transport = Transport.UDP,
        offers_srtp: bool = False,
    ) -> None:
        super().__init__(
            (local_host, local_port),
            user=extension,
            display=display,
            credentials=Credentials(auth_user or extension, password),
            recording=recording,
            timers=timers,
            tone_hz=440,
            sends_audio=sends_audio,
            transport=transport,
            offers_srtp=offers_srtp,
        )
        self.server = server
        self._arrived: asyncio.Queue[Call] = asyncio.Queue()
        self._registration_id = secrets.token_hex(12)
        self._registration_cseq = 0
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def _address_of_record(self) -> str:
        return f"sip:{self.user}@{self.server[0]}:{self.server[1]}"

    async def register(self, *, expires: int = _EXPIRES_SECONDS, within: float = 5.0) -> None:
        """Register, and refresh at half of the granted time until `unregister` or `close`.

        Raises RegistrationRefused, or TimeoutError when the server is silent.
        """
        await self.open()
        granted = await self._register(expires, within)
        if self._refreshing is None and granted > 0:
            self._refreshing = self.tasks.start(self._refresh(granted), f"registration of {self.user}")

    async def unregister(self, *, within: float = 5.0) -> None:
        """Raises RegistrationRefused or TimeoutError."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            self._refreshing = None
        await self._register(0, within)

    async def dial(
        self, target: str, *, headers: HeaderLines = (), body: tuple[str, bytes] | None = None
    ) -> Call:
        """Send an INVITE for what a person would dial, or for a whole SIP URI; returns at once."""
        await self.open()
        host, port = self.server
        uri = target if target.startswith("sip:") else f"sip:{target}@{host}:{port}"
        from_ = NameAddress(self._address_of_record, self.display)
        return await Call.outgoing(self, uri, self.server, from_=from_, headers=headers, body=body)

    async def incoming(self, within: float = 10.0) -> Call:
        """The next call that comes in, to `ring`, `answer` or `reject`. Raises TimeoutError."""
        try:
            async with asyncio.timeout(within):
                return await self._arrived.get()
        except TimeoutError:
            raise TimeoutError(f"no call for {self.user} within {within:g} s") from None

    def on_invite(self, call: Call) -> None:
        call.respond(100)
        self._arrived.put_nowait(call)

    async def _register(self, expires: int, within: float) -> int:
        """Returns the granted seconds."""
        try:
            async with asyncio.timeout(within):
                response = await self.transact(self._register_request(expires), self.server)
        except TimeoutError:
            raise TimeoutError(f"the server did not answer REGISTER within {within:g} s") from None
        self._registration_cseq = response.cseq[0]
        if response.status != 200:
            raise RegistrationRefused(f"{response.status} {response.reason}")
        return _granted_seconds(response, expires)

    def _register_request(self, expires: int) -> Request:
        host, port = self.server
        identity = NameAddress(self._address_of_record, self.display)
        return self.new_request(
            "REGISTER",
            f"sip:{host}:{port}",
            from_=NameAddress(identity.uri, identity.display, secrets.token_hex(4)),
            to=identity,
            call_id=self._registration_id,
            cseq=self._registration_cseq + 1,
            headers=[("Expires", str(expires))],
        )

    async def _refresh(self, granted: int) -> None:
        while granted > 0:
            await asyncio.sleep(granted / 2)
            # A server that is away now may be back for the next refresh, or for the test's own register().
            with contextlib.suppress(TimeoutError):
                granted = await self._register(_EXPIRES_SECONDS, within=5.0)


def _granted_seconds(response: Response, asked: int) -> int:
    granted = response.get("Expires")
    return int(granted) if granted is not None and granted.isdigit() else asked
