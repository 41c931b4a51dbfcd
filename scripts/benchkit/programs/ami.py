"""A web program on panoramisk that turns clicks into AMI Originates."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web
from panoramisk import Manager  # type: ignore[import-untyped]

from benchkit.contenders.ami import PREFIX
from benchkit.settings import AMI_USER, HOST, Settings


async def serve(settings: Settings) -> None:
    manager = Manager(
        loop=asyncio.get_running_loop(),
        host=HOST,
        port=settings.ami_port,
        username=AMI_USER,
        secret=settings.ami_secret,
        events="off",
    )
    await manager.connect()

    async def click(request: web.Request) -> web.Response:
        wanted = await request.json()
        answer = await manager.send_action(
            {
                "Action": "Originate",
                "Channel": f"PJSIP/{wanted['extension']}",
                "Context": "call-bridge-managers",
                "Exten": f"{PREFIX}{wanted['order']}",
                "Priority": "1",
                "CallerID": f'"Order {wanted["order"]}" <{wanted["order"]}>',
                "Timeout": "30000",
                "Async": "true",
            },
            as_list=False,
        )
        return web.json_response({"success": bool(answer.success)}, status=201 if answer.success else 502)

    app = web.Application()
    app.router.add_post("/click", click)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(settings.ami_click)).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Settings.load(Path(sys.argv[1]))))
