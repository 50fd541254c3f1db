"""The same records through the sync's own path, as pushes of customers: raw record kept, mapping, identity, ledger, events.

Bulk is pages of 1,000, a transaction each; then one record at a time, a commit per 100. A record's time is that of its own
``land`` call; the rate has the commits in it.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import resource
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from config.settings import Settings
from hub import accounts
from hub.core import Hub
from hub.store.migrate import upgrade
from hub.sync.landing import Counts, Lander

PAGE, COMMIT = 1_000, 100
Record = dict[str, Any]
KEPT = {
    "unionid": "unionid",
    "openid": "openid",
    "external_userid": "external_userid",
    "buyer_open_uid": "open_uid",
    "open_id": "open_uid",
}
"""Ids of the generated records that mark a person, as the hub calls them."""


def pushed(record: Record) -> Record:
    """A record of the benchmark in the shape that systems push; ids keep the scope they are unique in."""
    phones = [*(record.get("phones") or []), *(record.get("remark_mobiles") or [])]
    shown = {
        "id": record["rid"], "updated_at": record["updated_at"], "kind": record.get("kind") or None,
        "name": record.get("remark") or record.get("name"), "phones": phones,
        "emails": record.get("emails"), "company": record.get("company"), "tax_id": record.get("credit_code"),
        "region": " ".join(record[key] for key in ("province", "city", "district") if record.get(key)) or None,
        "address": record.get("address"), "identifiers": identifiers(record),
    }  # fmt: skip
    return {key: value for key, value in shown.items() if value}


def identifiers(record: Record) -> list[dict[str, str]]:
    """Scoped ids: the WeChat id holds for all of its platform, the others for one shop."""
    shop = f"{record['source']}/{record.get('shop', '')}"
    return [
        {"kind": KEPT[kind], "scope": "" if kind == "unionid" else shop, "value": value}
        for kind, value in record["ids"].items()
        if kind in KEPT
    ]


def pages(path: Path, size: int) -> Iterator[list[Record]]:
    """So many pushes at a time."""
    with gzip.open(path, "rt", encoding="utf-8") as text:
        while page := [pushed(json.loads(line)) for line in islice(text, size)]:
            yield page


def bulk(hub: Hub, lander: Lander, path: Path) -> Record:
    """Seconds without what making the pages takes, and the peak memory of this process."""
    spent, used, total = 0.0, 0.0, Counts()
    for page in pages(path, PAGE):
        began, before = time.perf_counter(), time.process_time()
        with hub.db.write() as conn:
            total.add(lander.land(conn, page))
        spent, used = spent + time.perf_counter() - began, used + time.process_time() - before
    assert total.quarantined == 0 and total.changed == total.fetched, f"{total.quarantined} of {total.fetched} in quarantine"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": spent, "processor": used, "peak_mb": peak, "customers": total.created}


def stream(hub: Hub, lander: Lander, path: Path) -> Record:
    """Median and p99 of one record, and records a second with the commits."""
    each, spent, used = [], 0.0, 0.0
    for page in pages(path, COMMIT):
        began, before = time.perf_counter(), time.process_time()
        with hub.db.write() as conn:
            for record in page:
                started = time.perf_counter()
                lander.land(conn, [record])
                each.append(time.perf_counter() - started)
        spent, used = spent + time.perf_counter() - began, used + time.process_time() - before
    times = {"median_ms": median(each) * 1e3, "p99_ms": quantiles(each, n=100)[98] * 1e3}
    return {**times, "rate": len(each) / spent, "processor": used}


def main() -> None:
    """Command line; prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("head", type=Path)
    parser.add_argument("tail", type=Path)
    parser.add_argument("--url", default="")
    asked = parser.parse_args()
    hub = Hub.open(Settings(data_dir=asked.head.parent / "landing", database_url=asked.url))
    upgrade(hub.db)
    secret = "whsec_" + base64.b64encode(b"only for the benchmark, 32 bytes").decode()
    accounts.add(hub, "inbound", "bench", "bench", {"secret": secret}, by="bench")
    lander = Lander(hub, accounts.get(hub, "bench"), "customer")
    print(json.dumps({"bulk": bulk(hub, lander, asked.head), "stream": stream(hub, lander, asked.tail)}))


if __name__ == "__main__":
    main()
