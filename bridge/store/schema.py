"""The tables, as the queries see them.

Times are integers: milliseconds since the Unix epoch, UTC, in columns that end in `_ms`. No hidden number is
in any column in the clear: `contacts.sealed` opens only with a customer's data key, which opens only with the
daemon's keys, and `contacts.blind_index` is a keyed hash.

A change here needs a migration; tests/store holds the two together.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from bridge.rules.worth import Standing

APPLICATION_ID: Final = 0x43425247
"""SQLite's `application_id` of our files ("CBRG"): tells them from another program's database."""

REVISION: Final = "0019"
"""The newest migration: what these tables are made by."""

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class ContactKind(StrEnum):
    PHONE = "phone"


class OrderState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


managers: Final = Table(
    "managers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("extension", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("language", Text),
    Column("created_ms", Integer, nullable=False),
    Column("disabled_ms", Integer),
    _one_of("role", ("manager", "supervisor", "owner")),
)

# Below the configuration's, of those managers who have any. A day's money is a decimal, as text.
manager_limits: Final = Table(
    "manager_limits",
    metadata,
    Column("manager_id", ForeignKey("managers.id"), primary_key=True),
    Column("calls_per_hour", Integer),
    Column("calls_per_day", Integer),
    Column("minutes_per_day", Integer),
    Column("spend_per_day", Text),
    # Minutes since midnight.
    Column("hours_start", Integer),
    Column("hours_end", Integer),
)

customers: Final = Table(
    "customers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("language", Text),
    # Empty once the customer is erased: nothing sealed under it opens again.
    Column("data_key", LargeBinary),
    Column("created_ms", Integer, nullable=False),
    Column("do_not_call_ms", Integer),
    # The name as it is searched: bridge.store.folding.
    Column("folded", Text, nullable=False, server_default=""),
)

contacts: Final = Table(
    "contacts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer_id", ForeignKey("customers.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text),
    Column("standing", Text, nullable=False),
    # 1 is dialled first. A replaced contact keeps its position: the newest of a position is the current one.
    Column("position", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("blind_index", LargeBinary, nullable=False),
    Column("region", Text, nullable=False),
    Column("line_type", Text, nullable=False),
    Column("created_ms", Integer, nullable=False),
    # A tz database name, where the number tells but one.
    Column("timezone", Text),
    # Found in a note by whom and when; never dialled before a supervisor has accepted it, which empties both.
    Column("proposed_by", ForeignKey("managers.id")),
    Column("proposed_ms", Integer),
    # Since when a supervisor wants this one not to be called, whatever else is called of its customer's.
    Column("never_ms", Integer),
    # Why it may be mistyped, where an import has found that: bridge.rules.doubts.
    Column("hint", Text),
    # Of the likely repair of another contact: which. It was found by a machine and nobody has seen it; while
    # `proposed_ms` is there, its standing is wrong, and it is shown to nobody.
    Column("mends", ForeignKey("contacts.id")),
    # Since when it is suspect.
    Column("doubted_ms", Integer),
    # How many calls in a row the carrier has answered with "no such number".
    Column("invalid_in_a_row", Integer, nullable=False, server_default="0"),
    # Between which minutes of the shop's day it may be called, where not at any: both or none. The second is
    # not part of it; before the first it is one of the next day.
    Column("call_from", Integer),
    Column("call_until", Integer),
    # What is spoken there, where that is another than the customer's.
    Column("language", Text),
    _one_of("kind", tuple(ContactKind)),
    _one_of("standing", tuple(Standing)),
    Index(None, "customer_id", "position"),
    Index(None, "blind_index"),
)

orders: Final = Table(
    "orders",
    metadata,
    Column("code", Text, primary_key=True),
    Column("customer_id", ForeignKey("customers.id"), nullable=False),
    Column("summary", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_ms", Integer, nullable=False),
    # What is ordered, a line each.
    Column("items", Text, nullable=False, server_default=""),
    # Higher is called first.
    Column("priority", Integer, nullable=False, server_default="0"),
    # Why it waits to be called, after how many calls nobody answered, and until when: bridge.rules.worklist.
    Column("why", Text, nullable=False, server_default="new"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_ms", Integer),
    _one_of("state", tuple(OrderState)),
    # Too short for E.164's plus and digits: a number put into this column by a mistake elsewhere stays out.
    CheckConstraint("length(code) BETWEEN 1 AND 12", name="code"),
    # A manager's queue is put in order from this index alone, customer by customer.
    Index(None, "customer_id", "why", "due_ms", "priority", "created_ms"),
    sqlite_with_rowid=False,
)
# What everybody's queue is read from, each in the order of one of its parts: bridge.store.worklist.
Index(
    "ix_orders_due",
    orders.c.due_ms,
    orders.c.code,
    orders.c.why,
    orders.c.priority,
    sqlite_where=orders.c.due_ms.is_not(None),
)
Index(
    "ix_orders_to_call",
    orders.c.priority.desc(),
    orders.c.created_ms,
    orders.c.code,
    orders.c.due_ms,
    orders.c.why,
    sqlite_where=text("why IN ('new', 'no-answer')"),
)
Index(
    "ix_orders_waited_for",
    orders.c.priority.desc(),
    orders.c.due_ms,
    orders.c.code,
    sqlite_where=text("why IN ('call-back', 'customer-called')"),
)
Index("ix_orders_done", orders.c.created_ms, sqlite_where=text("why = 'done'"))
# How many each manager has to call.
Index("ix_orders_open", orders.c.customer_id, orders.c.why, sqlite_where=text("why <> 'done'"))

# What may be mistyped is few among many.
Index("ix_contacts_suspect", contacts.c.doubted_ms, sqlite_where=text("standing = 'suspect'"))
Index("ix_contacts_mends", contacts.c.mends, sqlite_where=contacts.c.mends.is_not(None))
Index("ix_contacts_proposed", contacts.c.proposed_ms, sqlite_where=contacts.c.proposed_ms.is_not(None))

assignments: Final = Table(
    "assignments",
    metadata,
    Column("customer_id", ForeignKey("customers.id"), primary_key=True),
    Column("manager_id", ForeignKey("managers.id"), nullable=False),
    Column("since_ms", Integer, nullable=False),
    Index(None, "manager_id"),
)

calls: Final = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    # What was dialled, not a foreign key: a refused call may name an order that does not exist,
    Column("order_code", Text, nullable=False),
    # and may come from an extension that is nobody's.
    Column("manager_id", ForeignKey("managers.id")),
    # The one that was dialled last,
    Column("contact_id", ForeignKey("contacts.id")),
    # The id of the manager's channel in the PBX: by it a successor of this daemon finds the call's legs.
    Column("manager_channel", Text),
    # The same of the customer's, where it was there first.
    Column("customer_channel", Text),
    Column("started_ms", Integer, nullable=False),
    Column("answered_ms", Integer),
    Column("ended_ms", Integer),
    # The words for `kind` and `result` are those of bridge.calls.
    Column("result", Text),
    Column("cause", Integer),
    # and the one that was dialled before it in vain, where there was one.
    Column("failed_contact_id", ForeignKey("contacts.id")),
    # All that the rules count a manager's calls from, and that results are: the rows are not looked at.
    Index(None, "manager_id", "started_ms", "kind", "result"),
    Index(None, "started_ms", "kind", "manager_id", "result", "answered_ms", "ended_ms"),
)
Index("ix_calls_open", calls.c.started_ms, sqlite_where=calls.c.ended_ms.is_(None))

# What customers have said whom nobody answered. `sealed` and `seconds` are empty while one still speaks.
voice_messages: Final = Table(
    "voice_messages",
    metadata,
    # Random letters: the name, too, by which Asterisk has the recording until it is fetched.
    Column("id", Text, primary_key=True),
    Column("customer_id", ForeignKey("customers.id")),
    Column("order_code", ForeignKey("orders.code")),
    # In place of these two, of somebody whom nobody knew: their running number, and a data key of its own.
    Column("caller", Integer),
    Column("data_key", LargeBinary),
    Column("at_ms", Integer, nullable=False),
    Column("seconds", Integer),
    Column("sealed", LargeBinary),
    # When it was listened to first.
    Column("heard_ms", Integer),
    Index(None, "order_code", "at_ms"),
    Index(None, "customer_id"),
    Index(None, "at_ms"),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_ms", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    # What ties a row to the one before it, with the audit key (1) or without: see bridge.store.audit_chain.
    Column("signed", Integer, nullable=False),
    Column("link", LargeBinary, nullable=False),
    CheckConstraint("signed IN (0, 1)", name="signed"),
    Index(None, "at_ms"),
    # A row deleted from the end must not have its id used again: the gap is what gives it away.
    sqlite_autoincrement=True,
)

# Its one row names the last signed row of the audit, so that rows cut off at the end are missed.
audit_head: Final = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("row_id", Integer, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one"),
)

key_checks: Final = Table(
    "key_checks",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

# While its one row is there, no call is placed. What was is in the audit.
panic: Final = Table(
    "panic",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("since_ms", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    CheckConstraint("id = 1", name="one"),
)

# --- The desk ---

# Somebody who may sign in. A password is an Argon2 hash; a second factor's secret is sealed.
accounts: Final = Table(
    "accounts",
    metadata,
    Column("manager_id", ForeignKey("managers.id"), primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("totp_sealed", LargeBinary),
    # Once a code of it has been given; before that it is an enrolment nobody has finished.
    Column("totp_since_ms", Integer),
    # The time step of the last code that was taken: none is taken twice (RFC 6238, 5.2).
    Column("totp_last_step", Integer, nullable=False, server_default="0"),
    Column("created_ms", Integer, nullable=False),
)

# Tokens are kept as SHA-256 hashes: who reads the database can't take a session over.
sessions: Final = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("manager_id", ForeignKey("managers.id"), nullable=False),
    # Whether the second factor, if one is wanted, has been given.
    Column("complete", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("seen_ms", Integer, nullable=False),
    Index(None, "manager_id"),
)

invitations: Final = Table(
    "invitations",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("manager_id", ForeignKey("managers.id"), nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("ends_ms", Integer, nullable=False),
)

# The newest link of each customer by which they may give a number; one that was used is gone.
number_links: Final = Table(
    "number_links",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("customer_id", ForeignKey("customers.id"), nullable=False, unique=True),
    Column("order_code", ForeignKey("orders.code"), nullable=False),
    Column("manager_id", ForeignKey("managers.id"), nullable=False),
    Column("ends_ms", Integer, nullable=False),
)

# Of managers who set up their phone from the desk: its SIP password, sealed, and the newest link to it, while
# there is one.
phones: Final = Table(
    "phones",
    metadata,
    Column("manager_id", ForeignKey("managers.id"), primary_key=True),
    Column("password_sealed", LargeBinary, nullable=False),
    Column("since_ms", Integer, nullable=False),
    Column("link_hash", LargeBinary, unique=True),
    Column("link_app", Text),
    Column("link_ends_ms", Integer),
)

notes: Final = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_code", ForeignKey("orders.code"), nullable=False),
    Column("manager_id", ForeignKey("managers.id"), nullable=False),
    # Without what looked like a number or an address: see bridge.rules.notes.
    Column("text", Text, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("changed_ms", Integer, nullable=False),
    Index(None, "order_code"),
)

# What managers say came of their calls.
outcomes: Final = Table(
    "outcomes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_code", ForeignKey("orders.code"), nullable=False),
    Column("manager_id", ForeignKey("managers.id"), nullable=False),
    Column("call_id", ForeignKey("calls.id")),
    Column("outcome", Text, nullable=False),
    Column("call_back_ms", Integer),
    Column("at_ms", Integer, nullable=False),
    # Nobody has said it: it is what the call's result came to, until somebody says what came of the call.
    Column("by_result", Integer, nullable=False, server_default="0"),
    # What the order was before, as JSON, for whoever undoes it.
    Column("before", Text, nullable=False),
    Column("undone_ms", Integer),
    Index(None, "order_code"),
    Index(None, "call_id"),
)
# Requests not to be called any more, by number: bridge.store.do_not_call.
do_not_call: Final = Table(
    "do_not_call",
    metadata,
    Column("id", Integer, primary_key=True),
    # As in `contacts`. No number is in this table, and none can be made of it.
    Column("blind_index", LargeBinary, nullable=False),
    Column("since_ms", Integer, nullable=False),
    Column("label", Text),
    # Where a manager's word made it: undone, it takes the request along.
    Column("outcome_id", ForeignKey("outcomes.id")),
    Index(None, "blind_index"),
    Index(None, "outcome_id"),
)
# What managers have said, as it is counted.
Index(
    "ix_outcomes_said",
    outcomes.c.at_ms,
    outcomes.c.manager_id,
    outcomes.c.outcome,
    sqlite_where=text("by_result = 0 AND undone_ms IS NULL"),
)

# Which orders were opened on a screen, by whom and when.
card_reads: Final = Table(
    "card_reads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("manager_id", ForeignKey("managers.id"), nullable=False),
    Column("order_code", Text, nullable=False),
    Column("at_ms", Integer, nullable=False),
    Index(None, "manager_id", "at_ms"),
)

alarms: Final = Table(
    "alarms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_ms", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("manager_id", ForeignKey("managers.id")),
    Column("order_code", Text),
    Column("detail", Text, nullable=False),
    Column("seen_ms", Integer),
    Column("seen_by", ForeignKey("managers.id")),
    Index(None, "at_ms"),
)

Index("ix_calls_order_code", calls.c.order_code)

# --- The API for integrators ---

# Tokens are kept as SHA-256 hashes: who reads the database can't use one. `scopes` are words, spaces between.
api_tokens: Final = Table(
    "api_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("ends_ms", Integer, nullable=False),
    Column("revoked_ms", Integer),
    Column("seen_ms", Integer),
)
Index(
    "ix_api_tokens_in_use",
    api_tokens.c.name,
    unique=True,
    sqlite_where=api_tokens.c.revoked_ms.is_(None),
)

# What was answered to a request, for whoever sends it again (Idempotency-Key). Both hashes are keyed, since a
# request holds numbers, and so may a key that was chosen badly. `status` is empty while there is no answer.
api_answers: Final = Table(
    "api_answers",
    metadata,
    Column("token_id", ForeignKey("api_tokens.id"), primary_key=True),
    Column("key_hash", LargeBinary, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("begun_ms", Integer, nullable=False),
    Column("status", Integer),
    Column("headers", Text, nullable=False, server_default=""),
    Column("body", Text, nullable=False, server_default=""),
    # Whose name is in the answer: it goes when they are erased.
    Column("customer_id", ForeignKey("customers.id")),
    Index(None, "begun_ms"),
    Index(None, "customer_id"),
)

# Whom to tell of results and outcomes. The secret that messages are signed with is sealed; `events` are
# words, spaces between. An id is never used again: it is what the audit names.
webhooks: Final = Table(
    "webhooks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("delivered_ms", Integer),
    # Since when nothing has arrived there that was sent,
    Column("failing_since_ms", Integer),
    # until it is told nothing any more.
    Column("disabled_ms", Integer),
    sqlite_autoincrement=True,
)

# What is told, written in the commit of what it tells: codes and ids, from which the message is made. It
# waits while `next_ms` is there; afterwards it is kept for a while, to be replayed.
webhook_outbox: Final = Table(
    "webhook_outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("webhook_id", ForeignKey("webhooks.id"), nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("order_code", Text, nullable=False),
    Column("call_id", Text),
    Column("result", Text, nullable=False),
    Column("by_result", Integer, nullable=False, server_default="0"),
    Column("undone", Integer, nullable=False, server_default="0"),
    Column("at_ms", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_ms", Integer),
    Column("delivered_ms", Integer),
    Column("answer", Text),
    UniqueConstraint("webhook_id", "event_id"),
    Index(None, "at_ms"),
)
Index(
    "ix_webhook_outbox_waiting",
    webhook_outbox.c.webhook_id,
    webhook_outbox.c.next_ms,
    sqlite_where=webhook_outbox.c.next_ms.is_not(None),
)

# Shops that send orders by webhooks of their own; `kind` names the plug-in that reads them.
shops: Final = Table(
    "shops",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("seen_ms", Integer),
    sqlite_autoincrement=True,
)

# Who is given customers that a shop brings.
shop_managers: Final = Table(
    "shop_managers",
    metadata,
    Column("shop_id", ForeignKey("shops.id"), primary_key=True),
    Column("manager_id", ForeignKey("managers.id"), primary_key=True),
)

# Which shop an order is of, by name, since one that is removed and added again is the same; and when it last
# changed there: what is older, or was kept by somebody and is sent again, changes nothing.
shop_orders: Final = Table(
    "shop_orders",
    metadata,
    Column("order_code", ForeignKey("orders.code"), primary_key=True),
    Column("shop_name", Text, nullable=False),
    Column("changed_ms", Integer, nullable=False),
)

# Shops that are asked for their orders, where, and how far that has come: what was changed since `since_ms`
# is read page by page, `page` being where the next one begins, and `newest_ms` the latest change seen
# meanwhile, from which it goes on after the last page.
shop_pulls: Final = Table(
    "shop_pulls",
    metadata,
    Column("shop_id", ForeignKey("shops.id"), primary_key=True),
    Column("site", Text, nullable=False),
    Column("login_sealed", LargeBinary, nullable=False),
    Column("since_ms", Integer, nullable=False),
    Column("page", Text),
    Column("newest_ms", Integer),
    Column("pulled_ms", Integer),
    # What came of it last, in a word, and since when it has been no answer;
    Column("said", Text),
    Column("failing_since_ms", Integer),
    # once that has lasted, supervisors are told.
    Column("alarmed_ms", Integer),
)

# --- Text messages ---

# Which text a customer is to be sent: a template by name and a contact by id, never words or a number. It
# waits while `next_ms` is there; `begun_ms` is there while an attempt's answer is not.
texts: Final = Table(
    "texts",
    metadata,
    Column("id", Integer, primary_key=True),
    # What the gateway is told, the same at each attempt.
    Column("message_id", Text, nullable=False, unique=True),
    Column("contact_id", ForeignKey("contacts.id"), nullable=False),
    Column("order_code", ForeignKey("orders.code"), nullable=False),
    Column("template", Text, nullable=False),
    # Who has asked for it; nobody, where it follows a call by itself,
    Column("manager_id", ForeignKey("managers.id")),
    # of which it is the only one.
    Column("call_id", ForeignKey("calls.id"), unique=True),
    Column("at_ms", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_ms", Integer),
    Column("begun_ms", Integer),
    Column("sent_ms", Integer),
    Column("failed_ms", Integer),
    Column("answer", Text),
    Index(None, "order_code"),
    Index(None, "contact_id", "at_ms"),
)
Index("ix_texts_waiting", texts.c.next_ms, sqlite_where=texts.c.next_ms.is_not(None))
