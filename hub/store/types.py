"""Column types: instants that refuse naive times, money that refuses floats, sealed JSON.

Both dialects store the same primitives (an instant is integer microseconds since 1970 UTC), so that the bulk path can
hand rows to the driver as they are.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """An aware time as integer microseconds since 1970 UTC. Raises ValueError for a naive time."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone is refused; give it its zone first")
    return (moment - EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """The aware UTC time of integer microseconds since 1970."""
    return EPOCH + timedelta(microseconds=value)


def now_us() -> int:
    """Now, in microseconds since 1970 UTC."""
    return to_us(datetime.now(UTC))


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, stored as integer microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """Aware datetime (or ready microseconds) to integer."""
        if value is None or type(value) is int:
            return value
        if not isinstance(value, datetime):
            raise TypeError(f"an instant is a time with its zone, not {type(value).__name__}")
        return to_us(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Integer to aware datetime."""
        return None if value is None else from_us(value)


class Minor(TypeDecorator[int]):
    """Money in integer minor units; anything but an int is refused."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """Refuses floats, decimals and booleans."""
        if value is not None and type(value) is not int:
            raise TypeError(f"money is integer minor units, not {type(value).__name__}")
        return value


class SealedJSON(TypeDecorator[Any]):
    """JSON encrypted at rest with the process's key ring; ``place`` (table.column) is authenticated with it."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        """JSON-ready value to sealed bytes."""
        from hub.security.keyring import current

        return None if value is None else current().seal(orjson.dumps(value), self.place.encode())

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Sealed bytes to the value."""
        from hub.security.keyring import current

        return None if value is None else orjson.loads(current().open(bytes(value), self.place.encode()))
