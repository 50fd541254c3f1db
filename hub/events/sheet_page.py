"""The sheet of one account, kind and period for a page: sums and the facts of a page by set-based SQL, so that no page waits
for all lines; each line and its cause are those of ``sheet``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, and_, case, exists, func, literal, not_, or_, select, union_all

from config.settings import Rule
from hub.core import Hub
from hub.events.facts import accounts_by_id
from hub.events.outbox import DELIVERY, rows_in
from hub.events.settle import ITEM
from hub.events.sheet import Kind, Line, Page, Within, known_gone, rules_of, within
from hub.store.types import Instant

Place = tuple[datetime, str]
SUMS = ("n", "amount", "sent", "booked", "differ", "off")


@dataclass(frozen=True)
class View:
    """The facts of one account, kind and period, as the hub's rules book them. account: a row with id and key."""

    conn: Connection
    hub: Hub
    kind: Kind
    account: Any
    period: Within

    def looked(self, *, differing: bool, size: int, before: Place | None = None) -> tuple[list[dict[str, Any]], list[Place]]:
        """The sums, and (time, ref) of so many facts, newest first, after the one named; differing: only of those that differ.

        Sums: what is due, was sent and is booked under each rule, one row a currency: ``n`` facts, of which ``differ`` are
        ``off`` by so much in all. Without a rule one row says so (rule ''). The last ones ('-') are of rules that are no more.
        """
        gone, sums, found = known_gone(self.conn), list[dict[str, Any]](), set[Place]()
        for rule in self._rules() or [None]:
            made = self._made(rule, gone).c
            query, known = _summed(made), {"rule": rule.name if rule else "", "account": rule.to if rule else ""}
            if differing:  # in one statement with the sums, so that the facts are gone through once
                query = union_all(query, _listed(made, before, size))
            for row in self.conn.execute(query).mappings():
                if row["ref"] is not None:
                    found.add((row["at"], row["ref"]))
                elif row["n"]:
                    sums.append(known | {"currency": row["currency"]} | {name: int(row[name] or 0) for name in SUMS})
        left, plain = self._left_rules(), select(self.kind.moment.label("at"), self.kind.table.c.ref)
        if differing and left:
            parts = plain.select_from(self._parts()).where(*self._left(left)).distinct()
            found.update(self._newest(parts, size, before))
        elif not differing:
            found.update(self._newest(plain.where(self._there()), size, before))
        sums.sort(key=lambda row: (row["rule"], row["currency"]))
        return sums + self._left_sum(left), sorted(found, reverse=True)[:size]

    def _newest(self, query: Any, size: int, before: Place | None) -> list[Place]:
        return [(row[0], row[1]) for row in self.conn.execute(_after(query, before).limit(size))]

    def named(self, number: str, size: int) -> list[Place]:
        """The account's facts of that number, whenever they happened."""
        c = self.kind.table.c
        wanted = select(self.kind.moment.label("at"), c.ref).where(c.number == number, c.account_id == self.account.id)
        return [(row[0], row[1]) for row in self.conn.execute(wanted.where(self.kind.there).limit(size))]

    def lines(self, refs: Sequence[str]) -> list[Line]:
        """The lines of these facts, in their order."""
        table, place = self.kind.table, {ref: number for number, ref in enumerate(refs)}
        rows = sorted(rows_in(self.conn, select(table), table.c.ref, refs), key=lambda row: place[row.ref])
        page = Page(self.conn, self.hub, self.kind, self.account, rows, known_gone(self.conn))
        return list(page.lines([rule for rule in self._rules() if rule]))

    # -- SQL

    def _rules(self) -> list[Rule | None]:
        return list(rules_of(self.hub, self.kind, self.account.key))

    def _there(self) -> Any:
        return and_(self.kind.table.c.account_id == self.account.id, self.kind.there, within(self.kind, self.period))

    def _made(self, rule: Rule | None, gone: set[str]) -> Any:
        """A table of the facts: at, ref, currency, due (none where the source names no amount), sent, booked."""
        if rule is not None and rule.per == "day":
            return self._of_day(rule, gone)
        sent = booked = literal(0)
        if rule is not None:
            sent = self._documents(rule, set())
            booked = self._documents(rule, gone) if gone else sent
        return self._table(select(*self._known(), sent.label("sent"), booked.label("booked")).where(self._there()), "made")

    def _known(self) -> list[Any]:
        c, due = self.kind.table.c, self.kind.due
        return [self.kind.moment.label("at"), c.ref, c.currency, due.label("due")]

    @staticmethod
    def _table(query: Any, name: str) -> Any:
        """Worked out once, however often its columns are named."""
        return query.cte(name).prefix_with("MATERIALIZED")

    def _documents(self, rule: Rule, gone: set[str]) -> Any:
        """What documents of its own that were sent hold of a fact, but those that are gone."""
        d = DELIVERY.c
        to = next((row.id for row in accounts_by_id(self.conn).values() if row.key == rule.to), -1)
        mine = and_(d.subject == self.kind.table.c.ref, d.state == "sent", d.kind == rule.make, d.account_id == to)
        held = select(func.coalesce(func.sum(d.amount), 0)).where(mine, d.id.not_in(gone))
        return held.correlate(self.kind.table).scalar_subquery()

    def _of_day(self, rule: Rule, gone: set[str]) -> Any:
        """The facts beside their parts of documents of days. Of each document it is asked once whether it stands."""
        on = "refund.succeeded" if self.kind.name == "refund" else rule.on
        fact, i, d = self.kind.table, ITEM.c, DELIVERY.c
        mine = and_(i.event_id == fact.c.ref.concat(f"|{on}"), i.rule == rule.name)
        parts = select(*self._known(), i.amount, i.delivery_id).select_from(fact.outerjoin(ITEM, mine)).where(self._there())
        part = self._table(parts, "part").c
        back = DELIVERY.alias("back").c
        undone = exists().where(back.event_id == d.id.concat("|delivery.reversing"), back.state == "sent")
        taken = d.id.in_(select(part.delivery_id).where(part.delivery_id.is_not(None)))
        # so written that the index on states is left alone: nearly all documents were sent, and few are of these days
        sent_ = d.state.concat("") == "sent"
        stands = self._table(select(d.id, d.id.in_(gone).label("gone")).where(taken, sent_, ~undone), "stands")
        there = stands.c.id.is_not(None)
        sent = case((there, part.amount), else_=0).label("sent")
        booked = case((and_(there, not_(stands.c.gone)), part.amount), else_=0).label("booked")
        columns = (part.at, part.ref, part.currency, part.due, sent, booked)
        beside = select(*columns).select_from(part.at.table.outerjoin(stands, stands.c.id == part.delivery_id))
        return self._table(beside, "made")

    # -- rules that are no more

    def _left_sum(self, left: list[str]) -> list[dict[str, Any]]:
        fact, found = self.kind.table, []
        if left:
            sums = (func.count().label("n"), func.sum(ITEM.c.amount).label("sent"))
            query = select(fact.c.currency, *sums).select_from(self._parts()).where(*self._left(left))
            for row in self.conn.execute(query.group_by(fact.c.currency).order_by(fact.c.currency)):
                sent = int(row.sent)
                known = {"rule": "-", "account": "", "currency": row.currency, "n": int(row.n), "amount": 0}
                found.append(known | {"sent": sent, "booked": sent, "differ": int(row.n), "off": -sent})
        return found

    def _left_rules(self) -> list[str]:
        """Names under which parts of documents were noted, and which no rule of this kind has by now. The index has the rule
        first: each name is one step in it."""
        names, found = {rule.name for rule in self._rules() if rule}, list[str | None]()
        last: str | None = ""
        while last is not None:
            last = self.conn.execute(select(func.min(ITEM.c.rule)).where(ITEM.c.rule > last)).scalar()
            found.append(last)
        return [name for name in found if name is not None and name not in names]

    def _parts(self) -> Any:
        ids = [self.kind.table.c.ref.concat(f"|{name}") for name in self.kind.events]
        parts = self.kind.table.join(ITEM, ITEM.c.event_id.in_(ids))
        return parts.join(DELIVERY, DELIVERY.c.id == ITEM.c.delivery_id)

    def _left(self, rules: list[str]) -> tuple[Any, ...]:
        return self._there(), DELIVERY.c.state == "sent", ITEM.c.rule.in_(rules)


