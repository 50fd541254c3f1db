"""A hub whose sources live in memory (``feed``), on SQLite and, where there is one, on PostgreSQL."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from sqlalchemy import Connection, select, text

from config.settings import Settings
from connectors import registry
from connectors.base import Record
from hub import accounts
from hub.core import Hub
from hub.identity.deciding import STATISTICS
from hub.identity.records import golden
from hub.models import Customer, CustomerAlias, IdentityDecision, IdentityKey, Profile, SearchToken
from hub.models.base import Model, table
from hub.security import keyring
from hub.security.keyring import KeyRing
from hub.store import database
from hub.store.database import Database
from hub.store.migrate import upgrade
from hub.sync.landing import Counts, Lander

HERE = Path(__file__).parent
START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
FEED = HERE / "platforms" / "feed"


def feed_module() -> ModuleType:
    """The scripted connector, importable under the name that its registry entry has."""
    name = "hub_test_feed"
    if f"{name}.connector" not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(FEED)]
        sys.modules[name] = package
        spec = importlib.util.spec_from_file_location(f"{name}.connector", FEED / "connector.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    return sys.modules[f"{name}.connector"]


@pytest.fixture
def feed() -> ModuleType:
    """The scripted connector's module."""
    return feed_module()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "hub.db"
    db = Database(f"sqlite:///{path}")
    upgrade(db)
    db.close()
    return path


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The PostgreSQL database for tests."""
    url = os.environ.get("HUB_TEST_POSTGRES")
    if not url:
        pytest.skip("HUB_TEST_POSTGRES does not name a PostgreSQL database")
    return url


@pytest.fixture(scope="session")
def emptied_postgres(postgres_url: str) -> Iterator[Database]:
    """That database with all tables and nothing in them."""
    # these tests do not pull the plug, so they need not wait for the disk
    mark = "&" if "?" in postgres_url else "?"
    db = Database(f"{postgres_url}{mark}options=-csynchronous_commit%3Doff")
    if "test" not in (db.url.database or ""):
        pytest.fail("HUB_TEST_POSTGRES is emptied by these tests: the database's name must contain 'test'")
    with db.write() as conn:
        conn.execute(text("DROP SCHEMA public CASCADE"))
        conn.execute(text("CREATE SCHEMA public"))
    upgrade(db)
    yield db
    db.close()


def emptied(db: Database) -> Database:
    """The PostgreSQL database without rows."""
    STATISTICS.clear()
    tables = reversed(Model.metadata.sorted_tables)
    with db.write() as conn:
        # TRUNCATE makes a new file for each table, which takes longer than most tests
        conn.exec_driver_sql("; ".join(f'DELETE FROM "{each.name}"' for each in tables))
        numbered = [
            each.name for each in Model.metadata.tables.values() if each.autoincrement_column is not None and "id" in each.c
        ]
        conn.exec_driver_sql(
            "; ".join(f"SELECT setval(pg_get_serial_sequence('\"{name}\"', 'id'), 1, false)" for name in numbered)
        )
    return db


@pytest.fixture
def lite(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty SQLite database."""
    # these tests do not pull the plug, so they need not wait for the disk
    monkeypatch.setattr(database, "PRAGMAS", (*(p for p in database.PRAGMAS if "synchronous" not in p), "synchronous=OFF"))
    shutil.copy(template, tmp_path / "hub.db")
    made = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest) -> Database:
    """An empty database of each kind."""
    if request.param == "postgresql":
        return emptied(request.getfixturevalue("emptied_postgres"))
    found: Database = request.getfixturevalue("lite")
    return found


def person(own: str, name: str = "", *phones: str, at: str = "2026-11-22 10:00:00", **more: Any) -> Record:
    """A raw customer record of the feed."""
    record: Record = {"id": own, "updated_at": at, **more}
    if name:
        record["name"] = name
    if phones:
        record["phones"] = list(phones)
    return record


def snapshot(db: Database) -> dict[str, list[Any]]:
    """Every row of every table, to be compared."""
    with db.read() as conn:
        found = {}
        for name, each in Model.metadata.tables.items():
            key = list(each.primary_key.columns)
            found[name] = [tuple(row) for row in conn.execute(select(each).order_by(*key))]
        return found


