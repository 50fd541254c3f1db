"""The demo: simulators and hub together, made-up people go all the way, and the ledgers are compared."""

from __future__ import annotations

import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog
import yaml
from sqlalchemy import select as sa_select
from sqlmodel import col, func, select, update
from werkzeug.serving import WSGIRequestHandler, make_server

from config.logging import configure
from config.settings import Settings
from connectors import registry
from connectors.base import Sink
from connectors.errors import Duplicate
from connectors.sandbox import Served, Simulator
from connectors.story import Story, story
from hub import accounts, demo_invoices
from hub.app import create_app
from hub.core import Hub
from hub.events import delivery
from hub.events.documents import from_json
from hub.identity.desk import service
from hub.jobs.cycle import drain
from hub.models import Account, Customer, Delivery, Event, LedgerEntry, SettlementItem
from hub.sync.connect import connect as connector_of
from hub.sync.foreground import sync

RULES = Path(__file__).parent.parent / "config" / "demo.yaml"
BY = "demo"
log = structlog.get_logger("hub.demo")


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@dataclass
class Stage:
    """What plays: the hub, its address, the simulators by platform with their addresses, the story."""

    hub: Hub
    url: str
    simulators: dict[str, Simulator]
    urls: dict[str, str]
    story: Story


def demo_settings(folder: Path, **more: Any) -> Settings:
    """The demo's settings over a data directory of its own."""
    return Settings(**{"data_dir": folder, **yaml.safe_load(RULES.read_text("utf-8")), **more})


@contextmanager
def staged(settings: Settings, port: int = 0) -> Iterator[Stage]:
    """Serve the simulators and the hub on loopback; everything is closed at the end."""
    with ExitStack() as stack:
        hub = Hub.open(settings)
        stack.callback(hub.close)
        stage = Stage(hub, "", {}, {}, story(hub.now()))
        for name, entry in registry.entries().items():
            kind = entry.simulator()
            if kind is not None and ("sink" in entry.manifest.roles or kind.play is not Simulator.play):
                served = Served(kind())
                stack.callback(served.close)
                stage.simulators[name], stage.urls[name] = served.simulator, served.url
                served.simulator.play(stage.story)
        server = make_server("127.0.0.1", port, create_app(hub), threaded=True, request_handler=Quiet)
        stack.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stage.url = f"http://127.0.0.1:{server.server_port}"
        yield stage


def account_key(platform: str) -> str:
    """The key of the demo's account on a platform: its name, without what a key cannot have."""
    return platform.replace("_", "-")


def connect(stage: Stage) -> dict[str, bool]:
    """Check and add an account for each platform; account key -> whether its check was good."""
    checked = {}
    for name, simulator in stage.simulators.items():
        config = simulator.settings(stage.urls[name])
        checked[name] = all(finding.ok for finding in accounts.check(stage.hub, name, config))
        title = registry.get(name).manifest.title.get(stage.hub.settings.language)
        accounts.add(stage.hub, name, account_key(name), title, config, by=BY)
    return checked


def pull_all(stage: Stage) -> dict[str, dict[str, Any]]:
    """Sync every account that can be read, then do all that follows; counts per account and stream."""
    pulled = {}
    for name in stage.simulators:
        if any(stream.pulled for stream in registry.get(name).manifest.streams.values()):
            pulled[name] = sync(stage.hub, account_key(name), by=BY)
    if not drain(stage.hub):
        log.warning("something is still open")
    return pulled


def play(stage: Stage) -> dict[str, Any]:
    """The whole demo, act by act; what it prints."""
    checked = connect(stage)
    pulled = pull_all(stage)
    for name, simulator in stage.simulators.items():
        simulator.live(stage.story, f"{stage.url}/webhooks/{account_key(name)}")
    live = pull_all(stage)
    demo_invoices.issue(stage.hub, stage.simulators)
    drain(stage.hub)
    time.sleep(_echo(stage))
    pull_all(stage)
    before = _fingerprint(stage)
    again = pull_all(stage)
    quiet = before == _fingerprint(stage) and not any(s["changed"] for streams in again.values() for s in streams.values())
    repeated = push_again(stage.hub)
    found = summary(stage)
    found["consistent"] = found["consistent"] and quiet and repeated["adopted"]
    return {
        "accounts": checked, "pulled": pulled, "live": live, "second_run_changed_nothing": quiet,
        "duplicate_push": repeated, "hero": hero(stage), "invoices": demo_invoices.shown(stage.hub, stage.simulators), **found,
    }  # fmt: skip


def _echo(stage: Stage) -> float:
    """Seconds until what was just written to a platform that is also read has come back in its lists."""
    manifests = [registry.get(name).manifest for name, simulator in stage.simulators.items() if simulator.ledger]
    lags = [s.cursor.lag for m in manifests if "sink" in m.roles for s in m.streams.values()]
    return max((lag.total_seconds() for lag in lags), default=0.0) + 1.5


