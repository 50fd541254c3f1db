"""Rotating the sealing key while the hub runs: a new key, all that is stored sealed anew, the old keys retired.

What is sealed is found by the columns' own declarations (``hub.models.base.sealed`` and ``packed``). A value is replaced
only where it is still what was read, so that a value written meanwhile stays; a rotation that was cut off is simply run again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from hub.core import Hub
from hub.models.base import Model
from hub.security import audit
from hub.security.keyring import LOOK_SECONDS, KeyFault
from hub.store.types import SealedJSON

BATCH = 500


class Sealed(NamedTuple):
    """A column whose values are sealed. before: what stands before the row's key in what is authenticated; None = ``place``."""

    table: str
    key: str
    column: str
    place: str
    before: str | None

    def authenticated(self, key: Any) -> bytes:
        """What the value of the row with this primary key was sealed for."""
        return (self.place if self.before is None else f"{self.before}{key}").encode()


def columns() -> list[Sealed]:
    """All columns with sealed values."""
    found = []
    for table in Model.metadata.sorted_tables:
        key = next(iter(table.primary_key.columns)).name
        for column in table.columns:
            if isinstance(column.type, SealedJSON):
                found.append(Sealed(table.name, key, column.name, column.type.place, None))
            elif "packed" in column.info:
                found.append(Sealed(table.name, key, column.name, "", column.info["packed"]))
    return found


def add(hub: Hub, *, by: str) -> int:
    """Put a key into the file that opens and does not seal yet, so that the file can be copied to other hosts first; its id."""
    fresh = hub.ring.extended()
    fresh.save(hub.settings.keys)
    added = next(iter(set(fresh.numbers) - set(hub.ring.numbers)))
    hub.ring.refresh()
    with hub.db.write() as conn:
        audit.record(conn, by, "keys.add", str(added))
    return added


def rotate(hub: Hub, *, by: str) -> dict[str, Any]:
    """Make a new active key and seal everything with it; the id of the key and how many values of each column it sealed."""
    fresh = hub.ring.rotated()
    fresh.save(hub.settings.keys)
    hub.ring.refresh()
    with hub.db.write() as conn:
        audit.record(conn, by, "keys.rotate", str(fresh.active))
    return {"active": fresh.active, "sealed": rewrap(hub)}


def rewrap(hub: Hub) -> dict[str, int]:
    """Seal with the active key whatever was sealed with another; counts by table.column."""
    done = {}
    for sealed in columns():
        if count := sum(_rewrap_batch(hub, sealed, batch) for batch in _old(hub, sealed)):
            done[f"{sealed.table}.{sealed.column}"] = count
    return done


def _old(hub: Hub, sealed: Sealed) -> Iterator[list[tuple[Any, bytes]]]:
    """Batches of (primary key, value) that another key has sealed, in the order of the keys."""
    table, key, column, *_ = sealed
    last: Any = None
    while True:
        after = f'AND "{key}" > :last' if last is not None else ""
        statement = text(  # names are those of our own tables
            f'SELECT "{key}", "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL {after} ORDER BY "{key}" LIMIT {BATCH}'  # noqa: S608
        )
        with hub.db.read() as conn:
            rows = conn.execute(statement, {"last": last} if after else {}).all()
        if not rows:
            return
        last = rows[-1][0]
        yield [(place, bytes(value)) for place, value in rows if bytes(value[:1])[0] != hub.ring.active]


def _rewrap_batch(hub: Hub, sealed: Sealed, batch: list[tuple[Any, bytes]]) -> int:
    if not batch:
        return 0
    table, key, column, *_ = sealed
    statement = text(f'UPDATE "{table}" SET "{column}" = :new WHERE "{key}" = :key AND "{column}" = :old')  # noqa: S608
    rows = []
    for place, old in batch:
        bound = sealed.authenticated(place)
        rows.append({"key": place, "old": old, "new": hub.ring.seal(hub.ring.open(old, bound), bound)})
    with hub.db.write() as conn:
        conn.execute(statement, rows)
    return len(rows)


def usage(conn: Connection) -> dict[int, int]:
    """How many stored values each key has sealed."""
    first = "hex(substr({0}, 1, 1))" if conn.dialect.name == "sqlite" else "encode(substr({0}, 1, 1), 'hex')"
    found: Counter[int] = Counter()
    for sealed in columns():
        name = first.format(f'"{sealed.column}"')
        statement = f'SELECT {name}, count(*) FROM "{sealed.table}" WHERE "{sealed.column}" IS NOT NULL GROUP BY 1'  # noqa: S608
        found.update({int(number, 16): count for number, count in conn.exec_driver_sql(statement)})
    return dict(found)


def retire(hub: Hub, *, by: str) -> list[int]:
    """Take out of the ring what seals nothing any more; the ids of the keys. Raises KeyFault while something is still sealed
    with an old key, or while other processes may not have seen the newest one yet."""
    hub.ring.refresh()
    age = time.time() - hub.settings.keys.stat().st_mtime
    if age < 2 * LOOK_SECONDS:
        raise KeyFault(
            f"the keys were changed {age:.0f} s ago: wait {2 * LOOK_SECONDS:.0f} s, until all processes have seen it"
        )
    with hub.db.read() as conn:
        used = usage(conn)
    old = sorted(set(hub.ring.numbers) - {hub.ring.active})
    if still := {number: used[number] for number in old if used.get(number)}:
        raise KeyFault(f"values are still sealed with old keys (key: values): {still}; run hub keys rotate --resume")
    if old:
        hub.ring.retired(old).save(hub.settings.keys)
        hub.ring.refresh()
        with hub.db.write() as conn:
            audit.record(conn, by, "keys.retire", ",".join(map(str, old)))
    return old
