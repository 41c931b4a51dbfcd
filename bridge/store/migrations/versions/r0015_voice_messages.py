"""Messages of customers whom nobody answered, sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "voice_messages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Integer()),
        sa.Column("order_code", sa.Text()),
        sa.Column("caller", sa.Integer()),
        sa.Column("data_key", sa.LargeBinary()),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Integer()),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("heard_ms", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_voice_messages"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_voice_messages_customer_id"),
        sa.ForeignKeyConstraint(["order_code"], ["orders.code"], name="fk_voice_messages_order_code"),
    )
    for columns in (["order_code", "at_ms"], ["customer_id"], ["at_ms"]):
        op.create_index(f"ix_voice_messages_{'_'.join(columns)}", "voice_messages", columns)
