"""Reconcile, three ways: what events and rules say should exist, what deliveries say, what each destination says.

Nothing is changed, except that ``fix`` looks up what is in doubt, as the hub would when it is due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import and_, func, or_, select

from connectors import errors, registry
from connectors.base import Receipt, Sink
from hub import accounts
from hub.core import Hub
from hub.events import desk, documents, outbox
from hub.events.attempt import compare
from hub.events.expected import Due, Owed, due, owed
from hub.events.facts import accounts_by_id
from hub.events.outbox import DELIVERY
from hub.sync import connect as connecting

PAGE = 100
MOST_LISTED = 1000
"""Differences that are listed one by one; ``causes`` counts all of them."""
MOST_SILENT = 3
"""Calls in a row without an answer after which a destination is not asked any more."""
LONGEST_WAIT = 30.0
Progress = Callable[[int, int], None]


class Pause(Exception):
    """The walk stops here and can be resumed."""


@dataclass(frozen=True)
class Finding:
    """What the comparison of one delivery says. status: ok | missing | different | extra | unknown."""

    status: str
    cause: str = ""


def reconcile(
    hub: Hub, account_key: str | None = None, since: date | datetime | None = None, *,
    fix: bool = False, by: str = "reconcile", progress: Progress | None = None,
    limit: int | None = None, resume: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Compare and say where the three differ and why.

    account_key: one destination, else all. since: business days from then on. limit: how many deliveries to look up in
    this call; ``resume``: an earlier result whose ``next`` is set, to go on from. Result: ``checked``, ``ok``,
    ``differences`` [{status, cause, account, number, delivery, about, rule, state, currency, expected, delivered, found}],
    ``causes`` {cause: count}, ``totals`` {currency: {expected, delivered, found}} in minor units without write-backs,
    ``next`` (None = complete), ``stopped`` (the error that stopped it, or None).
    """
    day = since.date() if isinstance(since, datetime) else since
    if account_key is not None:
        accounts.get(hub, account_key)
    walk = _Walk(hub, account_key, day, fix, by, deepcopy(resume) if resume else None)
    return walk.run(progress, limit)


