"""Questions are bounded: those worth most are asked, the others wait until there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from hub.identity import asking, files
from hub.store.bulk import driver


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
