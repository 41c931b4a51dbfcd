"""How the tables came to be: Alembic revisions, run by the program itself from wherever it is installed.

A new revision is written by Alembic from `script.py.mako`, against a database at the newest one:
`command.revision(config(connection), "what it does", autogenerate=True)`. `schema.REVISION` names it.
Revisions never import `schema`: they must do the same in ten years.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection


def config(connection: Connection) -> Config:
    """Alembic's settings for work inside the connection's transaction, which stays its owner's to commit."""
    settings = Config()
    settings.set_main_option("script_location", "bridge.store:migrations")
    settings.attributes["connection"] = connection
    return settings


def is_newer(connection: Connection) -> bool:
    """Whether the tables were made by a revision that this program does not know."""
    stored = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(config(connection))
    return stored is not None and stored not in {script.revision for script in scripts.walk_revisions()}


def upgrade(connection: Connection) -> None:
    command.upgrade(config(connection), "head")
