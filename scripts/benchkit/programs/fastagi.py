"""A FastAGI program on panoramisk: asked for an order code, it sets the variable NUMBER."""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from panoramisk import fast_agi  # type: ignore[import-untyped]

from benchkit.programs import numbers
from benchkit.settings import HOST, Settings


async def serve(settings: Settings) -> None:
    with closing(numbers.connect(settings.numbers)) as known:

        async def number(request: Any) -> None:
            found = numbers.look_up(known, request.headers["agi_arg_1"])
            await request.send_command(f'SET VARIABLE NUMBER "{found}"')

        application = fast_agi.Application(loop=asyncio.get_running_loop())
        application.add_route("number", number)
        server = await asyncio.start_server(application.handler, HOST, settings.fastagi_port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Settings.load(Path(sys.argv[1]))))
