"""A hub with a CRM, a shop and a finance system whose answers are scripted; on SQLite, and on PostgreSQL where there is one."""

from __future__ import annotations

import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from config.settings import Rule, Settings
from connectors import errors, registry
from connectors.base import Document, Receipt, Sink, Status
from hub.core import Hub
from hub.events import delivery, rules
from hub.events.mint import insert_events, mint
from hub.events.outbox import ATTEMPT, DELIVERY
from hub.identity.records import golden
from hub.models import (
    Account,
    AuditEntry,
    Customer,
    CustomerAlias,
    Deal,
    DealLine,
    Event,
    InvoiceApplication,
    Order,
    OrderLine,
    Profile,
    Refund,
)  # fmt: skip
from hub.models.base import Model, table
from hub.security import keyring
from hub.security.keyring import KeyRing
from hub.store import database
from hub.store.database import Database
from hub.store.migrate import upgrade
from hub.store.types import to_us
from hub.sync import connect as connecting
from tests.hub.events.house import House

HERE = Path(__file__).parent
START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=30)


class Crash(BaseException):
    """The process dies here."""


class Ledger:
    """The other side: what it holds, and how it misbehaves. It takes the same number twice, as the worst platform would.

    plan: step -> behaviours to come, taken one a call; an empty plan behaves. entries: number -> documents written, each
    {amount, party, complete, seen}; seen: the instant from which find shows it.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.plan: dict[str, deque[str]] = {"find": deque(), "send": deque(), "finish": deque()}
        self.calls: list[tuple[str, str]] = []
        self.statuses: dict[str, Any] = {}
        self.lock = threading.RLock()
        self.latency = 0.0

    def expect(self, step: str, *behaviours: str) -> None:
        """Behave so in the next calls of this step."""
        self.plan[step].extend(behaviours)

    def write(self, document: Document, *, complete: bool = True, after: timedelta = timedelta(0)) -> None:
        """Hold the document from an instant on."""
        entry = {"amount": document.amount, "party": document.party.code, "complete": complete, "seen": self.clock() + after}
        with self.lock:
            self.entries.setdefault(document.number, []).append(entry)

    def held(self, number: str) -> int:
        """How often the number was written."""
        return len(self.entries.get(number, ()))


_RAISED: dict[str, Callable[[], BaseException]] = {
    "unavailable": errors.Unavailable,
    "throttled": lambda: errors.Throttled(20),
    "auth": errors.ReauthNeeded,
    "scope": errors.ScopeMissing,
    "config": errors.ConfigError,
    "rejected": lambda: errors.Rejected("error.rejected", message="closed"),
    "invalid": errors.InvalidRecord,
    "duplicate": errors.Duplicate,
    "doubt": errors.InDoubt,
    "unexpected": lambda: RuntimeError("13800000000"),
    "crash": Crash,
}


class ScriptedSink(Sink):
    """A sink without HTTP: does what the ledger's plan says. '<fault>' fails before anything is written, 'after:<fault>'
    after it was, 'late:<fault>' writes so that it is seen only shortly before the settle delay ends; 'half' writes an
    incomplete document, 'half:<fault>' and fails then."""

    def __init__(self, ledger: Ledger, account: Account, stopped: Callable[[], bool]) -> None:
        self.manifest = registry.get(account.platform).manifest
        self.ledger, self.stopped = ledger, stopped

    def _take(self, step: str, document: Document) -> str:
        if self.ledger.latency:
            threading.Event().wait(self.ledger.latency)
        if self.stopped():
            raise errors.Stop
        with self.ledger.lock:
            self.ledger.calls.append((step, document.number))
            plan = self.ledger.plan[step]
            return plan.popleft() if plan else "ok"

    def find(self, document: Document) -> Receipt | None:
        behaviour = self._take("find", document)
        if behaviour in _RAISED:
            raise _RAISED[behaviour]()
        seen = [entry for entry in self.ledger.entries.get(document.number, ()) if entry["seen"] <= self.ledger.clock()]
        if not seen or behaviour == "blind":
            return None
        return self._receipt(document.number, seen[0])

    @staticmethod
    def _receipt(number: str, entry: dict[str, Any]) -> Receipt:
        state = "audited" if entry["complete"] else "saved"
        return Receipt(number, f"id-{number}", state, entry["complete"], entry["amount"], entry["party"])

    def send(self, document: Document) -> Receipt:
        when, _, fault = self._take("send", document).rpartition(":")
        if fault == "half" or when == "half":
            self.ledger.write(document, complete=False)
        elif when in ("after", "late"):
            self.ledger.write(document, after=SETTLE - timedelta(seconds=1) if when == "late" else timedelta(0))
        if fault in _RAISED:
            raise _RAISED[fault]()
        if fault == "ok":
            self.ledger.write(document)
        return self._receipt(document.number, self.ledger.entries[document.number][-1])

    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        behaviour = self._take("finish", document)
        if behaviour == "still":
            return receipt
        when, _, fault = behaviour.rpartition(":")
        if fault in _RAISED and when != "after":
            raise _RAISED[fault]()
        for entry in self.ledger.entries[document.number]:
            entry["complete"] = True
        if when == "after":
            raise _RAISED[fault]()
        return replace(receipt, state="audited", complete=True)

    def status(self, document: Document, receipt: Receipt) -> Status:
        """What the ledger was told to say: a Status, or an error to raise."""
        said = self.ledger.statuses.get(document.number, Status("audited", approved=True))
        self.ledger.calls.append(("status", document.number))
        if isinstance(said, BaseException):
            raise said
        return said


class World:
    """A hub with accounts crm-main, shop-tm and books-main, and short ways to let things happen."""

    Crash = Crash
    ScriptedSink = ScriptedSink

    def __init__(self, hub: Hub) -> None:
        self.hub, self._now, self._count = hub, START, 0
        hub.clock = lambda: self._now
        hub.sleep = self.forward
        self.ledger = Ledger(lambda: self._now)
        self.crm, self.shop, self.books = (
            self.account(key, platform)
            for key, platform in (("crm-main", "crm"), ("shop-tm", "shop"), ("books-main", "ledgerbooks"))
        )

    def account(self, key: str, platform: str) -> int:
        row = {"key": key, "platform": platform, "title": f"账号 {key}", "config": {}, "state": "active"}
        row["created_at"] = self._now - timedelta(days=90)
        with self.hub.db.write() as conn:
            return int(conn.execute(insert(table(Account)).values(**row).returning(table(Account).c.id)).scalar_one())

    def now(self) -> datetime:
        return self._now

    def forward(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    # -- settings

    def rules(self, *items: dict[str, Any], **settings: Any) -> None:
        """These rules from now on."""
        made = [Rule(**{"name": f"rule-{place}", **item}) for place, item in enumerate(items)]
        self.hub.settings = self.hub.settings.model_copy(update={"rules": made, **settings})

    # -- what happens at the sources

    def put(self, model: type[Model], **values: Any) -> None:
        with self.hub.db.write() as conn:
            conn.execute(insert(table(model)), [values])

    def change(self, model: type[Model], key: str, value: str, **values: Any) -> None:
        with self.hub.db.write() as conn:
            conn.execute(update(table(model)).where(table(model).c[key] == value).values(**values))

    def customer(self, account: int, *, name: str | None = "杭州样例科技有限公司", **fields: str) -> tuple[str, str]:
        """A customer with one profile; (profile ref, customer id)."""
        self._count += 1
        cid, ref = f"c{self._count:025d}", f"{account}|cust{self._count}"
        told = {"display_name": name, **fields} if name else dict(fields)
        data = golden.seal_customer(self.hub.ring, cid, {k: {"value": v, "from": ref} for k, v in told.items()})
        born = {"created_at": self._now, "changed_at": self._now}
        self.put(Customer, id=cid, kind="company", state="active", data=data, profiles=1, **born)
        source = f"{account}|customer|cust{self._count}"
        linked = {"rule": "new", "linked_at": self._now, "data": b"", "hash": b"", "version": 1, "deleted": False}
        self.put(Profile, ref=ref, account_id=account, source_ref=source, customer_id=cid, **linked)
        return ref, cid

    def merge(self, survivor: str, loser: str) -> None:
        """Put the loser's profiles under the survivor, as the identity ledger does."""
        self.change(Profile, "customer_id", loser, customer_id=survivor)
        self.change(Customer, "id", loser, state="merged", merged_into=survivor)
        self.put(CustomerAlias, id=loser, customer_id=survivor, at=self._now)

    def event(self, kind: str, account: int, subject: str, at: datetime | None = None, **data: Any) -> str:
        wanted = kind in rules.wanted_kinds(self.hub.settings)
        row = mint(kind, account, subject, to_us(at or self._now), to_us(self._now), data, pending=wanted)
        with self.hub.db.write() as conn:
            insert_events(conn, [row])
        return row[0]

    def deal(
        self, amount: int | None = 1_378_001, *, profile: str | None = "", number: str = "",
        lines: list[dict[str, Any]] | None = None, **values: Any,
    ) -> str:  # fmt: skip
        """A signed deal with its customer; its ref."""
        if profile == "":
            profile = self.customer(self.crm)[0]
        self._count += 1
        key = f"contract/{self._count}"
        ref, number = f"{self.crm}|{key}", number or f"HT-{self._count:04d}"
        row = {
            "ref": ref, "account_id": self.crm, "source_ref": f"{self.crm}|contract|{key}", "profile_ref": profile,
            "number": number, "title": "年度服务", "state": "signed", "currency": "CNY", "amount": amount,
            "signed_on": date(2026, 11, 20), "effective_at": self._now, "deleted": False,
        }  # fmt: skip
        self.put(Deal, **(row | values))
        for place, line in enumerate(lines or ()):
            self.put(DealLine, deal_ref=ref, key=str(place), **line)
        self.event("deal.signed", self.crm, ref, amount=amount, currency="CNY", number=number)
        return ref

    def reverse(self, ref: str) -> None:
        self.change(Deal, "ref", ref, state="reversed")
        self.event("deal.reversed", self.crm, ref, amount=1, currency="CNY", number="x")

    def order(
        self, paid: int | None, at: datetime | None = None, *, profile: str | None = None, lines: Any = (), **values: Any
    ) -> str:
        """A paid order of the shop; its ref."""
        self._count += 1
        ref, number = f"{self.shop}|T{self._count}", f"T{self._count}"
        row = {
            "ref": ref, "account_id": self.shop, "source_ref": f"{self.shop}|order|{number}", "profile_ref": profile,
            "number": number, "state": "paid", "currency": "CNY", "paid": paid, "paid_at": at or self._now, "deleted": False,
        }  # fmt: skip
        row |= values
        self.put(Order, **row)
        for place, line in enumerate(lines):
            self.put(OrderLine, order_ref=ref, key=str(place), **line)
        self.event("order.paid", self.shop, ref, at, amount=paid, currency=row["currency"], number=number)
        return ref

    def refund(self, amount: int, at: datetime | None = None, *, order: str | None = None) -> str:
        self._count += 1
        ref = f"{self.shop}|R{self._count}"
        self.put(
            Refund, ref=ref, account_id=self.shop, source_ref=f"{self.shop}|refund|R{self._count}", order_ref=order,
            number=f"R{self._count}", state="succeeded", currency="CNY", amount=amount, succeeded_at=at or self._now,
            deleted=False,
        )  # fmt: skip
        self.event("refund.succeeded", self.shop, ref, at, amount=amount, currency="CNY", number=f"R{self._count}")
        return ref

    def request(self, *, deal: str | None = None, order: str | None = None, **values: Any) -> str:
        """An invoice that a buyer asks for, about a deal or order; its ref."""
        self._count += 1
        account = self.shop if order else self.crm
        key = f"invoice/{self._count}"
        ref, number = f"{account}|{key}", f"KP-{self._count:04d}"
        row = {
            "ref": ref, "account_id": account, "source_ref": f"{account}|invoice|{key}", "deal_ref": deal, "order_ref": order,
            "number": number, "state": "requested", "currency": "CNY", "requested_at": self._now, "deleted": False,
        } | values  # fmt: skip
        self.put(InvoiceApplication, **row)
        self.event("invoice.requested", account, ref, amount=row.get("amount"), currency="CNY", number=number)
        return ref

    # -- what the hub does

    def dispatch(self) -> int:
        return sum(iter(lambda: rules.dispatch(self.hub), 0))

    def deliver(self) -> int:
        """One pass over all destinations."""
        return sum(delivery.deliver(self.hub, account) for account in delivery.due_accounts(self.hub))

    def settle_all(self, rounds: int = 40, step: float = 60) -> None:
        """Deliver and let time pass until nothing moves any more."""
        for _ in range(rounds):
            self.deliver()
            self.forward(step)

    # -- what is there

    def deliveries(self, **where: Any) -> list[Any]:
        query = select(DELIVERY).order_by(DELIVERY.c.created_at, DELIVERY.c.number)
        for name, value in where.items():
            query = query.where(DELIVERY.c[name] == value)
        with self.hub.db.read() as conn:
            return list(conn.execute(query).all())

    def one(self, **where: Any) -> Any:
        found = self.deliveries(**where)
        assert len(found) == 1, f"{len(found)} deliveries"
        return found[0]

    def steps(self, delivery_id: str) -> list[tuple[str, str]]:
        query = select(ATTEMPT.c.step, ATTEMPT.c.outcome).where(ATTEMPT.c.delivery_id == delivery_id).order_by(ATTEMPT.c.id)
        with self.hub.db.read() as conn:
            return [(row[0], row[1]) for row in conn.execute(query)]

    def rows(self, model: type[Model], **where: Any) -> list[Any]:
        query = select(table(model))
        for name, value in where.items():
            query = query.where(table(model).c[name] == value)
        with self.hub.db.read() as conn:
            return list(conn.execute(query).all())

    def audit(self) -> list[tuple[str, str, str]]:
        return [(row.who, row.what, row.subject) for row in self.rows(AuditEntry)]

    def sent_events(self) -> list[Any]:
        return self.rows(Event, kind="delivery.sent")