def push_again(hub: Hub) -> dict[str, Any]:
    """Push a delivered receivable a second time, as a hub would that died before it heard the answer.

    refused: the destination says that it has the number. adopted: the hub, put in doubt, finds it and takes it as sent.
    """
    with hub.db.read() as conn:
        wanted = select(Delivery).where(col(Delivery.state) == "sent", col(Delivery.kind) == "receivable").limit(1)
        row = conn.execute(wanted).one()
    connector = connector_of(hub, accounts.by_id(hub, row.account_id), priority=0)
    assert isinstance(connector, Sink)
    try:
        connector.send(from_json(row.document))
        refused = False
    except Duplicate:
        refused = True
    with hub.db.write() as conn:
        doubtful = {"state": "in_doubt", "doubt_at": hub.now(), "next_at": hub.now(), "receipt": None}
        conn.execute(update(Delivery).where(col(Delivery.id) == row.id).values(**doubtful))
    settled = drain(hub)
    return {"number": row.number, "refused": refused, "adopted": settled and delivery.counts(hub).get("in_doubt", 0) == 0}


def hero(stage: Stage) -> dict[str, Any]:
    """The one who is on every platform: sources, tags, orders, and the receivable of each signed deal."""
    hub, person = stage.hub, stage.story.hero
    found = [service.show(hub, row["id"]) for row in service.find(hub, person.phone)]
    whole = [customer for customer in found if customer is not None]
    with hub.db.read() as conn:
        documents = {row[0]: row[1] for row in conn.execute(sa_select(col(Delivery.subject), col(Delivery.number)))}
    return {
        "persons": sum(customer["kind"] != "company" for customer in whole),
        "companies": sum(customer["kind"] == "company" for customer in whole),
        "name": person.name,
        "sources": sorted({profile["account"] for customer in whole for profile in customer["profiles"]}),
        "tags": sorted({tag["name"] for customer in whole for tag in customer["tags"]}),
        "orders": sum(len(customer["orders"]) for customer in whole),
        "deals": {deal["number"]: documents.get(deal["ref"]) for customer in whole for deal in customer["deals"]},
    }


def _fingerprint(stage: Stage) -> bytes:
    """Everything that a run without news must leave as it is: rows of the hub but for its runs, and the ledgers."""
    with stage.hub.db.read() as conn:
        counted = [conn.execute(select(func.count()).select_from(model)).scalar_one() for model in (Event, Delivery, Customer)]
        newest = conn.execute(select(func.max(Customer.changed_at))).scalar_one()
    return orjson.dumps([counted, str(newest), [s.ledger for s in stage.simulators.values()]], default=str)


def summary(stage: Stage) -> dict[str, Any]:
    """Customers, events, deliveries, what each ledger says, and whether all of them agree to the fen."""
    hub = stage.hub
    with hub.db.read() as conn:
        active = select(func.count()).select_from(Customer).where(col(Customer.state) == "active")
        merged = select(func.count()).select_from(LedgerEntry).where(col(LedgerEntry.kind) == "merge")
        linked = select(func.count()).select_from(Customer).where(col(Customer.profiles) > 1, col(Customer.state) == "active")
        by_kind = select(Event.kind, func.count()).group_by(Event.kind)
        events = {row[0]: row[1] for row in conn.execute(by_kind)}
        customers, merges, several = (conn.execute(statement).scalar_one() for statement in (active, merged, linked))
    ledgers = {name: _ledger(simulator) for name, simulator in stage.simulators.items() if simulator.ledger}
    differences = compare(stage)
    return {
        "customers": customers, "customers_with_several_sources": several, "merged": merges, "events": events,
        "deliveries": delivery.counts(hub), "ledgers": ledgers, "differences": differences, "consistent": not differences,
    }  # fmt: skip


def _ledger(simulator: Simulator) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for entry in simulator.ledger:
        kind = found.setdefault(entry["kind"], {"count": 0, "amount": 0})
        kind["count"] += 1
        kind["amount"] += entry.get("amount") or 0
    return found


def compare(stage: Stage) -> list[str]:
    """Each difference between the hub's deliveries and the simulators' ledgers, and between events and deliveries."""
    columns = (col(Account.key), col(Delivery.number), col(Delivery.kind), col(Delivery.state), col(Delivery.amount))
    statement = sa_select(*columns).join(Account, col(Account.id) == col(Delivery.account_id))
    with stage.hub.db.read() as conn:
        rows = conn.execute(statement).all()
        events = conn.execute(select(Event.kind, Event.data)).all()
        waiting = conn.execute(select(func.sum(SettlementItem.amount)).where(col(SettlementItem.delivery_id).is_(None)))
        open_days = int(waiting.scalar_one() or 0)
    found = [f"{key} {number}: {state}" for key, number, _, state, _ in rows if state not in ("sent", "incomplete")]
    for name, simulator in stage.simulators.items():
        here = [row for row in rows if row[0] == account_key(name) and row[3] == "sent" and row[2] != "invoice_number"]
        mine, kinds = {number: amount for _, number, _, _, amount in here}, {kind for _, _, kind, _, _ in here}
        found += _against(name, mine, [entry for entry in simulator.ledger if entry["kind"] in kinds])
    return found + _owed(rows, events, open_days)


