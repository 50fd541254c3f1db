"""The sheet of one account, kind and period for a page: sums and the facts of a page by set-based SQL, so that no page waits
for all lines; each line and its cause are those of ``sheet``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, not_, or_, select

from config.settings import Rule
from hub.core import Hub
from hub.events.facts import accounts_by_id
from hub.events.outbox import DELIVERY, rows_in
from hub.events.settle import ITEM
from hub.events.sheet import Kind, Line, Page, Within, known_gone, rules_of, within


@dataclass(frozen=True)
class View:
    """The facts of one account, kind and period, as the hub's rules book them. account: a row with id and key."""

    conn: Connection
    hub: Hub
    kind: Kind
    account: Any
    period: Within

    def sums(self) -> list[dict[str, Any]]:
        """What is due, was sent and is booked under each rule, one row a currency; ``differ``: how many facts differ, ``off``:
        by how much in all. Without a rule one row says so (rule ''). A last one is of rules that are no more."""
        gone, rules = known_gone(self.conn), self._rules()
        found = [row for rule in rules for row in self._sum(rule, gone)] if rules else self._sum(None, gone)
        return found + self._left_sum()

    def facts(self, *, differing: bool, size: int, before: tuple[datetime, str] | None = None) -> list[tuple[str, datetime]]:
        """(ref, time) of so many facts, newest first, after the one named. differing: only where a rule's sums differ."""
        c, moment = self.kind.table.c, self.kind.moment
        wanted = select(c.ref, moment.label("at")).where(self._there())
        if differing:
            wanted = wanted.where(self._differs(known_gone(self.conn)))
        if before is not None:
            at, ref = before
            wanted = wanted.where(moment <= at, not_(and_(moment == at, c.ref >= ref)))
        found = self.conn.execute(wanted.order_by(moment.desc(), c.ref.desc()).limit(size)).all()
        return [(row.ref, row.at) for row in found]

    def named(self, number: str, size: int) -> list[tuple[str, datetime]]:
        """The account's facts of that number, whenever they happened."""
        c = self.kind.table.c
        wanted = select(c.ref, self.kind.moment.label("at")).where(c.number == number, c.account_id == self.account.id)
        return [(row.ref, row.at) for row in self.conn.execute(wanted.where(self.kind.there).limit(size)).all()]

    def lines(self, refs: Sequence[str]) -> list[Line]:
        """The lines of these facts, in their order."""
        table, place = self.kind.table, {ref: number for number, ref in enumerate(refs)}
        rows = sorted(rows_in(self.conn, select(table), table.c.ref, refs), key=lambda row: place[row.ref])
        page = Page(self.conn, self.hub, self.kind, self.account, rows, known_gone(self.conn))
        return list(page.lines(self._rules()))

    # -- SQL

    def _rules(self) -> list[Rule]:
        return rules_of(self.hub, self.kind, self.account.key)

    def _there(self) -> Any:
        return and_(self.kind.table.c.account_id == self.account.id, self.kind.there, within(self.kind, self.period))

    def _differs(self, gone: set[str]) -> Any:
        due, rules = self.kind.due, self._rules()
        off = [due != self._held(rule, gone) for rule in rules] or [due != 0]
        left = select(ITEM.c.event_id).select_from(_taken()).where(ITEM.c.event_id.in_(self._ids()), self._left())
        return or_(due.is_(None), *off, exists(left.correlate(self.kind.table)))

    def _sum(self, rule: Rule | None, gone: set[str]) -> list[dict[str, Any]]:
        due, both = self.kind.due, bool(rule and gone)
        columns = [self.kind.table.c.currency, due.label("due")]
        # without documents that are gone, what was sent is what is there, and is asked for once
        for name, without in (("sent", set[str]()), ("booked", gone)):
            if name == "sent" or both:
                columns.append(case((due.is_(None), 0), else_=self._held(rule, without) if rule else 0).label(name))
        c = select(*columns).where(self._there()).cte("made").prefix_with("MATERIALIZED").c
        booked = c.booked if both else c.sent
        off = or_(c.due.is_(None), c.due != booked)
        sums = {
            "n": func.sum(case((or_(c.due.is_(None), c.due != 0, c.sent != 0), 1), else_=0)), "amount": func.sum(c.due),
            "sent": func.sum(c.sent), "booked": func.sum(booked), "differ": func.sum(case((off, 1), else_=0)),
            "off": func.sum(case((off, func.coalesce(c.due, 0) - booked), else_=0)),
        }  # fmt: skip
        query = select(c.currency, *(total.label(name) for name, total in sums.items())).group_by(c.currency)
        rows = self.conn.execute(query.order_by(c.currency)).mappings()
        known = {"rule": rule.name if rule else "", "account": rule.to if rule else ""}
        return [known | {"currency": row["currency"]} | {n: int(row[n] or 0) for n in sums} for row in rows if row["n"]]

    def _left_sum(self) -> list[dict[str, Any]]:
        fact = self.kind.table
        pairs = fact.join(ITEM, ITEM.c.event_id.in_(self._ids())).join(DELIVERY, DELIVERY.c.id == ITEM.c.delivery_id)
        sums = (func.count().label("n"), func.sum(ITEM.c.amount).label("sent"))
        query = select(fact.c.currency, *sums).select_from(pairs).where(self._there(), self._left()).group_by(fact.c.currency)
        found = []
        for row in self.conn.execute(query.order_by(fact.c.currency)):
            sent = int(row.sent)
            known = {"rule": "-", "account": "", "currency": row.currency, "n": int(row.n), "amount": 0}
            found.append(known | {"sent": sent, "booked": sent, "differ": int(row.n), "off": -sent})
        return found

    def _held(self, rule: Rule, gone: set[str]) -> Any:
        """What sent documents under the rule hold of a fact, but those that are gone."""
        return self._of_day(rule, gone) if rule.per == "day" else self._of_event(rule, gone)

    def _of_event(self, rule: Rule, gone: set[str]) -> Any:
        d, to = DELIVERY.c, self._to(rule)
        mine = and_(d.subject == self.kind.table.c.ref, d.state == "sent", d.kind == rule.make, d.account_id == to)
        held = select(func.coalesce(func.sum(d.amount), 0)).where(mine, d.id.not_in(gone))
        return held.correlate(self.kind.table).scalar_subquery()

    def _of_day(self, rule: Rule, gone: set[str]) -> Any:
        on = "refund.succeeded" if self.kind.name == "refund" else rule.on
        mine = and_(ITEM.c.event_id == self.kind.table.c.ref.concat(f"|{on}"), ITEM.c.rule == rule.name)
        held = select(func.coalesce(func.sum(ITEM.c.amount), 0)).select_from(_taken()).where(mine, _stands(gone))
        return held.correlate(self.kind.table).scalar_subquery()

    def _ids(self) -> list[Any]:
        """SQL: the ids of the events of a fact."""
        return [self.kind.table.c.ref.concat(f"|{name}") for name in self.kind.events]

    def _left(self) -> Any:
        """SQL: an item is a part of a sent document of a rule that is no more."""
        return and_(DELIVERY.c.state == "sent", ITEM.c.rule.not_in([rule.name for rule in self._rules()]))

    def _to(self, rule: Rule) -> int:
        return next((row.id for row in accounts_by_id(self.conn).values() if row.key == rule.to), -1)


def _taken() -> Any:
    return ITEM.join(DELIVERY, DELIVERY.c.id == ITEM.c.delivery_id)


def _stands(gone: set[str]) -> Any:
    """SQL: the document of a day was sent, is not gone, and nobody has taken it back."""
    d, back = DELIVERY.c, DELIVERY.alias("back").c
    undone = exists().where(back.event_id == d.id.concat("|delivery.reversing"), back.state == "sent")
    return and_(d.state == "sent", d.id.not_in(gone), ~undone)