class _Walk:
    def __init__(
        self, hub: Hub, account: str | None, since: date | None, fix: bool, by: str, earlier: dict[str, Any] | None
    ) -> None:
        self.hub, self.fix, self.by, self.account, self.since = hub, fix, by, account, since
        self.report: dict[str, Any] = earlier or {
            "account": account, "since": since, "checked": 0, "ok": 0, "differences": [], "causes": {}, "totals": {},
            "next": None,
        }  # fmt: skip
        self.report["stopped"] = None
        self._fresh = earlier is None
        self._sinks: dict[int, Sink | errors.ConnectorError] = {}
        self._silent: Counter[int] = Counter()
        with hub.db.read() as conn:
            self._keys = {number: row.key for number, row in accounts_by_id(conn).items()}

    def run(self, progress: Progress | None, limit: int | None) -> dict[str, Any]:
        """Walk on from where it stopped."""
        if self._fresh:
            self._owed()
        total, done = self._count(), 0
        while rows := self._page(PAGE if limit is None else min(PAGE, limit - done)):
            for row, wanted, mark in rows:
                if self.hub.stopping():
                    return self.report
                try:
                    self._one(row, wanted, mark)
                except (Pause, errors.Stop):
                    return self.report
                self.report["next"], done = row.id, done + 1
            if progress:
                progress(self.report["checked"], total)
            if limit is not None and done >= limit:
                return self.report
        self.report["next"] = None
        return self.report

    # -- the rows

    def _scope(self) -> Any:
        c = DELIVERY.c
        wanted: list[Any] = []
        if self.account is not None:
            wanted.append(c.account_id.in_([number for number, key in self._keys.items() if key == self.account]))
        if self.since is not None:
            wanted.append(c.day >= self.since)
        return and_(True, *wanted)

    def _count(self) -> int:
        with self.hub.db.read() as conn:
            return int(conn.execute(select(func.count()).select_from(DELIVERY).where(self._scope())).scalar_one())

    def _page(self, size: int) -> list[tuple[Any, Due, str]]:
        """The next deliveries, what each should be over, and what a person has to do about it since its deal changed."""
        c, scope = DELIVERY.c, self._scope()
        query = select(DELIVERY).where(scope).order_by(c.created_at, c.id).limit(size)
        with self.hub.db.read() as conn:
            if self.report["next"]:
                last = conn.execute(select(c.created_at, c.id).where(c.id == self.report["next"])).one()
                query = query.where(or_(c.created_at > last.created_at, and_(c.created_at == last.created_at, c.id > last.id)))
            rows = conn.execute(query).all()
            expected = due(conn, self.hub, rows)
            ids = [row.id for row in rows]
            marks = dict.fromkeys(outbox.needing_amendment(conn, ids), "needs_amendment")
            marks |= dict.fromkeys(outbox.needing_reversal(conn, ids), "needs_reversal")
        return [(row, expected[row.id], marks.get(row.id, "")) for row in rows]

    def _one(self, row: Any, wanted: Due, mark: str) -> None:
        if self.fix and row.state == "in_doubt":
            desk.look_now(self.hub, row.id, by=self.by)
            with self.hub.db.read() as conn:
                row = conn.execute(select(DELIVERY).where(DELIVERY.c.id == row.id)).one()
        receipt: Receipt | errors.ConnectorError | None = self._find(row) if row.document else None
        found = judge(row, wanted.amount, mark, receipt)
        theirs = None
        if isinstance(receipt, Receipt):
            theirs = receipt.amount.minor if receipt.amount else row.amount
        self.report["checked"] += 1
        sent = row.amount if row.state == "sent" else None
        if wanted.money:
            self._add_up(row.currency, wanted.amount, sent, theirs)
        if found.status == "ok":
            self.report["ok"] += 1
        else:
            key = self._keys[row.account_id]
            known = {"account": key, "number": row.number, "delivery": row.id, "about": row.subject, "rule": row.rule}
            sums = {"currency": row.currency, "expected": wanted.amount, "delivered": sent, "found": theirs}
            self._differ(found.status, found.cause, {**known, "state": row.state, **sums})

    def _owed(self) -> None:
        with self.hub.db.read() as conn:
            for item in owed(conn, self.hub, self.account, self.since):
                self._missing(item)

    def _missing(self, item: Owed) -> None:
        if item.money:
            self._add_up(item.currency, item.amount, None, None)
        known = {"account": item.account, "number": item.number, "delivery": None, "about": item.about, "rule": item.rule}
        sums = {"currency": item.currency, "expected": item.amount, "delivered": None, "found": None}
        self._differ("missing", item.cause, {**known, "state": None, **sums})

    def _differ(self, status: str, cause: str, told: dict[str, Any]) -> None:
        causes = self.report["causes"]
        causes[cause] = causes.get(cause, 0) + 1
        if len(self.report["differences"]) < MOST_LISTED:
            self.report["differences"].append({"status": status, "cause": cause, **told})

    def _add_up(self, currency: str, expected: int | None, delivered: int | None, found: int | None) -> None:
        sums = self.report["totals"].setdefault(currency, {"expected": 0, "delivered": 0, "found": 0})
        for name, amount in (("expected", expected), ("delivered", delivered), ("found", found)):
            sums[name] += amount or 0

    # -- the destination

    def _find(self, row: Any) -> Receipt | errors.ConnectorError | None:
        """What the destination says; the error where it cannot be asked. Raises Pause at a limit."""
        sink = self._sink(row.account_id)
        if isinstance(sink, errors.ConnectorError):
            return sink
        for patience in (True, False):
            try:
                found = sink.find(documents.from_json(row.document))
                self._silent[row.account_id] = 0
                return found
            except errors.Throttled as error:
                if not patience or error.wait > LONGEST_WAIT:
                    self.report["stopped"] = error.as_dict()
                    raise Pause from None
                self.hub.sleep(error.wait)
            except errors.ConnectorError as error:
                self._give_up(row.account_id, error)
                return error
        return None

    def _give_up(self, account_id: int, error: errors.ConnectorError) -> None:
        self._silent[account_id] += 1
        hopeless = isinstance(error, errors.AuthError | errors.ConfigError)
        if hopeless or self._silent[account_id] >= MOST_SILENT:
            self._sinks[account_id] = error
            self.report["stopped"] = error.as_dict()

    def _sink(self, account_id: int) -> Sink | errors.ConnectorError:
        if account_id not in self._sinks:
            try:
                found = connecting.connect(self.hub, accounts.by_id(self.hub, account_id), priority=3)
            except (ValidationError, registry.UnknownConnector):
                return errors.ConfigError()
            self._sinks[account_id] = found if isinstance(found, Sink) else errors.ConfigError("delivery.no_sink")
        return self._sinks[account_id]


def judge(row: Any, expected: int | None, mark: str, receipt: Receipt | errors.ConnectorError | None) -> Finding:
    """What state, expectation and the destination's answer say together. mark: needs_reversal | needs_amendment | ''."""
    if isinstance(receipt, errors.ConnectorError):
        return Finding("unknown", receipt.key)
    if row.state == "sending":
        return Finding("unknown", "in_progress")
    if receipt is None:
        return _absent(row)
    conflict = compare(documents.from_json(row.document), receipt)
    if row.state != "sent":
        return Finding("different", "conflict") if conflict else Finding("extra", f"{row.state}_but_there")
    if conflict:
        return Finding("different", "changed_at_destination")
    if mark:
        return Finding("extra" if mark == "needs_reversal" else "different", mark)
    if expected is not None and expected != row.amount:
        return Finding("different", "changed_at_source")
    return Finding("ok") if receipt.complete else Finding("different", "incomplete")


def _absent(row: Any) -> Finding:
    if row.state == "cancelled":
        return Finding("ok")
    if row.state == "sent":
        return Finding("missing", "gone_at_destination")
    if row.state == "in_doubt":
        return Finding("missing", "in_doubt")
    return Finding("missing", (row.error or {}).get("key") or "waiting")
