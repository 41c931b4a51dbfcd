"""Single attempts on a lab, each of which tells what came of it: an empty list where all is closed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing, suppress
from dataclasses import replace

from loud import LoudCarrier, OneIdentity
from search import CUSTOMER, leaked
from shop import ari, nothing_left, registered_phone, until, until_async
from streams import fax_of, take_streams, video_of
from ways import ALONE, DIVERSIONS, HEADERS, REFUSALS, Way, Ways

from bridge.api.client import ApiClient
from bridge.proof.capture import Recording
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip import sdp
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import HeaderLines, Message, Request, Response, Uri
from bridge.proof.sip.phone import Phone, RegistrationRefused
from bridge.proof.sip.rtp import AudioStream, RtpPacket
from bridge.proof.sip.ua import UserAgent, unaltered
from labkit.lab import Lab

Probe = Callable[[Lab, Phone, Carrier], Awaitable[list[str]]]

TYPED = "+447700900188"
"""A number that a manager knows already."""

SETTLED_PACKETS = 40
"""Audio after which whatever Asterisk had to tell the phone has been told."""

MADE_UP = Way("an identity that a manager's phone makes up", "+447700900187", "")

CALLING_TONE_HZ = 1100
"""Of a fax machine that calls: ITU-T T.30, section 4.2.1."""

FAX_TONE_PACKETS = 60
"""Asterisk knows it by half a second."""

FEATURE_KEYS, RECORDING_KEY = "12345", "4"
"""Bound to features by the openings of features.conf; the second to a recording."""

STRANGERS_SOUND = b"\x2a" * 160

ICE = (
    b"a=ice-ufrag:asks\r\na=ice-pwd:for-all-the-addresses-there-are\r\n"
    b"a=candidate:1 1 UDP 2130706431 127.0.0.1 9 typ host\r\n"
)

BEFORE_THE_ANSWER, IN_THE_CONVERSATION = 0, 2
"""Turns of `OneIdentity`, by where P-Asserted-Identity then is: on 180 and 181; on re-INVITE and UPDATE."""


SLOW_SECONDS = 40.0
"""An Asterisk that has just been opened somewhere may log all it does, or stand still for half a minute."""


async def talking(phone: Phone, carrier: Carrier, dialled: str = "*1042") -> tuple[Call, Call]:
    """The manager's side and the customer's side of a conversation."""
    call = await phone.dial(dialled)
    await call.answered(SLOW_SECONDS)
    customer = await carrier.called(within=SLOW_SECONDS)
    await customer.acknowledged()
    await customer.media.wait_for_audio(25, within=SLOW_SECONDS)
    return call, customer


async def heard(ways: Iterable[Way], phone: Phone, call: Call) -> list[str]:
    await call.media.wait_for_audio(len(call.received_audio) + SETTLED_PACKETS)
    await call.hang_up()
    return leaked([*ways, CUSTOMER], phone.recording)


async def no_call_left(lab: Lab) -> None:
    """A channel of text messages, once Asterisk has made it, stays."""

    async def none() -> bool:
        async with ari(lab) as client:
            return not [each for each in await client.channels.list() if each.name.startswith("PJSIP/")]

    await until_async(none, "an Asterisk without calls")


async def early_identities(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    one = OneIdentity(carrier, Ways(), BEFORE_THE_ANSWER)
    call, _ = await talking(phone, carrier)
    return await heard(one.ways, phone, call)


async def identities(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    one = OneIdentity(carrier, Ways(), IN_THE_CONVERSATION)
    call, customer = await talking(phone, carrier)
    await one.talk(customer)
    return await heard(one.ways, phone, call)


async def media(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    loud = LoudCarrier(carrier, Ways(), lab.sip_address)
    call, customer = await talking(phone, carrier)
    await loud.talk_in_media(customer)
    return await heard(loud.ways.all_media(), phone, call)


async def rtcp(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    loud = LoudCarrier(carrier, Ways(), lab.sip_address)
    call, customer = await talking(phone, carrier)
    await loud.talk_in_media(customer)
    return await heard([way for way in loud.ways.all_media() if "RTCP" in way.name], phone, call)


async def keys(lab: Lab, phone: Phone, carrier: Carrier, dialled: str = "*1042") -> list[str]:
    loud = LoudCarrier(carrier, Ways(), lab.sip_address)
    call, customer = await talking(phone, carrier, dialled)
    await loud.press_keys(customer)
    return await heard([loud.ways.keys, loud.ways.keys_by_info], phone, call)


async def texts(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    loud = LoudCarrier(carrier, Ways(), lab.sip_address)
    call, customer = await talking(phone, carrier)
    await loud.send_requests(customer)
    return await heard(loud.ways.bodies.values(), phone, call)


async def diversions(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Each diversion is followed by an identity, which makes Asterisk send the phone a re-INVITE."""
    phone.alter = without_update
    ways = Ways()
    call, customer = await talking(phone, carrier)
    await divert(customer, ways)
    return await heard([ways.alone["INVITE", name] for name in DIVERSIONS], phone, call)


