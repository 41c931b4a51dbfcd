"""Shops that send their orders by webhooks of their own, and what they have last said of each order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shops",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("seen_ms", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_shops"),
        sa.UniqueConstraint("name", name="uq_shops_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shop_managers",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("manager_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_shop_managers_shop_id"),
        sa.ForeignKeyConstraint(["manager_id"], ["managers.id"], name="fk_shop_managers_manager_id"),
        sa.PrimaryKeyConstraint("shop_id", "manager_id", name="pk_shop_managers"),
    )
    op.create_table(
        "shop_orders",
        sa.Column("order_code", sa.Text(), nullable=False),
        sa.Column("shop_name", sa.Text(), nullable=False),
        sa.Column("changed_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_code"], ["orders.code"], name="fk_shop_orders_order_code"),
        sa.PrimaryKeyConstraint("order_code", name="pk_shop_orders"),
    )
