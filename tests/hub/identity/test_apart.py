"""Two processes find the same customers as one, write the same rows, and lose nothing when one of them ends."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from hub.cli.main import app
from hub.core import Hub
from hub.identity.bulk import files
from hub.identity.bulk.apart import AHEAD, Apart
from hub.identity.bulk.cleaned import Cleaned
from hub.identity.bulk.files import FileRun
from hub.identity.bulk.reading import Reader
from hub.identity.records import golden
from hub.identity.tables import ledger
from hub.store.database import Database
from tests.hub.identity.test_engine_properties import CODES, NAMES, PHONES

ROUND = 120
"""Records of each round; each comes back in the next one with something changed, also while it is on its way."""


TYPED = """
from hub.cli.main import main
from hub.identity.bulk import files

files.BATCH = 20
if __name__ == "__main__":
    main()
"""
HOLDING = """
import time
from hub.identity.bulk import files
from hub.identity.bulk.apart import apart

if __name__ == "__main__":
    with files.store("") as hub, apart(hub, files.FileRun(hub).resolver) as two:
        two.pool.submit(time.sleep, 0).result()
        print(next(iter(two.pool._processes)), flush=True)
        time.sleep(600)
"""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, size in (("BATCH", 20), ("BATCHES", 3), ("AGAIN", 8)):
        monkeypatch.setattr(files, name, size)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Two empty stores; on PostgreSQL one after the other in the same schema would share it, so the first is SQLite."""
    first = f"sqlite:///{tmp_path / 'one.db'}"
    if request.param == "sqlite":
        return [first, f"sqlite:///{tmp_path / 'two.db'}"]
    return [first, request.getfixturevalue("postgres_schema")]


def rows() -> list[dict[str, Any]]:
    chance = random.Random(7)
    names = [*NAMES, *(surname + given for surname in "赵钱孙李周" for given in ("晓岚", "建国", "思远"))]
    phones = [*PHONES, *(f"139{number:04d}56{number % 100:02d}" for number in range(30))]
    found: list[dict[str, Any]] = []
    for number in range(3 * ROUND):
        who = found[-chance.randrange(1, 30)]["who"] if number > 30 and chance.random() < 0.2 else number % ROUND
        row = {"rid": f"r{who}", "source": ("crm", "wecom")[who % 2], "shop": "1", "kind": "person", "who": who}
        row |= {"ids": {"id": str(chance.randrange(200))} if chance.random() < 0.3 else {}, "name": chance.choice(names)}
        row |= {"phones": [chance.choice(phones)], "credit_code": chance.choice(CODES[:3])}
        found.append(row | {"updated_at": f"2026-0{number // ROUND + 1}-01T00:00:00+08:00"})
    return found


def written(folder: Path) -> Path:
    path = folder / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()), "utf-8")
    return path


def ordered(path: Path) -> list[list[str]]:
    """Whose records come in which batch."""
    lists, reader = files.Lists(), Reader(path)
    with Cleaned(reader, lists.number, lambda kind, value: sha256(f"{kind} {value}".encode()).digest()) as records:
        records.add(reader.rows(), 0, None)
        return [[item.ref for item in batch] for batch in records.batches(files.BATCH)[0]]


@contextmanager
def resolved(url: str, path: Path, processes: int) -> Iterator[Hub]:
    with files.store(url) as hub:
        run = FileRun(hub, processes=processes)
        run.load(path)
        assert run.outcome.records == 3 * ROUND
        yield hub


def state(hub: Hub) -> dict[str, Any]:
    """All that a run leaves but by which steps it came, with the customers called by their profiles."""

    def asked(statement: str) -> list[Any]:
        with hub.db.read() as conn:
            return [tuple(row) for row in conn.execute(text(statement))]

    members: dict[str, list[str]] = {}
    for ref, customer in asked("SELECT ref, customer_id FROM profile ORDER BY ref"):
        members.setdefault(customer, []).append(ref)
    name = {customer: " ".join(refs) for customer, refs in members.items()}
    records = {
        name[customer]: (golden.values(golden.read(hub.ring, customer, bytes(data))), kind, profiles)
        for customer, data, kind, profiles in asked("SELECT id, data, kind, profiles FROM customer WHERE state = 'active'")
    }
    return {
        "members": sorted(name.values()), "records": records, "queue": asked("SELECT customer_id FROM identity_redo"),
        "profiles": sorted(asked("SELECT ref, version FROM profile")),
        "keys": len(asked("SELECT digest FROM identity_key")), "blocks": len(asked("SELECT digest FROM block_key")),
        "homes": sorted(name[row[0]] for row in asked("SELECT customer_id FROM identity_key")),
        "tokens": sorted(name[row[0]] for row in asked("SELECT customer_id FROM search_token")),
        "reviews": sorted(asked("SELECT a, b, reason, state FROM identity_review")),
        "relations": sorted(asked("SELECT a, b, kind FROM identity_relation")),
        "counts": sorted(asked("SELECT kind, value, n FROM identity_count WHERE n <> 0")),
        "born": len(asked("SELECT id FROM event WHERE kind = 'customer.created'")),
    }  # fmt: skip


