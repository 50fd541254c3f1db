"""How long a person waits for a merge to be taken back, in a customer of fifty profiles: median and worst of several."""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from statistics import median

from sqlalchemy import text

from hub.core import Hub
from hub.identity.bulk import files
from hub.identity.desk import service

HALF, ROUNDS = 25, 9
SURNAMES, GIVEN = "王李张刘陈杨黄赵周吴徐孙马胡朱郭何林", "娜磊静强洁勇艳军芳涛敏超玲杰红鹏丹宇"


def records(path: Path) -> None:
    """Customers of so many profiles each, two for a round, told apart by name and joined inside by their account."""
    chance = random.Random(3)
    with path.open("w", encoding="utf-8") as out:
        for number in range(2 * ROUNDS):
            for place in range(HALF):
                record = {
                    "rid": f"u{number}-{place}", "source": "wecom", "shop": "w1", "name": SURNAMES[number] + GIVEN[number],
                    "ids": {"unionid": f"union{number}"}, "phones": [f"13{chance.randrange(10**9):09d}"],
                }  # fmt: skip
                out.write(json.dumps(record, ensure_ascii=False) + "\n")


def customer(hub: Hub, number: int) -> tuple[str, int]:
    """The customer of a record, and how many profiles it has."""
    with hub.db.read() as conn:
        found = text("SELECT customer_id FROM profile WHERE ref LIKE :ref ORDER BY ref")
        cid = conn.execute(found, {"ref": f"%|u{number}-0"}).scalar_one()
        count = conn.execute(text("SELECT count(*) FROM profile WHERE customer_id = :id"), {"id": cid}).scalar_one()
    return str(cid), int(count)


def once(hub: Hub, number: int) -> tuple[float, float]:
    """Merge two customers of half the size on a person's word, take it back; milliseconds of the second, and of processor
    time."""
    (a, half), (b, other) = customer(hub, number), customer(hub, number + 1)
    assert a != b and half == other == HALF, f"the halves are {half} and {other} profiles, not {HALF}"
    service.merge(hub, a, b, by="bench")
    assert customer(hub, number)[1] == 2 * HALF
    with hub.db.read() as conn:
        entry = conn.execute(text("SELECT max(id) FROM ledger_entry WHERE kind = 'merge'")).scalar_one()
    began, before = time.perf_counter(), time.process_time()
    service.undo(hub, int(entry), by="bench")
    took, used = time.perf_counter() - began, time.process_time() - before
    assert {customer(hub, number + i)[1] for i in (0, 1)} == {HALF}, "the merge was not taken back"
    return took * 1e3, used * 1e3


def measured(url: str, folder: Path) -> dict[str, float]:
    """Median and worst in milliseconds, and the median of processor time, on the database of this address."""
    path = folder / "undo.jsonl"
    records(path)
    with files.store(url) as hub:
        files.FileRun(hub).load(path)
        each = [once(hub, 2 * i) for i in range(ROUNDS)]
    clock, processor = zip(*each, strict=True)
    return {"median_ms": median(clock), "worst_ms": max(clock), "processor_ms": median(processor)}


def main() -> None:
    """Command line; prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    print(json.dumps(measured(asked.url, asked.folder)))


if __name__ == "__main__":
    main()