def identity_faults(conn: Connection) -> list[str]:
    """What of the identity model's invariants does not hold; an empty list when all do."""
    customers = {row.id: row for row in conn.execute(select(table(Customer)))}
    profiles = {row.ref: row for row in conn.execute(select(table(Profile)))}
    faults = []
    count: dict[str, int] = dict.fromkeys(customers, 0)
    for ref, row in profiles.items():
        if row.customer_id not in customers or customers[row.customer_id].state != "active":
            faults.append(f"profile {ref} is in no active customer")
        else:
            count[row.customer_id] += 1
    for cid, row in customers.items():
        if row.profiles != count[cid]:
            faults.append(f"customer {cid} counts {row.profiles} profiles and has {count[cid]}")
        if row.state == "active" and not count[cid]:
            faults.append(f"active customer {cid} has no profile")
        if row.state == "active" and row.merged_into is not None:
            faults.append(f"active customer {cid} is marked as merged")
    faults += _alias_faults(conn, customers, count)
    keyed: dict[str, set[bytes]] = {}
    for row in conn.execute(select(table(IdentityKey))):
        keyed.setdefault(row.profile_ref, set()).add(bytes(row.digest))
        if row.profile_ref not in profiles or profiles[row.profile_ref].customer_id != row.customer_id:
            faults.append(f"key of {row.profile_ref} is at another customer than its profile")
    tokens = {row.customer_id for row in conn.execute(select(table(SearchToken)))}
    faults += [f"merged or unknown customer {cid} is found by search" for cid in tokens if not count.get(cid)]
    for row in conn.execute(select(table(IdentityDecision)).where(table(IdentityDecision).c.verdict == "different")):
        ends = [profiles[ref].customer_id for ref in (row.a, row.b) if ref in profiles]
        if len(ends) == 2 and ends[0] == ends[1]:
            faults.append(f"{row.a} and {row.b} were parted and are together")
    return faults


def _alias_faults(conn: Connection, customers: dict[str, Any], count: dict[str, int]) -> list[str]:
    aliases = {row.id: row.customer_id for row in conn.execute(select(table(CustomerAlias)))}
    faults = []
    for cid, row in customers.items():
        if row.state == "merged" and not count.get(aliases.get(cid, "")):
            faults.append(f"merged customer {cid} has no alias to a living one")
        if row.state == "merged" and count[cid]:
            faults.append(f"merged customer {cid} has profiles")
    faults += [f"active customer {cid} is an alias too" for cid in aliases if count.get(cid)]
    return faults


@dataclass
class Site:
    """A hub with feed accounts, a clock that the test moves, and short ways to land and to look.

    worlds: account key -> what its platform holds.
    """

    hub: Hub
    now: datetime = START
    person: ClassVar[Callable[..., Record]] = staticmethod(person)
    worlds: dict[str, Any] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hub.clock = lambda: self.now
        self.hub.sleep = self.forward

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def account(self, key: str = "crm") -> int:
        """The id of the feed account of that key, connected on first use."""
        if key not in self.ids:
            module = feed_module()
            self.worlds[key] = module.WORLDS[key] = module.World()
            self.ids[key] = accounts.add(self.hub, "feed", key, f"账号 {key}", {"world": key, "secret": "s3cret"}, by="test")
        return self.ids[key]

    def world(self, key: str = "crm") -> Any:
        """What the account's platform holds."""
        self.account(key)
        return self.worlds[key]

    def lander(self, stream: str = "person", key: str = "crm") -> Lander:
        return Lander(self.hub, accounts.by_id(self.hub, self.account(key)), stream)

    def land(self, *records: Record, stream: str = "person", key: str = "crm") -> Counts:
        """Land the records in one transaction."""
        lander = self.lander(stream, key)
        with self.hub.db.write() as conn:
            return lander.land(conn, records)

    def gone(self, *ids: str, stream: str = "person", key: str = "crm") -> int:
        lander = self.lander(stream, key)
        with self.hub.db.write() as conn:
            return lander.gone(conn, ids)

    def rows(self, model: type[Model], **where: Any) -> list[Any]:
        query = select(table(model))
        for name, value in where.items():
            query = query.where(table(model).c[name] == value)
        with self.hub.db.read() as conn:
            return list(conn.execute(query).all())

    def one(self, model: type[Model], **where: Any) -> Any:
        found = self.rows(model, **where)
        assert len(found) == 1, f"{len(found)} rows of {model.__name__}"
        return found[0]

    def home(self, ref: str) -> str:
        """The id of the customer that a profile ('key/id') belongs to."""
        return str(self.one(Profile, ref=self.ref(ref)).customer_id)

    def ref(self, short: str) -> str:
        key, _, own = short.partition("/")
        return f"{self.account(key)}|{own}"

    def golden(self, customer_id: str) -> dict[str, Any]:
        row = self.one(Customer, id=customer_id)
        return golden.values(golden.read(self.hub.ring, customer_id, row.data))

    def together(self, *shorts: str) -> bool:
        return len({self.home(short) for short in shorts}) == 1

    def snapshot(self) -> dict[str, list[Any]]:
        return snapshot(self.hub.db)

    def faults(self) -> list[str]:
        with self.hub.db.read() as conn:
            return identity_faults(conn)


def _site(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    feed_module()
    monkeypatch.setitem(registry.entries(), "feed", registry.Entry("feed", "hub_test_feed", FEED))
    ring = KeyRing.new()
    keyring.use(ring)
    return Site(Hub(Settings(data_dir=tmp_path), db, ring))


@pytest.fixture
def site(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A hub on each kind of database."""
    return _site(db, tmp_path, monkeypatch)


@pytest.fixture
def small(lite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A hub on SQLite alone."""
    return _site(lite, tmp_path, monkeypatch)
