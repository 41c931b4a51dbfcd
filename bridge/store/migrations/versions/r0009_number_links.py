"""One-time links by which customers give a number of theirs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "number_links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("order_code", sa.Text(), nullable=False),
        sa.Column("manager_id", sa.Integer(), nullable=False),
        sa.Column("ends_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_number_links"),
        sa.UniqueConstraint("customer_id", name="uq_number_links_customer_id"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_number_links_customer_id_customers"
        ),
        sa.ForeignKeyConstraint(["order_code"], ["orders.code"], name="fk_number_links_order_code_orders"),
        sa.ForeignKeyConstraint(["manager_id"], ["managers.id"], name="fk_number_links_manager_id_managers"),
    )
