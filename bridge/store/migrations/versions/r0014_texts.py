"""Text messages to customers: which are to be sent, and what became of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "texts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("order_code", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("manager_id", sa.Integer()),
        sa.Column("call_id", sa.Text()),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_ms", sa.Integer()),
        sa.Column("begun_ms", sa.Integer()),
        sa.Column("sent_ms", sa.Integer()),
        sa.Column("failed_ms", sa.Integer()),
        sa.Column("answer", sa.Text()),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_texts_contact_id"),
        sa.ForeignKeyConstraint(["order_code"], ["orders.code"], name="fk_texts_order_code"),
        sa.ForeignKeyConstraint(["manager_id"], ["managers.id"], name="fk_texts_manager_id"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_texts_call_id"),
        sa.PrimaryKeyConstraint("id", name="pk_texts"),
        sa.UniqueConstraint("message_id", name="uq_texts_message_id"),
        sa.UniqueConstraint("call_id", name="uq_texts_call_id"),
    )
    op.create_index("ix_texts_order_code", "texts", ["order_code"])
    op.create_index("ix_texts_contact_id_at_ms", "texts", ["contact_id", "at_ms"])
    op.create_index("ix_texts_waiting", "texts", ["next_ms"], sqlite_where=sa.text("next_ms IS NOT NULL"))
