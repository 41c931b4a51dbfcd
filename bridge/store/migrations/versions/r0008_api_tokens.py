"""The API for integrators: its tokens, and the answers that are kept for requests that are sent again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("ends_ms", sa.Integer(), nullable=False),
        sa.Column("revoked_ms", sa.Integer()),
        sa.Column("seen_ms", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_api_tokens_token_hash"),
    )
    op.create_index(
        "ix_api_tokens_in_use",
        "api_tokens",
        ["name"],
        unique=True,
        sqlite_where=sa.text("revoked_ms IS NULL"),
    )
    op.create_table(
        "api_answers",
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("begun_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", sa.Text(), nullable=False, server_default=""),
        sa.Column("body", sa.Text(), nullable=False, server_default=""),
        sa.Column("customer_id", sa.Integer()),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name="fk_api_answers_token_id_api_tokens"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_api_answers_customer_id_customers"
        ),
        sa.PrimaryKeyConstraint("token_id", "key_hash", name="pk_api_answers"),
    )
    op.create_index("ix_api_answers_begun_ms", "api_answers", ["begun_ms"])
    op.create_index("ix_api_answers_customer_id", "api_answers", ["customer_id"])