# -- fixtures


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "hub.db"
    db = Database(f"sqlite:///{path}")
    upgrade(db)
    db.close()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    """The PostgreSQL database for tests, with all tables."""
    url = os.environ.get("HUB_TEST_POSTGRES")
    if not url:
        pytest.skip("HUB_TEST_POSTGRES does not name a PostgreSQL database")
    with pytest.MonkeyPatch.context() as patch:
        # these tests do not pull the plug, so they need not wait for the disk
        patch.setattr(database, "PG_OPTIONS", database.PG_OPTIONS + " -c synchronous_commit=off")
        db = Database(url)
    if "test" not in (db.url.database or ""):
        pytest.fail("HUB_TEST_POSTGRES is emptied by these tests: the database's name must contain 'test'")
    with db.write() as conn:
        conn.execute(text("DROP SCHEMA public CASCADE"))
        conn.execute(text("CREATE SCHEMA public"))
    upgrade(db)
    yield db
    db.close()


def _emptied(db: Database) -> Database:
    with db.write() as conn:
        for one in reversed(Model.metadata.sorted_tables):  # quicker than TRUNCATE, which makes new files
            conn.execute(one.delete())
    return db


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest, migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "postgresql":
        yield _emptied(request.getfixturevalue("postgres"))
        return
    # these tests do not pull the plug, so they need not wait for the disk
    monkeypatch.setattr(database, "PRAGMAS", (*(p for p in database.PRAGMAS if "synchronous" not in p), "synchronous=OFF"))
    shutil.copy(migrated, tmp_path / "hub.db")
    made = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    yield made
    made.close()


@pytest.fixture
def world(db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """See World."""
    for name in ("ledgerbooks", "crm", "shop"):
        monkeypatch.setitem(registry.entries(), name, registry.Entry(name, name, HERE / "platforms" / name))
    ring = KeyRing.new()
    keyring.use(ring)
    rule = Rule(name="deals", on="deal.signed", source="crm-*", to="books-main", make="receivable")
    settings = Settings(data_dir=tmp_path, rules=[rule])
    world = World(Hub(settings, db, ring))

    def connect(hub: Hub, account: Account, *, priority: int = 2) -> Sink:
        return ScriptedSink(world.ledger, account, hub.stopping)

    monkeypatch.setattr(connecting, "connect", connect)
    return world


@pytest.fixture
def one(world: Any) -> Any:
    """A world with one pending delivery."""
    world.deal()
    world.dispatch()
    return world


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """See House."""
    made = House(tmp_path)
    yield made
    made.close()
