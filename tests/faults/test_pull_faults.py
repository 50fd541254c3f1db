"""Reading while the platform lives and fails: through the whole hub, nothing is lost and nothing is doubled."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Response
from sqlalchemy import text, update

from config.settings import Settings
from connectors.base import Source, Token
from connectors.budgets import MemoryBudgets
from connectors.errors import Throttled
from connectors.sandbox import Served, Simulator
from connectors.taobao import sim_protocol
from connectors.taobao.simulator import TaobaoSimulator
from connectors.wukong.simulator import WukongSimulator
from hub import accounts
from hub.core import Hub
from hub.identity.resolve import Resolver
from hub.models import AccountStream
from hub.store import database
from hub.sync import connect, quarantine
from hub.sync.claims import advance, claim
from hub.sync.cursor import Cursor
from hub.sync.foreground import sync
from hub.sync.pull import Outcome, pull
from hub.sync.raw import parse

KINDS = {"taobao": TaobaoSimulator, "wukong": WukongSimulator}
STREAMS = ["taobao order", "taobao refund", "wukong customer", "wukong deal"]


@dataclass
class Reading:
    """One stream of one platform, and a hub that reads it. Waiting moves the clock of both."""

    hub: Hub
    sim: Simulator
    stream: str
    account: int

    def forward(self, seconds: float) -> None:
        self.sim.offset += timedelta(seconds=seconds)

    def populate(self, count: int, *, ago: float = 7200, step: float = 20) -> list[str]:
        start = self.sim.now().replace(microsecond=0) - timedelta(seconds=ago)
        return self.sim.populate(self.stream, count, start=start, step=timedelta(seconds=step))

    def pull(self) -> Outcome:
        """One slice."""
        with self.hub.db.write() as conn:
            conn.execute(text("UPDATE account_stream SET next_run_at = 0"))
        found = pull(self.hub, self.account, self.stream, seconds=30)
        assert found is not None
        return found

    def read_all(self, slices: int = 40) -> Counter[str]:
        """Slice by slice, waiting as it says, until nothing is left; what the runs counted."""
        counted: Counter[str] = Counter()
        for _ in range(slices):
            outcome = self.pull()
            counted.update(changed=outcome.counts.changed, errors=outcome.error is not None)
            if outcome.error is None and not outcome.more:
                return counted
            self.forward(outcome.error.wait if isinstance(outcome.error, Throttled) else 5)
        raise AssertionError(f"still not through after {slices} slices: {outcome.error}")

    def connector(self) -> Source:
        found = connect.connect(self.hub, accounts.by_id(self.hub, self.account))
        assert isinstance(found, Source)
        return found

    def landed(self) -> dict[str, str]:
        """Key -> the platform's own version of what is stored."""
        path = str(connect.registry.get(self.sim.name).manifest.streams[self.stream].version)
        with self.hub.db.read() as conn:
            rows = conn.execute(
                text("SELECT ref, source_id, body FROM source_record WHERE stream = :s"), {"s": self.stream}
            ).all()
        return {row.source_id: _at(parse(self.hub.ring.unpack(row.body, row.ref)), path) for row in rows}

    def truth(self, keys: list[str]) -> dict[str, str]:
        """The same as the platform has it now."""
        path = str(connect.registry.get(self.sim.name).manifest.streams[self.stream].version)
        return {key: _at(record, path) for key, record in self.connector().fetch_many(self.stream, keys)}

    def complete(self, keys: list[str]) -> None:
        """Everything is there, once, as it is now, and no event happened twice or without its record."""
        assert self.landed() == self.truth(keys)
        with self.hub.db.read() as conn:
            events = conn.execute(text("SELECT subject, kind, count(*) FROM event GROUP BY 1, 2 HAVING count(*) > 1")).all()
            quarantined = conn.execute(text("SELECT count(*) FROM quarantined WHERE state = 'open'")).scalar_one()
        assert not [row for row in events if not row.kind.startswith("tag.")]
        assert quarantined == 0

    def changing(self, keys: list[str], per_page: int = 2) -> list[str]:
        """After each page some records change, from both ends; which ones."""
        touched: list[str] = []

        def disturb(*_: object) -> None:
            if len(touched) < len(keys) // 2:
                for key in (keys[len(touched)], keys[-1 - len(touched)])[:per_page]:
                    self.sim.touch(self.stream, key)
                    touched.append(key)

        self.sim.faults.after_page = disturb
        return touched


