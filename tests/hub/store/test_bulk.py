"""Bulk writes and reads on both dialects: what is written, what is not, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from hub.store.bulk import COPY_FROM, IN_LIMIT, MERGES, TOGETHER, Upsert, delete_in, select_in
from hub.store.database import Database

COLUMNS = ("ref", "account_id", "stream", "source_id", "body", "hash", "version", "is_open", "deleted", "run_id", "changed_at")
UPDATED = ("body", "hash", "version", "is_open", "changed_at")
plain = Upsert("source_record", COLUMNS, ("ref",), update=UPDATED)
changed = Upsert("source_record", COLUMNS, ("ref",), update=UPDATED, changed="hash")
not_older = Upsert("source_record", COLUMNS, ("ref",), update=UPDATED, not_older="version")
keeping = Upsert("source_record", COLUMNS, ("ref",))

TEXTS = [
    "", " ", "中文 名字", "it's \"quoted\"", "tab\there", "line\nfeed\r\n", "back\\slash", "\\N", "\\.", "a,b;c|d", "😀",
    "%s ? :x {}", "\x01\x1f\x7f", "NULL", "' OR 1=1 --",
]  # fmt: skip


def row(ref: str, version: int = 1, *, body: bytes = b"b", hash_: bytes = b"h", at: int = 1, **more: Any) -> tuple[Any, ...]:
    values = {
        "ref": ref, "account_id": 1, "stream": "s", "source_id": ref, "body": body, "hash": hash_, "version": version,
        "is_open": False, "deleted": False, "run_id": None, "changed_at": at, **more,
    }  # fmt: skip
    return tuple(values[name] for name in COLUMNS)


def write(db: Database, upsert: Upsert, rows: Any) -> int:
    with db.write() as conn:
        return upsert(conn, rows)


def held(db: Database) -> dict[str, tuple[Any, ...]]:
    with db.read() as conn:
        found = conn.execute(text("SELECT ref, version, hash, changed_at, is_open, run_id, body, source_id FROM source_record"))
        return {r[0]: (r[1], bytes(r[2]), r[3], bool(r[4]), r[5], bytes(r[6]), r[7]) for r in found}


def many(count: int, **more: Any) -> Iterator[tuple[Any, ...]]:
    return (row(f"r{i:05d}", **more) for i in range(count))


@pytest.fixture(params=[1, TOGETHER, TOGETHER + 1, COPY_FROM - 1, COPY_FROM, COPY_FROM * 3 + 7])
def count(request: pytest.FixtureRequest) -> int:
    """Batch sizes on both sides of one statement and of COPY."""
    return int(request.param)


def test_rows_are_inserted_then_updated(db: Database, count: int) -> None:
    assert write(db, plain, many(count)) == count
    assert write(db, plain, many(count, version=2, hash_=b"H", at=5)) == count
    assert {value[:3] for value in held(db).values()} == {(2, b"H", 5)} and len(held(db)) == count


def test_unchanged_rows_write_nothing_and_count_nothing(db: Database, count: int) -> None:
    write(db, changed, many(count))
    before = held(db)
    assert write(db, changed, many(count, version=9, at=99)) == 0
    assert held(db) == before
    assert write(db, changed, [*many(count - 1, at=99), row(f"r{count - 1:05d}", hash_=b"new", at=99)]) == 1
    assert [ref for ref, value in held(db).items() if value[2] == 99] == [f"r{count - 1:05d}"]


def test_an_older_row_never_overwrites_and_an_equal_one_does(db: Database, count: int) -> None:
    write(db, not_older, many(count, version=5))
    assert write(db, not_older, many(count, version=4, hash_=b"old")) == 0
    assert {value[:2] for value in held(db).values()} == {(5, b"h")}
    assert write(db, not_older, many(count, version=5, hash_=b"same version")) == count
    assert {value[:2] for value in held(db).values()} == {(5, b"same version")}


def test_without_columns_to_update_what_is_there_stays(db: Database, count: int) -> None:
    assert write(db, keeping, many(count)) == count
    assert write(db, keeping, many(count + 1, version=7, hash_=b"x")) == 1
    assert sorted(value[0] for value in held(db).values()) == [1] * count + [7]


@pytest.mark.parametrize("padding", [0, COPY_FROM])
def test_of_two_rows_with_one_key_in_a_batch(db: Database, padding: int) -> None:
    """The later wins; with not_older the newer; and where nothing is updated, the first."""
    extra = list(many(padding))
    write(db, plain, [*extra, row("twice", 2, hash_=b"first"), row("twice", 1, hash_=b"second")])
    assert held(db)["twice"][:2] == (1, b"second")
    write(db, not_older, [*extra, row("twice", 5, hash_=b"newer"), row("twice", 4, hash_=b"older")])
    assert held(db)["twice"][:2] == (5, b"newer")
    write(db, keeping, [*extra, row("fresh", 1, hash_=b"first"), row("fresh", 2, hash_=b"second")])
    assert held(db)["fresh"][:2] == (1, b"first")


def test_a_large_batch_of_new_rows_goes_straight_in_and_one_that_is_there_turns_it_into_a_merge(db: Database) -> None:
    """What the transaction had written before stays, the row that was there is updated, and the next batches are merged."""
    upsert = Upsert("source_record", COLUMNS, ("ref",), update=UPDATED)
    assert write(db, upsert, many(COPY_FROM)) == COPY_FROM
    with db.write() as conn:
        plain(conn, [row("before")])
        assert upsert(conn, [*(row(f"s{i}") for i in range(COPY_FROM)), row("r00007", 3, hash_=b"new")]) == COPY_FROM + 1
        plain(conn, [row("after")])
    assert len(held(db)) == 2 * COPY_FROM + 2
    assert held(db)["r00007"][:2] == (3, b"new")
    for version in range(4, 6 + MERGES):
        assert write(db, upsert, many(COPY_FROM, version=version, hash_=b"again")) == COPY_FROM
    assert held(db)["r00007"][:2] == (5 + MERGES, b"again")


def test_a_bad_value_in_a_large_batch_is_an_error_and_leaves_nothing(db: Database) -> None:
    rows = [*many(COPY_FROM), row("bad", source_id=None)]
    with pytest.raises(Exception, match=r"(?i)null"):
        write(db, plain, rows)
    assert held(db) == {}
    with db.write() as conn:
        with pytest.raises(Exception, match=r"(?i)null"), conn.begin_nested():
            plain(conn, rows)
        assert plain(conn, many(COPY_FROM)) == COPY_FROM
    assert len(held(db)) == COPY_FROM


def test_an_empty_batch_writes_nothing(db: Database) -> None:
    assert write(db, plain, []) == 0
    assert write(db, keeping, iter(())) == 0


@pytest.mark.parametrize("padding", [0, COPY_FROM])
def test_every_value_comes_back_as_it_went_in(db: Database, padding: int) -> None:
    body = bytes(range(256)) * 3
    rows = [
        row(f"t{i}", source_id=value, body=body, is_open=i % 2 == 0, run_id=None if i % 3 else i)
        for i, value in enumerate(TEXTS)
    ]
    rows.append(row("big", version=2**62, at=-(2**40), body=b""))
    write(db, plain, [*rows, *many(padding)])
    found = held(db)
    for i, value in enumerate(TEXTS):
        assert found[f"t{i}"][3:] == (i % 2 == 0, None if i % 3 else i, body, value)
    assert found["big"][:1] == (2**62,) and found["big"][2] == -(2**40) and found["big"][5] == b""


@pytest.mark.parametrize("padding", [0, COPY_FROM])
def test_two_upserts_of_one_table_in_one_transaction(db: Database, padding: int) -> None:
    """They differ in their columns, so that on PostgreSQL each needs a temporary table of its own."""
    narrow = Upsert("walk_seen", ("ref", "account_id", "stream", "walk"), ("ref",), update=("walk",))
    other = Upsert("walk_seen", ("walk", "ref", "stream", "account_id"), ("ref",), update=("walk", "stream"))
    refs = [f"r{i}" for i in range(padding + 1)]
    with db.write() as conn:
        narrow(conn, [(ref, 1, "s", 1) for ref in refs])
        other(conn, [(2, ref, "t", 1) for ref in refs])
    with db.write() as conn:
        narrow(conn, [(ref, 1, "s", 3) for ref in refs])
    with db.read() as conn:
        assert {tuple(r) for r in conn.execute(text("SELECT walk, stream FROM walk_seen"))} == {(3, "t")}


def test_a_rolled_back_batch_leaves_nothing_and_the_next_one_works(db: Database) -> None:
    class Trouble(Exception):
        pass

    with pytest.raises(Trouble), db.write() as conn:
        plain(conn, many(COPY_FROM * 2))
        raise Trouble
    assert held(db) == {}
    assert write(db, plain, many(COPY_FROM * 2)) == COPY_FROM * 2


def test_a_column_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no column colour"):
        Upsert("source_record", ("ref", "colour"), ("ref",))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 511, 512, 513, IN_LIMIT - 1, IN_LIMIT, IN_LIMIT + 1, 2 * IN_LIMIT + 5])
def test_select_in_finds_each_once_whatever_the_number(db: Database, count: int) -> None:
    write(db, plain, many(max(count, 5)))
    wanted = [f"r{i:05d}" for i in range(count)]
    with db.read() as conn:
        found = select_in(conn, "source_record", ("ref", "version"), "ref", [*wanted, *wanted, *(["absent"] if count else [])])
    assert sorted(found) == [(ref, 1) for ref in wanted]


def test_select_in_by_bytes_and_by_number(db: Database) -> None:
    write(db, plain, [row("a", 1, hash_=b"\x00\xff"), row("b", 2, hash_=b"\\x41"), row("c", 3)])
    with db.read() as conn:
        hashes = [b"\x00\xff", b"\\x41", b"none"]
        assert {r[0] for r in select_in(conn, "source_record", ("ref",), "hash", hashes)} == {"a", "b"}
        assert {r[0] for r in select_in(conn, "source_record", ("ref",), "version", [3, 2, 99])} == {"b", "c"}
        assert select_in(conn, "source_record", ("ref",), "ref", ["' OR 1=1 --"]) == []


def test_delete_in_deletes_what_is_named_and_nothing_else(db: Database) -> None:
    write(db, plain, many(2 * IN_LIMIT))
    with db.write() as conn:
        delete_in(conn, "source_record", "ref", [])
        delete_in(conn, "source_record", "ref", (f"r{i:05d}" for i in range(1, 2 * IN_LIMIT)))
        delete_in(conn, "source_record", "ref", ["absent", "absent"])
    assert set(held(db)) == {"r00000"}


def test_fractions_are_written_in_any_number(db: Database, count: int) -> None:
    relation = Upsert("identity_relation", ("a", "b", "kind", "bits", "at"), ("a", "b", "kind"), update=("bits",))
    assert write(db, relation, [(f"a{i}", "b", "household", i / 4, 1) for i in range(count)]) == count
    assert write(db, relation, [(f"a{i}", "b", "household", i / 8, 1) for i in range(count)]) == count
    with db.read() as conn:
        found = {row.a: row.bits for row in conn.execute(text("SELECT a, bits FROM identity_relation"))}
    assert found == {f"a{i}": i / 8 for i in range(count)}
