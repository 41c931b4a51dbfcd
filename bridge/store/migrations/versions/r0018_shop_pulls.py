"""Shops that are asked for their orders: where, by which sealed login, and how far that has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shop_pulls",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("login_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("since_ms", sa.Integer(), nullable=False),
        sa.Column("page", sa.Text()),
        sa.Column("newest_ms", sa.Integer()),
        sa.Column("pulled_ms", sa.Integer()),
        sa.Column("said", sa.Text()),
        sa.Column("failing_since_ms", sa.Integer()),
        sa.Column("alarmed_ms", sa.Integer()),
        sa.PrimaryKeyConstraint("shop_id", name="pk_shop_pulls"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_shop_pulls_shop_id_shops"),
    )
