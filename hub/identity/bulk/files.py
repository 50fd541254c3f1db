"""Resolving a file of customers: the same resolver over a store of its own, records in, customers out."""

from __future__ import annotations

import csv
import gc
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, text

from config.settings import Settings
from hub.core import Hub
from hub.events.mint import insert_events
from hub.identity.bulk.apart import Apart, apart
from hub.identity.bulk.cleaned import Cleaned, incoming
from hub.identity.bulk.reading import Reader, Row
from hub.identity.core.order import MOST, Elsewhere
from hub.identity.core.schema import Schema
from hub.identity.core.store import Decision
from hub.identity.resolve import Incoming, Outlook, Resolved, Resolver
from hub.identity.tables import asking, ledger
from hub.identity.tables.digests import blind_of
from hub.store import database
from hub.store.bulk import driver
from hub.store.migrate import upgrade, versions

BATCH, BATCHES, STREAM, AGAIN = 2000, 5, 100, 1000
"""In bulk: records decided together, and such batches in one transaction; one by one: records in one transaction. AGAIN:
customers that are looked at again together."""
RECORDS = 2
"""Records of a customer in a file, as long as nobody knows: so that its first are judged like its last."""
_BULK = ("cache_size=-270336", "wal_autocheckpoint=131072")
_USUAL = ("cache_size=-32768", "wal_autocheckpoint=8000")
Progress = Callable[[str, int, int], None]
"""Told how far a run is: (stage, records done, records in all or 0 where nobody knows). Stages: clean, decide, again (customers
looked at a second time)."""
_SELDOM = 1
"""SQLite: pages of the indexes are changed all over, so that those in memory and in the log are written to the file seldom, and
the disk is waited for then (``synchronous=NORMAL``)."""


@dataclass
class Lists:
    """The lists of customers in a file, by number, as identity asks for accounts."""

    numbers: dict[str, int] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)

    def number(self, source: str) -> int:
        """The number of a list, which is new when it comes first."""
        if source not in self.numbers:
            self.numbers[source] = len(self.numbers) + 1
            self._names.append(source)
        return self.numbers[source]

    def rank(self, number: int) -> int:
        """Its place in the order of sources: as the lists come."""
        return number

    def name(self, number: int) -> str:
        """What the list is called."""
        return self._names[number - 1]


@dataclass
class Outcome:
    """What resolving a file did. processor: seconds of this process and the second one. times: seconds of each record, where
    they came one by one."""

    records: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    customers: int = 0
    reviews: int = 0
    merged: int = 0
    asked: int | None = None
    answers: int | None = None
    times: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        found: dict[str, Any] = {
            "records": self.records, "seconds": round(self.seconds, 3), "customers": self.customers, "reviews": self.reviews,
            "records_per_second": round(self.records / self.seconds, 1) if self.seconds else None,
            "processor_seconds": round(self.processor, 3),
        }  # fmt: skip
        if self.asked is not None:
            found |= {"asked": self.asked, "answers": self.answers}
        if len(self.times) > 1:
            found |= {
                "median_ms": round(median(self.times) * 1e3, 3),
                "p99_ms": round(quantiles(self.times, n=100)[98] * 1e3, 3),
            }
        return found


@contextmanager
def store(url: str = "") -> Iterator[Hub]:
    """A hub over the store named, or a temporary one, which need not survive a power failure."""
    if url:
        hub = Hub.open(Settings(data_dir=Path("var"), database_url=url))
        try:
            if versions(hub.db)[0] is None:  # a database that is new to the hub
                upgrade(hub.db)
            yield hub
        finally:
            hub.close()
        return
    pragmas: Any = database.PRAGMAS
    with TemporaryDirectory(prefix="lianshu-resolve-") as folder:
        database.PRAGMAS = (*(p for p in pragmas if "synchronous" not in p), "synchronous=OFF")
        try:
            hub = Hub.open(Settings(data_dir=Path(folder)))
            try:
                yield hub
            finally:
                hub.close()
        finally:
            database.PRAGMAS = pragmas


@contextmanager
def in_bulk(db: database.Database) -> Iterator[None]:
    """Much at once: SQLite keeps more pages in memory and waits for the disk when all is over, not at each commit (what a power
    failure leaves is whole all the same); objects that make no cycles are not looked through for some."""
    safety = _tell(db, *_BULK, "synchronous")
    _tell(db, f"synchronous={min(safety, _SELDOM)}")
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        _tell(db, *_USUAL, f"synchronous={safety}", *(("wal_checkpoint",) if safety > _SELDOM else ()))


