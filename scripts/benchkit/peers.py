"""Both ends of a call in one thread: the manager's phone and the carrier, with one clock of microseconds.

The phone dials, proves its password and hangs up; the carrier answers at once. Every datagram is stamped by
`time.perf_counter` as it is taken off its socket. One call is measured at a time; others may stay up.
"""

from __future__ import annotations

import queue
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

from benchkit import wire
from bridge.proof.sip.digest import Challenge, Credentials
from labkit import ports
from labkit.plan import CARRIER_HOST

PHONE_HOST = "127.0.0.1"
LONGEST_CALL_S = 10.0
"""A call that is not through by then has failed."""

_MEDIA_S = 0.001
"""The carrier speaks once a millisecond until it is heard: the resolution of `Stamps.heard`."""

_SETTLING_S = 0.02
"""What one call leaves to be done, when it is up or has ended, does not count for the next."""

_BYES_AT_ONCE = 20
"""More would not fit into the buffer of Asterisk's socket."""

_LONGEST_END_S = 40.0
"""A BYE that is lost is sent again for 32 s (RFC 3261, timer F)."""

_LARGEST_DATAGRAM = 65_535

Address = tuple[str, int]


class CallFailed(Exception):
    """A call was not set up; the message says how far it came."""


class Ends(NamedTuple):
    """The SDP of a call's ends: where the phone, and the carrier, listen."""

    phone: bytes
    carrier: bytes


@dataclass
class Stamps:
    """When things happened in one call, in seconds of `time.perf_counter`; 0 is never.

    `asked` is the INVITE with the right password, or the click. `number` is whom the carrier was asked for.
    Asterisk listens to the call's ends at `phone_media` and `carrier_media`.
    """

    asked: float = 0.0
    phone_rang: float = 0.0
    carrier_invited: float = 0.0
    carrier_answered: float = 0.0
    answered: float = 0.0
    heard: float = 0.0
    number: str = field(default="", repr=False)
    phone_media: Address | None = None
    carrier_media: Address | None = None


@dataclass
class _Dialog:
    """One of the phone's dialogs, and what a BYE in it needs."""

    call_id: bytes
    ours: bytes
    theirs: bytes = b""
    target: bytes = b""
    sequence: int = 1


@dataclass
class _Attempt:
    """The call that is being set up."""

    extension: str
    dialog: _Dialog
    ends: Ends
    stamps: Stamps = field(default_factory=Stamps)
    dialled: str = ""
    is_click: bool = False
    trouble: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def has_failed(self, trouble: str) -> None:
        self.trouble = trouble
        self.over.set()


