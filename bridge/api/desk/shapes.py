"""What the desk asks of the daemon, and what it is told: the one description that both sides share.

Times are milliseconds since the epoch, UTC; names end in `_ms`. No field of an answer can hold a customer's
number but the one of `Disclosure`. Of ours this module imports the pure rules' words and no more, so that the
desk's process, which has no business with keys or tables, can import it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bridge.rules import Role
from bridge.rules.doubts import Settlement
from bridge.rules.softphones import PhoneApp
from bridge.rules.worklist import Outcome, Why

OrderCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")]
Extension = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
NoteText = Annotated[str, StringConstraints(max_length=4000)]


class Asked(BaseModel):
    """A request's body: exactly these fields, of exactly these types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Told(BaseModel):
    """An answer. A newer daemon may say more."""

    model_config = ConfigDict(frozen=True)


# --- who is there ---


class FromBrowser(Asked):
    """`address` and `agent` are the browser's, as the desk sees them, for limits and the list of sessions."""

    address: Annotated[str, StringConstraints(max_length=64)]
    agent: Annotated[str, StringConstraints(max_length=256)]


class SignIn(FromBrowser):
    """`login` is the extension."""

    login: Word
    password: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class SecondFactor(Asked):
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class SignedIn(Told):
    """`token` is what the session's requests carry. It opens nothing before a wanted second factor."""

    token: str
    second_factor_wanted: bool


class Me(Told):
    """Who is signed in, and how the desk is set up for them.

    `must_enrol`: this role needs a second factor and has none yet; nothing but enrolling is served. `texts`
    are the names of templates that customers may be sent.
    """

    manager_id: int
    name: str
    extension: str
    role: Role
    language: str | None
    shop: str
    second_factor: bool
    must_enrol: bool
    watermark: bool
    wrap_up_seconds: int
    next_after_seconds: int
    disclosure: bool
    number_links: bool = False
    comparisons: bool = False
    texts: list[str] = []
    phones: bool = False
    browser_phone: bool = False
    session_id: str


class Session(Told):
    id: str
    address: str
    agent: str
    created_ms: int
    seen_ms: int
    current: bool


class Sessions(Told):
    sessions: list[Session]


class NewPassword(Asked):
    old: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    new: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class NewLanguage(Asked):
    language: Literal["en", "ru"]


class Enrolment(Told):
    """A second factor to be: shown once, of use when a code of it has been given."""

    secret: str
    uri: str


class Invitation(Told):
    """A one-time link's other end: for whom it is."""

    name: str
    login: str
    ends_ms: int


class InvitationAccepted(FromBrowser):
    password: Annotated[str, StringConstraints(min_length=1, max_length=256)]


INVITATION_PATH = "/invitations/{token}"
"""Where the desk serves a one-time link."""


class NewInvitation(Told):
    """Shown once. `path` is the link's, without the desk's own address."""

    path: str
    ends_ms: int


# --- the work ---


class QueueRow(Told):
    """`local_time` is a time zone's name, such as Europe/London; None where the customer's is not known.

    `busy`: somebody else is with this customer at the moment; `yours`: the reader is in a call about the
    order. `reachable`: they have a number to be dialled. `unheard`: they have left a message about this order
    that nobody has listened to.
    """

    code: str
    customer_name: str
    summary: str
    why: Why
    attempts: int
    due_ms: int | None
    priority: int
    created_ms: int
    timezone: str | None
    last_outcome: Outcome | None
    last_call_ms: int | None
    manager_name: str | None
    busy: bool
    yours: bool
    reachable: bool
    unheard: bool


class QueueCounts(Told):
    due: int
    new: int
    no_answer: int
    later: int
    done: int


class Queue(Told):
    """A page. `cursor` asks for the next one; None on the last. Counts are of all, whatever the filter.

    `phone_away`: the reader's phone is known not to be registered, so no call of theirs can begin.
    """

    rows: list[QueueRow]
    counts: QueueCounts
    cursor: str | None
    phone_away: bool = False


QueueFilter = Literal["to-call", "due", "new", "no-answer", "later", "done", "all"]


