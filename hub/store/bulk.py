"""Bulk upsert for both dialects, behind one function.

Rows are tuples of driver primitives (JSON and dates as texts) in the order of the columns. SQLite gets ``executemany``;
PostgreSQL gets COPY for large batches (straight into the table where all rows are new, else into a temporary one and one
merge) and ``executemany`` for small ones. Unchanged rows write nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from hashlib import blake2b
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql

from hub.models.base import Model

Row = tuple[Any, ...]
COPY_FROM = 100
"""Batches of at least this many rows go through COPY on PostgreSQL."""
MERGES = 32
"""So many large batches are merged after one that held a row that was there, before it is hoped again that all are new."""
TOGETHER = 16
"""Rows of a small batch in one statement: each count is a statement of its own to prepare."""
IN_LIMIT = 900
_UNIQUE_VIOLATION = "23505"
_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]


class Upsert:
    """An insert that updates on conflict, compiled once per dialect.

    update: columns to overwrite; () = keep what is there. changed: write only where this column differs.
    not_older: write only where this column is not smaller than the stored one.
    """

    def __init__(
        self, table: str, columns: Sequence[str], key: Sequence[str], *, update: Sequence[str] = (),
        changed: str | None = None, not_older: str | None = None,
    ) -> None:  # fmt: skip
        model: Table = Model.metadata.tables[table]
        unknown = [name for name in columns if name not in model.c]
        if unknown:
            raise ValueError(f"{table} has no column {', '.join(unknown)}")
        self.table, self.columns = table, tuple(columns)
        self._key_of = itemgetter(*(self.columns.index(name) for name in key))
        self._updates, self._older = bool(update), self.columns.index(not_older) if not_older else None
        names = ", ".join(f'"{name}"' for name in columns)
        self._insert = f'INSERT INTO "{table}" ({names})'
        self._conflict = f" ON CONFLICT ({', '.join(f'{chr(34)}{name}{chr(34)}' for name in key)}) DO " + self._action(
            update, changed, not_older
        )
        self._names = names
        types = [model.c[name].type.compile(dialect=_POSTGRES).lower() for name in columns]
        # Documents and dates come as texts, ready for both databases.
        # FLOAT is PostgreSQL's word for a type that its protocol, and so the driver, knows as float8.
        self._types = [{"json": "text", "date": "text", "float": "float8"}.get(kind, kind) for kind in types]
        # In the binary form a document is its text, and a date is not.
        self._direct, self._merges = "date" not in types, 0
        self._load = ", ".join(f'"{name}"::{kind}' for name, kind in zip(columns, self._types, strict=True))
        self._back = ", ".join(f'"{name}"::{kind}' for name, kind in zip(columns, types, strict=True))
        # Connections are pooled and temporary tables stay with them: another set of columns is another table.
        self._shape = blake2b(names.encode(), digest_size=4).hexdigest()
        self._sqlite = f"{self._insert} VALUES ({', '.join('?' * len(columns))}){self._conflict}"

    def _action(self, update: Sequence[str], changed: str | None, not_older: str | None) -> str:
        if not update:
            return "NOTHING"
        sets = ", ".join(f'"{name}" = excluded."{name}"' for name in update)
        guards = [f'"{self.table}"."{changed}" <> excluded."{changed}"'] if changed else []
        guards += [f'"{self.table}"."{not_older}" <= excluded."{not_older}"'] if not_older else []
        return f"UPDATE SET {sets}" + (f" WHERE {' AND '.join(guards)}" if guards else "")

    def __call__(self, conn: Connection, rows: Iterable[Row]) -> int:
        """Write the rows; how many were inserted or changed. Of rows with one key the last wins, the newest (``not_older``),
        or the first (no ``update``)."""
        rows = rows if isinstance(rows, list) else list(rows)
        if not rows:
            return 0
        if conn.dialect.name == "sqlite":
            # One row after the other: of two with one key the later is simply a conflict.
            return int(driver(conn).executemany(self._sqlite, rows).rowcount)
        unique = self._unique(rows)
        ordered = [unique[key] for key in sorted(unique)]
        return self._postgres(conn, ordered)

    def _unique(self, rows: list[Row]) -> dict[Any, Row]:
        """By key, what SQLite would be left with: PostgreSQL takes no key twice in one statement."""
        keyed = dict(zip(map(self._key_of, rows), rows, strict=True))
        if len(keyed) == len(rows) or (self._updates and self._older is None):
            return keyed
        found: dict[Any, Row] = {}
        for row in rows:
            key = self._key_of(row)
            old = found.setdefault(key, row)
            if self._older is not None and old[self._older] <= row[self._older]:
                found[key] = row
        return found

    def _postgres(self, conn: Connection, rows: list[Row]) -> int:
        with driver(conn).cursor() as cursor:
            if len(rows) < COPY_FROM or driver(conn).pgconn.pipeline_status:
                marks = ", ".join(["%s"] * len(self.columns))
                return _in_few(cursor, f"{self._insert} VALUES ({marks}){self._conflict}", rows)
            if self._direct and self._merges == 0 and self._inserted(cursor, rows):
                return len(rows)
            self._merges = max(0, self._merges - 1)
            return self._merged(cursor, rows)

    def _inserted(self, cursor: Any, rows: list[Row]) -> bool:
        """Copy the rows straight into the table, as if none were there: in a backfill none is. If one is, take it all back
        and merge from now on, for a while."""
        cursor.execute("SAVEPOINT rows")
        try:
            self._copy(cursor, self.table, rows)
        except Exception as error:
            if getattr(error, "sqlstate", None) != _UNIQUE_VIOLATION:
                raise
            cursor.execute("ROLLBACK TO SAVEPOINT rows; RELEASE SAVEPOINT rows")
            self._merges = MERGES
            return False
        cursor.execute("RELEASE SAVEPOINT rows")
        return True

    def _merged(self, cursor: Any, rows: list[Row]) -> int:
        temp = f"load_{self.table}_{self._shape}"
        cursor.execute(
            f'CREATE TEMP TABLE IF NOT EXISTS "{temp}" ON COMMIT DELETE ROWS AS '  # noqa: S608
            f'SELECT {self._load} FROM "{self.table}" WITH NO DATA; DELETE FROM "{temp}"'
        )
        self._copy(cursor, temp, rows)
        cursor.execute(f'{self._insert} SELECT {self._back} FROM "{temp}"{self._conflict}')  # noqa: S608
        return int(cursor.rowcount)

    def _copy(self, cursor: Any, table: str, rows: list[Row]) -> None:
        with cursor.copy(f'COPY "{table}" ({self._names}) FROM STDIN (FORMAT BINARY)') as copy:
            copy.set_types(self._types)
            for row in rows:
                copy.write_row(row)


@cache
def _for_rows(statement: str, count: int) -> str:
    """An insert of one row as one of so many."""
    head, _, rest = statement.partition(" VALUES (")
    marks, _, tail = rest.partition(")")
    return f"{head} VALUES {', '.join([f'({marks})'] * count)}{tail}"


def _in_few(cursor: Any, statement: str, rows: Sequence[Row]) -> int:
    """Run an insert of one row in statements of up to ``TOGETHER`` rows (PostgreSQL: a row of its own is a message to and fro);
    how many rows were inserted or changed, where that is waited for."""
    written = 0
    for start in range(0, len(rows), TOGETHER):
        part = rows[start : start + TOGETHER]
        cursor.execute(_for_rows(statement, len(part)), [value for row in part for value in row])
        written += cursor.rowcount
    return written


@contextmanager
def unwaited(conn: Connection) -> Iterator[None]:
    """Statements of the block go to the server one behind the other; only reading an answer waits, for all before it.

    PostgreSQL (SQLite answers at once). Inside, what an `Upsert` returns is not known, and only the driver's own statements
    may be used: SQLAlchemy asks each for its answer.
    """
    with driver(conn).pipeline() if conn.dialect.name == "postgresql" else nullcontext():
        yield


def driver(conn: Connection) -> Any:
    """The driver's own connection, in the transaction of this one."""
    return conn.connection.driver_connection


