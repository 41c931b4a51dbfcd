"""Numbers that may be mistyped: why, since when, and what was probably meant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contacts", sa.Column("hint", sa.Text()))
    op.execute("ALTER TABLE contacts ADD COLUMN mends INTEGER REFERENCES contacts (id)")
    op.add_column("contacts", sa.Column("doubted_ms", sa.Integer()))
    op.add_column("contacts", sa.Column("invalid_in_a_row", sa.Integer(), server_default="0", nullable=False))
    # When they became suspect was not written down.
    op.execute("UPDATE contacts SET doubted_ms = created_ms WHERE standing = 'suspect'")
    op.create_index(
        "ix_contacts_suspect", "contacts", ["doubted_ms"], sqlite_where=sa.text("standing = 'suspect'")
    )
    op.create_index("ix_contacts_mends", "contacts", ["mends"], sqlite_where=sa.text("mends IS NOT NULL"))
