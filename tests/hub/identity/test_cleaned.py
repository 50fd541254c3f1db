"""A file is cleaned and put in order before it is decided: nothing of it is lost, and what is wrong with it is said at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.main import app
from hub.identity.bulk import cleaned, files
from hub.identity.bulk.cleaned import Clean, Cleaned
from hub.identity.bulk.reading import FileFault, Reader, Row
from hub.identity.resolve import Incoming, Resolver
from hub.store.bulk import driver


def blind(kind: str, value: str) -> bytes:
    return sha256(f"{kind} {value}".encode()).digest()


def row(number: int, **more: Any) -> dict[str, Any]:
    given = {"rid": f"r{number}", "source": ("crm", "wecom", "excel")[number * number % 3], "shop": "1", "kind": "person"}
    return {**given, "ids": {"id": str(number)}, "name": "欧阳晓岚", "phones": [f"1391234{number:04d}"], **more}


def written(folder: Path, count: int = 60, **more: Any) -> Path:
    path = folder / "in.jsonl"
    path.write_text("".join(json.dumps(row(number, **more)) + "\n" for number in range(count)), "utf-8")
    return path


class Late(Future[list[Clean]]):
    """Is done when it is asked for, not before."""

    def __init__(self, reader: Reader, rows: Sequence[Row], now: int) -> None:
        super().__init__()
        self._given = reader, list(rows), now

    def result(self, timeout: float | None = None) -> list[Clean]:
        return cleaned.cleaned(*self._given, blind)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cleaned, "TOGETHER", 4)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("help_", [None, Late])
def test_all_come_and_lists_are_numbered_as_they_stand_in_the_file(tmp_path: Path, help_: Any) -> None:
    lists, reader = files.Lists(), Reader(written(tmp_path))
    with Cleaned(reader, lists.number, blind) as records:
        records.add(reader.rows(), 7, help_)
        found = [item for batch in records.batches(5)[0] for item in batch]
    assert list(lists.numbers) == ["crm:1", "wecom:1"]
    assert {item.ref for item in found} == {f"{1 if n % 3 == 0 else 2}|r{n}" for n in range(60)}
    (first,) = (item for item in found if item.ref == "1|r0")
    assert first.record["fields"]["phones"] == ["13912340000"] and first.record["features"].phones == ["+8613912340000"]


def test_what_is_wrong_comes_from_another_process_as_it_is() -> None:
    import pickle

    fault = pickle.loads(pickle.dumps(FileFault("in.jsonl:7", "这一行用不了", "this line cannot be used")))
    assert isinstance(fault, FileFault) and "in.jsonl:7: this line cannot be used" in str(fault)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_broken_line_is_said_before_anything_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: str
) -> None:
    for name, size in (("BATCH", 5), ("BATCHES", 2)):
        monkeypatch.setattr(files, name, size)
    path, url = written(tmp_path), f"sqlite:///{tmp_path / 'kept.db'}"
    with path.open("a", encoding="utf-8") as file:
        file.write('{"rid": "r60", "source": "crm", "phones": {"not": "a list"}}\n')
    asked = ["resolve", str(path), "--out", str(tmp_path / "out.csv"), "--store", url, "--processes", processes]
    told = CliRunner().invoke(app, asked)
    said = told.output.replace("\n", "")
    assert told.exit_code == 1 and "in.jsonl:61" in said and "这一行用不了" in said and "this line cannot be used" in said
    with files.store(url) as hub, hub.db.read() as conn:
        assert driver(conn).execute("SELECT count(*) FROM profile").fetchone() == (0,)


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_whom_others_bring_meanwhile_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, url: str
) -> None:
    """The file's own keys tell nothing of them."""
    for name, size in (("BATCH", 5), ("BATCHES", 2)):
        monkeypatch.setattr(files, name, size)
    target = f"sqlite:///{tmp_path / 'kept.db'}" if url == "sqlite" else request.getfixturevalue("postgres_schema")
    brought: list[str] = []
    with files.store(target) as hub:
        run = files.FileRun(hub, processes=1)
        land = run._land

        def landing(batch: list[Incoming], batches: Any) -> Any:
            following = land(batch, batches)
            if following and not brought:
                brought.append(following[0].ref)
                phones = following[0].record["fields"]["phones"]
                record = {"kind": "customer", "fields": {"display_name": "欧阳晓岚", "phones": phones}, "keys": []}
                with hub.db.write() as conn:
                    other = Resolver(hub.ring, run.lists)
                    other.resolve(conn, [Incoming("1|theirs", 1, "1|push|theirs", 0, record)], hub.now_us())
            return following

        monkeypatch.setattr(run, "_land", landing)
        run.load(written(tmp_path))
        with hub.db.read() as conn:
            homes = dict(driver(conn).execute("SELECT ref, customer_id FROM profile").fetchall())
    assert len(homes) == 61 and homes["1|theirs"] == homes[brought[0]]


@pytest.mark.parametrize("processes", [1, 2])
def test_how_far_a_run_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    """Each stage is told from its beginning to its end, and never goes back."""
    for name, size in (("BATCH", 5), ("BATCHES", 2), ("AGAIN", 2)):
        monkeypatch.setattr(files, name, size)
    told: list[tuple[str, int, int]] = []
    with files.store("") as hub:
        run = files.FileRun(hub, processes=processes, progress=lambda *said: told.append(said))
        run.load(written(tmp_path))
        count = run.outcome.records
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["clean", "decide"]
    for stage in ("clean", "decide"):
        done = [number for name, number, _ in told if name == stage]
        assert done == sorted(done) and len(done) > 1
        assert [(number, whole) for name, number, whole in told if name == stage][-1] == (count, count)


def test_how_far_second_looks_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "AGAIN", 2)
    told: list[tuple[str, int, int]] = []
    pairs = [
        each
        for n in range(5)
        for each in (
            row(2 * n, name="张晓伟", phones=[f"1381234{n}679"], source="crm"),
            row(2 * n + 1, name="张**", phones=[f"138****{n}679"], source="excel", ids={}),
        )
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in pairs), "utf-8")
    with files.store("") as hub:
        files.FileRun(hub, processes=1, progress=lambda *said: told.append(said)).load(path, stream=True)
    looks = [(done, whole) for stage, done, whole in told if stage == "again"]
    assert len(looks) > 1 and looks == sorted(looks) and looks[-1][0] == looks[-1][1]
    assert [stage for stage, _, _ in told] == ["decide"] * 10 + ["again"] * len(looks)