def _at(record: Any, path: str) -> str:
    for step in path.split("."):
        record = record[step]
    return str(record)


@pytest.fixture(params=STREAMS)
def reading(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    """A hub over one platform, whose stream begins three hours ago."""
    platform, stream = request.param.split()
    monkeypatch.setattr(database, "PRAGMAS", (*(p for p in database.PRAGMAS if "synchronous" not in p), "synchronous=OFF"))
    monkeypatch.setattr(connect, "budgets_of", lambda hub, account, connector: MemoryBudgets(()))
    sim = KINDS[platform]()
    served, hub = Served(sim), Hub.open(Settings(data_dir=tmp_path))
    hub.clock = sim.now
    account = accounts.add(hub, platform, platform, platform, sim.settings(served.url), by="test")
    found = Reading(hub, sim, stream, account)
    hub.sleep = found.forward
    table, cursor = AccountStream.__table__, Cursor(done_to=sim.now() - timedelta(hours=3)).dump()  # type: ignore[attr-defined]
    with hub.db.write() as conn:
        conn.execute(update(table).values(cursor=cursor))
    yield found
    served.close()
    hub.close()


def test_rows_that_change_while_they_are_paged(reading: Reading) -> None:
    keys = reading.populate(250)
    touched = reading.changing(keys)
    reading.read_all()
    assert len(touched) >= 4
    reading.sim.faults.after_page = None
    reading.forward(300)
    reading.read_all()
    reading.complete(keys)


def test_equal_times_at_the_edge_of_what_has_been_read(reading: Reading) -> None:
    edge = reading.sim.now().replace(microsecond=0)
    keys = reading.sim.populate(reading.stream, 130, start=edge, step=timedelta(0))
    for wait in (1, 4, 25, 35, 60, 120):
        reading.forward(wait)
        reading.read_all()
        if wait < 60:
            keys += reading.sim.populate(reading.stream, 3, start=edge, step=timedelta(0))
    reading.complete(keys)


def test_the_token_dies_in_the_middle(reading: Reading) -> None:
    keys = reading.populate(250)
    pages = iter(range(1000))

    def die(*_: object) -> None:
        if next(pages) in (0, 2):
            reading.sim.kill_tokens()

    reading.sim.faults.after_page = die
    counted = reading.read_all()
    assert next(pages) > 2
    assert counted == Counter(changed=250, errors=0)
    reading.complete(keys)


def test_short_limits_are_waited_out(reading: Reading) -> None:
    keys = reading.populate(250)
    reading.sim.faults.throttle[""] = 3
    before = reading.sim.now()
    counted = reading.read_all()
    assert counted == Counter(changed=250, errors=0)
    assert reading.sim.now() - before >= timedelta(seconds=3)
    reading.complete(keys)


def test_a_platform_that_fails_and_cuts_connections(reading: Reading) -> None:
    keys = reading.populate(250)
    faults = reading.sim.faults
    faults.error[""] = [502, 503, 500]
    counted = reading.read_all()
    faults.cut_before[""] = 2
    reading.forward(300)
    counted += reading.read_all()
    faults.cut_after[""] = 2
    reading.forward(300)
    counted += reading.read_all()
    assert counted["changed"] == 250
    reading.complete(keys)


def test_a_failure_that_outlasts_all_attempts_stops_the_stream_and_loses_nothing(reading: Reading) -> None:
    keys = reading.populate(250)
    pages = iter(range(1000))

    def go_down(*_: object) -> None:
        if next(pages) == 1:
            reading.sim.faults.error[""] = [500] * 8

    reading.sim.faults.after_page = go_down
    outcome = reading.pull()
    assert outcome.error is not None
    assert 0 < len(reading.landed()) < 250, "what was read before the failure is kept"
    counted = reading.read_all()
    assert counted["changed"] + outcome.counts.changed == 250
    reading.complete(keys)


def test_one_malformed_record_stays_behind_alone_and_comes_when_it_is_mended(reading: Reading) -> None:
    keys = reading.populate(130)
    reading.sim.touch(reading.stream, keys[60])
    if reading.sim.name == "wukong":
        good = dict(reading.sim.row(reading.stream, keys[60]).detail)  # type: ignore[attr-defined]
    reading.sim.spoil(reading.stream, keys[60])
    reading.forward(120)
    outcome = reading.pull()
    assert outcome.error is None
    assert (outcome.counts.quarantined, len(reading.landed())) == (1, 129)
    if reading.sim.name == "wukong":
        row = reading.sim.row(reading.stream, keys[60])  # type: ignore[attr-defined]
        row.detail["createTime"] = row.index["createTime"] = good["createTime"]
        reading.sim.touch(reading.stream, keys[60])
    else:
        name = "payment" if reading.stream == "order" else "refund_fee"
        reading.sim.change(reading.stream, keys[60], **{name: "10.00"})  # type: ignore[attr-defined]
    reading.forward(300)
    reading.read_all()
    assert quarantine.count(reading.hub) == 0
    reading.complete(keys)


@pytest.mark.parametrize("reading", ["taobao order", "taobao refund"], indirect=True)
def test_a_limit_that_comes_early_in_each_slice_lets_something_through_each_time(reading: Reading) -> None:
    keys = reading.populate(700, step=5)
    assert isinstance(reading.sim, TaobaoSimulator)
    reading.sim.limits.ban = timedelta(minutes=2)
    pages = iter(range(1, 1000))

    def limit(*_: object) -> None:
        if next(pages) % 4 == 0:
            reading.sim.faults.throttle[""] = 1

    reading.sim.faults.after_page = limit
    counted = reading.read_all()
    assert counted["changed"] == 700
    assert counted["errors"] >= 2
    with reading.hub.db.read() as conn:
        assert conn.execute(text("SELECT max(failures) FROM account_stream")).scalar_one() == 0, "a limit is no failure"
    reading.sim.faults.clear()
    reading.sim.limits.per_app = reading.sim.limits.per_api = None  # what follows asks one by one, as fast as it can
    reading.complete(keys)


@pytest.mark.parametrize("reading", ["taobao order"], indirect=True)
def test_rows_that_reach_the_platform_late_are_met_again_by_the_overlap(reading: Reading) -> None:
    assert isinstance(reading.sim, TaobaoSimulator)
    keys = reading.populate(20)
    modified = reading.sim.now().replace(microsecond=0)
    late = [reading.sim.arrive_late(5000 + n, modified, timedelta(seconds=20 * n)) for n in range(1, 9)]
    for _ in range(10):
        reading.forward(60)
        reading.read_all()
    reading.complete(keys + late)


HALF_AN_EMOJI = "喵\ud83d"


@pytest.mark.parametrize("reading", ["taobao order"], indirect=True)
@pytest.mark.parametrize("nick", [HALF_AN_EMOJI, "a\x00b"], ids=["half a character", "NUL"])
def test_text_that_no_store_takes_costs_no_order(reading: Reading, nick: str, monkeypatch: pytest.MonkeyPatch) -> None:
    as_json = "text/javascript;charset=UTF-8"
    monkeypatch.setattr(sim_protocol, "_json", lambda body: Response(json.dumps(body), content_type=as_json))
    keys = reading.populate(30)
    reading.sim.change("order", keys[7], buyer_nick=nick)  # type: ignore[attr-defined]
    reading.forward(120)
    assert reading.read_all() == Counter(changed=30, errors=0)
    reading.complete(keys)
    assert reading.read_all() == Counter(changed=0, errors=0)


@pytest.mark.parametrize("reading", ["taobao order"], indirect=True)
def test_a_record_that_nobody_foresaw_is_set_apart(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = reading.populate(64)
    resolve = Resolver.resolve

    def trip(self: Any, conn: Any, incoming: Any, now: int) -> Any:
        items = list(incoming)
        if any(item.source_ref.endswith(keys[20]) for item in items):
            raise ZeroDivisionError
        return resolve(self, conn, items, now)

    monkeypatch.setattr("hub.identity.resolve.Resolver.resolve", trip)
    outcome = reading.pull()
    assert outcome.error is None
    assert (outcome.counts.fetched, outcome.counts.changed, outcome.counts.quarantined) == (64, 63, 1)
    assert set(reading.landed()) == set(keys) - {keys[20]}
    (held,) = quarantine.list_(reading.hub)
    assert held["source_id"] == keys[20]
    monkeypatch.undo()
    assert quarantine.replay(reading.hub, by="test") == {"tried": 1, "landed": 1, "failed": 0}
    reading.complete(keys)


@pytest.mark.parametrize("reading", ["taobao order"], indirect=True)
def test_a_sync_by_hand_waits_for_the_lease_of_a_killed_one_and_not_for_a_living_one(reading: Reading) -> None:
    keys = reading.populate(10)
    held = claim(reading.hub, reading.account, "order", "pull")
    assert held is not None
    began = reading.sim.now()
    assert sync(reading.hub, "taobao", ["order"], by="test")["order"]["error"] is None
    assert timedelta(seconds=89) < reading.sim.now() - began < timedelta(seconds=120)
    reading.complete(keys)

    with reading.hub.db.write() as conn:
        conn.execute(text("UPDATE account_stream SET next_run_at = 0"))
    held = claim(reading.hub, reading.account, "order", "pull")
    assert held is not None

    def renew(seconds: float) -> None:
        reading.forward(seconds)
        with reading.hub.db.write() as conn:
            advance(conn, reading.hub, held)

    reading.hub.sleep = renew
    error = sync(reading.hub, "taobao", ["order"], by="test")["order"]["error"]
    assert error["key"] == "error.stream_busy"


def test_two_threads_that_need_a_token_at_once_fetch_one(tmp_path: Path) -> None:
    """On platforms with one living session, the second fetch would end the session that the first has just got."""
    hub = Hub.open(Settings(data_dir=tmp_path))
    account = accounts.add(hub, "taobao", "t", "t", TaobaoSimulator().settings("http://127.0.0.1:9"), by="test")
    tokens, fetched, got = connect.StoredTokens(hub, account), list[int](), dict[str, Any]()
    both_looked, first_is_done = threading.Barrier(2), threading.Event()
    current = tokens.current

    def fetch() -> Token:
        fetched.append(1)
        return Token(f"token-{len(fetched)}")

    def seen_too_early() -> Token | None:
        found = current()
        if found is None and not both_looked.broken:
            with suppress(threading.BrokenBarrierError):
                both_looked.wait(2)
            both_looked.abort()
            if threading.current_thread().name == "second":
                first_is_done.wait(5)
        return found

    def renew() -> None:
        got[threading.current_thread().name] = tokens.renew(None, fetch)
        first_is_done.set()

    tokens.current = seen_too_early  # type: ignore[method-assign]
    threads = [threading.Thread(target=renew, name=name) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    hub.close()
    assert len(fetched) == 1
    assert {name: token.value for name, token in got.items()} == {"first": "token-1", "second": "token-1"}
