"""Limits of single managers, which an owner sets at the desk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "manager_limits",
        sa.Column("manager_id", sa.Integer(), nullable=False),
        sa.Column("calls_per_hour", sa.Integer()),
        sa.Column("calls_per_day", sa.Integer()),
        sa.Column("minutes_per_day", sa.Integer()),
        sa.Column("spend_per_day", sa.Text()),
        sa.Column("hours_start", sa.Integer()),
        sa.Column("hours_end", sa.Integer()),
        sa.ForeignKeyConstraint(["manager_id"], ["managers.id"], name="fk_manager_limits_manager_id"),
        sa.PrimaryKeyConstraint("manager_id", name="pk_manager_limits"),
    )
