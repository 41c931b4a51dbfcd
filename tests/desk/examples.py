"""Answers as the daemon gives them, made of the API's own shapes. No number is in any of them but the one of
a disclosure, which is reserved for fiction.
"""

from __future__ import annotations

from bridge.api.desk import shapes
from bridge.rules import Role
from bridge.rules.softphones import PhoneApp
from bridge.rules.worklist import Outcome, Why

NOW = 1_795_536_000_000  # 2026-11-24 16:00 UTC
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

NUMBER = "+447700900123"


def me(role: Role = Role.MANAGER, language: str | None = "en", **changed: object) -> shapes.Me:
    told = shapes.Me(
        manager_id=1,
        name="Olga Petrova",
        extension="101",
        role=role,
        language=language,
        shop="Example Shop",
        second_factor=role is not Role.MANAGER,
        must_enrol=False,
        watermark=True,
        wrap_up_seconds=60,
        next_after_seconds=8,
        disclosure=role is Role.OWNER,
        session_id="s1",
    )
    return told.model_copy(update=changed)


PHONE_PASSWORD = "correct-horse-101"


def phone_account(app: str = "linphone", **changed: object) -> shapes.PhoneAccount:
    told = shapes.PhoneAccount(
        app=PhoneApp(app),
        shop="Example Shop",
        extension="101",
        user="101",
        password=PHONE_PASSWORD,
        host="pbx.example.net",
        port=5061,
        transport="tls",
        srtp=True,
    )
    return told.model_copy(update=changed)


BROWSER_PHONE = shapes.BrowserPhone(
    user="101", host="desk.example.net", password=PHONE_PASSWORD, websocket="wss://desk.example.net/ws"
)


def row(code: str, name: str, why: Why = Why.NEW, **changed: object) -> shapes.QueueRow:
    told = shapes.QueueRow(
        code=code,
        customer_name=name,
        summary="2 pairs of curtains, oat, 240 × 260 cm",
        why=why,
        attempts=0,
        due_ms=None,
        priority=0,
        created_ms=NOW - 3 * HOUR,
        timezone="Europe/London",
        last_outcome=None,
        last_call_ms=None,
        manager_name="Olga Petrova",
        busy=False,
        yours=False,
        reachable=True,
        unheard=False,
    )
    return told.model_copy(update=changed)


ROWS = [
    row("1042", "Margaret Ashworth", Why.CALL_BACK, due_ms=NOW - 20 * MINUTE, last_outcome=Outcome.CALL_BACK,
        last_call_ms=NOW - 4 * HOUR, attempts=1),
    row("1043", "Иван Сергеевич Кузнецов", Why.CUSTOMER_CALLED, timezone="Europe/Moscow", priority=1,
        summary="Кофемашина, фильтры 6 шт."),
    row("1044", "Aroha Williams", Why.NEW, timezone="Pacific/Auckland", summary="Hiking boots, size 39"),
    row("1045", "Jean-Baptiste de la Rochefoucauld-Montmorency", Why.NEW, timezone="Europe/Paris",
        summary="Espresso cups, set of 12, cobalt blue, with saucers and a wooden box"),
    row("1046", "Sam O’Neill", Why.NO_ANSWER, attempts=2, reachable=False, last_outcome=Outcome.NO_ANSWER,
        last_call_ms=NOW - 2 * HOUR),
    row("1047", "Li Wei", Why.NO_ANSWER, attempts=1, timezone=None, busy=True,
        last_outcome=Outcome.LEFT_MESSAGE, last_call_ms=NOW - DAY),
    row("1048", "Priya Nair", Why.CALL_BACK, due_ms=NOW + 3 * HOUR, last_outcome=Outcome.CALL_BACK,
        last_call_ms=NOW - 30 * MINUTE),
    *(row(str(1050 + number), f"Customer {number}") for number in range(14)),
]  # fmt: skip


def queue(rows: list[shapes.QueueRow] = ROWS, cursor: str | None = "after-1063") -> shapes.Queue:
    counts = shapes.QueueCounts(due=2, new=16, no_answer=2, later=1, done=38)
    return shapes.Queue(rows=rows, counts=counts, cursor=cursor)


CONTACTS = [
    shapes.Contact(id=7, label=None, line_type="mobile", region="GB", standing="usable",
                   created_ms=NOW - 90 * DAY, proposed=False, dialled_next=True,
                   dialled_as="1042", diallable=True, never=False),
    shapes.Contact(id=8, label="given by the customer", line_type="fixed_line", region="GB",
                   standing="suspect", created_ms=NOW - 20 * DAY, proposed=False, dialled_next=False,
                   dialled_as="1042*2", diallable=True, never=False),
    shapes.Contact(id=9, label=None, line_type="mobile", region="IE", standing="usable",
                   created_ms=NOW - DAY, proposed=True, dialled_next=False, dialled_as=None,
                   diallable=False, never=False),
    shapes.Contact(id=10, label="old", line_type="mobile", region="GB", standing="wrong",
                   created_ms=NOW - 400 * DAY, proposed=False, dialled_next=False, dialled_as=None,
                   diallable=False, never=False),
]  # fmt: skip


