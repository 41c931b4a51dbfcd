"""A lab with a crowd in it: as many managers as calls, an order for each, and the phones of both sides."""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

from bridge.asterisk.ari import AriClient
from bridge.proof.capture import Address
from bridge.proof.sip.call import Call, CallRefused
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.rtp import AudioStream
from bridge.proof.sip.sdp import PCMA, AudioDescription
from labkit import ports
from labkit.crowd.link import Link, open_link
from labkit.crowd.sound import Side, Sound
from labkit.daemonfiles import PLENTY
from labkit.errors import LabError
from labkit.lab import Lab
from labkit.orders import FIRST_NUMBER, FIRST_ORDER, write_orders
from labkit.plan import CARRIER_HOST, UDP
from labkit.readiness import get
from labkit.results import results_since

MOST_CALLS = 800
MANAGERS_HOST = "127.0.0.1"

_FILES_A_CALL = 12  # RTP and RTCP of both legs in Asterisk, the phone's socket, and as many to spare
_FILES_BESIDES = 1000
_RING_SECONDS = 0.1
_SECONDS_TO_ANSWER = 20.0
_POLL_SECONDS = 0.05
_SECONDS_UNDER_WAY = 1.0  # in which the last packets arrive


class Broken(Exception):
    """The crowd could not be brought to the state from which anything is measured; the text says why."""


class _FarSound(AudioStream):
    """A call's sound that the `Sound` process makes. The carrier learns a call's `index` by its number."""

    def __init__(self, phone: Phone | Carrier, sound: Sound, side: Side, index: int = 0) -> None:
        super().__init__(phone.recording, tone_hz=phone.tone_hz)
        self.index = index
        self._sound = sound
        self._side = side

    async def open(self, host: str) -> None:
        """It has been open from the start."""

    @property
    def is_open(self) -> bool:
        return True

    @property
    def port(self) -> int:
        return self._sound.port(self._side, self.index)

    def talk_to(self, remote: AudioDescription, codec: int) -> None:
        self._sound.talk(self._side, self.index, (remote.host, remote.port))

    async def run(self) -> None:
        """The other process speaks."""


class _CrowdPhone(Phone):
    """One manager's phone; unregistered, as it is never called."""

    def __init__(self, lab: Lab, sound: Sound, index: int) -> None:
        extension, manager = list(lab.managers.items())[index]
        super().__init__(extension, manager.password, server=lab.sip_address)
        self._sound = sound
        self._index = index

    def new_audio(self) -> AudioStream:
        return _FarSound(self, self._sound, Side.MANAGER, self._index)


class _CrowdCarrier(Carrier):
    """All customers' phones."""

    def __init__(self, bind: Address, sound: Sound) -> None:
        super().__init__(bind, behaviour=_answer_in_a_law)
        self._sound = sound
        self.by_index: dict[int, Call] = {}

    def new_audio(self) -> AudioStream:
        return _FarSound(self, self._sound, Side.CUSTOMER)

    def on_invite(self, call: Call) -> None:
        assert isinstance(call.media, _FarSound), "it is of our making"
        call.media.index = int(Uri.parse(call.invite.uri).user.lstrip("+")) - FIRST_NUMBER
        self.by_index[call.media.index] = call
        super().on_invite(call)


async def _answer_in_a_law(call: Call) -> None:
    """Asterisk offers mu-law first; the phones' own codec lets it hand payloads on as they are."""
    call.ring()
    await asyncio.sleep(_RING_SECONDS)
    description = AudioDescription(call.agent.address[0], call.media.port, (PCMA,), None)
    await call.answer(body=("application/sdp", description.encode()))


