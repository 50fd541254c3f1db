"""Alembic's environment: our metadata, our engine, named constraints, batch mode for SQLite."""

from typing import Any

from alembic import context

from hub.models import Model
from hub.store.database import Database
from hub.store.types import Instant, Minor, SealedJSON


def _render(kind: str, item: Any, autogen: Any) -> Any:
    """Migrations use plain column types, so that an old one never depends on today's code."""
    plain = {Instant: "sa.BigInteger()", Minor: "sa.BigInteger()", SealedJSON: "sa.LargeBinary()"}
    return plain.get(type(item), False) if kind == "type" else False


database: Database = context.config.attributes["database"]
with database.write() as connection:
    context.configure(connection=connection, target_metadata=Model.metadata, render_as_batch=True, render_item=_render)
    with context.begin_transaction():
        context.run_migrations()