async def divert(call: Call, ways: Ways) -> None:
    for name, place in zip(DIVERSIONS, ("INVITE", "UPDATE"), strict=True):
        for way, (header, value, _) in (
            (ways.alone["INVITE", name], ALONE[name]),
            (ways.alone[place, "p-asserted-identity"], ALONE["p-asserted-identity"]),
        ):
            await call.reinvite(headers=[(header, value.format(n=way.number))])


def without_update(message: Message) -> None:
    """As a phone that knows no UPDATE: it gets a re-INVITE instead, and only that may tell of a diversion."""
    if allowed := message.get("Allow"):
        message.set("Allow", allowed.replace("UPDATE, ", ""))


async def reasons(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """On BYE, and then on a refusal."""
    loud = LoudCarrier(carrier, Ways(), lab.sip_address)
    call, customer = await talking(phone, carrier)
    await customer.hang_up()
    await call.ended()
    headers = [
        (header, value.format(n=loud.ways.headers[REFUSALS, name].number))
        for name, (header, value, _) in HEADERS.items()
    ]
    carrier.behaviour = carriers.refuse(486, headers=headers)
    refused = await phone.dial("*1042")
    await refused.answered()
    return await heard(named(loud.ways, "reason", "reason-sip", "warning"), phone, refused)


def named(ways: Ways, *names: str) -> list[Way]:
    return [way for (_, name), way in ways.headers.items() if name in names]


async def transfer(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    call, _ = await talking(phone, carrier)
    response = await call.request("REFER", headers=[("Refer-To", "<sip:*1043@127.0.0.1>")])
    await call.hang_up()
    return ["REFER was accepted"] if response.status < 300 else []


async def transfer_by_the_carrier(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    call, customer = await talking(phone, carrier)
    response = await customer.request("REFER", headers=[("Refer-To", f"<sip:{TYPED}@127.0.0.1>")])
    for side in (call, customer):
        await side.hang_up()
    return ["REFER was accepted"] if response.status < 300 else []


async def calls_from_outside(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Somebody calls a manager's extension."""
    caller = Ways().outside["INVITE"]
    call = await carrier.call("101", from_=caller.number, display=caller.number)
    await until(lambda: call.final or phone.calls, "a call that is answered, or at the phone")
    for side in (call, *phone.calls):
        await side.hang_up()
    return leaked([caller], phone.recording)


async def texts_from_outside(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    text = Ways().outside["MESSAGE"]
    await send_text(carrier, "101", lab, text.number)
    await received_text(phone)
    return leaked([text], phone.recording)


async def texts_by_the_phone(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    await send_text(phone, TYPED, lab, "hello")
    await received_text(carrier)
    return ["a text was sent on" for _ in carrier.received("MESSAGE")][:1]


async def send_text(sender: UserAgent, user: str, lab: Lab, text: str) -> None:
    host, port = lab.sip_address
    headers = [("Content-Type", "text/plain")]
    await sender.request(
        "MESSAGE", f"sip:{user}@{host}:{port}", lab.sip_address, headers=headers, body=text.encode()
    )


async def received_text(receiver: UserAgent) -> None:
    """A text that goes where it should not has a second to come."""
    with suppress(TimeoutError):
        await receiver.wait_for_request("MESSAGE", within=1)


async def watching(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """A manager's phone watches a colleague's, which somebody calls."""
    caller = Ways().outside["INVITE"]
    phone.alter = staying_subscribed
    async with registered_phone(lab, "102") as colleague:
        await subscribe(phone, "102", lab)
        call = await carrier.call("102", from_=caller.number, display=caller.number)
        await until(lambda: call.final or colleague.calls, "a call that is answered, or at the colleague's")
        if colleague.calls:
            colleague.calls[-1].ring()
        with suppress(TimeoutError):
            await phone.wait_for_request("NOTIFY", times=2, within=1)
        phone.alter = unaltered
        for side in (call, *colleague.calls):
            await side.hang_up()
    return leaked([caller], phone.recording)


async def subscribe(watcher: UserAgent, user: str, lab: Lab) -> Response:
    host, port = lab.sip_address
    headers = [("Event", "dialog"), ("Expires", "60"), ("Accept", "application/dialog-info+xml")]
    return await watcher.request("SUBSCRIBE", f"sip:{user}@{host}:{port}", lab.sip_address, headers=headers)


def staying_subscribed(message: Message) -> None:
    """The peers know calls alone, and would end a subscription by their answer to NOTIFY."""
    if isinstance(message, Response) and message.cseq[1] == "NOTIFY":
        message.status, message.reason = 200, "OK"


async def watching_by_the_carrier(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    response = await subscribe(carrier, "102", lab)
    return ["SUBSCRIBE was accepted"] if response.status < 300 else []


async def identities_while_it_rings(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    async def ring(call: Call) -> None:
        call.ring()
        call.respond(181)
        await call.send_early_media()

    one = OneIdentity(carrier, Ways(), BEFORE_THE_ANSWER)
    carrier.behaviour = ring
    call = await phone.dial("*1042")
    customer = await carrier.called()
    await until(lambda: 183 in customer.provisional, "a carrier that has said it")
    await call.hang_up()
    await customer.ended()
    return leaked(one.ways, phone.recording)


async def advice_of_charge(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    loud = LoudCarrier(carrier, Ways(), lab.sip_address)
    call, customer = await talking(phone, carrier)
    await loud.send_requests(customer)
    return await heard([loud.ways.bodies["INFO of advice of charge"]], phone, call)


async def stream_offers(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """What an offer says of its streams."""
    take_streams(phone)
    loud = LoudCarrier(carrier, Ways(), lab.sip_address)
    call, customer = await talking(phone, carrier)
    await loud.offer_streams(customer)
    return await heard(loud.ways.streams.values(), phone, call)


async def video(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """What the stream carries."""
    take_streams(phone)
    call, customer = await talking(phone, carrier)
    way = replace(Ways().streams["video"], medium="media")
    return await heard_in_a_stream(way, await video_of(customer, way.number), phone, call)


async def fax(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    take_streams(phone)
    call, customer = await talking(phone, carrier)
    way = replace(Ways().streams["fax"], medium="media")
    return await heard_in_a_stream(way, await fax_of(customer, way.number), phone, call)


async def heard_in_a_stream(way: Way, say: Callable[[], None], phone: Phone, call: Call) -> list[str]:
    """It is said again and again: a stream carries nothing until the phone has taken it, too.

    What should not come has a second to come.
    """

    def came() -> list[str]:
        say()
        return leaked([way], phone.recording)

    with suppress(TimeoutError):
        await until(came, "the number", within=1)
    await call.hang_up()
    return leaked([way], phone.recording)


def impostor(endpoint: str) -> Probe:
    """Somebody who writes a trunk's name into From."""

    async def probe(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
        async with Phone(endpoint, "nothing", server=lab.sip_address) as stranger:
            call = await stranger.dial(TYPED)
            final = await call.settled()
            await call.hang_up()
        return ["somebody was taken for the carrier"] if final.status < 300 else []

    return probe


async def phone_that_moves(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """A manager's phone answers a click with a number to call instead."""
    await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101")
    host, port = carrier.address
    (await phone.incoming()).redirect(f"sip:{TYPED}@{host}:{port}")
    called = await called_besides(carrier, CUSTOMER.number)
    for call in (*phone.calls, *carrier.calls):
        await call.hang_up()
    await nothing_left(lab)
    return called


async def carrier_that_moves(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    host, port = carrier.address
    carrier.behaviour = carriers.redirect(f"sip:{TYPED}@{host}:{port}")
    carrier.when(TYPED, carriers.answer())
    call = await phone.dial("*1042")
    await call.answered()
    await call.hang_up()
    return await called_besides(carrier, CUSTOMER.number)


async def called_besides(carrier: Carrier, number: str) -> list[str]:
    """Whom the carrier was asked to call, but for this number; a wrong call has a second to come."""
    with suppress(TimeoutError):
        await carrier.called(2, within=1)
    return users_called(carrier, besides=number)


def users_called(carrier: Carrier, *, besides: str = "") -> list[str]:
    users = {Uri.parse(call.invite.uri).user for call in carrier.incoming_calls} - {besides}
    return [f"{user} was called" for user in sorted(users)]


async def dialled_number(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """A manager's phone dials a number, and no order."""
    call = await phone.dial(TYPED)
    await call.settled()
    await call.hang_up()
    return users_called(carrier)


async def pickup(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """A manager's phone takes the call that rings at a colleague's. The daemon ends it then."""
    async with registered_phone(lab, "102") as colleague, ApiClient(lab.api_socket) as api:
        await api.place_call("1046", "102")
        ringing = await colleague.incoming()
        ringing.ring()
        thief = await phone.dial("*8")
        refused = (await thief.settled()).status >= 300
        await until(lambda: ringing.final or refused or spoken_to(thief), "a thief who gets something")
        taken = ["the call was taken"] if ringing.final else []
        for call in (thief, ringing):
            await call.hang_up()

        async def no_calls() -> bool:
            return not await api.calls()

        await until_async(no_calls, "a daemon that knows of no call")
    return taken


def spoken_to(call: Call) -> bool:
    return len(call.received_audio) > 25


async def features(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Keys that are bound to features, and a recording as phones with a button for it ask for one.

    A key that is a feature of Asterisk's does not get to the other side; for the button Asterisk presses one.
    """
    call, customer = await talking(phone, carrier)
    await call.send_dtmf(FEATURE_KEYS)
    await call.request("INFO", headers=[("Record", "on")])
    with suppress(TimeoutError):
        await customer.media.wait_for_dtmf(FEATURE_KEYS + RECORDING_KEY, within=3)
    await call.hang_up()
    got = Counter(customer.media.received_dtmf)
    taken = [f"{key} was taken" for key in Counter(FEATURE_KEYS + RECORDING_KEY) - got]
    return taken + [f"{path.name} was recorded" for path in (lab.folder / "spool").rglob("*.wav")]


async def made_up_identities(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Of a manager's phone, and said to be private: only whom Asterisk trusts is told of those."""
    call, customer = await talking(phone, carrier)
    await call.reinvite(headers=private_identity(MADE_UP.number))
    return await heard_by_the_carrier([MADE_UP], carrier, call, customer)


def private_identity(number: str) -> HeaderLines:
    """RFC 3325."""
    return [("P-Asserted-Identity", f'"{number}" <sip:{number}@carrier.example>'), ("Privacy", "id")]


async def heard_by_the_carrier(
    ways: Iterable[Way], carrier: Carrier, call: Call, customer: Call
) -> list[str]:
    await customer.media.wait_for_audio(len(customer.received_audio) + SETTLED_PACKETS)
    await call.hang_up()
    return leaked(ways, carrier.recording)


async def made_up_diversions(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """The other way round; after a click, as Asterisk passes on only what those say whom it has called."""
    carrier.alter = without_update
    ways = Ways()
    async with ApiClient(lab.api_socket) as api:
        await api.place_call("1042", "101")
    call = await phone.incoming()
    await call.answer()
    customer = await carrier.called()
    await customer.acknowledged()
    await customer.media.wait_for_audio(25)
    await divert(call, ways)
    said = [ways.alone["INVITE", name] for name in DIVERSIONS]
    return await heard_by_the_carrier(said, carrier, call, customer)


async def private_identities(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Of the customer, who wants them told to nobody."""
    way = Ways().alone["INVITE", "p-asserted-identity"]
    call, customer = await talking(phone, carrier)
    await customer.reinvite(headers=private_identity(way.number))
    return await heard([way], phone, call)


async def second_device(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Another one of the same manager, while the first is there."""
    async with registered_phone(lab) as second:
        contacts = await asyncio.to_thread(lab.asterisk.rx, "pjsip show contacts")
        await second.unregister()
    return ["two devices are registered"] if contacts.count("101/sip:") > 1 else []


async def newest_device(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """A manager comes to another desk, and the phone at the first one is still on."""
    try:
        async with registered_phone(lab) as second:
            await second.unregister()
    except RegistrationRefused as refusal:
        return [str(refusal)]
    return []


async def fax_tone_of_the_phone(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    phone.tone_hz = CALLING_TONE_HZ
    return await called_by_a_fax(lab, phone, carrier)


async def fax_tone_of_the_customer(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    carrier.tone_hz = CALLING_TONE_HZ
    return await called_by_a_fax(lab, phone, carrier)


async def called_by_a_fax(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """An ordinary PBX lets 102 take what calls by a fax machine's tone: the conversation ends then."""
    async with registered_phone(lab, "102") as colleague:
        call = await phone.dial("*1042")
        await call.answered()
        customer = await carrier.called()

        def undisturbed() -> bool:
            return min(len(call.received_audio), len(customer.received_audio)) > FAX_TONE_PACKETS

        await until(lambda: colleague.calls or undisturbed(), "a fax, or a conversation")
        came = list(colleague.calls)
        for side in (call, customer, *came):
            await side.hang_up()
    await no_call_left(lab)
    return ["a colleague was called" for _ in came]


async def strangers_sound(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """Somebody who sends sound to where the carrier sends it is not heard, and hears nothing."""
    call, customer = await talking(phone, carrier)
    stranger = AudioStream(Recording(), tone_hz=440)
    await stranger.open(lab.sip_address[0])
    with closing(stranger):
        stranger.talk_to(sdp.AudioDescription.parse(customer.invite.body), sdp.PCMA)
        for sequence in range(SETTLED_PACKETS):
            packet = RtpPacket(sdp.PCMA, sequence, timestamp=160 * sequence, ssrc=7, payload=STRANGERS_SOUND)
            stranger.send_raw(packet.encode())
            await call.media.wait_for_audio(len(call.received_audio) + 1)
    await call.hang_up()
    heard = any(packet.payload == STRANGERS_SOUND for packet in call.received_audio)
    return ["a stranger was heard"] * heard + ["a stranger heard"] * bool(stranger.received_audio)


async def candidates(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """The addresses of this machine, told to a phone that asks for them by ICE (RFC 8839)."""
    phone.alter = offering_ice
    call = await phone.dial("*1042")
    await call.answered()
    await call.hang_up()
    told = {line for answer in call.responses for line in answer.body.splitlines() if b"candidate:" in line}
    return [line.decode() for line in sorted(told)]


def offering_ice(message: Message) -> None:
    if isinstance(message, Request) and message.method == "INVITE":
        message.set_body("application/sdp", message.body + ICE)


async def extension_told_early(lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    """To a carrier that calls a manager's phone, which has not begun to ring."""
    call = await carrier.call("101", from_=TYPED)
    await until(lambda: call.final or phone.calls, "a call that is answered, or at the phone")
    with suppress(TimeoutError):
        await until(lambda: call.final or extensions_in(call.responses), "an identity", within=1)
    told = [] if call.final else extensions_in(call.responses)
    for side in (call, *phone.calls):
        await side.hang_up()
    return told


def extensions_in(responses: Iterable[Response]) -> list[str]:
    headers = ("P-Asserted-Identity", "Remote-Party-ID")
    told = [(name, value) for response in responses for name in headers for value in response.all(name)]
    return [f"{name}: 101" for name, value in told if "<sip:101@" in value]
