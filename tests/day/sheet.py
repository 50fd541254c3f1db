"""The three-way sheet: what the platforms hold, what the hub has made of it, what stands in the books.

The hub's side is its own report (``hub.events.sheet``); the other two are asked of the simulators. A difference has a cause
that the hub's report names, or it is told as one without a cause.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from connectors.wukong.sim_flow import IN_FORCE
from connectors.wukong.sim_store import CONTRACT, is_deleted
from hub.core import Hub
from hub.events.sheet import Line, sheet
from tests.day.company import Company
from tests.day.story import fen

Key = tuple[str, str, str]
"""Account, kind (deal, order, refund) and the number it has there."""


def platform(company: Company) -> dict[Key, int]:
    """Every signed deal, paid order and refund as its platform has it now, in fen; a deal that is void is over nothing."""
    found: dict[Key, int] = {}
    for row in company.taobao.trades.rows.values():
        if "pay_time" in row.record:
            found["taobao", "order", str(row.key)] = fen(row.record["payment"])
    for row in company.taobao.refunds.rows.values():
        if row.record["status"] == "SUCCESS":
            found["taobao", "refund", str(row.key)] = -fen(row.record["refund_fee"])
    for order in company.jd.shop.all("order"):
        if "actualPay" in order.record:
            found["jd", "order", order.key] = fen(order.record["actualPay"])
    for refund in company.jd.shop.all("refund"):
        if refund.record["status"] == 3:
            found["jd", "refund", refund.key] = -refund.record["applyRefundSum"]
    return found | _deals(company)


def _deals(company: Company) -> dict[Key, int]:
    found: dict[Key, int] = {}
    for row in company.wukong.store.tables[CONTRACT].values():
        if row.detail["checkStatus"] in IN_FORCE and not is_deleted(CONTRACT, row):
            found["wukong", "deal", row.detail["num"]] = fen(row.detail["money"])
    flow = company.dingtalk.flow
    for instance in flow.instances.values():
        if not instance.main and (instance.status, instance.result) == ("COMPLETED", "agree"):
            revoked = any(flow.instances[key].action == "REVOKE" for key in instance.attached)
            amount = fen(instance.form["合同金额"][1])
            found["dingtalk", "deal", instance.form["合同编号"][1]] = 0 if revoked else amount
    return {key: amount for key, amount in found.items() if amount}


def ledger(company: Company) -> dict[str, list[dict[str, Any]]]:
    """The money documents of each ledger."""
    kinds = ("receivable", "settlement")
    return {sim.name: [entry for entry in sim.ledger if entry["kind"] in kinds] for sim in (company.kingdee, company.yonyou)}


@dataclass
class ThreeWay:
    """The sheet. rows: (account, kind) -> counts and sums of the three sides. named: cause -> [count, fen]. wrong: differences
    without a cause, each in a line."""

    rows: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    named: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    wrong: list[str] = field(default_factory=list)

    def shown(self) -> str:
        """As a table, in yuan."""
        heads = f"{'':18}" + "".join(f"{side:>9}{'yuan':>17}" for side in ("platform", "hub", "finance"))
        lines = [heads]
        for (account, kind), row in sorted(self.rows.items()):
            cells = "".join(f"{row[side]:>9}{row[side + ' fen'] / 100:>17,.2f}" for side in ("platform", "hub", "finance"))
            lines.append(f"{account + ' ' + kind:18}{cells}")
        lines += [f"  {cause}: {count} lines, {amount / 100:,.2f} yuan" for cause, (count, amount) in self.named.items()]
        return "\n".join([*lines, *(f"  UNEXPLAINED {line}" for line in self.wrong[:20])])


def three_way(company: Company, hub: Hub) -> ThreeWay:
    """Compare, fact by fact and document by document."""
    made, lines = ThreeWay(), dict[Key, Line]()
    report = sheet(hub, each=lambda line: lines.__setitem__((line.source, line.kind, line.number), line))
    theirs, books = platform(company), _books(company, made)
    documents = _documents(hub)
    for key in theirs.keys() | lines.keys():
        _compare(made, key, theirs.get(key, 0), lines.get(key), documents, books)
    _days(made, lines.values(), books)
    known = {(row.key, row.number): row.amount for rows in documents.values() for row in rows if row.state == "sent"}
    made.wrong += [f"{w}: {amount} sent, {books.get(w)} in the ledger" for w, amount in known.items() if books.get(w) != amount]
    made.wrong += [f"{name} {number}: unknown to the hub" for name, number in books.keys() - known.keys()]
    if report["unexplained"]:
        made.wrong.append(f"the hub's own sheet: {report['unexplained']} unexplained")
    return made


def _books(company: Company, made: ThreeWay) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for name, entries in ledger(company).items():
        for entry in entries:
            if (name, entry["number"]) in found:
                made.wrong.append(f"{name} {entry['number']}: twice in the ledger")
            found[name, entry["number"]] = entry["amount"]
    return found


def _documents(hub: Hub) -> dict[str, list[Any]]:
    """Our money documents by what they are about."""
    found: dict[str, list[Any]] = defaultdict(list)
    query = "SELECT d.subject, d.number, d.amount, d.state, a.key FROM delivery d JOIN account a ON a.id = d.account_id "
    with hub.db.read() as conn:
        for row in conn.execute(text(query + "WHERE d.kind IN ('receivable', 'settlement')")):
            found[row.subject].append(row)
    return found


def _compare(made: ThreeWay, key: Key, theirs: int, line: Line | None, documents: Any, books: Any) -> None:
    """One fact on the three sides."""
    account, kind, number = key
    ours = line.amount if line else 0
    booked = line.booked if line else 0
    if kind == "deal" and line:
        booked = sum(books.get((row.key, row.number), 0) for row in documents[line.ref])
        if booked != line.booked:
            made.wrong.append(f"{account} {number}: {line.booked} booked by the hub, {booked} in the ledger")
    row = made.rows[account, kind]
    for side, amount in (("platform", theirs), ("hub", ours), ("finance", booked)):
        row.update({side: int(bool(amount)), f"{side} fen": amount})
    if theirs != ours:
        made.wrong.append(f"{account} {kind} {number}: {theirs} there, {ours} in the hub")
    if ours != booked:
        cause = line.cause if line else ""
        if not cause:
            made.wrong.append(f"{account} {kind} {number}: {ours} in the hub, {booked} in the books")
        made.named[cause][0] += 1
        made.named[cause][1] += ours - booked


def _days(made: ThreeWay, lines: Any, books: Any) -> None:
    """The documents of days: each is the sum of the orders and refunds that the hub says are booked in it."""
    sums: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if line.kind != "deal" and line.booked:
            sums[line.account, line.document] += line.booked
    for where, amount in sums.items():
        if books.get(where) != amount:
            made.wrong.append(f"{where}: {amount} by the hub's lines, {books.get(where)} in the ledger")
    days = {where for where in books if where[1].startswith("ST")}
    made.wrong += [f"{where}: a document of no lines" for where in days - sums.keys()]
