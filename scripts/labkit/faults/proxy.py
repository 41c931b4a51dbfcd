"""A proxy on loopback between the daemon and Asterisk's HTTP server, which breaks what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from bridge.proof.sip.tasks import Tasks
from labkit.faults import kinds, wire
from labkit.faults.kinds import EventFault, RequestFault
from labkit.faults.passing import Passing, Register

HOST: Final = "127.0.0.1"

Chooser = Callable[[Passing], RequestFault | EventFault | None]
"""Says for each thing that passes whether, and how, it fails."""


def no_fault(_passing: Passing) -> None:
    """The chooser of a good day."""


class _Broken(Exception):
    """This connection is to break now."""


class FaultProxy:
    """In front of Asterisk's HTTP server at `target`; `url` is for the daemon. Use it in `async with`.

    `choose` may be changed at any time, and so may what is done to the link as a whole: `cut`,
    `fall_silent` and `heal`, `refuse` and `accept`, `answer_all_with`, `delay_seconds`.
    """

    def __init__(self, target: tuple[str, int], choose: Chooser = no_fault) -> None:
        self.choose = choose
        self.register = Register()
        self.answer_all_with: int | None = None
        """A status for everything, the WebSocket's handshake included, as a starting Asterisk has it."""
        self.delay_seconds = 0.0
        """How long each request and each event is held up."""
        self.port = 0
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self._connections = Tasks()
        self._links: set[asyncio.StreamWriter] = set()
        self._sockets: set[_EventPipe] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/ari"

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()
        await self.refuse()
        await self._connections.close()

    # --- the link as a whole ---

    async def accept(self) -> None:
        """Listen, always on the same port."""
        self._server = await asyncio.start_server(self._take, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Break every connection and take no new one."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for writer in list(self._links):
            writer.transport.abort()

    def fall_silent(self) -> None:
        """Let nothing through in either direction, and leave every connection open."""
        self._flows.clear()

    def heal(self) -> None:
        self._flows.set()

    @property
    def event_sockets(self) -> frozenset[object]:
        """Which event sockets are open through the proxy: one of now is none of those before a cut."""
        return frozenset(self._sockets)

    def say(self, text: str) -> None:
        """Send an event of our own making to the daemon."""
        for pipe in self._sockets:
            pipe.send(wire.text_frame(text))

    # --- one connection ---

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.start(self._serve(reader, writer), "a connection through the proxy")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            self._links.discard(writer)
            return
        self._links.add(far_writer)
        try:
            await _Connection(self, reader, writer, far_reader, far_writer).live()
        except (_Broken, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for each in (writer, far_writer):
                each.transport.abort()
                self._links.discard(each)

    async def let_through(self) -> None:
        """Wait for as long as the link is silent or slow."""
        await self._flows.wait()
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)

    def add_socket(self, pipe: _EventPipe) -> None:
        self._sockets.add(pipe)

    def remove_socket(self, pipe: _EventPipe) -> None:
        self._sockets.discard(pipe)


class _Connection:
    """Requests one after the other, until one of them turns the connection into a WebSocket."""

    def __init__(
        self,
        proxy: FaultProxy,
        near: asyncio.StreamReader,
        near_writer: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._near, self._near_writer = near, near_writer
        self._far, self._far_writer = far, far_writer

    async def live(self) -> None:
        while True:
            request = await wire.read_request(self._near)
            await self._proxy.let_through()
            if self._proxy.answer_all_with is not None:
                await self._answer(wire.empty_response(self._proxy.answer_all_with))
            elif request.opens_socket:
                await self._become_a_socket(request)
            else:
                await self._pass_on(request)

    async def _pass_on(self, request: wire.Request) -> None:
        fault = self._proxy.choose(self._proxy.register.note_request(request))
        if isinstance(fault, RequestFault) and fault in kinds.STATUSES:
            await self._answer(wire.empty_response(kinds.STATUSES[fault]))
            return
        match fault:
            case RequestFault.RESET:
                raise _Broken
            case RequestFault.SWALLOWED:
                await self._hang()
            case RequestFault.CARRIED_OUT_LATE:
                await asyncio.sleep(kinds.CARRIED_OUT_LATE_SECONDS)
        response = await self._carry_out(request)
        match fault:
            case RequestFault.ANSWER_LOST:
                raise _Broken
            case RequestFault.ANSWER_NEVER:
                await self._hang()
            case RequestFault.ANSWER_LATE:
                await asyncio.sleep(kinds.ANSWER_LATE_SECONDS)
        await self._answer(response.head + response.body)

    async def _carry_out(self, request: wire.Request) -> wire.Response:
        self._far_writer.write(request.head + request.body)
        response = await wire.read_response(self._far)
        await self._proxy.let_through()
        return response

    async def _answer(self, answer: bytes) -> None:
        self._near_writer.write(answer)
        await self._near_writer.drain()

    async def _hang(self) -> None:
        """Until the client gives up and closes the connection."""
        await self._near.read()
        raise _Broken

    async def _become_a_socket(self, request: wire.Request) -> None:
        response = await self._carry_out(request)
        await self._answer(response.head + response.body)
        if response.status != 101:
            return
        pipe = _EventPipe(self._proxy, self._far, self._near_writer)
        self._proxy.add_socket(pipe)
        try:
            await _first_of(pipe.live(), self._pump_to_asterisk())
        finally:
            self._proxy.remove_socket(pipe)

    async def _pump_to_asterisk(self) -> None:
        """Pongs and closes: nothing of what the daemon says on the WebSocket is of interest."""
        while chunk := await self._near.read(65536):
            await self._proxy.let_through()
            self._far_writer.write(chunk)
            await self._far_writer.drain()


class _EventPipe:
    """The events of one WebSocket on their way to the daemon."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writer = writer
        self._held_back: wire.Frame | None = None

    async def live(self) -> None:
        while True:
            frame = await wire.read_frame(self._reader)
            await self._proxy.let_through()
            self._pass_on(frame)
            await self._writer.drain()

    def _pass_on(self, frame: wire.Frame) -> None:
        fault = None
        if frame.is_text:
            fault = self._proxy.choose(self._proxy.register.note_event(frame.payload))
        match fault:
            case EventFault.LOST:
                return
            case EventFault.LATE:
                asyncio.get_running_loop().call_later(kinds.EVENT_LATE_SECONDS, self.send, frame)
                return
            case EventFault.SWAPPED:
                self._held_back = frame
                return
            case EventFault.DOUBLED:
                self.send(frame)
        self.send(frame)
        if self._held_back is not None:
            self.send(self._held_back)
            self._held_back = None

    def send(self, frame: wire.Frame) -> None:
        if not self._writer.is_closing():
            self._writer.write(frame.encode())


async def _first_of(*ways: Awaitable[None]) -> None:
    """Until the first of them ends; the others are cancelled, and its error is ours."""
    tasks = [asyncio.ensure_future(way) for way in ways]  # noqa: TID251 - kept, and ended below
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
                await task
