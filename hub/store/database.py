"""The database: engines set up for each dialect, and the two ways in: ``read()`` and ``write()``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool
from sqlmodel import Session

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=10000",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-32768",
    "wal_autocheckpoint=8000",
)
PG_OPTIONS = (
    "-c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000 -c lock_timeout=20000 -c timezone=UTC -c jit=off"
)
"""Without compiling: a statement that reads a table whole where it should go by an index (`hub.identity.tables.ledger`) looks
dear enough for it, and would take 100 ms more."""


_REFUSALS = ("OperationalError", "InterfaceError", "InternalError")


def refused(error: BaseException) -> bool:
    """Whether the database itself did not go along (locked, full, gone, shut down), whatever it was asked to store."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return not names.isdisjoint(_REFUSALS)


class Database:
    """One database. On SQLite writers queue at one lock and begin IMMEDIATE; readers never take the write lock.

    The error of a failing statement shows none of its values: they may be personal.
    """

    def __init__(self, url: str, *, pool_size: int = 12) -> None:
        self.url = make_url(url)
        self.dialect = self.url.get_backend_name()
        if self.dialect == "sqlite":
            self._lock: Any = threading.RLock()
            self.writer = _sqlite(self.url, immediate=True, pool_size=1)
            self.reader = _sqlite(self.url, immediate=False, pool_size=pool_size)
        elif self.dialect == "postgresql":
            self._lock = nullcontext()
            self.url = self.url.set(drivername="postgresql+psycopg")
            options = f"{PG_OPTIONS} {self.url.query.get('options', '')}".strip()
            self.writer = self.reader = create_engine(
                self.url, pool_size=pool_size, pool_pre_ping=True, hide_parameters=True, connect_args={"options": options}
            )
        else:
            raise ValueError(f"the database is SQLite or PostgreSQL, not {self.dialect}")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading. Never hold it over an HTTP call."""
        with self.reader.connect() as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        with self._lock, self.writer.begin() as conn:
            yield conn

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A write transaction with an ORM session, for forms and other single objects."""
        with self.write() as conn, Session(conn) as session:
            yield session
            session.flush()

    def close(self) -> None:
        """Give all connections back."""
        self.writer.dispose()
        self.reader.dispose()


def _sqlite(url: Any, *, immediate: bool, pool_size: int) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=pool_size, max_overflow=0, hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": 10},
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _: Any) -> None:
        dbapi.isolation_level = None  # we say BEGIN ourselves, or a read would hold or lose its snapshot
        for pragma in PRAGMAS:
            dbapi.execute("PRAGMA " + pragma)
        if not immediate:
            dbapi.execute("PRAGMA cache_size=-8192")  # there are many readers

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
