"""The one path: a record, a batch, an import or a person's decision goes through `Engine.resolve` and its neighbours' redo."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from hub.identity.core.board import Board
from hub.identity.core.cluster import Clustering, Outcome
from hub.identity.core.compare import compare
from hub.identity.core.features import Features
from hub.identity.core.order import Elsewhere
from hub.identity.core.outcome import Writer
from hub.identity.core.quick import Component, Quick
from hub.identity.core.score import Context
from hub.identity.core.store import Change, Store
from hub.identity.core.unit import Unit
from hub.identity.core.weights import Model, shipped

_SURE = 6.0
"""Bits from which a join is firm. Where a weaker one is among them, all who might be one are looked at again when the batch is
over. Who is merely nearly one with another is not: of 5,900 such, 10 came out otherwise (100,000 records)."""
_HOPS, _FAR = 2, -5.0
"""In a second look the neighbours of neighbours count as well, so far; who is further apart than the bits is nobody's rival."""
_LARGE = 200
Blind = Callable[[str, str], bytes]
"""(kind, value) -> digest."""


@contextmanager
def _no_collector(size: int) -> Iterator[None]:
    """Without the collector of cycles while a large batch is decided: a third of the time, for objects that make no cycles."""
    pausing = size > _LARGE and gc.isenabled()
    if pausing:
        gc.disable()
    try:
        yield
    finally:
        if pausing:
            gc.enable()


class Arrival(NamedTuple):
    """A profile that is new or may have changed."""

    ref: str
    features: Features


class Engine:
    """Decides with one model and preset. new_id: makes a customer's id. single_source: none stands twice in one source.

    expected: number of identities that a bulk load will end with, so that its first records are judged like its last.
    elsewhere: whether anybody outside a batch has, or will have, a key of one of its records, all of them new; None: nobody
    knows.
    """

    def __init__(
        self,
        blind: Blind,
        new_id: Callable[[], str],
        *,
        model: Model | None = None,
        preset: str = "default",
        single_source: bool = False,
        expected: int = 0,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.blind, self.new_id = blind, new_id
        self.model = model or shipped()
        self.preset = self.model.presets[preset]
        self.single_source, self.expected, self.elsewhere = single_source, expected, elsewhere

    def resolve(self, store: Store, arrivals: Sequence[Arrival]) -> Change:
        """Decide a batch and apply it to the store: also what of it says nothing new to identity, the store may keep."""
        with _no_collector(len(arrivals)):
            return self._resolved(store, arrivals)

    def _resolved(self, store: Store, arrivals: Sequence[Arrival]) -> Change:
        # Of its own, so that all that lay on the table is gone before the collector looks for cycles again.
        board = Board(store, self.blind, self.model, self.expected, elsewhere=self.elsewhere)
        if board.arrive(arrivals):
            return self._settle(store, board)
        change = Change()
        store.apply(change)
        return change

    def redo(self, store: Store, customers: Collection[str]) -> Change:
        """Look at stored customers again, with all that is known now."""
        with _no_collector(len(customers)):
            return self._redone(store, customers)

    def _redone(self, store: Store, customers: Collection[str]) -> Change:
        board = Board(store, self.blind, self.model, self.expected)
        reached = board.recall(customers)
        near = partial(self._near, board, self._context(board))
        for _ in range(_HOPS):
            # Who else may be one with the neighbours decides whose they are.
            reached = board.reach(reached, near)
        return self._settle(store, board, done=list(customers))

    def _context(self, board: Board) -> Context:
        return Context(self.model, board.frequency, board.others, single_source=self.single_source)

    @staticmethod
    def _near(board: Board, context: Context, a: Unit, b: Unit) -> bool:
        score = compare(a, b, context)
        return (score.bits > _FAR or score.conflict) and not board.apart(a, b)

    def _settle(self, store: Store, board: Board, done: Sequence[str] = ()) -> Change:
        """Candidates, groups, and what the groups find by keys that only the whole group has."""
        board.look_proven()
        outcome = self._group(board, self._context(board))
        if board.look_further(outcome.units):
            outcome = self._group(board, self._context(board))
        change = Writer(board, self.model, self.new_id).write(outcome)
        change.done = list(done)
        store.apply(change)
        return change

    def _group(self, board: Board, context: Context) -> Outcome:
        for root, component in board.components().items():
            board.settled[root] = self._settled(board, context, component)
        for root in board.gone:
            board.settled.pop(root, None)
        whole = Outcome(units=board.alone())
        for found in board.settled.values():
            whole.units += found.units
            whole.joined += found.joined
            whole.open += found.open
            whole.compared += found.compared
            if not board.recalled and any(item.score.bits < _SURE for item in found.joined):
                whole.unsettled += [unit for unit in found.units if not board.whole(unit)]
        return whole

    def _settled(self, board: Board, context: Context, component: Component) -> Outcome:
        """Plain cases at once, the others (and whatever is looked at again) from their parts."""
        quick = Quick(component, context, self.preset, board.apart)
        found = None if board.recalled else quick.settle()
        if found is None:
            found = Clustering(context, self.preset, board.apart, quick.known()).run(component.atoms, component.pairs)
        return found
