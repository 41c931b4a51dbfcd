"""A phone on a manager's desk that is picked up by itself, so that a click on Call is all there is to do.

As a process: `python -m labkit.deskphone EXTENSION HOST:PORT`, with the password in PHONE_PASSWORD.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from bridge.proof.capture import Address
from bridge.proof.sip.call import Call
from bridge.proof.sip.phone import Phone, RegistrationRefused
from bridge.proof.sip.sdp import NoAudio

PASSWORD_VARIABLE = "PHONE_PASSWORD"
SECONDS_TO_PICK_UP = 0.3
REGISTERED = "registered"


class AnsweringPhone(Phone):
    """Rings, is picked up after so many seconds, and talks until somebody hangs up."""

    pick_up_after: float = SECONDS_TO_PICK_UP

    def on_invite(self, call: Call) -> None:
        super().on_invite(call)
        self.tasks.start(self._pick_up(call), f"hand at the phone {self.user}")

    async def _pick_up(self, call: Call) -> None:
        call.ring()
        await asyncio.sleep(self.pick_up_after)
        with contextlib.suppress(NoAudio):
            await call.answer()


async def serve(extension: str, password: str, server: Address) -> None:
    """Be there until SIGTERM or SIGINT. Raises RegistrationRefused, TimeoutError."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    async with AnsweringPhone(extension, password, server=server, local_host=server[0]) as phone:
        await phone.register()
        print(REGISTERED, flush=True)
        await stop.wait()


def main(arguments: list[str]) -> int:
    extension, server = arguments
    host, _, port = server.rpartition(":")
    try:
        asyncio.run(serve(extension, os.environ.pop(PASSWORD_VARIABLE), (host, int(port))))
    except (RegistrationRefused, TimeoutError) as error:
        print(f"phone {extension}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
