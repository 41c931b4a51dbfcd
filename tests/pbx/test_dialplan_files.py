"""The dialplan that integrators include, on a real Asterisk with real phones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from included_pbx import CARRIER_HOST, PASSWORD, SHOP_NUMBER, IncludedPbx, everything_shipped, example
from shop import until

from bridge.asterisk.ari import AriClient, Connected, Event, EventStream
from bridge.asterisk.formats import are_formats
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone

CALLER = "447700900123"
CONTEXTS = ("managers", "order", "refuse", "trunk", "strip")

PARTS = ("name", "num", "subaddr", "tag")
CALLERID = (
    *("all", *PARTS, "ani", "ani-all", "ani-name", "ani-num", "ani-subaddr", "ani-tag", "rdnis", "dnid"),
    *("dnid-num", "dnid-subaddr", *(f"priv-{part}" for part in ("all", *PARTS))),
)
CONNECTEDLINE = ("all", *PARTS, *(f"priv-{part}" for part in ("all", *PARTS)))
REDIRECTING = tuple(
    f"{private}{who}-{part}"
    for private in ("", "priv-")
    for who in ("orig", "from", "to")
    for part in ("all", *PARTS)
)
REASONS = ("reason", "orig-reason")
READ_ONLY = {"ani-subaddr", "ani-tag"}
TRACES = [
    *(f"CALLERID({name})" for name in CALLERID if name not in READ_ONLY),
    *(f"CONNECTEDLINE({name})" for name in CONNECTEDLINE),
    *(f"REDIRECTING({name})" for name in (*REDIRECTING, *REASONS)),
]


def leave_traces() -> str:
    """Dialplan that puts the caller's number into all that CALLERID and its like can hold."""
    steps = []
    for trace in TRACES:
        inhibited = trace if trace.startswith("CALLERID") else trace.replace(")", ",i)")
        steps.append(f" same => n,Set({inhibited}={dirty_value(trace)})")
        if trace.endswith("subaddr)"):
            steps.append(f" same => n,Set({inhibited.replace('subaddr', 'subaddr-valid')}=yes)")
    return "\n".join(steps)


def dirty_value(trace: str) -> str:
    if trace.endswith("all)"):
        return f'"{CALLER}" <{CALLER}>'
    # A reason of digits alone would be taken for a code; any other text is kept as it is.
    return f"for-{CALLER}" if trace.endswith("reason)") else CALLER


def tell(when: str) -> str:
    return "\n".join(f" same => n,Log(WARNING,{when} {trace} is ${{{trace}}}.)" for trace in TRACES)


STRIPPING = f"""
[stripping]
exten => labelled,1,NoOp()
{leave_traces()}
{tell("before")}
 same => n,Gosub(call-bridge-strip,s,1(Order 1042,1042))
{tell("after")}
 same => n,Hangup()
exten => anonymous,1,NoOp()
{leave_traces()}
 same => n,Gosub(call-bridge-strip,s,1)
{tell("nameless")}
 same => n,Log(WARNING,nameless CALLERID(num-pres) is ${{CALLERID(num-pres)}}.)
 same => n,Hangup()
"""


def trusting(pjsip: str) -> str:
    """With a trunk that takes over the caller's number, so that only the dialplan stands before it."""
    return pjsip.replace("from_user=", "trust_id_inbound=yes\nfrom_user=")


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IncludedPbx]:
    pbx = IncludedPbx(tmp_path_factory.mktemp("pbx"))
    texts = everything_shipped()
    texts["extensions.conf"] += STRIPPING
    dirty = example("pjsip-managers.conf").replace("101", "103").replace("language=en", "context=stripping")
    pbx.start({**texts, "pjsip.conf": trusting(pbx.pjsip(dirty)), "http.conf": pbx.http()})
    yield pbx
    pbx.stop()


@pytest.fixture(scope="module")
def other_pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IncludedPbx]:
    """An integrator's PBX: values of its own above and below the include, and text messages."""
    pbx = IncludedPbx(tmp_path_factory.mktemp("other"))
    texts = everything_shipped()
    above = "[globals]\nCALLBRIDGE_PREFIX=77\nCALLBRIDGE_MAX_SECONDS=1\n"
    below = "[globals]\nCALLBRIDGE_APP=their-app\n"
    texts["extensions.conf"] = above + texts["extensions.conf"] + below
    texts["modules.conf"] += "[modules](+)\nload=res_pjsip_messaging.so\n"
    pbx.start({**texts, "pjsip.conf": pbx.pjsip(), "http.conf": pbx.http()})
    yield pbx
    pbx.stop()


@pytest_asyncio.fixture
async def phone(pbx: IncludedPbx) -> AsyncIterator[Phone]:
    async with Phone("101", PASSWORD, server=pbx.sip_address) as phone:
        yield phone


@pytest_asyncio.fixture
async def other_phone(other_pbx: IncludedPbx) -> AsyncIterator[Phone]:
    async with Phone("101", PASSWORD, server=other_pbx.sip_address) as phone:
        yield phone


