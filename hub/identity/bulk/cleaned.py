"""A file's records cleaned and put in order before any of them is decided, with a second process's help where there is one."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from hub.identity.bulk.reading import Reader, Row
from hub.identity.bulk.spool import Spool
from hub.identity.core.engine import Blind
from hub.identity.core.extract import extract
from hub.identity.core.features import Features
from hub.identity.core.keying import keys
from hub.identity.core.order import Elsewhere, Order, mark
from hub.identity.core.unit import of_profile
from hub.identity.resolve import Incoming

TOGETHER = 2000
"""Rows that are cleaned together."""
_FLYING = 2
"""Such parts that the second process has to do at most; this one does the next one itself."""


class Body(NamedTuple):
    """What is kept of a row until its turn comes."""

    rid: str
    at: int
    record: dict[str, Any]
    features: Features


class Clean(NamedTuple):
    """A row, cleaned. source: its list; own, marks: see `hub.identity.core.order.Order.add`."""

    source: str
    own: int
    body: bytes
    marks: array[int]


_pack = msgspec.msgpack.Encoder().encode
_body = msgspec.msgpack.Decoder(Body).decode
Help = Callable[[Reader, Sequence[Row], int], "Future[list[Clean]]"]
"""Cleans rows elsewhere, as `cleaned` does."""


def cleaned(reader: Reader, rows: Iterable[Row], now: int, blind: Blind) -> list[Clean]:
    """Rows as they are to be kept. now: seconds, the time of those that have none. Raises FileFault."""
    found = []
    for row in rows:
        source, record, rid = reader.record(row)
        at = record.pop("at", 0)
        features = record.pop("features", None) or extract(record, at or now, source)
        wanted = keys(of_profile(rid, features))
        marks = [mark(blind(*key)) for key in {*wanted.stored, *wanted.looked, *wanted.counted}]
        own = mark(blind("record", f"{source}\x1f{rid}"))
        found.append(Clean(source, own, _pack(Body(rid, at, record, features)), array("Q", marks)))
    return found


def incoming(number: int, rid: str, at: int, record: dict[str, Any]) -> Incoming:
    """A record of a file's list on its way in. at: seconds since 1970, 0 where the file does not say it."""
    return Incoming(f"{number}|{rid}", number, f"{number}|file|{rid}", at * 1_000_000, record)


class Cleaned:
    """The records of a file, in the order in which they are best decided. number: of a list, by its name.

    Use as a context; `add` all rows, then ask for `batches` once.
    """

    def __init__(self, reader: Reader, number: Callable[[str], int], blind: Blind) -> None:
        self._reader, self._number, self._blind = reader, number, blind
        self._spool, self._order, self._lists = Spool(), Order(), array("I")

    def __enter__(self) -> Cleaned:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._spool.__exit__(kind, error, trace)

    def __len__(self) -> int:
        return len(self._lists)

    def add(self, rows: Iterator[Row], now: int, help_: Help | None) -> None:
        """Clean rows and put them aside. Raises FileFault."""
        waiting: deque[Future[list[Clean]] | list[Clean]] = deque()
        while part := list(islice(rows, TOGETHER)):
            if help_ and sum(isinstance(item, Future) and not item.done() for item in waiting) < _FLYING:
                waiting.append(help_(self._reader, part, now))
            else:
                waiting.append(cleaned(self._reader, part, now, self._blind))
            while waiting and (isinstance(waiting[0], list) or waiting[0].done() or len(waiting) > 2 * _FLYING):
                self._keep(waiting.popleft())
        for item in waiting:
            self._keep(item)

    def _keep(self, found: Future[list[Clean]] | list[Clean]) -> None:
        for source, own, body, marks in found if isinstance(found, list) else found.result():
            self._lists.append(self._number(source))
            self._spool.put(body)
            self._order.add(own, marks)

    def batches(self, size: int) -> tuple[Iterator[list[Incoming]], Elsewhere]:
        """All records, about so many at a time; and which of their keys somebody in another batch has."""
        batches = self._order.batches(size)
        elsewhere = self._order.elsewhere(batches)
        del self._order
        return (list(map(self._incoming, numbers)) for numbers in batches), elsewhere

    def _incoming(self, number: int) -> Incoming:
        rid, at, record, features = _body(self._spool.take(number))
        return incoming(self._lists[number], rid, at, {**record, "features": features})
