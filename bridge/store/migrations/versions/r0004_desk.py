"""The desk: who signs in, why an order waits, what managers write down, and what supervisors are to know."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _more_of_orders_and_customers()
    _accounts()
    _work()
    _watched()


def _more_of_orders_and_customers() -> None:
    op.add_column("customers", sa.Column("do_not_call_ms", sa.Integer()))
    op.add_column("contacts", sa.Column("timezone", sa.Text()))
    op.execute("ALTER TABLE contacts ADD COLUMN proposed_by INTEGER REFERENCES managers (id)")
    op.add_column("contacts", sa.Column("proposed_ms", sa.Integer()))
    op.add_column("orders", sa.Column("items", sa.Text(), nullable=False, server_default=""))
    op.add_column("orders", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("why", sa.Text(), nullable=False, server_default="new"))
    op.add_column("orders", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("due_ms", sa.Integer()))
    op.create_index("ix_calls_order_code", "calls", ["order_code"])
    op.drop_index("ix_calls_started_ms", "calls")
    counted = ["started_ms", "kind", "manager_id", "result", "answered_ms", "ended_ms"]
    op.create_index("ix_calls_started_ms_kind_manager_id_result_answered_ms_ended_ms", "calls", counted)
    op.execute("UPDATE orders SET why = 'done' WHERE state = 'closed'")
    _queue()
    _searched_names()


def _queue() -> None:
    op.drop_index("ix_orders_customer_id", "orders")
    of_customer = ["customer_id", "why", "due_ms", "priority", "created_ms"]
    op.create_index("ix_orders_customer_id_why_due_ms_priority_created_ms", "orders", of_customer)
    op.create_index(
        "ix_orders_due",
        "orders",
        ["due_ms", "code", "why", "priority"],
        sqlite_where=sa.text("due_ms IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_to_call",
        "orders",
        [sa.text("priority DESC"), "created_ms", "code", "due_ms", "why"],
        sqlite_where=sa.text("why IN ('new', 'no-answer')"),
    )
    op.create_index(
        "ix_orders_waited_for",
        "orders",
        [sa.text("priority DESC"), "due_ms", "code"],
        sqlite_where=sa.text("why IN ('call-back', 'customer-called')"),
    )
    op.create_index("ix_orders_done", "orders", ["created_ms"], sqlite_where=sa.text("why = 'done'"))


def _searched_names() -> None:
    op.add_column("customers", sa.Column("folded", sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    names = connection.execute(sa.text("SELECT id, name FROM customers WHERE name <> ''")).all()
    if names:
        connection.execute(
            sa.text("UPDATE customers SET folded = :folded WHERE id = :id"),
            [{"id": id_, "folded": _folded(name)} for id_, name in names],
        )


def _folded(name: str) -> str:
    """As bridge.store.folding has it at this revision."""
    plain = unicodedata.normalize("NFKC", name).casefold().replace("ё", "е")
    return " ".join(plain.split())


def _accounts() -> None:
    op.create_table(
        "accounts",
        _id("manager_id", nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("totp_sealed", sa.LargeBinary()),
        sa.Column("totp_since_ms", sa.Integer()),
        sa.Column("totp_last_step", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        _refers("accounts", "manager_id", "managers.id"),
        sa.PrimaryKeyConstraint("manager_id", name="pk_accounts"),
        sa.UniqueConstraint("login", name="uq_accounts_login"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        _id("manager_id", nullable=False),
        sa.Column("complete", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("seen_ms", sa.Integer(), nullable=False),
        _refers("sessions", "manager_id", "managers.id"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
    )
    op.create_index("ix_sessions_manager_id", "sessions", ["manager_id"])
    op.create_table(
        "invitations",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        _id("manager_id", nullable=False),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("ends_ms", sa.Integer(), nullable=False),
        _refers("invitations", "manager_id", "managers.id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_invitations"),
    )


def _work() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_code", sa.Text(), nullable=False),
        _id("manager_id", nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("changed_ms", sa.Integer(), nullable=False),
        _refers("notes", "order_code", "orders.code"),
        _refers("notes", "manager_id", "managers.id"),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
    )
    op.create_index("ix_notes_order_code", "notes", ["order_code"])
    op.create_table(
        "outcomes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_code", sa.Text(), nullable=False),
        _id("manager_id", nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("call_back_ms", sa.Integer()),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("by_result", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("undone_ms", sa.Integer()),
        _refers("outcomes", "order_code", "orders.code"),
        _refers("outcomes", "manager_id", "managers.id"),
        _refers("outcomes", "call_id", "calls.id"),
        sa.PrimaryKeyConstraint("id", name="pk_outcomes"),
    )
    op.create_index("ix_outcomes_order_code", "outcomes", ["order_code"])
    op.create_index(
        "ix_outcomes_said",
        "outcomes",
        ["at_ms", "manager_id", "outcome"],
        sqlite_where=sa.text("by_result = 0 AND undone_ms IS NULL"),
    )


def _watched() -> None:
    op.create_table(
        "card_reads",
        sa.Column("id", sa.Integer(), nullable=False),
        _id("manager_id", nullable=False),
        sa.Column("order_code", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        _refers("card_reads", "manager_id", "managers.id"),
        sa.PrimaryKeyConstraint("id", name="pk_card_reads"),
    )
    op.create_index("ix_card_reads_manager_id_at_ms", "card_reads", ["manager_id", "at_ms"])
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        _id("manager_id", nullable=True),
        sa.Column("order_code", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("seen_ms", sa.Integer()),
        _id("seen_by", nullable=True),
        _refers("alarms", "manager_id", "managers.id"),
        _refers("alarms", "seen_by", "managers.id"),
        sa.PrimaryKeyConstraint("id", name="pk_alarms"),
    )
    op.create_index("ix_alarms_at_ms", "alarms", ["at_ms"])


def _id(column: str, *, nullable: bool) -> sa.Column[int]:
    return sa.Column(column, sa.Integer(), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{target.partition('.')[0]}"
    return sa.ForeignKeyConstraint([column], [target], name=name)
