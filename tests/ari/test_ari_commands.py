"""Commands, as a real Asterisk carries them out or refuses them."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from ari_lab import APP, PASSWORD, USER, Ear, RunningAsterisk

from bridge.asterisk.ari import (
    AccessDenied,
    AllocationFailed,
    AriClient,
    BadRequest,
    Channel,
    Conflict,
    InvalidState,
    LinkDown,
    NotFound,
    Playback,
    Unprocessable,
    UnusableId,
)


def new_id() -> str:
    return f"test-{uuid.uuid4()}"


async def created(client: AriClient, ear: Ear, extension: str = "answers") -> Channel:
    channel = await client.channels.create(
        endpoint=f"Local/{extension}@ari-test", app=APP, channel_id=new_id(), formats="ulaw"
    )
    await ear.hear("StasisStart", channel=channel.id)
    return channel


async def answered(client: AriClient, ear: Ear) -> Channel:
    channel = await created(client, ear)
    await channel.dial(timeout=20)
    while (await client.channels.get(channel.id)).state != "Up":
        await ear.hear("ChannelStateChange", channel=channel.id)
    return channel


async def test_a_created_channel_enters_the_application_with_its_arguments(
    client: AriClient, ear: Ear
) -> None:
    wanted = new_id()
    channel = await client.channels.create(
        endpoint="Local/answers@ari-test",
        app=APP,
        app_args="customer,7",
        channel_id=wanted,
        variables={"ORDER": "1042"},
        formats="ulaw",
    )
    assert channel.id == wanted
    assert (await ear.hear("StasisStart", channel=wanted))["args"] == ["customer", "7"]
    assert await channel.get_variable("ORDER") == "1042"


async def test_a_dialled_channel_is_answered_bridged_and_hung_up(client: AriClient, ear: Ear) -> None:
    channel = await answered(client, ear)
    bridge = await client.bridges.create(type="mixing,proxy_media", bridge_id=new_id(), name="order")
    await bridge.add_channel(channel.id, inhibit_connected_line_updates=True, absorb_dtmf=True)
    await ear.hear("ChannelEnteredBridge", channel=channel.id, bridge=bridge.id)
    assert (await client.bridges.get(bridge.id)).channel_ids == (channel.id,)

    await bridge.remove_channel(channel.id)
    await ear.hear("ChannelLeftBridge", channel=channel.id)
    await bridge.destroy()
    # Asterisk answers when the bridge is told to go, which may be before it has gone.
    async with asyncio.timeout(5):
        while bridge.id in {each.id for each in await client.bridges.list()}:
            await asyncio.sleep(0.01)

    await channel.hangup(reason_code=17)
    assert (await ear.hear("ChannelDestroyed", channel=channel.id))["cause"] == 17


async def test_a_channel_from_the_dialplan_rings_is_answered_and_goes_back(
    client: AriClient, ear: Ear
) -> None:
    outer = await client.channels.originate(
        endpoint="Local/enters@ari-test", app=APP, app_args="outer", channel_id=new_id(), timeout=20
    )
    start = await ear.hear("StasisStart", channel=f"{outer.id};2")
    assert start["args"] == ["order", "1042"]
    channel = client.channels.handle(start["channel"]["id"])
    await channel.ring()
    await channel.ring_stop()
    await channel.answer()
    await ear.hear("StasisStart", channel=outer.id)
    await channel.mute("in")
    await channel.unmute("in")
    await channel.continue_in_dialplan(context="ari-test", extension="answers", priority=1)
    await ear.hear("StasisEnd", channel=channel.id)


async def test_a_hangup_by_reason_ends_the_call_with_its_cause(client: AriClient, ear: Ear) -> None:
    channel = await created(client, ear, "rings")
    await channel.dial()
    await channel.hangup(reason="busy")
    assert (await ear.hear("ChannelDestroyed", channel=channel.id))["cause"] == 17


async def stopped(playback: Playback) -> None:
    """Asterisk says that it plays a moment before it can be told to stop, and answers 500 till then."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await playback.stop()
            except AllocationFailed:
                await asyncio.sleep(0.02)


async def test_sounds_play_in_turn_until_stopped(client: AriClient, ear: Ear) -> None:
    channel = await answered(client, ear)
    playback = await channel.play(["sound:quiet", "sound:quiet"], playback_id=new_id(), lang="en")
    await ear.hear("PlaybackStarted", playback=playback.id)
    assert (await client.playbacks.get(playback.id)).state == "playing"
    await stopped(playback)
    await ear.hear("PlaybackFinished", playback=playback.id)


async def test_a_playback_that_never_was_is_not_found(client: AriClient) -> None:
    with pytest.raises(NotFound):
        await client.playbacks.stop(new_id())


async def test_a_variable_can_be_set_and_read_back(client: AriClient, ear: Ear) -> None:
    channel = await created(client, ear)
    await channel.set_variable("RESULT", "talked")
    assert await channel.get_variable("RESULT") == "talked"
    with pytest.raises(NotFound) as caught:
        await channel.get_variable("NEVER_SET")
    assert str(caught.value) == "channels.get_variable: 404"


async def test_a_listed_local_channel_does_not_tell_what_it_dials(client: AriClient, ear: Ear) -> None:
    channel = await created(client, ear)
    listed = {each.id: each for each in await client.channels.list()}
    assert listed[channel.id].name == "Local/"
    assert listed[channel.id].state == "Down"
    assert abs(listed[channel.id].created - datetime.now(UTC)) < timedelta(minutes=1)


