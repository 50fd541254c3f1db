"""The audit log: append-only and hash-chained; ``verify`` finds the first entry that was changed or removed."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import Connection, text
from sqlalchemy import select as sa_select
from sqlmodel import col, insert, select

from hub.models import AuditEntry
from hub.models.base import table
from hub.security.keyring import current
from hub.store.types import from_us, now_us, to_us

LOCK = 7_310_001
"""The advisory lock that keeps the chain's writers apart on PostgreSQL."""


def _digest(previous: bytes, seq: int, at: datetime, who: str, what: str, subject: str, detail: dict[str, Any]) -> bytes:
    body = orjson.dumps([seq, to_us(at), who, what, subject, detail], option=orjson.OPT_SORT_KEYS)
    return blake2b(previous + body, key=current().derived("audit"), digest_size=32).digest()


def record(conn: Connection, who: str, what: str, subject: str, **detail: Any) -> None:
    """Append an entry in the caller's transaction. detail must hold no personal value and no secret."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    newest = select(AuditEntry.seq, AuditEntry.hash).order_by(col(AuditEntry.seq).desc()).limit(1)
    last = conn.execute(newest).first()
    seq, previous = (last[0] + 1, bytes(last[1])) if last else (1, b"")
    entry: dict[str, Any] = {
        "seq": seq,
        "at": from_us(now_us()),
        "who": who,
        "what": what,
        "subject": subject,
        "detail": detail,
    }
    conn.execute(insert(AuditEntry), [{**entry, "hash": _digest(previous, **entry)}])


def verify(conn: Connection) -> tuple[int, int | None]:
    """How many entries were checked, and the number of the first broken one (None = the chain holds)."""
    previous, expected = b"", 1
    rows = conn.execution_options(yield_per=1000).execute(sa_select(table(AuditEntry)).order_by(col(AuditEntry.seq)))
    for row in rows:
        entry = row._asdict()
        stored = bytes(entry.pop("hash"))
        if entry["seq"] != expected or _digest(previous, **entry) != stored:
            return expected - 1, int(entry["seq"])
        previous, expected = stored, expected + 1
    return expected - 1, None
