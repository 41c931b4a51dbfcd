"""Run by Alembic, always inside a transaction that the caller has begun."""

from __future__ import annotations

from alembic import context

from bridge.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite's ALTER TABLE can do little
    transactional_ddl=True,
)
context.run_migrations()
