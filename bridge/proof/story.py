"""One masked call told from its two recordings: what the phone saw, what the carrier saw, and a verdict.

Nothing here asks call-bridge: all is computed from the datagrams that the two peers sent and received.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.proof.capture import Datagram, Direction, Protocol, Recording
from bridge.proof.scan import Finding, Scanner
from bridge.proof.sip.message import MalformedMessage, Message, NameAddress, Request, Response, Uri, parse
from bridge.proof.sip.rtp import MalformedPacket, RtpPacket
from bridge.proof.sip.sdp import CODEC_NAMES
from bridge.proof.storytexts import StoryTexts

ENOUGH_PACKETS = 25  # half a second of audio

_ARROW_WIDTH = 26
_MASK = "•" * 12


@dataclass(frozen=True)
class Step:
    """One SIP message of a call, as a peer's socket saw it."""

    at_us: int
    direction: Direction
    message: Request | Response


@dataclass(frozen=True)
class Audio:
    """Packets with a payload that G.711 names; `codec` is the one most of the received had."""

    sent: int
    received: int
    codec: str


@dataclass(frozen=True)
class Side:
    """One call as one peer recorded it."""

    recording: Recording
    steps: tuple[Step, ...]

    @property
    def invite(self) -> Request | None:
        for step in self.steps:
            if isinstance(step.message, Request) and step.message.method == "INVITE":
                return step.message
        return None

    @property
    def ended(self) -> bool:
        """Whether either side hung up a call that was answered, or the INVITE failed."""
        return self.refused or any(_is_request(step.message, "BYE") for step in self.steps)

    @property
    def refused(self) -> bool:
        """Whether the INVITE failed; a challenge, which it is sent again to answer, is no failure."""
        return any(_is_refusal(step.message) for step in self.steps)

    @property
    def cancelled(self) -> bool:
        """Whether the INVITE was withdrawn."""
        return any(_is_request(step.message, "CANCEL") for step in self.steps)

    @property
    def answered(self) -> bool:
        """Whether the INVITE got a 200, whichever side sent it."""
        return any(_is_answer(step.message) for step in self.steps)

    @property
    def audio(self) -> Audio:
        since_us = self.steps[0].at_us if self.steps else 0
        packets = list(_audio_packets(self.recording, since_us))
        received = [packet.payload_type for direction, packet in packets if direction is Direction.RECEIVED]
        names = {CODEC_NAMES[payload_type] for payload_type in received}
        return Audio(len(packets) - len(received), len(received), " + ".join(sorted(names)))


@dataclass(frozen=True)
class Verdict:
    """`missing` holds what was not proven, in the reader's language; findings count only when it is empty."""

    missing: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def proven(self) -> bool:
        return not self.missing

    @property
    def good(self) -> bool:
        """Proven, and the manager saw no hidden number."""
        return self.proven and not self.findings


class Ending(StrEnum):
    """How a call was meant to end: what must be in the recordings for "no finding" to be worth anything."""

    TALKED = "talked"
    REFUSED = "refused"
    """By the carrier; the manager is told."""
    CANCELLED = "cancelled"
    """By the manager, while it rang."""


