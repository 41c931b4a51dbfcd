"""call-bridge's admission and redirect server, asked for tokens by FastAGI: contender (h)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchkit.settings import HOST, Settings
from bridge.asterisk import names
from bridge.asterisk.sealed import RedirectServer, Tokens
from bridge.calls.model import Kind
from bridge.config import load_config
from bridge.rules import GuessBook
from bridge.store.database import Database, now_ms
from bridge.switchboard.admission import Admission, Admitted, Asked
from bridge.switchboard.tolls import TollBook
from bridge.unlock import unlock
from bridge.vault import HiddenNumber, Vault


class TokenOffice:
    """Gives tokens over FastAGI. They lead somewhere once the call is admitted and on disk."""

    def __init__(self, admission: Admission, book: TollBook, vault: Vault, redirect: RedirectServer) -> None:
        self._admission = admission
        self._book = book
        self._vault = vault
        self._redirect = redirect

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        facts = dict(
            line.split(": ", 1)
            for line in (await reader.readuntil(b"\n\n")).decode().splitlines()
            if ": " in line
        )
        token = self._redirect.reserve()
        writer.write(f'SET VARIABLE TOKEN "{token}"\n'.encode())
        number = await self._number(facts["agi_arg_1"], facts["agi_arg_2"])
        if number is None:
            self._redirect.void(token)
        else:
            self._redirect.issue(token, number, None)
        await reader.readline()
        writer.close()

    async def _number(self, code: str, extension: str) -> HiddenNumber | None:
        """None where the rules say no."""
        call_id = names.new_call_id()
        outcome = await self._admission.ask(
            Asked(call_id, Kind.DIAL_ORDER, extension, code, "", managers_live_calls=0, live_calls=0)
        )
        self._book.ended(call_id, now_ms())
        if not isinstance(outcome, Admitted) or await self._admission.recorded(outcome) is not None:
            return None
        contact = outcome.contact
        return self._vault.open(
            contact.sealed,
            customer_id=contact.customer_id,
            contact_id=contact.contact_id,
            kind=contact.kind,
            data_key=contact.data_key,
        )


async def serve(settings: Settings) -> None:
    config = load_config(settings.redirect_config)
    async with await Database.open(config.store.path) as database:
        vault = await unlock(config.keys, database)
        policy = config.policy()
        book = TollBook(policy.tolls, longest_seconds=config.calls.max_seconds)
        guesses = GuessBook(policy.lock_out)
        admission = Admission(database, policy, book, guesses, language=config.shop.language, sealed=False)
        redirect = RedirectServer(
            Tokens(),
            carrier=lambda: settings.carrier,
            number_format=config.trunk.number_format,
            asterisk=(HOST, settings.sip_port),
        )
        office = TokenOffice(admission, book, vault, redirect)
        async with redirect.listening((HOST, settings.redirect_sip_port)):
            server = await asyncio.start_server(office.serve, HOST, settings.redirect_agi_port)
            await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Settings.load(Path(sys.argv[1]))))