@cache
def _select(table: str, columns: tuple[str, ...], where: str, dialect: str, size: int) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    marks = f"IN ({', '.join('?' * size)})" if dialect == "sqlite" else "= ANY(%s)"
    return f'SELECT {names} FROM "{table}" WHERE "{where}" {marks}'  # noqa: S608 - names are ours


def ask(conn: Connection, statement: str, values: Sequence[Any] = ()) -> Callable[[], list[Row]]:
    """Ask (see ``marked``) and read the answer later: in `unwaited` several questions cost one wait."""
    cursor = driver(conn).cursor()
    cursor.execute(marked(conn, statement), values)
    return partial(_answer, cursor)


def _answer(cursor: Any) -> list[Row]:
    try:
        return list(cursor.fetchall())
    finally:
        cursor.close()


def ask_in(conn: Connection, table: str, columns: Sequence[str], where: str, values: Iterable[Any]) -> Callable[[], list[Row]]:
    """Ask for rows whose column ``where`` is one of the values; the answer is read later."""
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return list
    if conn.dialect.name != "sqlite":
        return ask(conn, _select(table, tuple(columns), where, "postgresql", 0), (wanted,))
    found: list[Row] = []
    for start in range(0, len(wanted), IN_LIMIT):
        part = wanted[start : start + IN_LIMIT]
        size = 1 << (len(part) - 1).bit_length() if len(part) < IN_LIMIT else IN_LIMIT
        size = min(size, IN_LIMIT)
        part += [part[-1]] * (size - len(part))
        found += driver(conn).execute(_select(table, tuple(columns), where, "sqlite", size), part).fetchall()
    return lambda: found


def select_in(conn: Connection, table: str, columns: Sequence[str], where: str, values: Iterable[Any]) -> list[Row]:
    """Rows whose column ``where`` is one of the values, as tuples of driver primitives."""
    return ask_in(conn, table, columns, where, values)()


def delete_in(conn: Connection, table: str, where: str, values: Iterable[Any]) -> None:
    """Delete the rows whose column ``where`` is one of the values."""
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return
    statement = f'DELETE FROM "{table}" WHERE "{where}" = '  # noqa: S608 - names are ours
    if conn.dialect.name == "sqlite":
        driver(conn).executemany(statement + "?", [(value,) for value in wanted])
    else:
        with driver(conn).cursor() as cursor:
            cursor.execute(statement + "ANY(%s)", (wanted,))


def marked(conn: Connection, statement: str) -> str:
    """The statement with the driver's own mark at each {0}."""
    return statement.format("?" if conn.dialect.name == "sqlite" else "%s")


def insert_many(conn: Connection, statement: str, rows: Sequence[Row]) -> None:
    """Run an insert of one row (see ``marked``) for each; no two rows of one key."""
    if conn.dialect.name == "sqlite" or not rows:
        many(conn, statement, rows)
        return
    with driver(conn).cursor() as cursor:
        _in_few(cursor, marked(conn, statement), rows)


def many(conn: Connection, statement: str, rows: Sequence[Row]) -> None:
    """Run a statement (see ``marked``) for each row."""
    if rows:
        cursor = driver(conn).cursor()
        try:
            cursor.executemany(marked(conn, statement), rows)
        finally:
            cursor.close()