class Peers:
    """Use as a context manager; `call` and `click` block until the call is up, and sound has come through."""

    def __init__(self, server: Address, carrier: Address, passwords: dict[str, str]) -> None:
        self._server = server
        self._credentials = {name: Credentials(name, password) for name, password in passwords.items()}
        self._challenges: dict[str, Challenge] = {}
        self._phone = _socket((PHONE_HOST, ports.free_port(PHONE_HOST, socket.SOCK_DGRAM)))
        self._carrier = _socket(carrier)
        self._ear = _socket((PHONE_HOST, ports.free_port(PHONE_HOST, socket.SOCK_DGRAM)))
        self._mouth = _socket((CARRIER_HOST, ports.free_port(CARRIER_HOST, socket.SOCK_DGRAM)))
        self._wake_up, self._woken = socket.socketpair()
        self._wanted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._attempt: _Attempt | None = None
        self._dialogs: dict[bytes, _Dialog] = {}
        self._carrier_calls: set[bytes] = set()
        self._registered = threading.Event()
        self._sent = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="peers", daemon=True)
        self._ends = Ends(
            wire.description(*self._ear.getsockname()), wire.description(*self._mouth.getsockname())
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._wake_up.send(b"x")
        self._thread.join()
        for each in (self._phone, self._carrier, self._ear, self._mouth, self._wake_up, self._woken):
            each.close()

    @property
    def live(self) -> int:
        """Calls that the carrier takes for up."""
        return len(self._carrier_calls)

    def register(self, extension: str) -> None:
        """Let Asterisk know where this manager's phone is. Raises CallFailed."""
        self._registered.clear()
        self._do(lambda: self._send_register(extension))
        if not self._registered.wait(LONGEST_CALL_S):
            raise CallFailed(f"{extension} was not registered")

    def call(self, extension: str, dialled: str, ends: Ends | None = None) -> Stamps:
        """Dial, and return when sound has come through; the call stays up. Raises CallFailed.

        With the `ends` of somebody else, who is to speak and to listen then, return when it is answered.
        """
        attempt = _Attempt(extension, _new_dialog(), ends or self._ends, dialled=dialled)
        self._do(lambda: self._begin(attempt))
        return self._finish(attempt)

    def click(self, extension: str, ask: Callable[[], None]) -> Stamps:
        """Ask somebody for a call, pick the phone up, and return as `call` does. Raises CallFailed."""
        attempt = _Attempt(extension, _new_dialog(), self._ends, is_click=True)
        armed = threading.Event()

        def arm() -> None:
            self._attempt = attempt
            armed.set()

        self._do(arm)
        armed.wait()
        attempt.stamps.asked = time.perf_counter()
        ask()
        return self._finish(attempt)

    def hang_up_all(self) -> None:
        """End every call from the phone's side, and return when the carrier's side has ended too.

        Raises CallFailed where some do not end.
        """
        while ending := list(self._dialogs)[:_BYES_AT_ONCE]:
            self._do(lambda ids=ending: self._send_byes(ids))  # type: ignore[misc]
            self._wait(lambda ids=ending: not self._dialogs.keys() & ids)  # type: ignore[misc]
        self._wait(lambda: not self._carrier_calls)
        self.settle()

    def hang_up_last(self) -> None:
        """End the call that was placed last, and return when its carrier knows. Raises CallFailed."""
        others = len(self._carrier_calls) - 1
        last = next(reversed(self._dialogs))
        self._do(lambda: self._send_byes([last]))
        self._wait(lambda: last not in self._dialogs and len(self._carrier_calls) <= others)
        self.settle()

    def settle(self) -> None:
        """Return when nothing is being done any more for the call before."""
        time.sleep(_SETTLING_S)

    def _wait(self, is_over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _LONGEST_END_S
        while not is_over():
            if time.monotonic() > deadline:
                raise CallFailed(f"{len(self._carrier_calls)} calls did not end")
            time.sleep(0.002)

    # --- the thread ---

    def _do(self, work: Callable[[], None]) -> None:
        self._wanted.put(work)
        self._wake_up.send(b"x")

    def _finish(self, attempt: _Attempt) -> Stamps:
        if not attempt.over.wait(LONGEST_CALL_S):
            attempt.trouble = "not through in time"
        self._do(self._forget)
        if attempt.trouble:
            raise CallFailed(f"{attempt.extension} {attempt.dialled}: {attempt.trouble} ({attempt.stamps})")
        return attempt.stamps

    def _forget(self) -> None:
        self._attempt = None

    def _run(self) -> None:
        poll = select.poll()
        readers = {
            self._phone.fileno(): lambda: self._read(self._phone, self._phone_heard),
            self._carrier.fileno(): lambda: self._read(self._carrier, self._carrier_heard),
            self._ear.fileno(): lambda: self._read(self._ear, self._ear_heard),
            self._mouth.fileno(): lambda: self._read(self._mouth, _ignore),
            self._woken.fileno(): self._work,
        }
        for descriptor in readers:
            poll.register(descriptor, select.POLLIN)
        next_word = 0.0
        while not self._stopping:
            speaking = self._is_speaking()
            for descriptor, _ in poll.poll(1 if speaking else None):
                readers[descriptor]()
            if speaking and time.perf_counter() >= next_word:
                self._speak()
                next_word = time.perf_counter() + _MEDIA_S

    def _work(self) -> None:
        self._woken.recv(1024)
        while not self._wanted.empty():
            self._wanted.get()()

    def _read(self, source: socket.socket, heard: Callable[[bytes, float, Address], None]) -> None:
        while True:
            try:
                data, address = source.recvfrom(_LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            heard(data, time.perf_counter(), address)

    # --- the phone ---

    def _begin(self, attempt: _Attempt) -> None:
        self._attempt = attempt
        self._send_invite(attempt)

    def _send_invite(self, attempt: _Attempt) -> None:
        uri = f"sip:{attempt.dialled}@{self._server[0]}:{self._server[1]}"
        authorization = self._authorization(attempt.extension, "INVITE", uri)
        body = attempt.ends.phone
        message = self._request("INVITE", uri, attempt.extension, attempt.dialog, uri, authorization, body)
        attempt.stamps.asked = time.perf_counter()
        self._phone.sendto(message, self._server)

    def _phone_heard(self, message: bytes, at: float, address: Address) -> None:
        status = wire.status(message)
        if status == 0:
            self._phone_asked(message, at, address)
            return
        sequence = wire.header(message, b"CSeq")
        if sequence.endswith(b"INVITE"):
            self._invite_answered(message, status, at)
        elif sequence.endswith(b"REGISTER"):
            self._register_answered(message, status)
        elif sequence.endswith(b"BYE"):
            self._dialogs.pop(wire.header(message, b"Call-ID"), None)

    def _invite_answered(self, message: bytes, status: int, at: float) -> None:
        attempt = self._attempt
        if attempt is None or wire.header(message, b"Call-ID") != attempt.dialog.call_id:
            return
        if 180 <= status < 200 and not attempt.stamps.phone_rang:
            attempt.stamps.phone_rang = at
        if status < 200:
            return
        self._acknowledge(attempt, message, status)
        if status == 200:
            if not attempt.stamps.answered:
                attempt.stamps.answered = at
                attempt.stamps.phone_media = _media_address(message)
                self._dialogs[attempt.dialog.call_id] = attempt.dialog
            if attempt.ends is not self._ends:
                attempt.over.set()
        elif status == 401 and attempt.dialog.sequence < 3:
            self._challenges[attempt.extension] = Challenge.parse(
                wire.header(message, b"WWW-Authenticate").decode()
            )
            attempt.dialog.sequence += 1
            self._send_invite(attempt)
        else:
            attempt.has_failed(f"answered {status}")

    def _acknowledge(self, attempt: _Attempt, message: bytes, status: int) -> None:
        dialog = attempt.dialog
        dialog.theirs = wire.header(message, b"To")
        uri = f"sip:{attempt.dialled}@{self._server[0]}:{self._server[1]}"
        if status == 200:
            dialog.target = wire.contact_uri(message)
        target = dialog.target.decode() if status == 200 else uri
        branch = (
            ""
            if status == 200
            else wire.header(message, b"Via").partition(b"branch=")[2].split(b";")[0].decode()
        )
        self._phone.sendto(self._in_dialog("ACK", target, dialog, dialog.sequence, branch), self._server)

    def _phone_asked(self, message: bytes, at: float, address: Address) -> None:
        method = wire.method(message)
        attempt = self._attempt
        call_id = wire.header(message, b"Call-ID")
        if method == b"INVITE" and attempt is not None and attempt.is_click:
            if not attempt.stamps.phone_rang:
                attempt.stamps.phone_rang = at
                attempt.dialog = _Dialog(
                    call_id,
                    ours=wire.header(message, b"To") + b";tag=bench",
                    theirs=wire.header(message, b"From"),
                    target=wire.contact_uri(message),
                )
                self._dialogs[call_id] = attempt.dialog
            self._answer(self._phone, message, b"200 OK", address, attempt.ends.phone)
        elif method == b"ACK":
            if attempt is not None and attempt.is_click:
                attempt.stamps.answered = attempt.stamps.answered or at
        else:
            if method == b"BYE":
                self._dialogs.pop(call_id, None)
            self._answer(self._phone, message, b"200 OK", address)

    def _send_byes(self, call_ids: list[bytes]) -> None:
        for dialog in (self._dialogs[each] for each in call_ids if each in self._dialogs):
            target = dialog.target.decode()
            self._phone.sendto(self._in_dialog("BYE", target, dialog, dialog.sequence + 1), self._server)

    def _send_register(self, extension: str) -> None:
        dialog = _new_dialog()
        uri = f"sip:{self._server[0]}:{self._server[1]}"
        authorization = self._authorization(extension, "REGISTER", uri)
        address = f"sip:{extension}@{self._server[0]}"
        message = self._request("REGISTER", uri, extension, dialog, address, authorization)
        self._phone.sendto(message, self._server)

    def _register_answered(self, message: bytes, status: int) -> None:
        if status == 401:
            extension = wire.header(message, b"From").partition(b"sip:")[2].partition(b"@")[0].decode()
            challenge = Challenge.parse(wire.header(message, b"WWW-Authenticate").decode())
            if self._challenges.get(extension) != challenge:
                self._challenges[extension] = challenge
                self._send_register(extension)
        elif status == 200:
            self._registered.set()

    def _authorization(self, extension: str, method: str, uri: str) -> str:
        challenge = self._challenges.get(extension)
        if challenge is None:
            return ""
        credentials = self._credentials[extension]
        answer = credentials.answer_challenge(challenge, method, uri, client_nonce=secrets.token_hex(8))
        return f"Authorization: {answer}\r\n"

    def _request(
        self,
        method: str,
        uri: str,
        extension: str,
        dialog: _Dialog,
        to: str,
        authorization: str,
        body: bytes = b"",
    ) -> bytes:
        host, port = self._phone.getsockname()
        kind = "Content-Type: application/sdp\r\n" if body else "Expires: 600\r\n"
        dialog.ours = f"<sip:{extension}@{self._server[0]}>;tag=bench{secrets.token_hex(4)}".encode()
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};rport;branch={_branch()}\r\n"
            f"From: {dialog.ours.decode()}\r\nTo: <{to}>\r\n"
            f"Call-ID: {dialog.call_id.decode()}\r\nCSeq: {dialog.sequence} {method}\r\n"
            f"Contact: <sip:{extension}@{host}:{port}>\r\nMax-Forwards: 70\r\n"
            f"{authorization}{kind}Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def _in_dialog(self, method: str, target: str, dialog: _Dialog, sequence: int, branch: str = "") -> bytes:
        host, port = self._phone.getsockname()
        return (
            f"{method} {target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};rport;branch={branch or _branch()}\r\n"
            f"From: {dialog.ours.decode()}\r\nTo: {dialog.theirs.decode()}\r\n"
            f"Call-ID: {dialog.call_id.decode()}\r\nCSeq: {sequence} {method}\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    # --- the carrier ---

    def _carrier_heard(self, message: bytes, at: float, address: Address) -> None:
        if wire.status(message):
            return
        method = wire.method(message)
        call_id = wire.header(message, b"Call-ID")
        if method == b"INVITE":
            ends = self._ends if self._attempt is None else self._attempt.ends
            self._answer(self._carrier, message, b"200 OK", address, ends.carrier)
            self._carrier_invited(message, call_id, at)
        elif method != b"ACK":
            if method == b"BYE":
                self._carrier_calls.discard(call_id)
            self._answer(self._carrier, message, b"200 OK", address)

    def _carrier_invited(self, message: bytes, call_id: bytes, at: float) -> None:
        if call_id in self._carrier_calls:
            return
        self._carrier_calls.add(call_id)
        attempt = self._attempt
        if attempt is not None and not attempt.stamps.carrier_invited:
            attempt.stamps.carrier_invited = at
            attempt.stamps.carrier_answered = time.perf_counter()
            attempt.stamps.number = wire.user(message)
            attempt.stamps.carrier_media = _media_address(message)

    def _answer(
        self, source: socket.socket, message: bytes, first_line: bytes, address: Address, body: bytes = b""
    ) -> None:
        host, port = source.getsockname()
        source.sendto(wire.response(message, first_line, f"sip:{host}:{port}".encode(), body), address)

    # --- sound ---

    def _is_speaking(self) -> bool:
        attempt = self._attempt
        if attempt is None or attempt.over.is_set() or attempt.ends is not self._ends:
            return False
        return attempt.stamps.carrier_media is not None

    def _speak(self) -> None:
        attempt = self._attempt
        if attempt is None or attempt.stamps.carrier_media is None:
            return
        self._sent += 1
        self._mouth.sendto(wire.speech(self._sent), attempt.stamps.carrier_media)

    def _ear_heard(self, data: bytes, at: float, _address: Address) -> None:
        attempt = self._attempt
        if attempt is not None and data.endswith(wire.SPEECH) and not attempt.over.is_set():
            attempt.stamps.heard = at
            attempt.over.set()


def _ignore(_data: bytes, _at: float, _address: Address) -> None:
    """What the carrier hears is of no interest."""


def _socket(address: Address) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(address)
    made.setblocking(False)
    return made


def _new_dialog() -> _Dialog:
    return _Dialog(secrets.token_hex(12).encode(), b"")


def _branch() -> str:
    return f"z9hG4bK{secrets.token_hex(8)}"


def _media_address(message: bytes) -> Address:
    body = message.partition(b"\r\n\r\n")[2]
    host = body.partition(b"c=IN IP4 ")[2].split()[0].decode()
    return host, int(body.partition(b"m=audio ")[2].split()[0])
