"""call-bridge's admission and redirect server, asked for tokens by FastAGI: contender (h)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchkit.settings import HOST, Settings
from bridge.asterisk import names
from bridge.asterisk.sealed import RedirectServer, Tokens, new_token
from bridge.calls.model import Kind
from bridge.config import load_config
from bridge.rules import GuessBook
from bridge.store.database import Database, now_ms
from bridge.switchboard.admission import Admission, Admitted, Asked
from bridge.switchboard.tolls import TollBook
from bridge.unlock import unlock
from bridge.vault import Vault


class TokenOffice:
    """Gives tokens for admitted calls, over FastAGI."""

    def __init__(self, admission: Admission, book: TollBook, vault: Vault, tokens: Tokens) -> None:
        self._admission = admission
        self._book = book
        self._vault = vault
        self._tokens = tokens

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        facts = dict(
            line.split(": ", 1)
            for line in (await reader.readuntil(b"\n\n")).decode().splitlines()
            if ": " in line
        )
        token = await self._token(facts["agi_arg_1"], facts["agi_arg_2"])
        writer.write(f'SET VARIABLE TOKEN "{token}"\n'.encode())
        await reader.readline()
        writer.close()

    async def _token(self, code: str, extension: str) -> str:
        """Empty where the rules say no."""
        call_id = names.new_call_id()
        outcome = await self._admission.ask(
            Asked(call_id, Kind.DIAL_ORDER, extension, code, "", managers_live_calls=0, live_calls=0)
        )
        self._book.ended(call_id, now_ms())
        if not isinstance(outcome, Admitted) or await self._admission.record(outcome) is not None:
            return ""
        contact = outcome.contact
        number = self._vault.open(
            contact.sealed,
            customer_id=contact.customer_id,
            contact_id=contact.contact_id,
            kind=contact.kind,
            data_key=contact.data_key,
        )
        token = new_token()
        self._tokens.issue(token, number, asyncio.get_running_loop().time())
        return token


async def serve(settings: Settings) -> None:
    config = load_config(settings.redirect_config)
    async with await Database.open(config.store.path) as database:
        vault = await unlock(config.keys, database)
        policy, tokens = config.policy(), Tokens()
        book = TollBook(policy.tolls, longest_seconds=config.calls.max_seconds)
        guesses = GuessBook(policy.lock_out)
        admission = Admission(database, policy, book, guesses, language=config.shop.language, sealed=False)
        office = TokenOffice(admission, book, vault, tokens)
        redirect = RedirectServer(
            tokens,
            carrier=lambda: settings.carrier,
            number_format=config.trunk.number_format,
            asterisk=(HOST, settings.sip_port),
        )
        async with redirect.listening((HOST, settings.redirect_sip_port)):
            server = await asyncio.start_server(office.serve, HOST, settings.redirect_agi_port)
            await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Settings.load(Path(sys.argv[1]))))
