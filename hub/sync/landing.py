"""Landing: raw records into the store, as received, and through mapping and identity to the canonical tables.

Everything here runs in the caller's transaction. A record that has not changed changes nothing; an older version never
overwrites a newer one; one bad record goes to quarantine and the others go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from traceback import extract_tb

import orjson
import structlog
from sqlalchemy import Connection
from sqlmodel import col, select

from connectors import registry
from connectors.base import Record, record_key
from connectors.errors import ConnectorError, InvalidRecord
from connectors.manifest import Stream
from hub.core import Hub
from hub.events.mint import EventRow, insert_events
from hub.events.rules import wanted_kinds
from hub.identity.deciding import resolver
from hub.identity.resolve import Incoming
from hub.models import Account, Quarantined
from hub.store.bulk import Row, Upsert, delete_in, select_in
from hub.store.database import refused
from hub.sync.chats import Chats, Found
from hub.sync.connect import lock_account, public_settings
from hub.sync.project import Projector
from hub.sync.raw import parse, storable
from hub.sync.ready import Bad, Batch, Item, Reader, nameless
from hub.sync.rows import Landing, Maker
from hub.sync.withdraw import Gone, withdraw
from mappings.compile import CompiledMapping, load_mapping

log = structlog.get_logger("hub.sync")
_upsert_record = Upsert(
    "source_record",
    ("ref", "account_id", "stream", "source_id", "body", "hash", "version", "is_open", "deleted", "run_id", "changed_at"),
    ("ref",),
    update=("body", "hash", "version", "is_open", "deleted", "run_id", "changed_at"),
    not_older="version",
)
_upsert_quarantine = Upsert(
    "quarantined",
    ("ref", "account_id", "stream", "source_id", "body", "error", "state", "attempts", "run_id", "first_at", "last_at"),
    ("ref",),
    update=("body", "error", "state", "attempts", "run_id", "last_at"),
)


MOST_UNKNOWN, MOST_PROBLEMS = 300, 2000


@dataclass
class Counts:
    """What landing a batch did. problems: source id -> error of the records that went to quarantine.

    Sums are bounded: of unknown fields and words the most frequent are kept, of problems the first.
    """

    fetched: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    quarantined: int = 0
    withheld: int = 0
    events: int = 0
    created: int = 0
    merged: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    problems: dict[str, ConnectorError] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """Sum up."""
        for name in ("fetched", "changed", "unchanged", "older", "quarantined", "withheld", "events", "created", "merged"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.unknown = frequent(self.unknown + other.unknown)
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.update(other.problems)


def frequent(unknown: Counter[str]) -> Counter[str]:
    """The most frequent ones. A field of free text that is mapped as a list of words has a new one in each record."""
    return unknown if len(unknown) <= MOST_UNKNOWN else Counter(dict(unknown.most_common(MOST_UNKNOWN)))


class Lander:
    """Lands the records of one stream of one account."""

    def __init__(self, hub: Hub, account: Account, stream: str, *, mapping: CompiledMapping | None = None) -> None:
        entry = registry.get(account.platform)
        self.hub, self.account, self.stream = hub, account, stream
        self.spec: Stream = entry.manifest.streams[stream]
        self.mapping = mapping or load_mapping(
            entry.mappings / f"{stream}.yaml", zone=self.spec.cursor.zone, context=public_settings(account)
        )
        self._account_id = account.id or 0
        wanted = wanted_kinds(hub.settings)
        self._resolver = resolver(hub)
        self._chats = Chats(hub.ring, timedelta(days=hub.settings.chat_keep_days), hub.settings.chat_withdrawn)
        self._projector = Projector(hub.ring, wanted, self._chats)
        self._reader = Reader(Maker(hub.ring, self._account_id, wanted), stream, self.spec, self.mapping)

    def source_id(self, record: Record) -> str:
        """The record's key, or '' when it has none (such a record is in quarantine)."""
        try:
            return record_key(record, self.spec.key)
        except KeyError:
            return ""

    # -- one batch

    def land(self, conn: Connection, records: Iterable[Record], run_id: int | None = None) -> Counts:
        """Land a batch. Raises nothing for a bad record; the counts say what happened.

        A batch that fails in a way nobody foresaw is landed in halves until the record that it was is alone, in quarantine.
        """
        lock_account(conn, self._account_id)
        return self._land_parts(conn, list(records), run_id)

    def _land_parts(self, conn: Connection, records: Sequence[Record], run_id: int | None) -> Counts:
        try:
            with conn.begin_nested():
                return self._land(conn, self._reader.read(records), run_id)
        except Exception as error:
            if refused(error) or not records:
                raise
            if len(records) == 1:
                return self._put_aside(conn, records[0], error, run_id)
        half, counts = len(records) // 2, Counts()
        for part in (records[:half], records[half:]):
            counts.add(self._land_parts(conn, part, run_id))
        return counts

    def _put_aside(self, conn: Connection, raw: Record, error: Exception, run_id: int | None) -> Counts:
        place = extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__} {Path(place.filename).name}:{place.lineno}"
        log.error("record not landed", account=self.account.key, stream=self.stream, reason=reason)
        record, body = storable(raw)
        source_id, counts = self.source_id(record) or nameless(body), Counts(fetched=1)
        ref = f"{self._account_id}|{self.stream}|{source_id}"
        bad = Bad(ref, source_id, body, InvalidRecord("error.internal", reason=reason))
        self._quarantine(conn, [bad], counts, self.hub.now_us(), run_id)
        return counts

    def _land(self, conn: Connection, batch: Batch, run_id: int | None) -> Counts:
        counts, now = Counts(fetched=len(batch.records)), self.hub.now_us()
        fresh, known = self._fresh(conn, batch.items, counts)
        landings, unmapped = self._reader.finish(fresh, now)
        for landing in landings:
            landing.known = landing.source_ref in known
            if landing.unknown:
                counts.unknown.update(landing.unknown)
        landings = self._admitted(conn, landings, counts, now)
        bad = batch.bad + unmapped
        _upsert_record(conn, [self._row(landing, run_id, now) for landing in landings if landing.kept])
        landed = [landing.source_ref for landing in landings]
        self._come_good(conn, landed if self.spec.version else batch.items.keys() - {item.ref for item in bad})
        self._quarantine(conn, bad, counts, now, run_id)
        counts.changed += len(landings)
        events = self._derive(conn, landings, now, counts)
        counts.events += insert_events(conn, events)
        return counts

    def _fresh(self, conn: Connection, items: Mapping[str, Item], counts: Counts) -> tuple[list[Item], set[str]]:
        """What is new or changed, and the refs of which an older state is stored."""
        stored = {row[0]: row for row in select_in(conn, "source_record", ("ref", "hash", "version", "deleted"), "ref", items)}
        if not stored:
            return list(items.values()), set()
        fresh = []
        for ref, item in items.items():
            old = stored.get(ref)
            if old is not None and bytes(old[1]) == item.hash and not old[3]:
                counts.unchanged += 1
            elif old is not None and old[2] > item.version:
                counts.older += 1
            else:
                fresh.append(item)
        return fresh, stored.keys() & {item.ref for item in fresh}

    def _row(self, landing: Landing, run_id: int | None, now: int) -> Row:
        head = (landing.source_ref, self._account_id, self.stream, landing.source_id, landing.sealed, landing.hash)
        return (*head, landing.version, landing.is_open, False, run_id, now)

    def _admitted(self, conn: Connection, landings: list[Landing], counts: Counts, now: int) -> list[Landing]:
        """Without the messages that must not be kept, which leave no raw record either."""
        found = [
            Found(f"{self._account_id}|{record['id']}", self._account_id, landing.source_ref, landing.known, record)
            for landing in landings
            for record in landing.records
            if record["kind"] in ("message", "consent")
        ]
        held = self._chats.withheld(conn, found, now) if found else set()
        if not held:
            return landings
        sources = {item.source_ref for item in found if item.ref in held and item.record["kind"] == "message"}
        counts.withheld += len(held)
        for landing in landings:
            if landing.source_ref in sources:
                landing.kept = False
                landing.records = [record for record in landing.records if record["kind"] != "message"]
        return [landing for landing in landings if landing.kept or landing.records or landing.made]

    def _derive(self, conn: Connection, landings: list[Landing], now: int, counts: Counts) -> list[EventRow]:
        incoming, tags = [], {}
        for landing in landings:
            customers = [record for record in landing.records if record["kind"] == "customer"]
            aside = len(customers) < len(landing.records) + len(landing.made)
            for record in customers:
                ref = f"{self._account_id}|{record['id']}"
                incoming.append(Incoming(ref, self._account_id, landing.source_ref, landing.version, record, aside))
                if "tags" in record["fields"]:
                    tags[ref] = (record["fields"]["tags"], landing)
        resolved = self._resolver.resolve(conn, incoming, now)
        counts.created, counts.merged = resolved.created, resolved.merged
        events = resolved.events + self._projector.project(conn, landings, now)
        changed = {ref: tags[ref] for ref in tags if ref in resolved.changed}
        return events + (self._projector.tags(conn, changed, resolved.changed, now) if changed else [])

    # -- quarantine and deletion

    def _come_good(self, conn: Connection, refs: Iterable[str]) -> None:
        """What is good now leaves the quarantine; without versions also what is again as it was before it turned bad."""
        some = select(col(Quarantined.ref)).where(Quarantined.account_id == self._account_id, Quarantined.stream == self.stream)
        if conn.execute(some.limit(1)).first() is not None:
            delete_in(conn, "quarantined", "ref", [row[0] for row in select_in(conn, "quarantined", ("ref",), "ref", refs)])

    def _quarantine(self, conn: Connection, bad: Sequence[Bad], counts: Counts, now: int, run_id: int | None) -> None:
        """Put bad records aside. One that a person has dismissed stays dismissed until it changes."""
        columns = ("ref", "attempts", "state", "body")
        stored = {row[0]: row for row in select_in(conn, "quarantined", columns, "ref", [item.ref for item in bad])}
        rows = []
        for item in bad:
            _, attempts, state, body = stored.get(item.ref, (None, 0, "open", b""))
            if state == "dismissed" and self.hub.ring.unpack(body, item.ref) == item.body:
                counts.unchanged += 1
                continue
            counts.quarantined += 1
            counts.problems[item.source_id] = item.error
            sealed, error = self.hub.ring.pack(item.body, item.ref), orjson.dumps(item.error.as_dict()).decode()
            head = (item.ref, self._account_id, self.stream, item.source_id)
            rows.append((*head, sealed, error, "open", attempts + 1, run_id, now, now))
        _upsert_quarantine(conn, rows)

    def gone(self, conn: Connection, source_ids: Iterable[str]) -> int:
        """Mark records as deleted at the source, and what was derived from them; how many were not marked before."""
        lock_account(conn, self._account_id)
        refs = [f"{self._account_id}|{self.stream}|{source_id}" for source_id in source_ids]
        stored = select_in(conn, "source_record", ("ref", "deleted", "body"), "ref", refs)
        gone = self._gone({ref: body for ref, deleted, body in stored if not deleted})
        if gone.source_refs:
            insert_events(conn, withdraw(conn, self._resolver.records, self._projector, gone, self.hub.now_us()))
        return len(gone.source_refs)

    def _gone(self, bodies: Mapping[str, bytes]) -> Gone:
        found = Gone(list(bodies), {}, [])
        for ref, body in bodies.items():
            try:
                records = self.mapping.apply(parse(self.hub.ring.unpack(body, ref))).records
            except ConnectorError:
                found.unread.append(ref)
                continue
            for record in records:
                found.made.setdefault(record["kind"], []).append(f"{self._account_id}|{record['id']}")
        return found