def _off(made: Any) -> Any:
    return or_(made.due.is_(None), made.due != made.booked)


def _summed(c: Any) -> Any:
    """SQL: the sums by currency, with nothing where ``_listed`` has a fact."""
    # a fact without an amount is compared with nothing
    sent, booked = (case((c.due.is_(None), 0), else_=held) for held in (c.sent, c.booked))
    sums = {
        "n": func.sum(case((or_(c.due.is_(None), c.due != 0, c.sent != 0), 1), else_=0)), "amount": func.sum(c.due),
        "sent": func.sum(sent), "booked": func.sum(booked), "differ": func.sum(case((_off(c), 1), else_=0)),
        "off": func.sum(case((_off(c), func.coalesce(c.due, 0) - booked), else_=0)),
    }  # fmt: skip
    totals = [sums[name].label(name) for name in SUMS]
    nothing = (literal(None, Instant).label("at"), literal(None, Text).label("ref"))
    return select(c.currency, *totals, *nothing).group_by(c.currency)


def _listed(c: Any, before: Place | None, size: int) -> Any:
    """SQL: the facts that differ, in the columns of ``_summed``."""
    some = _after(select(c.at, c.ref).where(_off(c)), before).limit(size).subquery().c
    nothing = [literal(0).label(name) for name in SUMS]
    return select(literal("").label("currency"), *nothing, some.at, some.ref)


def _after(query: Any, before: Place | None) -> Any:
    """Newest first, after the one named. The query's columns are time and ref."""
    at, ref = query.selected_columns
    if before is not None:
        query = query.where(at <= before[0], not_(and_(at == before[0], ref >= before[1])))
    return query.order_by(at.desc(), ref.desc())
