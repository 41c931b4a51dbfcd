"""Asterisk passes over parameters it does not know: only its own list of them tells a misspelt one."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from ari_lab import PASSWORD, USER, RunningAsterisk

from bridge.asterisk.ari import AriClient, AriError


def described_parameters(folder: Path) -> Iterator[tuple[str, re.Pattern[str], set[str]]]:
    """Method, path and names of parameters of every operation that Asterisk's description of ARI lists."""
    for resource in folder.glob("*.json"):
        for api in json.loads(resource.read_text()).get("apis", []):
            path = re.compile("/ari" + re.sub(r"\{\w+\}", "[^/]+", api["path"]))
            for operation in api.get("operations", []):
                names = {each["name"] for each in operation.get("parameters", [])}
                yield operation["httpMethod"], path, names


def commands(client: AriClient) -> list[Callable[[], Awaitable[object]]]:
    """Every command that has parameters, with all of them."""
    channel, bridge = client.channels.handle("1732.5"), client.bridges.handle("b-1")
    return [
        lambda: client.channels.create(
            endpoint="e", app="a", app_args="b", channel_id="1.1", variables={"A": "b"}, formats="alaw"
        ),
        lambda: client.channels.originate(
            endpoint="e",
            app="a",
            app_args="b",
            caller_id="c",
            timeout=9,
            channel_id="1.1",
            variables={"A": "b"},
            formats="alaw",
        ),
        lambda: channel.dial(timeout=9, caller="1.1"),
        lambda: channel.hangup(reason="busy"),
        lambda: channel.hangup(reason_code=17),
        lambda: channel.play(["sound:quiet"], playback_id="p-1", lang="en"),
        lambda: channel.continue_in_dialplan(context="c", extension="e", priority=1),
        lambda: channel.set_variable("A", "b"),
        lambda: channel.get_variable("A"),
        lambda: channel.mute("in"),
        lambda: channel.unmute("in"),
        lambda: client.bridges.create(type="mixing", bridge_id="b-1", name="n"),
        lambda: bridge.add_channel("1.1", inhibit_connected_line_updates=True, absorb_dtmf=True, mute=False),
        lambda: bridge.remove_channel("1.1"),
    ]


async def test_every_parameter_is_one_that_asterisk_knows(asterisk: RunningAsterisk) -> None:
    if not asterisk.api_description.exists():
        pytest.skip(f"this Asterisk came without its description of ARI, {asterisk.api_description}")
    described = list(described_parameters(asterisk.api_description))
    sent: list[tuple[str, str, set[str]]] = []

    async def note(request: web.Request) -> web.Response:
        sent.append((request.method, request.path, set(await request.json())))
        return web.Response(status=404)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", note)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with AriClient(f"http://127.0.0.1:{runner.addresses[0][1]}", USER, PASSWORD, app="a") as client:
        for command in commands(client):
            with pytest.raises(AriError):
                await command()
    await runner.cleanup()

    assert len(sent) == len(commands(client))
    for method, path, names in sent:
        # "/channels/create" also fits "/channels/{channelId}": one operation that knows all names is enough.
        fitting = [known for verb, shape, known in described if verb == method and shape.fullmatch(path)]
        assert any(names <= known for known in fitting), (method, path, names, fitting)