class Story:
    """The latest call in a phone's and a carrier's recordings. `number` is the hidden one, in any form.

    `known_to_be_missing` are reasons, in the reader's words, why nothing is proven, whatever is recorded.
    """

    def __init__(
        self,
        phone: Recording,
        carrier: Recording,
        *,
        number: str,
        region: str,
        texts: StoryTexts,
        ending: Ending = Ending.TALKED,
        known_to_be_missing: tuple[str, ...] = (),
    ) -> None:
        self._scanner = Scanner(number, region)
        self._texts = texts
        self._ending = ending
        self._known_to_be_missing = known_to_be_missing
        self.phone = latest_call(phone)
        self.carrier = latest_call(carrier)
        # Both peers run on one machine, so one monotonic clock measures both ladders.
        self._start_us = self.phone.steps[0].at_us if self.phone.steps else 0

    def verdict(self) -> Verdict:
        findings = self._scanner.scan_recording(self.phone.recording)
        return Verdict(tuple(self._missing()), tuple(findings))

    @property
    def checked(self) -> int:
        """How many datagrams the phone received: each of them is searched."""
        return len(self.phone.recording.only(direction=Direction.RECEIVED))

    def _missing(self) -> Iterator[str]:
        """What would make "no finding" worth nothing."""
        texts = self._texts
        yield from self._known_to_be_missing
        match self._ending:
            case Ending.TALKED:
                yield from self._missing_of_a_talk()
            case Ending.REFUSED if not self.carrier.refused:
                yield texts.not_refused
            case Ending.CANCELLED if not self.carrier.cancelled:
                yield texts.not_cancelled
        if not self.phone.ended:
            yield texts.not_told
        invite = self.carrier.invite
        if invite is None or not self._scanner.scan(invite.uri.encode()):
            yield texts.carrier_got_no_number
        if not self._sees_a_planted_number():
            yield texts.scanner_blind

    def _missing_of_a_talk(self) -> Iterator[str]:
        if not self.phone.answered:
            yield self._texts.not_answered
        if min(self.phone.audio.received, self.carrier.audio.received) < ENOUGH_PACKETS:
            yield self._texts.no_audio

    def _sees_a_planted_number(self) -> bool:
        """Plant the number in a copy of what the phone received; only the planted copy may raise findings."""
        planted = Recording()
        for datagram in self.phone.recording.only(direction=Direction.RECEIVED, protocol=Protocol.SIP):
            planted.add(self._with_number(datagram))
        return len(planted) > 0 and bool(self._scanner.scan_recording(planted))

    def _with_number(self, datagram: Datagram) -> Datagram:
        head, separator, body = datagram.data.partition(b"\r\n\r\n")
        header = f"\r\nP-Asserted-Identity: <sip:{self._scanner.sample}@carrier.invalid>".encode()
        return replace(datagram, data=head + header + separator + body)

    # Drawing

    def render(self) -> RenderableType:
        return Group(self.render_ladders(), Text(), verdict_panel(self.verdict(), self.checked, self._texts))

    def render_ladders(self) -> RenderableType:
        """Both sides' messages, with what each says of the parties."""
        texts = self._texts
        return Group(
            self._ladder(self.phone, texts.phone, texts.pbx, hide=False),
            Text(),
            self._ladder(self.carrier, texts.pbx, texts.carrier, hide=True),
        )

    def _ladder(self, side: Side, left: str, right: str, *, hide: bool) -> RenderableType:
        """The recording peer stands left when it placed the call, else right: calls go from left to right."""
        table = Table(box=None, pad_edge=False, padding=(0, 1))
        table.add_column(self._texts.milliseconds, justify="right", style="dim")
        table.add_column(f"{left}  ⟷  {right}", no_wrap=True)
        table.add_column("", overflow="fold")
        rightwards = Direction.RECEIVED if hide else Direction.SENT
        for step in side.steps:
            at_ms = (step.at_us - self._start_us) / 1000
            label = f"{_label(step.message):─^{_ARROW_WIDTH}}"
            arrow = f"├{label}▶│" if step.direction is rightwards else f"│◀{label}┤"
            table.add_row(f"{at_ms:.1f}", arrow, self._seen(step, hide=hide))
        table.add_row("", "", self._audio_line(side.audio))
        return table

    def _seen(self, step: Step, *, hide: bool) -> Text:
        """The parties, where a message tells them anew: an INVITE both ways and its answer."""
        message = step.message
        if not (_is_request(message, "INVITE") or _is_answer(message)):
            return Text()
        parties = Text(f"From {_party(message.from_address)}  To {_party(message.to_address)}")
        if not hide:
            return parties
        seen = Text(self._masked(parties.plain))
        if isinstance(message, Request) and step.direction is Direction.RECEIVED:
            called = Uri.parse(message.uri).user
            seen = Text.assemble((called, "bold"), f"  ({self._texts.only_the_carrier})\n", seen)
        return seen

    def _masked(self, text: str) -> str:
        """The number covered wherever it stands as digits; From is the shop's own and stays."""
        for form in self._scanner.texts:
            text = text.replace(form, _MASK)
        return text

    def _audio_line(self, audio: Audio) -> Text:
        line = self._texts.audio.format(sent=audio.sent, received=audio.received, codec=audio.codec or "-")
        return Text(line, "dim")


def verdict_panel(verdict: Verdict, checked: int, texts: StoryTexts) -> RenderableType:
    """The answer in a frame: green, red, or yellow for what was not proven. `checked` counts datagrams."""
    if not verdict.proven:
        lines = [texts.verdict.format(answer=texts.not_proven), *(f"- {text}" for text in verdict.missing)]
        return Panel("\n".join(lines), border_style="yellow", expand=False)
    if verdict.good:
        headline = texts.verdict.format(answer=texts.no)
        told = texts.checked.format(datagrams=checked)
        return Panel(Group(Text(headline, "bold"), told), border_style="green", expand=False)
    headline = texts.verdict.format(answer=texts.yes)
    found = sorted({f"- {finding.form}, {finding.where}" for finding in verdict.findings})
    return Panel(Group(Text(headline, "bold"), *found), border_style="red", expand=False)


def latest_call(recording: Recording) -> Side:
    """The call that was last begun in a recording."""
    steps = list(_sip_steps(recording))
    invites = [step.message for step in steps if _is_request(step.message, "INVITE")]
    if not invites:
        return Side(recording, ())
    call_id = invites[-1].get("Call-ID")
    return Side(recording, tuple(step for step in steps if step.message.get("Call-ID") == call_id))


def _sip_steps(recording: Recording) -> Iterator[Step]:
    for datagram in recording.only(protocol=Protocol.SIP):
        try:
            message = parse(datagram.data)
        except MalformedMessage:
            continue
        yield Step(datagram.monotonic_us, datagram.direction, message)


def _audio_packets(recording: Recording, since_us: int) -> Iterator[tuple[Direction, RtpPacket]]:
    for datagram in recording.only(protocol=Protocol.RTP):
        if datagram.monotonic_us < since_us:
            continue
        try:
            packet = RtpPacket.parse(datagram.data)
        except MalformedPacket:
            continue
        if packet.payload_type in CODEC_NAMES:
            yield datagram.direction, packet


def _is_request(message: Message, method: str) -> bool:
    return isinstance(message, Request) and message.method == method


def _is_answer(message: Message) -> bool:
    return isinstance(message, Response) and message.status == 200 and message.cseq[1] == "INVITE"


def _is_refusal(message: Message) -> bool:
    if not isinstance(message, Response) or message.cseq[1] != "INVITE":
        return False
    return message.status >= 300 and message.status not in (401, 407)


def _label(message: Request | Response) -> str:
    if isinstance(message, Response):
        return f" {message.status} {message.reason} "[:_ARROW_WIDTH]
    return f" {message.method} "


def _party(address: NameAddress) -> str:
    user = Uri.parse(address.uri).user
    return f'"{address.display}" <{user}>' if address.display else f"<{user}>"
