"""An ARI program on ari-client, along the lines of its documentation."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ari_client import (
    AriClient,
    Bridge,
    Channel,
    ChannelStateChangeEvent,
    StasisEndEvent,
    StasisStartEvent,
)

from benchkit.contenders.ari import APP
from benchkit.programs import numbers
from benchkit.settings import HOST, Settings

# The library logs every request at this level's next lower one.
logging.getLogger().setLevel(logging.WARNING)


@dataclass
class Conversation:
    manager: Channel
    customer: Channel | None = None
    bridge: Bridge | None = None


async def serve(settings: Settings) -> None:
    client = AriClient(HOST, settings.ari_port, settings.ari_user, settings.ari_password)
    conversations: dict[str, Conversation] = {}
    """By the id of either channel."""

    with closing(numbers.connect(settings.numbers)) as known:

        @client.on_stasis_start
        async def started(event: StasisStartEvent) -> None:
            if event.args == ["leg"]:
                await event.channel.dial(timeout=45)
                return
            customer_id = f"customer-of-{event.channel.id}"
            conversation = Conversation(event.channel)
            conversations[event.channel.id] = conversations[customer_id] = conversation
            number = numbers.look_up(known, event.args[0])
            conversation.customer = await client.ari.create_channel(
                endpoint=f"PJSIP/{number}@trunk", app_args="leg", channel_id=customer_id
            )

        @client.on_channel_state_change
        async def changed(event: ChannelStateChangeEvent) -> None:
            conversation = conversations.get(event.channel.id)
            if conversation is None or event.channel.id == conversation.manager.id:
                return
            if event.channel.state == "Ringing":
                await client.ari.ring_channel(conversation.manager.id)
            elif event.channel.state == "Up":
                await client.ari.answer_channel(conversation.manager.id)
                conversation.bridge = await client.ari.create_bridge(type="mixing,proxy_media")
                await conversation.bridge.add_channel(conversation.manager.id)
                await conversation.bridge.add_channel(event.channel.id)

        @client.on_stasis_end
        async def ended(event: StasisEndEvent) -> None:
            conversation = conversations.pop(event.channel.id, None)
            if conversation is None:
                return
            other = (
                conversation.customer if event.channel.id == conversation.manager.id else conversation.manager
            )
            if other is not None and other.id in conversations:
                del conversations[other.id]
                await client.ari.hangup_channel(other.id)
            if conversation.bridge is not None:
                await client.ari.stop_bridge(conversation.bridge.id)

        await client.connect(app=APP)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Settings.load(Path(sys.argv[1]))))
