"""The shop's web application, asked for a number by the dialplan."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from aiohttp import web

from benchkit.programs import numbers
from benchkit.settings import HOST, Settings


def main(settings: Settings) -> None:
    with closing(numbers.connect(settings.numbers)) as known:

        async def number(request: web.Request) -> web.Response:
            return web.Response(text=numbers.look_up(known, request.query["code"]))

        app = web.Application()
        app.router.add_get("/number", number)
        web.run_app(app, host=HOST, port=settings.curl_port, access_log=None, print=None)


if __name__ == "__main__":
    main(Settings.load(Path(sys.argv[1])))