class Contact(Told):
    """A way to reach the customer, by its label alone. `label` None: the desk names it by kind and line.

    `dialled_next`: the one that Call takes if none is chosen. `dialled_as`: what a phone dials for it
    behind the prefix, as 1042*2; None where there is no such code. `diallable`: also that
    nobody with this number has asked not to be called, and no supervisor wants it so (`never`).
    `hint`: why it may be mistyped, a word of `bridge.rules.doubts.Hint`. `hours`: when it is called, by the
    shop's clock, such as 18:00-21:00; None for any. `language`: spoken there, None for the customer's.
    """

    id: int
    label: str | None
    line_type: str
    region: str
    standing: str
    created_ms: int
    proposed: bool
    dialled_next: bool
    dialled_as: str | None
    diallable: bool
    never: bool
    hint: str | None = None
    hours: str | None = None
    language: str | None = None


class PastCall(Told):
    id: str
    started_ms: int
    answered_ms: int | None
    ended_ms: int | None
    result: str | None
    manager_name: str | None
    contact_id: int | None


class VoiceMessage(Told):
    """What the customer has said whom nobody answered. `heard_ms`: when somebody has first listened to it."""

    id: str
    at_ms: int
    seconds: int
    heard_ms: int | None


class PastOutcome(Told):
    id: int
    at_ms: int
    outcome: Outcome
    call_back_ms: int | None
    manager_name: str
    call_id: str | None
    undone: bool


class PastText(Told):
    """A text message, by its template's name. `outcome`: waiting, sent or failed.

    `manager_name` is None where it followed a call by itself.
    """

    id: int
    at_ms: int
    template: str
    outcome: str
    manager_name: str | None


class Note(Told):
    id: int
    text: str
    created_ms: int
    changed_ms: int
    manager_name: str
    mine: bool


class OtherOrder(Told):
    code: str
    summary: str
    state: str


class Card(Told):
    """An order as whoever may see it sees it. `busy` and `yours` are as in the queue.

    `undo`: the outcome that the reader has just recorded, while it can be undone.
    """

    code: str
    customer_name: str
    language: str | None
    summary: str
    items: list[str]
    state: str
    why: Why
    attempts: int
    due_ms: int | None
    priority: int
    created_ms: int
    timezone: str | None
    do_not_call: bool
    manager_name: str | None
    manager_extension: str | None
    busy: bool
    yours: bool
    contacts: list[Contact]
    calls: list[PastCall]
    outcomes: list[PastOutcome]
    undo: OutcomeRecorded | None
    texts: list[PastText] = []
    notes: list[Note]
    other_orders: list[OtherOrder]
    messages: list[VoiceMessage]


class PlaceCall(Asked):
    contact_id: int | None = None


class CallNow(Told):
    """A live call. `state` is one of: ringing-you, calling, ringing-customer, talking, ending, ended.

    `result` is there as soon as it is known, which may be while the call is ending: a word of
    bridge.calls.model.Result. `capture`: "asking" while the customer keys a number in, then what came of it,
    a word of bridge.calls.capture.Outcome. Not `confirmed` is a caller who is known by an order's code alone.
    """

    id: str
    order: str
    customer_name: str
    extension: str
    manager_name: str
    state: str
    started_ms: int
    answered_ms: int | None
    result: str | None
    capture: str | None = None
    confirmed: bool = True


class MyCall(Told):
    call: CallNow | None


class NewNumber(Asked):
    """Goes in, and never comes out."""

    number: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(repr=False)


class CompareNumber(NewNumber):
    contact_id: int


class Compared(Told):
    """`tries_left`: how often this may be asked of the customer today, by anybody."""

    same: bool
    tries_left: int


class SendText(Asked):
    template: Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,83}$")]


class AttachCaller(Asked):
    """`caller` is what stands behind "Caller" on the phone of who has talked with them."""

    caller: Annotated[int, Field(ge=1, le=999)]


NUMBER_LINK_PATH = "/number/{token}"
"""Where a customer gives a number: `path` of NewNumberLink."""


