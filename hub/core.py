"""The hub as one object: settings, database, key ring, clock. Everything else takes it as its first argument."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, text

from config.settings import Settings
from hub.security import keyring
from hub.security.keyring import KeyFault, KeyRing
from hub.store.database import Database
from hub.store.types import to_us


def utc_now() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


def _ring_of(path: Path, db: Database) -> KeyRing:
    """The key ring of this database. Raises KeyFault when the file is missing or another one's: what the hub would write
    with new keys could never be put together with what is there."""
    sealed, place = _sealed(db)
    if sealed is not None and not path.exists():
        raise KeyFault(
            f"密钥文件 {path} 不见了，数据库里的内容要用它才能读：从备份放回原处 / the key file {path} is missing, and what "
            "the database holds can be read with it alone: put it back from your backup"
        )
    ring = keyring.load_or_create(path)
    if sealed is not None:
        try:
            ring.open(sealed, place)
        except KeyFault:
            raise KeyFault(
                f"密钥文件 {path} 不是这个数据库的 / the key file {path} does not belong to this database (HUB_KEY_FILE, "
                "HUB_DATABASE_URL)"
            ) from None
    return ring


def _sealed(db: Database) -> tuple[bytes | None, bytes]:
    """Something that was sealed with the keys of this database, and what it is bound to: an account's settings, or (a store of
    `hub resolve` has no accounts) the oldest customer."""
    with db.read() as conn:
        if not inspect(conn).has_table("account"):
            return None, b""
        config = conn.execute(text("SELECT config FROM account ORDER BY id LIMIT 1")).scalar()
        if config is not None:
            return bytes(config), b"account.config"
        customer = conn.execute(text("SELECT id, data FROM customer ORDER BY id LIMIT 1")).first()
        return (bytes(customer[1]), f"customer|{customer[0]}".encode()) if customer and customer[1] else (None, b"")


@dataclass
class Hub:
    """One running hub. clock: the time that windows, leases and due times use (tests move it).

    stopping: set when the process is asked to stop; jobs look at it between pages. runner: what runs jobs in this process.
    """

    settings: Settings
    db: Database
    ring: KeyRing
    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    stopping: Callable[[], bool] = field(default=lambda: False)
    runner: Any = None

    @classmethod
    def open(cls, settings: Settings, *, migrate: bool = True) -> Hub:
        """Open the database (bringing a SQLite file up to date) and load the key ring."""
        from hub.store.migrate import upgrade

        # Landing makes many short-lived objects: looking through all that was imported again and again is a waste.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        db = Database(settings.database, pool_size=settings.threads + 4)
        try:
            if migrate and db.dialect == "sqlite":
                upgrade(db)
            ring = _ring_of(settings.keys, db)
        except BaseException:
            db.close()
            raise
        keyring.use(ring)
        hub = cls(settings, db, ring)
        if settings.clock_offset:
            offset = timedelta(seconds=settings.clock_offset)
            hub.clock = lambda: datetime.now(UTC) + offset
        return hub

    def now(self) -> datetime:
        """The hub's clock."""
        return self.clock()

    def now_us(self) -> int:
        """The hub's clock in microseconds."""
        return to_us(self.clock())

    def close(self) -> None:
        """Give the connections back."""
        self.db.close()
