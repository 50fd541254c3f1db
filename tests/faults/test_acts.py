"""Death in the middle of what is done after a document is sent, and for people: asking what became of documents, and tags
that are written to a platform. Nothing is told twice, nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from connectors.wecom.simulator import WeComSimulator
from hub.people import tags
from hub.people.wishes import SETTLE
from tests.faults.child import LEASE, dies, works
from tests.faults.conftest import Make
from tests.faults.side import Side
from tests.faults.world import BEIJING, World, agrees, invented

# -- what became of documents

FOLLOWED = [
    ("hub.invoices.status:claim", 1, "after"),
    ("connectors.kingdee.connector:Kingdee.status", 1, "before"),
    ("connectors.kingdee.connector:Kingdee.status", 1, "after"),
    ("hub.invoices.status:save", 1, "after"),
    ("hub.invoices.follow:insert_events", 1, "after"),
    ("hub.invoices.follow:insert_events", 2, "before"),
    ("hub.invoices.follow:_release", 1, "before"),
]
ON_POSTGRESQL = {"hub.invoices.status:save", "hub.people.tags:_assign"}
ASKED = 400.0
"""Seconds after which documents are asked about."""


def cases(points: list[tuple[str, int, str]]) -> list[object]:
    """Each point on SQLite, and the most delicate ones on PostgreSQL too."""
    there = [pytest.param("postgresql", *point, marks=pytest.mark.postgres) for point in points if point[0] in ON_POSTGRESQL]
    return [("sqlite", *point) for point in points] + there  # type: ignore[operator]


@pytest.fixture
def paid(world_of: Make, tmp_path: Path, database: str) -> World:
    """Two days are booked over there; somebody has paid the first in two parts and the second whole."""
    seed = invented(tmp_path / "orders.csv", days=2, each=5, seed=5)
    world = world_of(seed, database=database, settings={"lease_seconds": LEASE - 1, "settle_seconds": 0.3})
    world.begin_at(datetime(2020, 2, 1, tzinfo=BEIJING) - timedelta(hours=1))
    works(world)
    first, second = (entry for entry in world.kingdee.ledger if entry["kind"] == "settlement")
    world.kingdee.advance(first["number"], "pay", 100)
    world.kingdee.advance(second["number"], "pay", second["amount"])
    return world


def payments(world: World) -> Counter[tuple[str, int]]:
    """What the hub has told of payments: (document, amount) -> how often."""
    with world.opened() as hub, hub.db.read() as conn:
        query = "SELECT d.number, e.data FROM event e JOIN delivery d ON d.id = e.subject WHERE e.kind = 'payment.received'"
        rows = conn.execute(text(query)).all()
    return Counter((row.number, _data(row.data)["amount"]) for row in rows)


def _data(stored: object) -> dict[str, int]:
    import json

    return stored if isinstance(stored, dict) else json.loads(str(stored))


@pytest.mark.parametrize(("database", "point", "nth", "when"), cases(FOLLOWED), indirect=["database"])
def test_death_while_asking_what_became_of_documents(paid: World, point: str, nth: int, when: str) -> None:
    dies(paid, point, nth=nth, after=when == "after", ahead=ASKED)
    works(paid, ahead=ASKED + 2 * LEASE)
    first, second = (entry for entry in paid.kingdee.ledger if entry["kind"] == "settlement")
    told = {(first["number"], 100): 1, (second["number"], second["amount"]): 1}
    assert payments(paid) == told, "each payment once"
    paid.kingdee.advance(first["number"], "pay", first["amount"] - 100)
    dies(paid, point, nth=1, after=when == "after", ahead=40 * ASKED)
    works(paid, ahead=40 * ASKED + 2 * LEASE)
    assert payments(paid) == told | {(first["number"], first["amount"] - 100): 1}
    with paid.opened() as hub:
        agrees(paid, hub)
        with hub.db.read() as conn:
            received = conn.execute(text("SELECT received FROM document_status ORDER BY received")).scalars().all()
    assert list(received) == sorted((first["amount"], second["amount"]))


# -- tags

WRITTEN = [
    ("hub.people.queue:Queue.claim", 1, "after"),
    ("hub.people.tags:_begin", 1, "after"),
    ("connectors.wecom.acting:TagWriting.write_tags", 1, "before"),
    ("connectors.wecom.acting:TagWriting.write_tags", 1, "after"),
    ("hub.people.tags:_written", 1, "before"),
    ("hub.people.tags:_assign", 1, "after"),
    ("hub.people.tags:_written", 1, "after"),
    ("hub.people.tags:_written", 2, "before"),
]


@pytest.fixture
def corp(tmp_path: Path, database: str) -> Iterator[Side]:
    """A WeCom corp whose customers have been read."""
    sim = WeComSimulator()
    for stream, count in (("tag", 2), ("customer", 4)):
        sim.populate(stream, count, start=sim.now() - timedelta(days=2), step=timedelta(minutes=1))
    for relation in sim.world.relations.values():
        relation.tags = []
    made = Side(tmp_path, sim, database=database)
    works(made)
    yield made
    made.close()


@pytest.mark.parametrize(("database", "point", "nth", "when"), cases(WRITTEN), indirect=["database"])
def test_death_while_tags_are_written(corp: Side, point: str, nth: int, when: str) -> None:
    (sim,) = corp.simulators
    assert isinstance(sim, WeComSimulator)
    pairs, (one, two) = list(sim.world.relations), list(sim.world.tags)
    wanted = {pair: (one, two)[place % 2] for place, pair in enumerate(pairs)}
    with corp.opened() as hub:
        for (staff, customer), tag in wanted.items():
            tags.ask(hub, f"1|{staff}/{customer}", f"1|{tag}", add=True, by="wang")
    dies(corp, point, nth=nth, after=when == "after")
    works(corp, ahead=2 * LEASE)
    works(corp, ahead=2 * LEASE + SETTLE.total_seconds())
    assert {pair: set(relation.tags) for pair, relation in sim.world.relations.items()} == {p: {t} for p, t in wanted.items()}
    assert corp.rows("SELECT state, count(*) FROM tag_write GROUP BY state") == [("done", len(wanted))]
    assert len(corp.rows("SELECT profile_ref FROM tag_assignment")) == len(wanted)
    assert corp.rows("SELECT subject FROM event WHERE kind = 'tag.added' GROUP BY subject HAVING count(*) <> 1") == []
    assert corp.rows("SELECT count(*) FROM event WHERE kind IN ('tag.added', 'tag.removed')") == [(len(wanted),)]
    calls = sim.calls["/cgi-bin/externalcontact/mark_tag"]
    assert len(wanted) <= calls <= len(wanted) + 1, "at most the one that nobody knew of is written again"