@pytest.mark.parametrize("batch", [20, 17])
def test_two_processes_come_to_the_same_as_one(
    urls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Also where the file ends with a transaction."""
    path = written(tmp_path)
    monkeypatch.setattr(files, "BATCH", batch)
    found = []
    for processes, url in enumerate(urls, 1):
        with resolved(url, path, processes) as hub:
            found.append(state(hub))
    assert len(found[0]["members"]) < ROUND and found[0]["reviews"] and found[0]["relations"] and found[0]["queue"] == []
    for what, alone in found[0].items():
        assert found[1][what] == alone, what


@pytest.mark.postgres
def test_postgresql_knows_what_has_come(postgres_schema: str, tmp_path: Path) -> None:
    with resolved(postgres_schema, written(tmp_path), 1) as hub, hub.db.read() as conn:
        known = "SELECT reltuples FROM pg_class WHERE oid = 'profile'::regclass"
        assert conn.execute(text(known)).scalar() == len({row["who"] for row in rows()})


@pytest.mark.postgres
def test_nobody_else_decides_meanwhile(postgres_schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL, neither while batches land nor in second looks."""
    free: dict[str, bool] = {}

    def watched(name: str) -> None:
        plain = getattr(Apart, name)

        def watching(self: Apart, *given: Any) -> Iterator[Any]:
            with other.read() as conn:
                found = conn.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": ledger.LOCK}).scalar()
                free[name] = free.get(name, False) or bool(found)
            yield from plain(self, *given)

        monkeypatch.setattr(Apart, name, watching)

    other = Database(postgres_schema)
    watched("redo")
    watched("rest")
    with resolved(postgres_schema, written(tmp_path), 2):
        other.close()
    assert free == {"redo": False, "rest": False}


def test_a_process_that_is_killed_leaves_whole_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out, url = written(tmp_path), tmp_path / "out.csv", f"sqlite:///{tmp_path / 'kept.db'}"
    resolve, batches = Apart.resolve, 0

    def killing(self: Apart, *given: Any) -> Iterator[Any]:
        nonlocal batches
        batches += 1
        if batches == 8:
            os.kill(next(iter(self.pool._processes)), signal.SIGKILL)
        yield from resolve(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(Apart, "resolve", killing)
        told = CliRunner().invoke(app, ["resolve", str(path), "--out", str(out), "--store", url])
    assert told.exit_code == 1 and "第二个进程没了" in told.output and "the second process is gone" in told.output
    with files.store(url) as hub, hub.db.read() as conn:
        # The second transaction ended with the sixth batch, the third with the ninth, if all that it wrote was decided by then.
        whole = [{ref for batch in ordered(path)[: came - AHEAD] for ref in batch} for came in (6, 9)]
        assert set(conn.execute(text("SELECT ref FROM profile")).scalars()) in whole
        homeless = "SELECT count(*) FROM profile WHERE customer_id NOT IN (SELECT id FROM customer)"
        assert conn.execute(text(homeless)).scalar() == 0
    with resolved(url, path, 2) as again, resolved(f"sqlite:///{tmp_path / 'other.db'}", path, 1) as other:
        assert state(again)["members"] == state(other)["members"]


def test_the_second_process_ends_with_the_first(tmp_path: Path) -> None:
    """However the first one ends: nobody is left to wait for it."""
    script = tmp_path / "holding.py"
    script.write_text(HOLDING, "utf-8")
    first = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert first.stdout is not None
    second = psutil.Process(int(first.stdout.readline()))
    assert second.is_running()
    first.kill()
    first.wait()
    second.wait(timeout=30)


def test_an_interruption_while_the_second_process_starts_leaves_nobody_and_no_traceback(tmp_path: Path) -> None:
    """As a terminal does it: to all of its processes at once."""
    script = tmp_path / "cli.py"
    script.write_text(TYPED, "utf-8")
    long = tmp_path / "long.jsonl"
    with long.open("w", encoding="utf-8") as file:
        for turn in range(40):  # minutes, where nobody interrupts it
            file.writelines(json.dumps({**row, "rid": f"{turn} {row['rid']}"}) + "\n" for row in rows())
    asked = [sys.executable, str(script), "resolve", str(long), "--out", str(tmp_path / "out.csv")]
    first = subprocess.Popen(asked, stderr=subprocess.PIPE, text=True, cwd=tmp_path, start_new_session=True)
    process = psutil.Process(first.pid)
    while first.poll() is None and not (started := _second(process)):
        time.sleep(0.005)
    time.sleep(0.3)  # by now it is reading its modules
    os.killpg(first.pid, signal.SIGINT)
    told = first.communicate(timeout=60)[1]
    assert first.returncode == 130 and "Traceback" not in told, told
    assert not psutil.wait_procs(started, timeout=30)[1]


def _second(process: psutil.Process) -> list[psutil.Process]:
    return [each for each in process.children() if "spawn_main" in " ".join(each.cmdline())]


@pytest.mark.parametrize("on_the_way", [True, False])
def test_somebody_else_who_writes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_the_way: bool) -> None:
    """While batches are on their way; between second looks it does no harm."""
    path, out, place = written(tmp_path), tmp_path / "out.csv", tmp_path / "kept.db"
    committed, intruded = Apart.committed, False

    def intruding(self: Apart) -> None:
        committed(self)
        if bool(self._flying) != on_the_way:
            return
        nonlocal intruded
        intruded = True
        with sqlite3.connect(place) as other:
            other.execute("CREATE TABLE IF NOT EXISTS other (n INTEGER)")
            other.execute("INSERT INTO other VALUES (1)")
        other.close()

    monkeypatch.setattr(Apart, "committed", intruding)
    asked = ["resolve", str(path), "--out", str(out), "--store", f"sqlite:///{place}", "--processes"]
    told = CliRunner().invoke(app, [*asked, "2"])
    assert intruded
    if not on_the_way:
        assert told.exit_code == 0 and out.exists()
        return
    assert told.exit_code == 1 and "另有程序正在写这个库" in told.output and "another program writes" in told.output
    assert not out.exists()
    assert CliRunner().invoke(app, [*asked, "1"]).exit_code == 0


def test_a_short_file_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BATCH", 1000)
    monkeypatch.setattr(files, "apart", None)
    with resolved("", written(tmp_path), 2) as hub:
        assert state(hub)["queue"] == []