def _tell(db: database.Database, *pragmas: str) -> int:
    """Set pragmas of SQLite, which must be outside a transaction; what the last one says."""
    if db.dialect != "sqlite":
        return 0
    said = None
    with closing(db.writer.raw_connection()) as conn:
        cursor = conn.cursor()
        for pragma in pragmas:
            said = cursor.execute("PRAGMA " + pragma).fetchone()
    return int(said[0]) if said else 0


def _analyse(db: database.Database) -> None:
    """PostgreSQL: so that the planner knows what has come before its own daemon looks, which may be off."""
    if db.dialect == "postgresql":
        with db.write() as conn:
            driver(conn).execute("ANALYZE")


def _newest(conn: Connection) -> int:
    """The number of the newest profile, 0 where there is none."""
    (number,) = driver(conn).execute("SELECT max(nr) FROM profile").fetchone()
    return number or 0


def _untold(stage: str, done: int, whole: int) -> None:
    """Nobody asks how far it is."""


def _processor() -> float:
    """Seconds of processor time of this process and of those that it has started and that have ended."""
    return sum(os.times()[:4])


class FileRun:
    """One file through one store. processes: with 2, a second one decides while this one reads and writes."""

    def __init__(
        self, hub: Hub, preset: str = "default", schema: Schema | None = None,
        *, processes: int = 2, progress: Progress | None = None,
    ) -> None:  # fmt: skip
        self.hub, self.lists, self.processes = hub, Lists(), processes
        self.apart: Apart | None = None
        self._progress = progress or _untold
        self._newest, self._all = 0, 0
        single = schema is not None and schema.single_source
        self.schema = schema
        self.resolver = Resolver(hub.ring, self.lists, preset=preset, single_source=single)
        self.outcome = Outcome()

    def load(self, path: Path, *, stream: bool = False) -> None:
        """All records of the file; then the second looks that later records have made due. One by one they come in the order
        of the file, in bulk those side by side that may be one."""
        began, before = time.perf_counter(), _processor()
        reader = Reader(path, self.schema)
        rows = reader.rows()
        while stream and (part := list(islice(rows, STREAM))):
            self._stream([self._incoming(reader, row) for row in part])
        with in_bulk(self.hub.db), ExitStack() as stack:
            first = list(islice(rows, BATCH * BATCHES))
            much = len(first) == BATCH * BATCHES
            if much and self.processes > 1:
                self.apart = stack.enter_context(apart(self.hub, self.resolver))
            self._bulk(reader, chain(first, rows))
            if much:
                _analyse(self.hub.db)
            self._settle()
        self.apart = None
        self.outcome.seconds += time.perf_counter() - began
        self.outcome.processor += _processor() - before

    def _incoming(self, reader: Reader, row: Row) -> Incoming:
        source, record, rid = reader.record(row)
        return incoming(self.lists.number(source), rid, record.get("at", 0), record)

    def _bulk(self, reader: Reader, read: Iterator[Row]) -> None:
        clean = self.apart.clean if self.apart else None
        rows = self._counted(read)
        following = next(rows, None)
        with self.hub.db.read() as conn:
            self._newest = _newest(conn)
        while following:
            with Cleaned(reader, self.lists.number, blind_of(self.hub.ring)) as records:
                records.add(chain([following], islice(rows, MOST - 1)), self.hub.now_us() // 1_000_000, clean)
                following = next(rows, None)
                self._all += len(records)
                self._progress("clean", self._all, 0 if following else self._all)
                batches, elsewhere = records.batches(BATCH)
                # Of a store that is empty all is known that comes to it, as long as this file is put in order as a whole.
                self._expect(len(records), elsewhere if not (self._newest or following) else None)
                batch = next(batches, None)
                while batch:
                    batch = self._land(batch, batches)
            self._expect(0, None)

    def _counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        for number, row in enumerate(rows):
            if number % BATCH == 0:
                self._progress("clean", number, 0)
            yield row

    def _expect(self, records: int, elsewhere: Elsewhere | None) -> None:
        outlook = Outlook(self.resolver.outlook.expected + records // RECORDS, elsewhere)
        if self.apart:
            self.apart.expect(outlook)
        else:
            self.resolver.outlook = outlook

    def _land(self, batch: list[Incoming], batches: Iterator[list[Incoming]]) -> list[Incoming] | None:
        """Some batches in one transaction; the one that follows, None after the last."""
        with self._writing() as conn:
            for part in chain([batch], islice(batches, BATCHES - 1)):
                self._resolve(conn, part)
            following = next(batches, None)
            if self.apart is not None and not (following and self.apart.undisturbed):
                self._note(conn, self.apart.rest(conn, self.hub.now_us()))
        return following

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self.hub.db.write() as conn:
            ledger.lock(conn)
            if self.apart is not None:
                self.apart.begin(conn)
            if self.resolver.outlook.elsewhere is not None and _newest(conn) != self._newest:
                self._expect(0, None)  # somebody else has brought customers: from now on keys are looked for in the store
            yield conn
            self._newest = _newest(conn)
        if self.apart is not None:
            self.apart.committed()

    def _stream(self, batch: Sequence[Incoming]) -> None:
        """One by one, in one transaction."""
        with self.hub.db.write() as conn:
            for item in batch:
                began = time.perf_counter()
                self._resolve(conn, [item])
                self.outcome.times.append(time.perf_counter() - began)

    def _resolve(self, conn: Connection, batch: list[Incoming]) -> None:
        now = self.hub.now_us()
        self._note(conn, self.apart.resolve(conn, batch, now) if self.apart else [self.resolver.resolve(conn, batch, now)])
        self.outcome.records += len(batch)
        self._progress("decide", self.outcome.records, self._all)

    def _note(self, conn: Connection, done: Iterable[Resolved]) -> None:
        for resolved in done:
            insert_events(conn, resolved.events)
            self.outcome.merged += resolved.merged

    def _settle(self) -> None:
        """Second looks until none is due; then the questions that are left are bounded."""
        done = 0
        while due := self._again():
            whole, done = done + due, done + min(due, AGAIN)
            self._progress("again", done, whole)
        with self.hub.db.write() as conn:
            asking.bound(conn)

    def _again(self) -> int:
        """Second looks at some customers; how many there were to look at."""
        with self._writing() as conn:
            due = int(conn.execute(text("SELECT count(*) FROM identity_redo")).scalar_one())
            if due:
                now = self.hub.now_us()
                self._note(conn, self.apart.redo(conn, now, AGAIN) if self.apart else [self.resolver.redo(conn, now, AGAIN)])
            return due

    def answer(self, truth: Mapping[str, str], share: float) -> None:
        """Answer the review queue from the truth (rid -> entity), the first question first, until so large a share of all
        records has been asked about."""
        began, most, asked, answers = time.perf_counter(), share * self.outcome.records, set[str](), 0
        while len(asked) < most:
            question = self._question()
            if question is None:
                self._settle()
                question = self._question()
            if question is None:
                break
            a, b = question
            if len(asked | {a, b}) > most:
                break
            same = truth.get(a.split("|", 1)[1]) == truth.get(b.split("|", 1)[1])
            with self.hub.db.write() as conn:
                done = self.resolver.decide(conn, Decision(a, b, "same" if same else "different"), "truth", self.hub.now_us())
                insert_events(conn, done.events)
            asked |= {a, b}
            answers += 1
        self._settle()
        self.outcome.asked, self.outcome.answers = len(asked), answers
        self.outcome.seconds += time.perf_counter() - began

    def _question(self) -> tuple[str, str] | None:
        """The open question whose answer is worth most."""
        statement = text("SELECT a, b FROM identity_review WHERE state = 'open' ORDER BY worth DESC, a, b LIMIT 1")
        with self.hub.db.read() as conn:
            found = conn.execute(statement).first()
        return (found[0], found[1]) if found else None

    def write(self, out: Path) -> None:
        """rid, customer_id, reviews of each record."""
        open_ones = "SELECT ref, count(*) FROM (SELECT a AS ref FROM identity_review WHERE state = 'open' UNION ALL "
        open_ones += "SELECT b FROM identity_review WHERE state = 'open') AS sides GROUP BY ref"
        with self.hub.db.read() as conn, out.open("w", encoding="utf-8", newline="") as file:
            waiting = {ref: int(count) for ref, count in conn.execute(text(open_ones))}
            writer = csv.writer(file)
            writer.writerow(("rid", "customer_id", "reviews"))
            found = conn.execution_options(yield_per=5000).execute(text("SELECT ref, customer_id FROM profile ORDER BY nr"))
            writer.writerows((ref.split("|", 1)[1], cid, waiting.get(ref, 0)) for ref, cid in found)
            count = text("SELECT count(*) FROM customer WHERE state = 'active'")
            self.outcome.customers = int(conn.execute(count).scalar_one())
            questions = text("SELECT count(*) FROM identity_review WHERE state = 'open'")
            self.outcome.reviews = int(conn.execute(questions).scalar_one())
