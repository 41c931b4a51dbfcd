"""When a customer may be called at one of their numbers, and in which language."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contacts", sa.Column("call_from", sa.Integer()))
    op.add_column("contacts", sa.Column("call_until", sa.Integer()))
    op.add_column("contacts", sa.Column("language", sa.Text()))
