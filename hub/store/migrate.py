"""Migrations: Alembic without its own command line; ``hub migrate`` and the start on SQLite call ``upgrade``."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from hub.store.database import Database

HERE = Path(__file__).parent / "migrations"


def _config(db: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["database"] = db
    return config


def upgrade(db: Database) -> None:
    """Bring the database to the newest version, in one transaction."""
    command.upgrade(_config(db), "head")


def versions(db: Database) -> tuple[str | None, str | None]:
    """The database's version and the newest there is."""
    with db.read() as conn:
        present = MigrationContext.configure(conn).get_current_revision()
    return present, ScriptDirectory.from_config(_config(db)).get_current_head()


def new_revision(db: Database, message: str) -> None:
    """Write a migration from the difference between models and database (for developers)."""
    command.revision(_config(db), message, autogenerate=True)
