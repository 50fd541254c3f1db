"""A resolver that joins records with the same full phone and nothing else: proves that the benchmark measures.

Takes the arguments of ``hub resolve`` that the benchmark uses:
``HUB_BENCH_RESOLVE="python -m tests.bench.identity.exact_phone"``.
Reviews: records that share a mask. With answers it asks about them in pairs, as far as the share allows.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import time
from collections import defaultdict
from pathlib import Path


def phones(path: Path) -> dict[str, str]:
    """Record id to first phone, '' for none."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    if ".csv" in path.name:
        rows = csv.DictReader(io.StringIO(text, newline=""))
        return {row["rid"]: next((row[key] for key in row if key.lower() == "phone"), "") for row in rows}
    shown = [json.loads(line) for line in text.splitlines()]
    return {row["rid"]: (row.get("phones") or row.get("phone_number") or [""])[0] for row in shown}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--ask", type=float, default=0.03)
    for ignored in ("--preset", "--schema", "--store"):
        parser.add_argument(ignored)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stream", action="store_true")
    asked, began = parser.parse_args(), time.perf_counter()
    found = phones(asked.records)
    customer = {rid: rid if not phone or "*" in phone else phone for rid, phone in found.items()}
    waiting: dict[str, list[str]] = defaultdict(list)
    for rid, phone in found.items():
        if "*" in phone:
            waiting[phone].append(rid)
    queue = [pair for rids in waiting.values() if len(rids) > 1 for pair in [(rids[0], rids[1])]]
    answers = ask(queue, asked.answers, int(asked.ask * len(found)), customer) if asked.answers else 0
    doubt = {rid for pair in queue[answers:] for rid in pair}
    with asked.out.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(("rid", "customer_id", "reviews"))
        writer.writerows((rid, customer[rid], int(rid in doubt)) for rid in found)
    seconds = time.perf_counter() - began
    print(json.dumps({"records": len(found), "seconds": seconds, "asked": 2 * answers, "answers": answers}))


def ask(queue: list[tuple[str, str]], answers: Path, most: int, customer: dict[str, str]) -> int:
    """Answer the first questions of the queue from the truth; how many."""
    with answers.open(encoding="utf-8", newline="") as text:
        entity = {row["rid"]: row["entity"] for row in csv.DictReader(text)}
    for one, other in queue[: most // 2]:
        if entity[one] == entity[other]:
            customer[other] = customer[one]
    return min(len(queue), most // 2)


if __name__ == "__main__":
    main()