def note(id: int, text: str, *, mine: bool = False, at_ms: int = NOW - DAY) -> shapes.Note:
    name = "Olga Petrova" if mine else "Tom Baker"
    return shapes.Note(id=id, text=text, created_ms=at_ms, changed_ms=at_ms, manager_name=name, mine=mine)


def card(**changed: object) -> shapes.Card:
    told = shapes.Card(
        code="1042",
        customer_name="Margaret Ashworth",
        language="en",
        summary="2 pairs of curtains, oat, 240 × 260 cm",
        items=["Curtain ‘Linnea’, oat, 240 × 260 cm, pencil pleat × 4", "Tie-back, oat × 4"],
        state="open",
        why=Why.CALL_BACK,
        attempts=1,
        due_ms=NOW - 20 * MINUTE,
        priority=1,
        created_ms=NOW - 2 * DAY,
        timezone="Europe/London",
        do_not_call=False,
        manager_name="Olga Petrova",
        manager_extension="101",
        busy=False,
        yours=False,
        contacts=CONTACTS,
        calls=[
            shapes.PastCall(id="bcdf", started_ms=NOW - 4 * HOUR, answered_ms=NOW - 4 * HOUR + 9000,
                            ended_ms=NOW - 4 * HOUR + 142_000, result="talked", manager_name="Olga Petrova",
                            contact_id=7),
            shapes.PastCall(id="ghjk", started_ms=NOW - DAY, answered_ms=None, ended_ms=NOW - DAY + 45_000,
                            result="no-answer", manager_name="Tom Baker", contact_id=8),
        ],
        outcomes=[
            shapes.PastOutcome(id=3, at_ms=NOW - 4 * HOUR + 150_000, outcome=Outcome.CALL_BACK,
                               call_back_ms=NOW - 20 * MINUTE, manager_name="Olga Petrova", call_id="bcdf",
                               undone=False),
            shapes.PastOutcome(id=2, at_ms=NOW - DAY + 50_000, outcome=Outcome.WRONG_NUMBER,
                               call_back_ms=None, manager_name="Tom Baker", call_id="ghjk", undone=True),
        ],
        undo=None,
        notes=[note(5, "Wants to measure the window again before she decides.")],
        other_orders=[shapes.OtherOrder(code="977", summary="Bed linen, white", state="closed")],
        messages=[
            shapes.VoiceMessage(id="bcdfghjklm", at_ms=NOW - HOUR, seconds=23, heard_ms=None),
            shapes.VoiceMessage(id="mlkjhgfdcb", at_ms=NOW - DAY, seconds=102, heard_ms=NOW - 5 * HOUR),
        ],
    )  # fmt: skip
    return told.model_copy(update=changed)


def call(state: str = "talking", result: str | None = None, **changed: object) -> shapes.CallNow:
    talking = state in ("talking", "ending")
    told = shapes.CallNow(
        id="mnpq",
        order="1042",
        customer_name="Margaret Ashworth",
        extension="101",
        manager_name="Olga Petrova",
        state=state,
        started_ms=NOW - 150_000,
        answered_ms=NOW - 133_000 if talking else None,
        result=result,
    )
    return told.model_copy(update=changed)


WALL = shapes.Wall(
    calls=[
        call(),
        call("ringing-customer", id="rst", order="1043", customer_name="Иван Кузнецов", extension="102",
             manager_name="Tom Baker"),
        call("ringing-you", id="rsv", order="1046", customer_name="Sam O’Neill", extension="103",
             manager_name="Amina Diallo"),
    ]
)  # fmt: skip


def manager(id: int, name: str, role: Role = Role.MANAGER, **changed: object) -> shapes.ManagerLine:
    told = shapes.ManagerLine(
        id=id,
        name=name,
        extension=str(100 + id),
        role=role,
        language=None,
        disabled=False,
        customers=41,
        orders_to_call=12,
        signed_in=True,
        has_password=True,
        second_factor=False,
        in_call=False,
    )
    return told.model_copy(update=changed)


MANAGERS = shapes.Managers(
    managers=[
        manager(31, "Phone Away", phone=False),
        manager(32, "Phone There", phone=True),
        manager(1, "Olga Petrova", in_call=True),
        manager(2, "Tom Baker", signed_in=False),
        manager(3, "Amina Diallo", has_password=False, signed_in=False),
        manager(4, "Ruth Levy", Role.SUPERVISOR, second_factor=True, customers=0, orders_to_call=0),
        manager(5, "Former Person", disabled=True, signed_in=False, customers=0, orders_to_call=0),
    ]
)