class StrangersMessage(Told):
    """Of somebody whom nobody knew; `caller` is the running number that they had then."""

    id: str
    caller: int
    at_ms: int
    seconds: int
    heard_ms: int | None


class StrangersMessages(Told):
    messages: list[StrangersMessage]


class GiveMessage(Asked):
    """To whom it belongs: the customer of this order."""

    order: OrderCode


class NewNumberLink(Told):
    path: str
    ends_ms: int


PHONE_LINK_PATH = "/phone/account/{token}"
"""Where a phone fetches its account: `path` of NewPhoneLink."""


class Phone(Told):
    """`ready`: the password of one's phone is known, so that a link can be made."""

    ready: bool


class LinkPhone(Asked):
    app: Annotated[PhoneApp, Field(strict=False)]


class NewPhoneLink(Told):
    path: str
    ends_ms: int


class PhoneAccount(Told):
    """What a phone registers with, given away once. `user` is the name that the PBX knows the extension by.

    `srtp`: its sound is encrypted, by keys that are exchanged in SIP.
    """

    app: PhoneApp
    shop: str
    extension: str
    user: str
    password: str = Field(repr=False)
    host: str
    port: int
    transport: Literal["udp", "tcp", "tls"]
    srtp: bool


class BrowserPhone(Told):
    """What the phone in the page registers with."""

    user: str
    host: str
    password: str = Field(repr=False)
    websocket: str


BrowsersAddress = Annotated[str, StringConstraints(max_length=64)]
"""That of a customer's browser, as the desk sees it."""


class GivenNumber(NewNumber):
    address: BrowsersAddress


class StopCalls(Asked):
    """A customer wants to be called no more."""

    address: BrowsersAddress


class UsePhoneLink(Asked):
    address: BrowsersAddress


class SaveNote(Asked):
    """`note_id` None makes a new one. The text is what is wanted from now on, as a whole.

    `finished` is false while it is being typed: digits at its end, which may go on, are then not stored yet.
    """

    note_id: int | None = None
    text: NoteText
    finished: bool = True


class Found(Told):
    """Something in a note that has no business there. `kept`: it is sealed, as a proposed contact."""

    kind: Literal["phone", "email"]
    kept: bool


class NoteSaved(Told):
    """`note` is as it was stored: with [number removed] or [email removed] where something was found.

    `held`: so many characters at the end of what was sent are not stored, and to be sent again.
    """

    note: Note
    found: list[Found]
    held: int = 0


class RecordOutcome(Asked):
    """`call_back_ms` with call-back alone. `call_id`: the call that it came of."""

    outcome: Outcome = Field(strict=False)
    call_back_ms: int | None = None
    call_id: str | None = None


class OutcomeRecorded(Told):
    """`undo_until_ms`: until then `DELETE /v1/outcomes/{id}` makes it undone."""

    id: int
    undo_until_ms: int


# --- those who watch ---


class Wall(Told):
    calls: list[CallNow]


class ManagerLine(Told):
    """`phone`: whether it is registered; None where nobody has said."""

    id: int
    name: str
    extension: str
    role: Role
    language: str | None
    disabled: bool
    customers: int
    orders_to_call: int
    signed_in: bool
    has_password: bool
    second_factor: bool
    in_call: bool
    phone: bool | None = None


class Managers(Told):
    managers: list[ManagerLine]


class NewManager(Asked):
    name: Word
    extension: Extension
    role: Role = Field(default=Role.MANAGER, strict=False)
    language: Literal["en", "ru"] | None = None


class Enable(Asked):
    enabled: bool


MostCalls = Annotated[int, Field(ge=1, le=100_000)]
MostMoney = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,7}(\.[0-9]{1,4})?$")]
HoursOfADay = Annotated[str, StringConstraints(pattern=r"^\d\d:[0-5]\d-\d\d:[0-5]\d$")]


class OwnLimits(Asked):
    """What one manager may do less of than the configuration allows; None where that holds.

    `hours` are of every day, in the shop's time, such as 09:00-17:00.
    """

    calls_per_hour: MostCalls | None = None
    calls_per_day: MostCalls | None = None
    minutes_per_day: MostCalls | None = None
    spend_per_day: MostMoney | None = None
    hours: HoursOfADay | None = None