async def test_filtered_events_are_not_sent(client: AriClient, ear: Ear) -> None:
    await client.applications.set_event_filter(APP, disallowed=["ChannelVarset"])
    channel = await created(client, ear)
    await channel.set_variable("QUIET", "1")
    await channel.hangup()
    types = []
    while "ChannelDestroyed" not in types:
        item = await ear.next()
        assert isinstance(item, dict)
        types.append(item["type"])
    assert "ChannelVarset" not in types
    await client.applications.set_event_filter(APP, disallowed=[])


async def test_the_application_is_registered_while_its_events_are_read(client: AriClient, ear: Ear) -> None:
    assert (await client.applications.get(APP)).name == APP
    assert APP in {each.name for each in await client.applications.list()}
    with pytest.raises(NotFound):
        await client.applications.get("another")


async def test_asterisk_tells_its_version_and_time(client: AriClient) -> None:
    info = await client.asterisk.info()
    assert int(info.version.split(".")[0]) >= 20
    assert abs(await client.asterisk.ping() - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_endpoint_that_does_not_exist_is_not_found(client: AriClient) -> None:
    assert await client.endpoints.list() == ()
    with pytest.raises(NotFound):
        await client.endpoints.get("PJSIP", "101")


async def test_a_channel_that_is_gone_is_not_found(client: AriClient) -> None:
    gone = client.channels.handle("1732.5")
    for command in (gone.answer, gone.ring, gone.dial, gone.hangup):
        with pytest.raises(NotFound):
            await command()


async def test_a_repeated_channel_id_is_a_conflict(client: AriClient, ear: Ear) -> None:
    channel = await created(client, ear)
    with pytest.raises(Conflict) as caught:
        await client.channels.create(endpoint="Local/answers@ari-test", app=APP, channel_id=channel.id)
    assert caught.value.operation == "channels.create"
    assert caught.value.status == 409


async def test_a_dial_out_of_turn_is_a_conflict(client: AriClient, ear: Ear) -> None:
    channel = await created(client, ear, "rings")
    await channel.dial()
    await ear.hear("Dial", peer=channel.id)
    while (await client.channels.get(channel.id)).state == "Down":
        await ear.hear("ChannelStateChange", channel=channel.id)
    with pytest.raises(Conflict):
        await channel.dial()


async def test_a_channel_outside_of_the_bridge_cannot_be_removed(client: AriClient, ear: Ear) -> None:
    channel = await created(client, ear)
    bridge = await client.bridges.create(bridge_id=new_id())
    with pytest.raises(Unprocessable):
        await bridge.remove_channel(channel.id)


async def test_adding_a_channel_that_is_gone_is_a_bad_request(client: AriClient) -> None:
    bridge = await client.bridges.create(bridge_id=new_id())
    with pytest.raises(BadRequest):
        await bridge.add_channel("1732.5")


async def test_playing_to_a_channel_that_is_not_up_is_an_invalid_state(client: AriClient, ear: Ear) -> None:
    channel = await created(client, ear)
    with pytest.raises(InvalidState):
        await channel.play(["sound:quiet"])


async def test_an_endpoint_nobody_is_at_cannot_be_allocated(client: AriClient, ear: Ear) -> None:
    with pytest.raises(AllocationFailed):
        await client.channels.create(endpoint="PJSIP/101", app=APP)


async def test_a_taken_bridge_id_cannot_be_allocated(client: AriClient) -> None:
    bridge = await client.bridges.create(bridge_id=new_id())
    with pytest.raises(AllocationFailed):
        await client.bridges.create(bridge_id=bridge.id)


async def test_a_wrong_password_is_denied(asterisk: RunningAsterisk) -> None:
    async with AriClient(asterisk.url, USER, PASSWORD + "x", app=APP) as client:
        with pytest.raises(AccessDenied):
            await client.asterisk.ping()


async def test_the_url_may_end_in_ari(asterisk: RunningAsterisk) -> None:
    async with AriClient(f"{asterisk.url}/ari/", USER, PASSWORD, app=APP) as client:
        await client.asterisk.ping()


async def test_no_asterisk_is_a_link_down(unused_tcp_port: int) -> None:
    async with AriClient(f"http://127.0.0.1:{unused_tcp_port}", USER, PASSWORD, app=APP) as client:
        with pytest.raises(LinkDown) as caught:
            await client.asterisk.ping()
    assert caught.value.status is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "bad", ["", ".", "..", "+447700900123", "a b", "a?x=1", "a%2Fb", "a#b", "x" * 150, "1\n"]
)
async def test_an_id_that_could_change_the_url_is_refused_and_not_repeated(
    client: AriClient, bad: str
) -> None:
    with pytest.raises(UnusableId) as caught:
        await client.channels.get(bad)
    assert caught.value.args == ("channels.get",)
    with pytest.raises(UnusableId):
        await client.channels.create(endpoint="Local/answers@ari-test", app=APP, channel_id=bad)


async def test_a_slash_in_an_id_stays_inside_its_segment(client: AriClient, ear: Ear) -> None:
    wanted = f"a/b@c:{uuid.uuid4()}"
    await client.channels.create(endpoint="Local/answers@ari-test", app=APP, channel_id=wanted)
    assert (await client.channels.get(wanted)).id == wanted


@pytest.mark.parametrize("url", ["127.0.0.1:8088", "ftp://127.0.0.1", "http://tester:secret@127.0.0.1:8088"])
def test_a_url_that_is_none_or_holds_the_password_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="the URL of ARI") as caught:
        AriClient(url, USER, PASSWORD, app=APP)
    assert PASSWORD not in repr(caught.value)