RULES = shapes.ManagerRules(
    name="Tom Baker",
    extension="102",
    limits=shapes.OwnLimits(calls_per_day=120, hours="09:00-17:00"),
    currency="GBP",
    file="/etc/call-bridge/config.yaml",
    config=[
        shapes.ConfigLine(key="rules.limits.per_hour", value="60", line=None),
        shapes.ConfigLine(key="rules.limits.per_day", value="300", line=121),
        shapes.ConfigLine(key="rules.working_hours.sunday", value="", line=150),
    ],
)

ALARMS = shapes.Alarms(
    alarms=[
        shapes.Alarm(id=2, at_ms=NOW - 5 * MINUTE, kind="note-number", manager_name="Tom Baker",
                     extension="102", order="1046", detail="removed, kept as a proposed contact",
                     seen_ms=None, seen_by=None),
        shapes.Alarm(id=1, at_ms=NOW - DAY, kind="reading-fast", manager_name="Tom Baker",
                     extension="102", order=None, detail="21 orders in a minute",
                     seen_ms=NOW - 20 * HOUR, seen_by="Ruth Levy"),
    ],
    unseen=1,
)  # fmt: skip

_DAYS = [f"2026-11-{day:02}" for day in range(11, 25)]

REPORT = shapes.Report(
    manager=MANAGERS.managers[1],
    days=[
        shapes.ReportDay(day=day, cards_read=40 + n, calls=30 + n, talked=18, misses=n % 2)
        for n, day in enumerate(_DAYS)
    ],
    alarms=ALARMS.alarms,
)

RESULTS = shapes.Results(
    days=[
        shapes.ResultsDay(day=day, calls=120 + 5 * n, talked=70 + 3 * n, no_answer=30 + n, busy=12,
                          other=8 + n)
        for n, day in enumerate(_DAYS)
    ],
    managers=[
        shapes.ResultsOfManager(name=each.name, extension=each.extension, calls=300 - 40 * each.id,
                                talked=180 - 30 * each.id, talked_seconds=21_000,
                                outcomes={Outcome.CONFIRMED: 90, Outcome.CALL_BACK: 31, Outcome.REFUSED: 7})
        for each in MANAGERS.managers[:3]
    ],
)  # fmt: skip

AUDIT = shapes.AuditPage(
    lines=[
        shapes.AuditLine(id=9, at_ms=NOW - MINUTE, actor="manager:101", act="call", subject="order:1042",
                         detail="click-to-call"),
        shapes.AuditLine(id=8, at_ms=NOW - HOUR, actor="manager:104", act="sign-in", subject="manager:104",
                         detail=""),
    ],
    cursor="8",
)  # fmt: skip

PROPOSALS = shapes.Proposals(
    proposals=[
        shapes.Proposal(contact_id=9, order="1042", customer_name="Margaret Ashworth", line_type="mobile",
                        region="IE", manager_name="Tom Baker", at_ms=NOW - 5 * MINUTE),
    ]
)  # fmt: skip

DOUBTS = shapes.Doubts(
    doubts=[
        shapes.Doubt(contact_id=31, order="1042", customer_name="Margaret Ashworth", label=None,
                     line_type="other", region="RU", created_ms=NOW - DAY, hint="swapped", since_ms=NOW - DAY,
                     manager_name="Tom Baker", repairable=True, others=1),
        shapes.Doubt(contact_id=32, order="1043", customer_name="Harriet Vane", label="Work",
                     line_type="mobile", region="GB", created_ms=NOW - DAY, hint=None, since_ms=None,
                     manager_name=None, repairable=False, others=0),
    ]
)  # fmt: skip

STRANGERS_MESSAGES = shapes.StrangersMessages(
    messages=[
        shapes.StrangersMessage(id="pqrstvwxzb", caller=7, at_ms=NOW - HOUR, seconds=12, heard_ms=None),
        shapes.StrangersMessage(id="bzxwvtsrqp", caller=3, at_ms=NOW - DAY, seconds=41, heard_ms=NOW - HOUR),
    ]
)
SESSIONS = shapes.Sessions(
    sessions=[
        shapes.Session(id="s1", address="127.0.0.1", agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
                       created_ms=NOW - 6 * HOUR, seen_ms=NOW, current=True),
        shapes.Session(id="s2", address="192.0.2.7", agent="Mozilla/5.0 (iPhone)", created_ms=NOW - 30 * HOUR,
                       seen_ms=NOW - 26 * HOUR, current=False),
    ]
)  # fmt: skip

ENROLMENT = shapes.Enrolment(
    secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    uri="otpauth://totp/Example%20Shop:olga?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example%20Shop",
)

INVITATION = shapes.Invitation(name="Olga Petrova", login="olga", ends_ms=NOW + DAY)