class ConfigLine(Told):
    """A rule of the configuration. `line` is where it stands in the file; None: it has its default."""

    key: str
    value: str
    line: int | None


class ManagerRules(Told):
    """A manager's own limits, and the rules of the file that hold for everybody."""

    name: str
    extension: str
    limits: OwnLimits
    currency: str
    file: str
    config: list[ConfigLine]


class LimitsSet(Told):
    """`before`: what they were, for whoever wants them back."""

    before: OwnLimits


class ChangeExtension(Asked):
    """They sign in by it from then on, and are signed out."""

    extension: Extension


class ExtensionChanged(Told):
    sessions_ended: int


class Assign(Asked):
    """The order's customer, with all their orders, is served by this manager from now on."""

    extension: Extension


class Leave(Asked):
    """`to`: the extension of whoever takes the customers; None spreads them over all who are there.

    An absence leaves the manager enabled and their sessions open; a departure disables and ends both.
    """

    kind: Literal["absence", "departure"]
    to: Extension | None = None


class Left(Told):
    kind: str
    customers_moved: int
    sessions_ended: int


class ReportDay(Told):
    """`day` is the date in the shop's time zone, YYYY-MM-DD."""

    day: str
    cards_read: int
    calls: int
    talked: int
    misses: int


class Report(Told):
    """What one manager read and called lately; `alarms` are those that name the manager."""

    manager: ManagerLine
    days: list[ReportDay]
    alarms: list[Alarm]


class ResultsDay(Told):
    day: str
    calls: int
    talked: int
    no_answer: int
    busy: int
    other: int


class ResultsOfManager(Told):
    name: str
    extension: str
    calls: int
    talked: int
    talked_seconds: int
    outcomes: dict[Outcome, int]


class Results(Told):
    days: list[ResultsDay]
    managers: list[ResultsOfManager]


class Alarm(Told):
    """`kind`: note-number, note-email, reading-fast, locked-out, sign-in-attacks, disclosure,
    webhook-disabled."""

    id: int
    at_ms: int
    kind: str
    manager_name: str | None
    extension: str | None
    order: str | None
    detail: str
    seen_ms: int | None
    seen_by: str | None


class Alarms(Told):
    alarms: list[Alarm]
    unseen: int


class AuditLine(Told):
    id: int
    at_ms: int
    actor: str
    act: str
    subject: str
    detail: str


class AuditPage(Told):
    lines: list[AuditLine]
    cursor: str | None


class Proposal(Told):
    """A contact found in a note, waiting for a supervisor's yes or no."""

    contact_id: int
    order: str
    customer_name: str
    line_type: str
    region: str
    manager_name: str
    at_ms: int


class Proposals(Told):
    proposals: list[Proposal]


class Settle(Asked):
    accept: bool


class Doubt(Told):
    """A contact that may be mistyped. `hint`: why, a word of `bridge.rules.doubts.Hint`; None: by its calls.

    `order` is the customer's newest. `others`: how many of their contacts are tried before it. `since_ms` is
    None where it was not written down.
    """

    contact_id: int
    order: str
    customer_name: str
    label: str | None
    line_type: str
    region: str
    created_ms: int
    hint: str | None
    since_ms: int | None
    manager_name: str | None
    repairable: bool
    others: int


class Doubts(Told):
    doubts: list[Doubt]


class SettleDoubt(Asked):
    how: Settlement = Field(strict=False)


class MarkContact(Asked):
    never: bool


class ContactHabits(Asked):
    """When one of a customer's numbers is called, and what is spoken there; None for any, and for theirs."""

    hours: HoursOfADay | None = None
    language: Literal["en", "ru"] | None = None


class Disclose(Asked):
    contact_id: int
    reason: Annotated[str, StringConstraints(min_length=10, max_length=500)]
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class Disclosure(Told):
    """The one answer of the API that holds a number."""

    number: str


Card.model_rebuild()
Report.model_rebuild()
