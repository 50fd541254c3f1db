"""The engine's store on both databases: what was written is read back, whole batches at a time."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from hub.core import Hub
from hub.identity.core.store import Change, Decision, Evidence, Key, Link, Merge, Relation, Review, Saved, Split
from hub.identity.tables import sql
from hub.identity.tables.profiles import load
from hub.identity.tables.sql import Body, SqlStore
from hub.identity.tables.statistics import Statistics
from hub.models import (
    BlockKey,
    IdentityCount,
    IdentityKey,
    IdentityRedo,
    IdentityRelation,
    IdentityReview,
    LedgerEntry,
    Profile,
)
from tests.hub.conftest import Site

NOW = 1_795_000_000_000_000
PHONE, NAME, CITY = Key(b"p" * 16, "phone", "strong"), Key(b"n" * 8, "name", "block"), Key(b"c" * 8, "city", "block")
WHY = (Evidence("phone", "same", 21.5), Evidence("name", "sound", 3.0))


def store(hub: Hub, conn: Connection, *refs: str) -> SqlStore:
    bodies = {ref: Body(1, f"1|person|{ref[2:]}", b"data", b"h" * 16, 7) for ref in refs}
    return SqlStore(conn, hub.ring, Statistics(), NOW, bodies=bodies, stored=load(conn, refs))


def saved(ref: str, customer: str, *keys: Key, features: bytes | None = b"features", new: bool = True) -> Saved:
    return Saved(ref, customer, features, keys, new)


@pytest.fixture
def site3(site: Site) -> Site:
    """Three profiles: a and b share a phone, c shares a name with both."""
    site.account()
    with site.hub.db.write() as conn:
        change = Change(born=["c1", "c2", "c3"])
        change.saved = [saved("1|a", "c1", PHONE, NAME), saved("1|b", "c2", PHONE, NAME, CITY), saved("1|c", "c3", NAME)]
        change.links = [Link("1|a", "c1", None, "new", 0.0, "v1")]
        change.counts = {("n", "person"): 3, ("surname", "张"): 2}
        store(site.hub, conn, "1|a", "1|b", "1|c").apply(change)
    return site


def test_what_was_saved_is_read_back(site3: Site) -> None:
    with site3.hub.db.read() as conn:
        found = store(site3.hub, conn)
        assert {(p.ref, p.customer, p.features) for p in found.known(["1|a", "1|x"]).values()} == {("1|a", "c1", b"features")}
        assert {(p.ref, p.customer) for p in found.members(["c2", "c3"])} == {("1|b", "c2"), ("1|c", "c3")}
        assert {(h.digest, h.ref, h.customer) for h in found.holders([PHONE.digest, CITY.digest, b"z" * 16])} == {
            (PHONE.digest, "1|a", "c1"), (PHONE.digest, "1|b", "c2"), (CITY.digest, "1|b", "c2"),
        }  # fmt: skip
        assert len(list(found.holders([NAME.digest], most=2))) == 2
        assert found.counts() == {("n", "person"): 3, ("surname", "张"): 2}
        assert list(found.decisions(["1|a"])) == []
    assert {row.nr for row in site3.rows(Profile)} == {1, 2, 3}


def test_only_real_customers_are_touched(site3: Site) -> None:
    with site3.hub.db.write() as conn:
        made = store(site3.hub, conn, "1|d", "1|a")
        made.apply(Change(born=["c4"], saved=[saved("1|d", "c4", PHONE)]))
        assert made.touched == {"c4", "c1"}


def test_features_are_sealed(site3: Site) -> None:
    assert b"features" not in site3.one(Profile, ref="1|a").features


def test_changed_features_replace_the_keys(site3: Site) -> None:
    with site3.hub.db.write() as conn:
        change = Change(saved=[saved("1|b", "c2", CITY, Key(b"o" * 8, "other", "block"), features=b"new", new=False)])
        store(site3.hub, conn, "1|b").apply(change)
    with site3.hub.db.read() as conn:
        found = store(site3.hub, conn)
        assert found.known(["1|b"])["1|b"].features == b"new"
        assert {h.ref for h in found.holders([PHONE.digest, NAME.digest])} == {"1|a", "1|c"}
        assert {h.ref for h in found.holders([CITY.digest, b"o" * 8])} == {"1|b"}
    assert site3.one(Profile, ref="1|b").nr == 2


def test_a_merge_moves_profiles_and_keys_and_is_in_the_ledger(site3: Site) -> None:
    link = Link("1|b", "c1", "1|a", "score", 12.0, "v1", WHY)
    with site3.hub.db.write() as conn:
        work = store(site3.hub, conn)
        list(work.members(["c2"]))
        change = Change(saved=[saved("1|b", "c1", features=None, new=False)], merges=[Merge("c1", "c2", link)], links=[link])
        work.apply(change)
        assert [event[1] for event in work.events] == ["customer.merged"]
        assert work.touched == {"c1"}
    assert site3.one(Profile, ref="1|b").customer_id == "c1"
    assert site3.one(IdentityKey, profile_ref="1|b").customer_id == "c1"
    entry = site3.one(LedgerEntry)
    assert (entry.kind, entry.customer_id, entry.other_id, entry.profiles, entry.rule) == (
        "merge",
        "c1",
        "c2",
        ["1|b"],
        "score",
    )
    assert entry.evidence == {
        "with": "1|a",
        "bits": 12.0,
        "model": "v1",
        "evidence": [["phone", "same", 21.5], ["name", "sound", 3.0]],
    }
    row = site3.one(Profile, ref="1|b")
    assert (row.rule, row.bits, row.evidence["with"]) == ("score", 12.0, "1|a")


def test_a_split_is_in_the_ledger(site3: Site) -> None:
    with site3.hub.db.write() as conn:
        work = store(site3.hub, conn)
        list(work.members(["c2"]))
        change = Change(born=["c9"], saved=[saved("1|b", "c9", features=None, new=False)])
        change.splits = [Split("c2", "c9", ("1|b",), "redo")]
        work.apply(change)
        assert work.touched == {"c2", "c9"}
    assert site3.one(LedgerEntry).kind == "split"


def test_queues_and_relations(site3: Site) -> None:
    review = Review("1|a", "1|c", "uncertain", 1.5, 2.0, WHY, "v1")
    with site3.hub.db.write() as conn:
        change = Change(
            reviews=[review], relations=[Relation("1|a", "1|b", "household", 5.0)], queue={"c1": "late", "c2": "late"}
        )
        work = store(site3.hub, conn)
        work.apply(change)
        assert set(work.waiting(10)) == {"c1", "c2"} and len(work.waiting(1)) == 1
    assert site3.one(IdentityReview).state == "open" and site3.one(IdentityRelation).kind == "household"
    with site3.hub.db.write() as conn:
        store(site3.hub, conn).apply(Change(fresh={"1|c"}, groups={"1|c": 0}, done=["c1"]))
    assert site3.rows(IdentityReview) == [] and [row.customer_id for row in site3.rows(IdentityRedo)] == ["c2"]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (Change(groups={"1|a": 0, "1|b": 1, "1|c": 2}), {"b", "c"}),
        (Change(groups={"1|a": 0, "1|b": 1, "1|c": 2}, compared={(0, 1)}), {"c"}),
        (Change(groups={"1|a": 0, "1|b": 1, "1|c": 0}), {"b"}),
        (Change(groups={"1|b": 4}, fresh={"1|b"}), {"c"}),
        (Change(groups={"1|a": 4}, fresh={"1|a"}), set()),
    ],
    ids=["beside", "compared", "together", "one side", "other side"],
)
def test_a_question_goes_when_its_sides_were_compared_anew(site3: Site, change: Change, left: set[str]) -> None:
    asked = [Review("1|a", f"1|{other}", "uncertain", 1.5, 2.0, WHY, "v1") for other in "bc"]
    with site3.hub.db.write() as conn:
        store(site3.hub, conn).apply(Change(reviews=asked))
        store(site3.hub, conn).apply(change)
    assert {row.b for row in site3.rows(IdentityReview)} == {f"1|{other}" for other in left}


@pytest.mark.parametrize(("done", "queued"), [([], ["c1"]), (["c3"], [])])
def test_two_who_were_there_and_not_compared_are_looked_at_again(site3: Site, done: list[str], queued: list[str]) -> None:
    asked = Review("1|a", "1|c", "uncertain", 1.5, 2.0, WHY, "v1")
    with site3.hub.db.write() as conn:
        store(site3.hub, conn).apply(Change(reviews=[asked]))
        store(site3.hub, conn).apply(Change(groups={"1|a": 0, "1|b": 1, "1|c": 2}, fresh={"1|b"}, done=done))
    assert site3.one(IdentityReview).state == "open"
    assert [(row.customer_id, row.reason) for row in site3.rows(IdentityRedo)] == [(each, "question") for each in queued]


def test_a_question_that_still_stands_stays(site3: Site) -> None:
    asked = Review("1|a", "1|c", "uncertain", 1.5, 2.0, WHY, "v1")
    with site3.hub.db.write() as conn:
        store(site3.hub, conn).apply(Change(reviews=[asked]))
        store(site3.hub, conn).apply(Change(reviews=[asked], groups={"1|a": 0, "1|c": 1}, fresh={"1|a"}, compared={(0, 1)}))
    assert site3.one(IdentityReview).b == "1|c"


def test_a_decision_outlives_the_same_question(site3: Site) -> None:
    review = Review("1|a", "1|c", "uncertain", 1.5, 2.0, WHY, "v1")
    with site3.hub.db.write() as conn:
        store(site3.hub, conn).apply(Change(reviews=[review]))
        store(site3.hub, conn).decide(Decision("1|a", "1|c", "different"))
        store(site3.hub, conn).apply(Change(reviews=[review._replace(bits=9.0)]))
        assert list(store(site3.hub, conn).decisions(["1|c"])) == [Decision("1|a", "1|c", "different")]
    assert site3.one(IdentityReview).state == "different"


def test_counters_add_up_over_processes(site3: Site) -> None:
    with site3.hub.db.write() as conn:
        store(site3.hub, conn).apply(Change(counts={("n", "person"): 2, ("city", "杭州"): 1}))
    assert {(row.kind, row.value, row.n) for row in site3.rows(IdentityCount)} == {
        ("n", "person", 5), ("surname", "张", 2), ("city", "杭州", 1),
    }  # fmt: skip


def test_what_is_forgotten_is_found_no_more(site3: Site) -> None:
    with site3.hub.db.write() as conn:
        store(site3.hub, conn).apply(Change(relations=[Relation("1|a", "1|b", "household", 5.0)]))
        sql.forget(conn, ["1|a", "1|b"])
        work = store(site3.hub, conn)
        assert {h.ref for h in work.holders([PHONE.digest, NAME.digest, CITY.digest])} == {"1|c"}
        assert work.known(["1|a"])["1|a"].features == b"" and list(work.members(["c1"])) == []
    assert {row.nr for row in site3.rows(BlockKey)} == {3} and site3.rows(IdentityRelation) == []


def test_what_a_deleted_record_said_stays_evidence(site3: Site) -> None:
    with site3.hub.db.write() as conn:
        conn.exec_driver_sql("UPDATE profile SET deleted = true WHERE ref = '1|a'")
        work = store(site3.hub, conn)
        found: Any = {h.ref for h in work.holders([PHONE.digest, NAME.digest])}
        assert found == {"1|a", "1|b", "1|c"} and work.known(["1|a"]) and [p.ref for p in work.members(["c1"])] == ["1|a"]
