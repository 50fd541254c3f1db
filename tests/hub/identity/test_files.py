"""``hub resolve``: a file of customers in, who is who out, and what is wrong with a file is said."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.main import app

PHONE = "13912345671"


def rows() -> list[dict[str, Any]]:
    crm = {"rid": "r1", "source": "crm", "shop": "a", "ids": {"id": "7"}, "name": "欧阳晓岚", "phones": [PHONE]}
    chat = {"rid": "r2", "source": "wecom", "shop": "c", "ids": {"external_userid": "wm1", "unionid": "u1"}, "name": "晓岚"}
    mini = {"rid": "r3", "source": "miniapp", "shop": "m", "ids": {"openid": "o1", "unionid": "u1"}, "name": "微信用户"}
    other = {"rid": "r4", "source": "excel", "shop": "l", "ids": {}, "name": "王建国", "phones": ["13712340001"]}
    return [{**row, "kind": "person"} for row in (crm, chat | {"remark": f"欧阳晓岚 {PHONE}"}, mini, other)]


def run(folder: Path, lines: list[Any], *options: str, name: str = "in.jsonl") -> tuple[int, str, dict[str, dict[str, str]]]:
    source, out = folder / name, folder / "out.csv"
    source.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
    result = CliRunner().invoke(app, ["resolve", str(source), "--out", str(out), *options])
    found = {row["rid"]: row for row in csv.DictReader(out.open())} if result.exit_code == 0 else {}
    return result.exit_code, result.output, found


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_who_is_who(tmp_path: Path, stream: list[str]) -> None:
    code, output, found = run(tmp_path, rows(), "--json", *stream)
    told = json.loads(output)
    assert (code, told["records"], told["customers"]) == (0, 4, 2)
    assert len({found[rid]["customer_id"] for rid in ("r1", "r2", "r3")}) == 1
    assert found["r4"]["customer_id"] != found["r1"]["customer_id"]
    assert ("median_ms" in told) == bool(stream)


def test_a_store_that_is_named_keeps_what_was_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    first = run(tmp_path, rows()[:2], "--store", url)[2]
    again = run(tmp_path, rows()[:2], "--store", url)[2]
    assert {row["customer_id"] for row in first.values()} == {row["customer_id"] for row in again.values()}


@pytest.mark.postgres
def test_on_postgresql(tmp_path: Path, postgres_schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.store.database import Database
    from hub.store.migrate import upgrade

    monkeypatch.chdir(tmp_path)
    db = Database(postgres_schema)
    upgrade(db)
    db.close()
    found = run(tmp_path, rows(), "--store", postgres_schema)[2]
    assert len({found[rid]["customer_id"] for rid in ("r1", "r2", "r3")}) == 1
    assert len(found) == 4


def test_general_data_by_a_schema(tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text("columns: {given: given_name, family: surname, born: birth_date, town: suburb}\n")
    lines = ["rid,given,family,born,town", "1,Marguerite,Fotherington,19710304,Wollstonecraft"]
    lines += ["2,Marguerite,Fotherington,19710304,Wollstonecraft", "3,John,Smith,19900101,Sydney"]
    code, _, found = run(tmp_path, lines, "--schema", str(schema), name="in.csv")
    assert code == 0
    assert found["1"]["customer_id"] == found["2"]["customer_id"] != found["3"]["customer_id"]


def test_general_data_that_has_changed_counts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    schema = tmp_path / "schema.yaml"
    schema.write_text("columns: {given: given_name, family: surname, born: birth_date, town: suburb}\n")
    asked = ("--schema", str(schema), "--store", f"sqlite:///{tmp_path / 'kept.db'}")
    head, same = "rid,given,family,born,town", "1,Marguerite,Fotherington,19710304,Wollstonecraft"
    other = run(tmp_path, [head, same, "2,Ambrose,Tilbury,19550607,Bundaberg"], *asked, name="in.csv")[2]
    assert other["1"]["customer_id"] != other["2"]["customer_id"]
    found = run(tmp_path, [head, same, "2,Marguerite,Fotherington,19710304,Wollstonecraft"], *asked, name="in.csv")[2]
    assert found["1"]["customer_id"] == found["2"]["customer_id"]


@pytest.mark.parametrize(
    ("lines", "name", "said"),
    [
        (["{broken"], "in.jsonl", "in.jsonl:1"),
        (["[1]"], "in.jsonl", "not an object"),
        ([{"source": "crm"}], "in.jsonl", "rid"),
        (["rid,name", "1,x"], "in.csv", "--schema"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, lines: list[Any], name: str, said: str) -> None:
    code, output, _ = run(tmp_path, lines, name=name)
    assert code == 1
    assert said in output.replace("\n", "")


def test_the_review_queue_is_answered_from_the_truth(tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("rid,entity\nr1,e\nr2,e\nr3,e\nr4,f\n")
    code, output, _ = run(tmp_path, rows(), "--answers", str(truth), "--ask", "0.25", "--json")
    assert code == 0
    assert json.loads(output)["asked"] <= 1, "a question is about two records, and one in four may be asked about"


@pytest.mark.postgres
def test_a_new_postgresql_database_is_made_ready(tmp_path: Path, postgres_schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(run(tmp_path, rows(), "--store", postgres_schema)[2]) == 4
