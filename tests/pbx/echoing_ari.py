"""A proxy before Asterisk's ARI that says numbers back: in answers, in events, in broken events."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from bridge.proof.capture import Address

_END_OF_HEAD = b"\r\n\r\n"


@dataclass
class EchoingAri:
    """Between a daemon and `asterisk`: refuses to create channels, in the words of the request.

    `number` is in every event that it makes up. `echoed` has the requests whose number went back.
    """

    asterisk: Address
    number: str
    echoed: list[str] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """In a thread of its own, for tests wait for daemons without a loop. Yields the URL."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(listening, loop).result(10)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        asterisk, to_asterisk = await asyncio.open_connection(*self.asterisk)
        answers = asyncio.get_running_loop().create_task(self._answers(asterisk, to_client))
        try:
            await self._requests(client, to_client, to_asterisk)
        finally:
            answers.cancel()
            to_asterisk.close()
            to_client.close()

    async def _requests(
        self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, to_asterisk: asyncio.StreamWriter
    ) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await client.readuntil(_END_OF_HEAD)
                request = head + await client.readexactly(_body_length(head))
                if request.startswith(b"POST /ari/channels/create"):
                    to_client.write(self._refusal(request))
                else:
                    to_asterisk.write(request)
                if b"/ari/events" in head.split(b"\r\n", 1)[0]:
                    break
            while chunk := await client.read(65536):
                to_asterisk.write(chunk)

    async def _answers(self, asterisk: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        first = await asterisk.read(65536)
        if first.startswith(b"HTTP/1.1 101"):
            head, end, rest = first.partition(_END_OF_HEAD)
            first = head + end + b"".join(map(_text_frame, self._events())) + rest
        while first:
            to_client.write(first)
            first = await asterisk.read(65536)

    def _refusal(self, request: bytes) -> bytes:
        endpoint = str(json.loads(request.partition(_END_OF_HEAD)[2])["endpoint"])
        self.echoed.append(endpoint)
        body = json.dumps({"message": f"Allocation failed: {endpoint}"}).encode()
        head = f"HTTP/1.1 500 {endpoint}\r\nX-Endpoint: {endpoint}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def _events(self) -> list[str]:
        channel = {"id": self.number, "name": f"PJSIP/{self.number}@trunk-00000001", "state": self.number}
        common = {"application": "call-bridge", "timestamp": self.number, "channel": channel}
        return [
            f"no JSON, but {self.number}",
            json.dumps({"type": self.number, **common}),
            json.dumps({"type": "StasisStart", "args": ["order", self.number], **common}),
            json.dumps({"type": "StasisStart", "args": self.number, **common}),
            json.dumps({"type": "StasisStart", "args": [self.number], "channel": self.number}),
            json.dumps(
                {"type": "ChannelDestroyed", "cause": self.number, "cause_txt": self.number, **common}
            ),
            json.dumps({"type": "ChannelStateChange", **common, "channel": {"name": [self.number]}}),
            json.dumps({"type": "Dial", "dialstring": self.number, "peer": channel, **common}),
            json.dumps({"type": "PlaybackFinished", "playback": {"id": self.number}}),
            json.dumps([self.number]),
        ]


async def _end(server: asyncio.Server) -> None:
    server.close()
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


def _body_length(head: bytes) -> int:
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if b"content-length:" in line]
    return int(lengths[0]) if lengths else 0


def _text_frame(text: str) -> bytes:
    """A server's unmasked text frame (RFC 6455, 5.2)."""
    data = text.encode()
    return b"\x81\x7e" + len(data).to_bytes(2, "big") + data
