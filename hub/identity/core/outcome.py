"""From groups to what is written: which customer each profile belongs to now, why, and what a person should look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from hub.identity.core.board import Board
from hub.identity.core.cluster import Joined, Open, Outcome
from hub.identity.core.keying import keys, role
from hub.identity.core.presents import orders_for
from hub.identity.core.score import Score
from hub.identity.core.store import Change, Key, Link, Merge, Relation, Review, Saved, Split
from hub.identity.core.unit import Unit
from hub.identity.core.weights import Model


class Writer:
    """Writes the outcome of one batch as a change."""

    def __init__(self, board: Board, model: Model, new_id: Callable[[], str]) -> None:
        self.board, self.model, self.new_id = board, model, new_id
        self.change = Change()
        self.home: dict[str, str] = {}
        self._born: set[str] = set()
        self._first: set[str] = set()

    def write(self, outcome: Outcome) -> Change:
        """Everything that the batch did."""
        self.change.counts = dict(self.board.counts)
        homes = self._homes(outcome.units)
        reasons = self._reasons(outcome.joined)
        for unit, customer in zip(outcome.units, homes, strict=True):
            for ref in unit.refs:
                self._profile(ref, customer, reasons)
            if unit.orders:
                self._receivers(unit)
        self._moves(outcome.units, homes)
        self._answered(outcome)
        self._reviews(outcome.open)
        self.change.queue = {self.home[unit.refs[0]]: "neighbours" for unit in outcome.unsettled if unit.refs[0] in self.home}
        self._relations(outcome)
        if not self.board.recalled:  # else customers of one such value would call each other for ever
            self.change.queue |= dict.fromkeys(self.board.generic - self.change.queue.keys(), "generic")
        gone = {merge.loser for merge in self.change.merges}
        self.change.queue = {customer: reason for customer, reason in self.change.queue.items() if customer not in gone}
        return self.change

    # -- ids

    def _homes(self, units: list[Unit]) -> list[str]:
        """The customer of each group: the one that most of its profiles have, then the oldest; each customer to one group."""
        claims: list[tuple[int, str, int]] = []
        for number, unit in enumerate(units):
            if unit.size == 1 and not self.board.pieces[unit.refs[0]].customer:
                continue
            found = Counter(self.board.pieces[ref].customer for ref in unit.refs if self.board.pieces[ref].customer)
            claims += [(-count, customer, number) for customer, count in found.items()]
        homes = [""] * len(units)
        taken: set[str] = set()
        for _, customer, number in sorted(claims):
            if not homes[number] and customer not in taken:
                homes[number] = customer
                taken.add(customer)
        for number, unit in enumerate(units):
            if not homes[number]:
                homes[number] = self.new_id()
                self.change.born.append(homes[number])
                self._born.add(homes[number])
                self._count(unit, 1)
        return homes

    def _count(self, unit: Unit, step: int) -> None:
        kind = ("n", unit.kind if unit.kind in ("company", "other") else "person")
        self.change.counts[kind] = self.change.counts.get(kind, 0) + step

    # -- profiles

    def _profile(self, ref: str, customer: str, reasons: dict[str, Joined]) -> None:
        piece = self.board.pieces[ref]
        self.home[ref] = customer
        more = self.board.extra_keys.get(ref)
        moved = piece.customer != customer
        if piece.features is None and not moved and not more:
            return
        features = piece.features.dump() if piece.features is not None else None
        stored: tuple[Key, ...] = ()
        if features is not None or more:
            piece.keys = piece.keys or keys(piece.unit)
            plain = dict.fromkeys([*piece.keys.stored, *(more or ())])
            stored = tuple(Key(self.board.digest(key), key[0], role(key[0])) for key in plain)
        self.change.saved.append(Saved(ref, customer, features, stored, not piece.customer))
        if moved:
            self.change.links.append(self._link(ref, customer, reasons.get(ref)))

    def _reasons(self, joined: list[Joined]) -> dict[str, Joined]:
        """For each profile the first join that it was part of."""
        found: dict[str, Joined] = {}
        for item in joined:
            for ref in (*item.a.refs, *item.b.refs):
                found.setdefault(ref, item)
        return found

    def _link(self, ref: str, customer: str, reason: Joined | None) -> Link:
        if customer in self._born and customer not in self._first:
            self._first.add(customer)
            return Link(ref, customer, None, "new", 0.0, self.model.version)
        if reason is None:
            if (said := self._said(ref)) is not None:
                return Link(ref, customer, said, "person", 99.0, self.model.version)
            unit = self.board.pieces[ref].unit
            for proof in sorted(unit.proofs):
                for other in self.board.index.get(("=" + proof[0], f"{proof[1]}\x1f{proof[2]}"), ()):
                    if other != ref and other in self.board.pieces:
                        return Link(ref, customer, other, "proof:" + proof[0], 99.0, self.model.version)
            return Link(ref, customer, None, "new", 0.0, self.model.version)
        outside = reason.b if ref in reason.a.refs else reason.a
        return Link(ref, customer, outside.refs[0], "score", reason.score.bits, self.model.version, reason.score.evidence)

    def _said(self, ref: str) -> str | None:
        """The profile that a person has said to be the same as this one, None where nobody did."""
        return next((d.b if d.a == ref else d.a for d in self.board.same if ref in (d.a, d.b)), None)

    def _receivers(self, unit: Unit) -> None:
        """Count how often an account's new order goes to somebody else than another order of it: presents, borrowed numbers."""
        fresh = [self.board.pieces[ref].unit for ref in unit.refs if self.board.pieces[ref].features is not None]
        for order in (order for part in fresh for order in part.orders if order.sevens):
            mates = [other for other in unit.orders if other.account == order.account and other is not order and other.sevens]
            if mates:
                differs = not any(set(order.sevens) & set(other.sevens) for other in mates)
                for key, count in ((("receivers", ""), 1), (("receivers", "others"), int(differs))):
                    self.change.counts[key] = self.change.counts.get(key, 0) + count

    # -- merges and splits

    def _moves(self, units: list[Unit], homes: list[str]) -> None:
        went: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for unit, home in zip(units, homes, strict=True):
            for ref in unit.refs:
                if old := self.board.pieces[ref].customer:
                    went[old][home].append(ref)
        for old, targets in went.items():
            if old not in targets:
                survivor = max(targets, key=lambda home: len(targets[home]))
                refs = targets.pop(survivor)
                link = next((item for item in self.change.links if item.ref in refs), None)
                link = link or Link(refs[0], survivor, None, "redo", 0.0, self.model.version)
                self.change.merges.append(Merge(survivor, old, link))
                self._count(units[homes.index(survivor)], -1)
            for target, refs in targets.items():
                if target != old:
                    self.change.splits.append(Split(old, target, tuple(refs), "redo"))

    # -- what a person should see

    def _answered(self, outcome: Outcome) -> None:
        """Who was compared anew. Who is new and alone was compared with nobody, and nobody has asked about him."""
        change, pieces = self.change, self.board.pieces
        for number, unit in enumerate(outcome.units):
            if unit.size > 1 or pieces[unit.refs[0]].customer:
                change.groups.update(dict.fromkeys(unit.refs, number))
                change.fresh.update(ref for ref in unit.refs if pieces[ref].features is not None or pieces[ref].recalled)
        for a, b, _ in outcome.compared:
            one, other = change.groups.get(a.refs[0]), change.groups.get(b.refs[0])
            if one is not None and other is not None and one != other:
                change.compared.add((min(one, other), max(one, other)))

    def _reviews(self, found: list[Open]) -> None:
        for item in found:
            a, b = sorted((min(item.a.refs), min(item.b.refs)))
            chance = 1 / (1 + 2.0 ** -max(min(item.score.bits, 30.0), -30.0))
            worth = min(chance, 1 - chance) * item.a.size * item.b.size
            self.change.reviews.append(
                Review(a, b, item.reason, item.score.bits, worth, item.score.evidence, self.model.version)
            )

    def _relations(self, outcome: Outcome) -> None:
        for a, b, score in outcome.compared:
            if {a.kind, b.kind} == {"person", "company"}:
                person, company = (a, b) if a.kind == "person" else (b, a)
                if {org.sound for org in person.orgs} & {org.sound for org in company.orgs}:
                    self.change.relations.append(Relation(person.refs[0], company.refs[0], "works_at", 0.0))
            elif score.forbidden == "branch":
                branch, parent = (a, b) if any(org.branch for org in a.orgs) else (b, a)
                self.change.relations.append(Relation(branch.refs[0], parent.refs[0], "branch_of", 0.0))
            elif a.kind == b.kind == "person" and self._household(score):
                first, second = sorted((a.refs[0], b.refs[0]))
                self.change.relations.append(Relation(first, second, "household", score.bits, score.evidence))
            for account, other in ((a, b), (b, a)):
                if account.orders and orders_for(account, other):
                    self.change.relations.append(Relation(account.refs[0], other.refs[0], "orders_for", 0.0))

    @staticmethod
    def _household(score: Score) -> bool:
        levels = {(item.kind, item.level) for item in score.evidence}
        return ("name", "differ") in levels and not levels.isdisjoint({("phone", "same"), ("place", "number")})