class Crowd:
    """The lab with its conversations, of `open_crowd`. `link` is what its daemon reaches Asterisk through."""

    def __init__(
        self, lab: Lab, link: Link, sound: Sound, phones: Sequence[Phone], carrier: _CrowdCarrier
    ) -> None:
        self.lab = lab
        self.link = link
        self.sound = sound
        self._phones = phones
        self._carrier = carrier
        self._calls: list[Call] = []
        self._began_ms = int(time.time() * 1000)

    @property
    def size(self) -> int:
        """How many conversations there should be."""
        return len(self._phones)

    async def bring_up(self, *, calls_a_second: float, tell: Callable[[int], None]) -> None:
        """Let every manager dial their order, and return when all talk. Raises Broken."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for index, phone in enumerate(self._phones):
            await asyncio.sleep(began + index / calls_a_second - loop.time())
            self._calls.append(await phone.dial(f"*{FIRST_ORDER + index}"))
            tell(index + 1)
        try:
            for call in self._calls:
                await call.answered(_SECONDS_TO_ANSWER)
            await self.until(self._all_talk, "conversations on the board")
        except (CallRefused, TimeoutError) as error:
            raise Broken(f"not every call was answered: {error}") from None

    async def _all_talk(self) -> bool:
        return self.states().count("talking") == self.size

    def conversations(self) -> int:
        """How many have both their ends still."""
        return sum(
            call.established and self._carrier.by_index[index].established
            for index, call in enumerate(self._calls)
            if index in self._carrier.by_index
        )

    def states(self) -> list[str]:
        """Of every live call that the daemon knows."""
        return [call["state"] for call in json.loads(get(self.lab.api_socket, "/v1/calls"))["calls"]]

    async def hang_up_all(self, *, calls_a_second: float) -> None:
        """End every conversation, every second one from the customer's side. Both fall silent first."""
        loop = asyncio.get_running_loop()
        for index in range(self.size):
            self.sound.hush(index)
        await asyncio.sleep(_SECONDS_UNDER_WAY)
        began = loop.time()
        async with asyncio.TaskGroup() as ends:
            for index, call in enumerate(self._calls):
                await asyncio.sleep(began + index / calls_a_second - loop.time())
                who = call if index % 2 == 0 else self._carrier.by_index[index]
                ends.create_task(_hang_up(who))

    async def left_in_asterisk(self) -> int:
        """Channels and bridges."""
        async with AriClient(
            self.lab.ari_url, self.lab.ari_user, self.lab.ari_password, app="call-bridge"
        ) as client:
            return len(await client.channels.list()) + len(await client.bridges.list())

    def results(self) -> dict[str, int]:
        """How many of the calls have which result on record; "" where there is none yet."""
        return results_since(self.lab.database_path, self._began_ms)

    async def until(
        self, condition: Callable[[], Awaitable[bool]], what: str, *, within: float = 60.0
    ) -> None:
        """Wait for it. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not await condition():
            if loop.time() - began > within:
                raise TimeoutError(f"{what}: not within {within:g} s")
            await asyncio.sleep(_POLL_SECONDS)


async def _hang_up(call: Call) -> None:
    """A call that is over already was dropped, and is counted as such."""
    try:
        await call.hang_up(within=10.0)
    except TimeoutError:
        return


@asynccontextmanager
async def open_crowd(folder: Path, *, calls: int, packets_a_second: int) -> AsyncIterator[Crowd]:
    """A lab in `folder` with `calls` managers, and everybody's phones; nobody has dialled yet.

    Raises LabError.
    """
    _allow_files(calls)
    async with AsyncExitStack() as stack:
        sound = stack.enter_context(
            Sound(
                {Side.MANAGER: MANAGERS_HOST, Side.CUSTOMER: CARRIER_HOST},
                calls=calls,
                packets_a_second=packets_a_second,
            )
        )
        bind = CARRIER_HOST, ports.free_port(CARRIER_HOST, UDP)
        carrier = await stack.enter_async_context(_CrowdCarrier(bind, sound))
        lab = await asyncio.to_thread(_prepared_lab, folder, calls, f"{bind[0]}:{bind[1]}")
        stack.callback(lab.down)
        link = await stack.enter_async_context(open_link(("127.0.0.1", lab.record.ari_port)))
        _configure(lab, link)
        await asyncio.to_thread(lab.start_daemon)
        phones = [await stack.enter_async_context(_CrowdPhone(lab, sound, index)) for index in range(calls)]
        yield Crowd(lab, link, sound, phones, carrier)


def _prepared_lab(folder: Path, calls: int, carrier: str) -> Lab:
    folder.mkdir(parents=True, exist_ok=True)
    lab = Lab.create(folder, managers=calls, carrier=carrier)
    try:
        lab.start_asterisk()
        lab.prepare(write_orders(lab.folder / "orders.csv", lab.managers))
    except BaseException:
        lab.down()
        raise
    return lab


def _configure(lab: Lab, link: Link) -> None:
    """Let the daemon reach Asterisk through the link, and allow the crowd what no shop's day has."""
    host, port = link.address
    limits = ("per_day_in_all", "minutes_per_day_in_all", "spend_per_day_in_all")
    lab.configure(
        {
            "asterisk": {"ari_url": f"http://{host}:{port}/ari"},
            "calls": {"max_live": len(lab.managers)},
            "rules": {"limits": dict.fromkeys(limits, PLENTY)},
        }
    )


def _allow_files(calls: int) -> None:
    """Let this process, and those that it starts, open as many files as they need. Raises LabError."""
    wanted = _FILES_BESIDES + _FILES_A_CALL * calls
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard < wanted:
        raise LabError(f"{calls} calls need {wanted} open files, and `ulimit -Hn` allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def locked_database(path: Path) -> Iterator[None]:
    """Hold the lock that a backup or another program might hold: nobody writes meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")
