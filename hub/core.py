"""The hub as one object: settings, database, key ring, clock. Everything else takes it as its first argument."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from config.settings import Settings
from hub.security import keyring
from hub.security.keyring import KeyRing
from hub.store.database import Database
from hub.store.types import to_us


def utc_now() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


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
        ring = keyring.load_or_create(settings.keys)
        keyring.use(ring)
        db = Database(settings.database, pool_size=settings.threads + 4)
        if migrate and db.dialect == "sqlite":
            upgrade(db)
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