class Daemon:
    """As much of the daemon as the dialplan needs: it is connected, and sees who enters."""

    def __init__(self, client: AriClient, events: EventStream) -> None:
        self.client = client
        self._events = events

    async def next_arrival(self) -> Event:
        async with asyncio.timeout(5):
            async for item in self._events:
                if isinstance(item, dict) and item["type"] == "StasisStart":
                    return item
        raise AssertionError("the stream ended")


async def serve(pbx: IncludedPbx, app: str) -> AsyncIterator[Daemon]:
    async with AriClient(pbx.ari_url, "call-bridge", PASSWORD, app=app) as client:
        events = client.events()
        assert await anext(events) == Connected()
        yield Daemon(client, events)


@pytest_asyncio.fixture
async def daemon(pbx: IncludedPbx) -> AsyncIterator[Daemon]:
    async for daemon in serve(pbx, "call-bridge"):
        yield daemon


@pytest_asyncio.fixture
async def other_daemon(other_pbx: IncludedPbx) -> AsyncIterator[Daemon]:
    async for daemon in serve(other_pbx, "their-app"):
        yield daemon


def order_of(arrived: Event) -> str:
    """The code that was handed over; beside it is what the phone speaks, and nothing else."""
    kind, code, formats = arrived["args"]
    assert kind == "order"
    assert are_formats(formats)
    return str(code)


async def order_after(phone: Phone, daemon: Daemon, dialled: str) -> str:
    """The order of the first channel that enters when `dialled` is followed by the order 9001."""
    odd = await phone.dial(dialled)
    await odd.settled()
    await odd.hang_up()
    sentinel = await phone.dial("*9001")
    arrived = await daemon.next_arrival()
    await daemon.client.channels.handle(arrived["channel"]["id"]).hangup()
    await sentinel.settled()
    return order_of(arrived)


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_one_include_brings_the_context(pbx: IncludedPbx, context: str) -> None:
    assert f"Context 'call-bridge-{context}'" in pbx.rx(f"dialplan show call-bridge-{context}")


@pytest.mark.parametrize(
    "code", ["7", "08", "1042", "000123", "123456789012", "1042*2", "7*9", "123456789012*1"]
)
async def test_the_prefix_and_up_to_twelve_digits_reach_the_daemon_as_they_were_dialled(
    phone: Phone, daemon: Daemon, code: str
) -> None:
    call = await phone.dial(f"*{code}")
    arrived = await daemon.next_arrival()
    assert order_of(arrived) == code
    await daemon.client.channels.handle(arrived["channel"]["id"]).hangup()
    await call.settled()


async def test_star_eight_is_an_order_and_picks_nothing_up(phone: Phone, daemon: Daemon) -> None:
    call = await phone.dial("*8")
    arrived = await daemon.next_arrival()
    assert order_of(arrived) == "8"
    await daemon.client.channels.handle(arrived["channel"]["id"]).hangup()
    await call.settled()


@pytest.mark.parametrize(
    "dialled",
    [
        "*1042,foo",
        "*1042%2Cfoo",
        "*1042;foo",
        "*10a2",
        "*",
        "**1042",
        "*1042#",
        "*1042*",
        "*1042*0",
        "*1042*12",
        "*1042*2*3",
        "*1042**2",
        "*1042*2,foo",
        "*1234567890123*2",
        "1042",
        f"+{CALLER}",
        "00441234",
        "*1234567890123",
        "foo",
        "s",
        "h",
        "i",
        "serve",
        "*1042/101",
        "*$%7BEXTEN%7D",
    ],
)
async def test_what_is_not_a_code_never_reaches_the_daemon(
    phone: Phone, daemon: Daemon, dialled: str
) -> None:
    assert await order_after(phone, daemon, dialled) == "9001"


async def test_what_is_not_a_code_is_refused_aloud(pbx: IncludedPbx, phone: Phone) -> None:
    call = await phone.dial(f"+{CALLER}")
    await call.answered()
    assert playing(pbx) == ["cannot-complete-as-dialed&check-number-dial-again"]
    await call.media.wait_for_audio(20)
    await call.hang_up()


@pytest.mark.parametrize("extension", ["101", "102"])
async def test_without_a_daemon_the_manager_hears_so_and_the_call_ends(
    pbx: IncludedPbx, extension: str
) -> None:
    async with Phone(extension, PASSWORD, server=pbx.sip_address) as phone:
        call = await phone.dial("*1042")
        await call.answered()
        assert playing(pbx) == ["im-sorry&something-terribly-wrong"]
        await call.media.wait_for_audio(20)
        await call.ended(within=15)
    assert not [complaint for complaint in pbx.complaints() if "playback" in complaint.source]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_recording_is_in_the_english_and_in_the_russian_set(pbx: IncludedPbx, language: str) -> None:
    said = re.findall(r"CALLBRIDGE_SAY_\w+=(\S+)", pbx.rx("dialplan show globals"))
    recordings = {name for names in said for name in names.split("&")}
    folder = pbx.asterisk.installation.data / "sounds" / language
    assert len(recordings) == 6
    assert [name for name in sorted(recordings) if not list(folder.glob(f"{name}.*"))] == []


