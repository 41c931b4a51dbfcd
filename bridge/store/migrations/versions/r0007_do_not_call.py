"""Numbers and contacts that nobody calls; and the contact that a call was tried at first, in vain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "do_not_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("blind_index", sa.LargeBinary(), nullable=False),
        sa.Column("since_ms", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("outcome_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["outcome_id"], ["outcomes.id"], name=op.f("fk_do_not_call_outcome_id_outcomes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_do_not_call")),
    )
    op.create_index(op.f("ix_do_not_call_blind_index"), "do_not_call", ["blind_index"])
    op.create_index(op.f("ix_do_not_call_outcome_id"), "do_not_call", ["outcome_id"])
    op.add_column("contacts", sa.Column("never_ms", sa.Integer()))
    op.execute("ALTER TABLE calls ADD COLUMN failed_contact_id INTEGER REFERENCES contacts (id)")
    # Whoever has asked before now has asked for their numbers, too.
    op.execute(
        "INSERT INTO do_not_call (blind_index, since_ms)"
        " SELECT blind_index, do_not_call_ms FROM contacts JOIN customers ON customers.id = customer_id"
        " WHERE do_not_call_ms IS NOT NULL AND kind = 'phone' AND standing != 'wrong' AND proposed_ms IS NULL"
    )
