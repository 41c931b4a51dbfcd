"""The audit becomes a chain: each row is linked to the one before, and a head names the last signed one."""

from __future__ import annotations

import hashlib
import struct

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.rename_table("audit", "audit_unchained")
    op.drop_index("ix_audit_at_ms", "audit_unchained")
    chained = op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("signed", sa.Integer(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("signed IN (0, 1)", name=op.f("ck_audit_signed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_at_ms"), "audit", ["at_ms"])
    _chain(op.get_bind(), chained)
    op.drop_table("audit_unchained")


def _chain(connection: sa.Connection, chained: sa.Table) -> None:
    """Link the rows there are, without the key: the first signed row will vouch for them."""
    link = bytes(32)
    rows = connection.execute(
        sa.text("SELECT id, at_ms, actor, act, subject, detail FROM audit_unchained ORDER BY id")
    )
    for row in rows.mappings().all():
        texts = [row[name].encode() for name in ("actor", "act", "subject", "detail")]
        encoded = struct.pack(">qq", row["id"], row["at_ms"])
        encoded += b"".join(struct.pack(">q", len(text)) + text for text in texts)
        link = hashlib.sha256(b"call-bridge audit row 1" + link + encoded).digest()
        connection.execute(chained.insert(), {**row, "signed": 0, "link": link})
