"""Webhooks: who is told of results and outcomes, and what is still to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("delivered_ms", sa.Integer()),
        sa.Column("failing_since_ms", sa.Integer()),
        sa.Column("disabled_ms", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("order_code", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("by_result", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("undone", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_ms", sa.Integer()),
        sa.Column("delivered_ms", sa.Integer()),
        sa.Column("answer", sa.Text()),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="fk_webhook_outbox_webhook_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_outbox"),
        sa.UniqueConstraint("webhook_id", "event_id", name="uq_webhook_outbox_webhook_id"),
    )
    op.create_index(
        "ix_webhook_outbox_waiting",
        "webhook_outbox",
        ["webhook_id", "next_ms"],
        sqlite_where=sa.text("next_ms IS NOT NULL"),
    )
    op.create_index("ix_webhook_outbox_at_ms", "webhook_outbox", ["at_ms"])
