"""The phones that managers set up from the desk: sealed passwords, and one-time links."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "phones",
        sa.Column("manager_id", sa.Integer(), nullable=False),
        sa.Column("password_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("since_ms", sa.Integer(), nullable=False),
        sa.Column("link_hash", sa.LargeBinary()),
        sa.Column("link_app", sa.Text()),
        sa.Column("link_ends_ms", sa.Integer()),
        sa.PrimaryKeyConstraint("manager_id", name="pk_phones"),
        sa.ForeignKeyConstraint(["manager_id"], ["managers.id"], name="fk_phones_manager_id_managers"),
        sa.UniqueConstraint("link_hash", name="uq_phones_link_hash"),
    )
