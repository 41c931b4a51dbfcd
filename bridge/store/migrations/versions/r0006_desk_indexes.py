"""What the desk's pages on managers and on proposals are read from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_orders_open", "orders", ["customer_id", "why"], sqlite_where=sa.text("why <> 'done'"))
    op.create_index(
        "ix_contacts_proposed",
        "contacts",
        ["proposed_ms"],
        sqlite_where=sa.text("proposed_ms IS NOT NULL"),
    )
