"""Budgets that all hosts share: the limiter's buckets in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from psycopg_pool import ConnectionPool
from pyrate_limiter import AbstractBucket, PostgresBucket, Rate

from hub.core import Hub


@cache
def _pool(conninfo: str) -> ConnectionPool:
    return ConnectionPool(conninfo, min_size=1, max_size=4, open=True, timeout=10)


def conninfo(hub: Hub) -> str:
    """The database's address as psycopg takes it."""
    return hub.db.url.set(drivername="postgresql").render_as_string(hide_password=False)


def shared_bucket(hub: Hub) -> Callable[[list[Rate], str], AbstractBucket]:
    """Makes buckets whose counts all workers of the account draw on."""

    def make(rates: list[Rate], key: str) -> AbstractBucket:
        return PostgresBucket(_pool(conninfo(hub)), key.replace(":", "_"), rates)

    return make