async def test_a_call_the_daemon_lets_go_of_ends(pbx: IncludedPbx, phone: Phone, daemon: Daemon) -> None:
    call = await phone.dial("*1042")
    arrived = await daemon.next_arrival()
    await daemon.client.channels.handle(arrived["channel"]["id"]).answer()
    await call.answered()
    await daemon.client.channels.handle(arrived["channel"]["id"]).continue_in_dialplan()
    await call.ended()


async def test_callers_from_the_carrier_hear_that_nobody_is_there_and_leave_no_number(
    pbx: IncludedPbx,
) -> None:
    async with Carrier((CARRIER_HOST, 5060), server=pbx.sip_address) as carrier:
        call = await carrier.call(
            SHOP_NUMBER,
            from_=f"+{CALLER}",
            headers=[("P-Asserted-Identity", f"<sip:+{CALLER}@{CARRIER_HOST}>")],
        )
        await call.answered()
        await call.media.wait_for_audio(20)
        assert playing(pbx) == ["vm-nobodyavail"]
        channel = pbx.rx("core show channels concise").partition("!")[0]
        assert channel.startswith("PJSIP/trunk-")
        shown = pbx.rx(f"core show channel {channel}")
        await call.hang_up()
    assert "vm-nobodyavail" in shown
    assert CALLER not in shown


async def test_the_prefix_and_the_application_are_the_integrators_to_choose(
    other_phone: Phone, other_daemon: Daemon
) -> None:
    call = await other_phone.dial("771042")
    assert order_of(await other_daemon.next_arrival()) == "1042"
    await call.settled()


async def test_the_old_prefix_is_gone_where_another_is_chosen(
    other_pbx: IncludedPbx, other_phone: Phone, other_daemon: Daemon
) -> None:
    call = await other_phone.dial("*1042")
    await call.answered()
    assert playing(other_pbx) == ["cannot-complete-as-dialed&check-number-dial-again"]
    await call.hang_up()


async def test_asterisk_ends_a_call_at_the_limit_whatever_the_daemon_does(
    other_phone: Phone, other_daemon: Daemon
) -> None:
    call = await other_phone.dial("771042")
    arrived = await other_daemon.next_arrival()
    await other_daemon.client.channels.handle(arrived["channel"]["id"]).answer()
    await call.answered()
    await call.ended(within=5)


def test_a_reload_keeps_the_values(other_pbx: IncludedPbx, pbx: IncludedPbx) -> None:
    for running, prefix in ((other_pbx, "77"), (pbx, "*")):
        before = running.rx("dialplan show globals")
        running.rx("dialplan reload")
        assert sorted(running.rx("dialplan show globals").split()) == sorted(before.split())
        assert f"CALLBRIDGE_PREFIX={prefix}\n" in before


@pytest.mark.parametrize("recipient", ["s", "102", "*1042", CALLER])
async def test_a_text_message_gets_nowhere_even_where_messages_are_loaded(
    other_pbx: IncludedPbx, other_phone: Phone, other_daemon: Daemon, recipient: str
) -> None:
    host, port = other_pbx.sip_address
    await other_phone.request(
        "MESSAGE",
        f"sip:{recipient}@{host}:{port}",
        other_pbx.sip_address,
        headers=[("Content-Type", "text/plain")],
        body=b"hello",
    )
    call = await other_phone.dial("771042")
    arrived = await other_daemon.next_arrival()
    assert arrived["channel"]["name"].startswith("PJSIP/101-")
    await call.settled()
    assert "Message/" not in other_pbx.log


def all_told(pbx: IncludedPbx, last: str) -> dict[str, str]:
    """What the dialplan said of the traces, once it has said the last: Asterisk's log is written later."""
    told = dict(re.findall(r"((?:before|after|nameless) \S+) is (.*)\.$", pbx.log, re.MULTILINE))
    return told if last in told else {}


@pytest.mark.parametrize("extension", ["labelled", "anonymous"])
async def test_strip_leaves_no_trace_of_the_caller(pbx: IncludedPbx, extension: str) -> None:
    async with Phone("103", PASSWORD, server=pbx.sip_address, display=CALLER) as phone:
        call = await phone.dial(extension)
        await call.settled()
    when = {"labelled": "after", "anonymous": "nameless"}[extension]
    told = await until(lambda: all_told(pbx, f"{when} {TRACES[-1]}"), "the log's last line")
    assert [trace for trace in TRACES if CALLER in told[f"{when} {trace}"]] == []
    if extension == "labelled":
        assert [trace for trace in TRACES if CALLER not in told[f"before {trace}"]] == []
        assert told["after CALLERID(all)"] == '"Order 1042" <1042>'
        assert told["after CONNECTEDLINE(all)"] == '"Order 1042" <1042>'
    else:
        assert told["nameless CALLERID(num-pres)"] == "unavailable"


def playing(pbx: IncludedPbx) -> list[str]:
    """What the PBX plays now, to anybody."""
    rows = [row.split("!") for row in pbx.rx("core show channels concise").splitlines()]
    return [row[6] for row in rows if len(row) > 6 and row[5] == "Playback"]
