"""What a call is decided and counted by, however many there have been."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_outcomes_call_id", "outcomes", ["call_id"])
    op.create_index(
        "ix_calls_manager_id_started_ms_kind_result", "calls", ["manager_id", "started_ms", "kind", "result"]
    )
    op.drop_index("ix_calls_manager_id_started_ms", "calls")