def _against(name: str, mine: dict[str, int], ledger: list[dict[str, Any]]) -> list[str]:
    times = Counter(entry["number"] for entry in ledger)
    found = [f"{name} {number}: not in the ledger" for number in mine.keys() - times.keys()]
    found += [f"{name} {number}: {count} times in the ledger" for number, count in times.items() if count > 1]
    found += [f"{name} {number}: unknown to the hub" for number in times.keys() - mine.keys()]
    for entry in ledger:
        here, there = mine.get(entry["number"]), entry.get("amount")
        if there is not None and here is not None and here != there:
            found.append(f"{name} {entry['number']}: {there} in the ledger, {here} in the hub")
    return found


def _owed(rows: Any, events: Any, open_days: int) -> list[str]:
    """Signed deals against receivables; payments less refunds against settlements and what waits for its day to close."""
    amounts: Counter[str] = Counter()
    for kind, data in events:
        amounts[kind] += data.get("amount") or 0
    sent: Counter[str] = Counter()
    for _, _, kind, state, amount in rows:
        sent[kind] += amount if state == "sent" else 0
    found = []
    if sent["receivable"] != amounts["deal.signed"]:
        found.append(f"signed deals {amounts['deal.signed']}, receivables {sent['receivable']}")
    net = amounts["order.paid"] - amounts["refund.succeeded"]
    if sent["settlement"] + open_days != net:
        found.append(f"paid less refunds {net}, settled {sent['settlement']}, open {open_days}")
    return found


def run(*, exit_after: bool, port: int, as_json: bool) -> bool:
    """Play the demo; unless ``exit_after``, keep serving. Returns whether everything agreed."""
    configure("error")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lianshu-demo-"))
        stage = stack.enter_context(staged(demo_settings(Path(folder)), 0 if exit_after else port))
        found = play(stage)
        shown = orjson.dumps(found, default=str, option=orjson.OPT_INDENT_2).decode() + "\n" if as_json else told(found)
        sys.stdout.write(shown)
        sys.stdout.flush()
        if not exit_after:
            _keep_serving(stage)
        return bool(found["consistent"])


def _keep_serving(stage: Stage) -> None:
    from hub.admin.users import create_user
    from hub.jobs.embedded import EmbeddedRunner

    password = secrets.token_urlsafe(12)
    create_user(stage.hub, "demo@example.com", password, ["admin"])
    runner = EmbeddedRunner(stage.hub)
    runner.start()
    sys.stdout.write(f"\n{stage.url}\n用户 / user: demo@example.com\n一次性密码 / one-time password: {password}\nCtrl-C\n")
    sys.stdout.flush()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        runner.stop()


def yuan(minor: int) -> str:
    """Minor units as people read them."""
    return f"¥{minor / 100:,.2f}"


def told(found: dict[str, Any]) -> str:
    """The demo's result in words."""

    def mark(good: bool) -> str:
        return "✓" if good else "✗"

    lines = ["联枢演示 / Lianshu demo", ""]
    for name, streams in found["pulled"].items():
        for stream, n in streams.items():
            lines.append(f"  {name:8} {stream:10} 读取 {n['fetched']:>5}  变更 {n['changed']:>5}  隔离 {n['quarantined']}")
    several = found["customers_with_several_sources"]
    lines.append(f"\n客户 customers: {found['customers']}（{several} 位来自多个来源 / from several sources）")
    who = found["hero"]
    one = f"{who['persons']} 个人 person, {who['companies']} 家公司 company"
    lines.append(f"  {who['name']}: {' + '.join(who['sources'])} = {one}")
    lines.append(f"    标签 tags: {', '.join(who['tags'])}   订单 orders: {who['orders']}")
    lines += [f"    合同 deal {deal} → 应收单 receivable {number}" for deal, number in who["deals"].items()]
    lines += demo_invoices.lines(found["invoices"])
    states = ", ".join(f"{state} {count}" for state, count in found["deliveries"].items() if count)
    lines.append(f"交付 deliveries: {states}")
    for name, kinds in found["ledgers"].items():
        for kind, entry in kinds.items():
            lines.append(f"  {name} 账本 ledger: {kind} × {entry['count']}  {yuan(entry['amount'])}")
    repeated = found["duplicate_push"]
    lines.append(f"{mark(found['second_run_changed_nothing'])} 再跑一遍没有变化 / a second run changed nothing")
    lines.append(f"{mark(repeated['refused'])} 重复推送被对方拒绝 / a duplicate push was refused")
    lines.append(f"{mark(repeated['adopted'])} 已有单据被认领 / the document there was adopted")
    lines += [f"  ✗ {line}" for line in found["differences"]]
    lines.append(f"{mark(found['consistent'])} 两边账目一致 / both sides agree to the fen")
    return "\n".join(lines) + "\n"
