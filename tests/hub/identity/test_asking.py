"""Questions are bounded: those worth most are asked, the others wait until there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from hub.identity import again
from hub.identity.bulk import files
from hub.identity.tables import asking
from hub.models import IdentityReview
from hub.models.base import table
from hub.store.bulk import driver
from tests.hub.conftest import Site

QUESTION = table(IdentityReview)


@pytest.fixture
def conn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.chdir(tmp_path)
    with files.store(f"sqlite:///{tmp_path / 'hub.db'}") as hub, hub.db.write() as conn:
        yield conn


def ask(conn: Connection, count: int, state: str = "open") -> None:
    rows = [(f"{state}{i}", f"z{i}", "uncertain", 0.0, i / 10, "[]", "1", state, 0) for i in range(count)]
    names = "a, b, reason, bits, worth, evidence, weights, state, at"
    driver(conn).executemany(f"INSERT INTO identity_review ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def states(conn: Connection) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for state, worth in driver(conn).execute("SELECT state, worth FROM identity_review ORDER BY worth"):
        found.setdefault(state, []).append(worth)
    return found


def test_those_worth_most_are_asked(conn: Connection) -> None:
    ask(conn, asking.LEAST + 7)
    asking.bound(conn)
    found = states(conn)
    assert len(found["open"]) == asking.LEAST and len(found["kept"]) == 7
    assert max(found["kept"]) < min(found["open"])


def test_an_answer_makes_room(conn: Connection) -> None:
    ask(conn, asking.LEAST + 7)
    asking.bound(conn)
    driver(conn).execute("UPDATE identity_review SET state = 'same' WHERE state = 'open' AND worth >= 5.4")
    asking.bound(conn)
    found = states(conn)
    assert len(found["same"]) == 3 and len(found["open"]) == asking.LEAST and len(found["kept"]) == 4


def test_the_job_bounds_them_where_nobody_waits_for_a_second_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day may bring questions and no weak join: the bound must not wait for one."""
    monkeypatch.chdir(tmp_path)
    with files.store(f"sqlite:///{tmp_path / 'hub.db'}") as hub:
        with hub.db.write() as conn:
            ask(conn, asking.LEAST)
            assert not again.due(conn)
            driver(conn).execute("UPDATE identity_review SET a = 'first' || a")
            ask(conn, 7)
            assert again.due(conn)
        assert again.work(hub) is False
        with hub.db.write() as conn:
            assert {state: len(found) for state, found in states(conn).items()} == {"open": asking.LEAST, "kept": 7}
            assert not again.due(conn)


def test_few_are_all_asked_and_answers_are_left_alone(conn: Connection) -> None:
    ask(conn, 5, "kept")
    ask(conn, 3, "different")
    asking.bound(conn)
    assert {state: len(found) for state, found in states(conn).items()} == {"open": 5, "different": 3}


def test_the_bound_grows_with_the_records(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asking.most(conn) == asking.LEAST
    monkeypatch.setattr(asking, "SHARE", 0.5)
    columns = "ref, account_id, source_ref, customer_id, rule, data, hash, version, deleted, linked_at, nr"
    values = "'1|a', 1, '1|file|a', 'c', 'new', x'', x'', 0, 0, 0, 1000"
    driver(conn).execute(f"INSERT INTO profile ({columns}) VALUES ({values})")
    assert asking.most(conn) == 250


# -- many that are worth the same


def put(site: Site, worth: list[float]) -> None:
    common = {"reason": "uncertain", "bits": 0.0, "evidence": [], "weights": "v", "state": "open", "at": site.now}
    rows = [{**common, "a": f"1|a{n:02}", "b": f"1|b{n:02}", "worth": each} for n, each in enumerate(worth)]
    with site.hub.db.write() as conn:
        conn.execute(QUESTION.insert(), rows)
        asking.bound(conn)


def open_ones(site: Site) -> list[str]:
    return sorted(row.a for row in site.rows(IdentityReview, state="open"))


@pytest.mark.parametrize("many", [3, 8])
def test_equal_worth_leaves_some_open_and_always_the_same(site: Site, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(asking, "LEAST", 5)
    put(site, [0.25] * many)
    first = [f"1|a{n:02}" for n in range(min(many, 5))]
    assert open_ones(site) == first
    with site.hub.db.write() as conn:
        asking.bound(conn)
    assert open_ones(site) == first


def test_what_is_kept_comes_up_when_there_is_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LEAST", 2)
    put(site, [0.1, 0.5, 0.25, 0.25])
    assert open_ones(site) == ["1|a01", "1|a02"]
    with site.hub.db.write() as conn:
        conn.execute(QUESTION.update().where(QUESTION.c.a == "1|a01").values(state="same"))
        asking.bound(conn)
    assert open_ones(site) == ["1|a02", "1|a03"]
    monkeypatch.setattr(asking, "LEAST", 9)
    with site.hub.db.write() as conn:
        asking.bound(conn)
    assert open_ones(site) == ["1|a00", "1|a02", "1|a03"]
