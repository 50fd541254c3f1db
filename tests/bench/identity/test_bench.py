"""The benchmark measures what a resolver answers, or says NOT MEASURED. Tried on one that joins by phone."""

from __future__ import annotations

import gzip
import json
import shlex
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.bench.identity import exact_phone, hub_side, quality, speed
from tests.bench.identity.data import Dataset
from tests.bench.identity.hub_side import NotMeasured
from tests.bench.identity.metrics import Truth
from tests.bench.identity.targets import Board

RECORDS = [
    ("a1", "A", ["13900000001"]),
    ("a2", "A", ["13900000001"]),
    ("b1", "B", ["13900000001"]),
    ("b2", "B", ["139****0002"]),
    ("b3", "B", ["139****0002"]),
    ("c1", "C", []),
]
BY_PHONE = f"{sys.executable} -m tests.bench.identity.exact_phone"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("HUB_BENCH_RESOLVE", BY_PHONE)
    monkeypatch.chdir(Path(__file__).parents[3])
    truth, path = Truth(), tmp_path / "records.jsonl.gz"
    for rid, entity, _ in RECORDS:
        truth.add(rid, entity, source="crm")
    with gzip.open(path, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps({"rid": rid, "source": "crm", "phones": phones}) + "\n" for rid, _, phones in RECORDS)
    return Dataset("dev_10k_a", path, truth)


def test_a_run_is_scored_and_judged(made: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    board = Board()
    groups = quality.presets(made, board, careful=True)
    assert groups is not None
    board.show()
    out = capsys.readouterr().out
    assert "in review 33.33% of records" in out
    assert [line.split()[-1] for line in out.splitlines() if line.startswith("  dev_10k_a")] == ["MISSED"] * 5
    assert board.rows[0][:4] == ("dev_10k_a default: share of records in review", pytest.approx(1 / 3), 0.03, True)
    assert board.rows[1][:3] == ("dev_10k_a default: precision", pytest.approx(1 / 3), 0.955)


def test_the_truth_answers_for_each_share(made: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = Board()
    quality.reviewed(made, tmp_path, board)
    assert "0.00%          0  0.3333  0.2500" in capsys.readouterr().out
    assert [row[0] for row in board.rows] == ["dev_10k_a reviewed: share of records asked", "dev_10k_a reviewed: F1r"]


def test_the_queue_of_the_phone_resolver_is_answered(made: Dataset, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text("rid,entity\n" + "".join(f"{rid},{entity}\n" for rid, entity, _ in RECORDS), "utf-8")
    run = quality.hub(made, "--answers", str(answers), "--ask", "0.5")
    assert (run.said["asked"], run.waiting, run.groups[3] == run.groups[4]) == (2, [], True)


def test_shuffled_arrival_keeps_all_pairs(made: Dataset, tmp_path: Path) -> None:
    board = Board()
    quality.shuffled(made, hub_side.resolve(made.truth, made.records).groups, tmp_path, board)
    assert board.rows == [("dev_10k_a shuffled arrival: pairs the same", 1.0, 0.995, False, "", "")]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("raise SystemExit('no such command')", "no such command"),
        ("print('{}')", "out.csv"),
        ("print('no object')", "substring not found"),
    ],
)
def test_a_resolver_that_fails_is_not_measured(made: Dataset, monkeypatch: pytest.MonkeyPatch, script: str, why: str) -> None:
    monkeypatch.setenv("HUB_BENCH_RESOLVE", shlex.join([sys.executable, "-c", script]))
    with pytest.raises(NotMeasured, match=why):
        hub_side.resolve(made.truth, made.records)


def test_speed_without_figures_is_not_measured(made: Dataset, tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="does not say median_ms"):
        speed.by_command(made.records, made.records, "", tmp_path, made.truth)


def test_the_second_run_knows_whom_the_first_one_stored(tmp_path: Path) -> None:
    head, tail = tmp_path / "head.jsonl.gz", tmp_path / "tail.jsonl.gz"
    for path, rid in ((head, "a"), (tail, "b")):
        record = {"rid": rid, "source": "crm", "name": "张晓伟", "phones": ["13812345679"], "ids": {"unionid": "u1"}}
        with gzip.open(path, "wt", encoding="utf-8") as out:
            out.writelines(json.dumps({**record, "rid": f"{rid}{i}"}) + "\n" for i in range(2))
    truth = Truth()
    for rid in ("a0", "a1", "b0", "b1"):
        truth.add(rid, "A", source="crm")
    _, stream, whole = speed.by_command(head, tail, "", tmp_path, truth)
    assert stream["rate"] > 0 and len(set(whole.groups)) == 1, "what was streamed and what was there are one customer"
    with sqlite3.connect(tmp_path / "store.db") as store:
        assert store.execute("SELECT count(*), count(DISTINCT customer_id) FROM profile").fetchone() == (4, 1)


def test_plain_inserts_write_every_row(made: Dataset, tmp_path: Path) -> None:
    seconds = speed.insert_loop("", (made.records,), tmp_path)
    assert len(seconds) == 1 and seconds[0].clock > 0 and seconds[0].processor > 0
    assert [rid for rid, _ in speed.rows(made.records)] == [rid for rid, _, _ in RECORDS]


def test_the_sync_path_lands_the_records(tmp_path: Path) -> None:
    head, tail = tmp_path / "head.jsonl.gz", tmp_path / "tail.jsonl.gz"
    for path, numbers in ((head, range(20)), (tail, range(20, 40))):
        with gzip.open(path, "wt", encoding="utf-8") as out:
            for number in numbers:
                record = {
                    "rid": f"r{number}",
                    "source": "jd",
                    "shop": "jd1",
                    "ids": {"open_id": f"o{number % 25}"},
                    "name": "张伟",
                }
                out.write(json.dumps({**record, "updated_at": "2026-01-01T00:00:00Z"}) + "\n")
    bulk, stream = speed.by_lander(head, tail, "", tmp_path)
    assert bulk["customers"] == 20
    assert 0 < stream["median_ms"] <= stream["p99_ms"]


def test_a_merge_in_a_group_of_fifty_is_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = Board()
    speed.undone("SQLite", "", tmp_path, board)
    assert "undo in a group of 50: median" in capsys.readouterr().out
    assert board.rows[0][1] is not None and board.rows[0][1] > 0


def test_phones_of_every_kind_of_file(made: Dataset, tmp_path: Path) -> None:
    table = tmp_path / "x.csv"
    table.write_text("rid,Phone\nr1,123\nr2,\n", "utf-8")
    assert exact_phone.phones(table) == {"r1": "123", "r2": ""}
    assert exact_phone.phones(made.records)["a1"] == "13900000001"
