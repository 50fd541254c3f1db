"""The sets the benchmark runs on: records as ``hub resolve`` reads them, and the truth apart from them.

The data stands beside the repository (``../shared/data/identity``) or where ``HUB_BENCH_DATA`` says. Columns that give the
truth away (cluster, rec_id, unique_id) never reach the resolver, and the records of the public sets are shuffled: several of
those files are sorted by entity. The million is made by the generator when first asked for and kept in ``HUB_BENCH_CACHE``
(default ``~/.cache/lianshu/identity``).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.identity.metrics import Truth

ROOT = Path(__file__).parents[3]
SCHEMAS = Path(__file__).parent / "schemas"
CN = ("dev_1k", "dev_10k_a", "dev_10k_b", "dev_100k", "million")
Row = tuple[str, str, dict[str, Any]]
"""Source, entity, and what the record shows."""


class Absent(Exception):
    """The data of a set is not on this machine; the text says what is missing and where it was looked for."""


@dataclass(frozen=True)
class Dataset:
    """records: a file for ``hub resolve``. schema: what its columns mean, None for the hub's own format."""

    name: str
    records: Path
    truth: Truth
    schema: Path | None = None


def home() -> Path:
    """Where the data is. Absent: nowhere."""
    asked = os.environ.get("HUB_BENCH_DATA")
    places = [Path(asked)] if asked else [base / "shared" / "data" / "identity" for base in (ROOT.parent, ROOT.parents[1])]
    for place in places:
        if place.is_dir():
            return place
    raise Absent(f"no data at {places[0]}; HUB_BENCH_DATA may name the folder that holds cn/ and public/")


def needed(path: Path) -> Path:
    """The path, if it is there. Absent: it is not."""
    if not path.exists():
        raise Absent(f"{path} is not there")
    return path


def load(name: str, folder: Path) -> Dataset:
    """A set by name; files that must be made go into the folder. Absent: its data is not here. KeyError: no such set."""
    if name in CN:
        place = million() if name == "million" else needed(home() / "cn" / name)
        return Dataset(name, place / "records.jsonl.gz", cn_truth(place))
    rows = list(PUBLIC[name](home() / "public"))
    random.Random(7).shuffle(rows)
    truth = Truth()
    for number, (source, entity, _) in enumerate(rows):
        truth.add(f"r{number:05d}", entity, source=source)
    schema = next(path for stem in (name, name.rstrip("0123456789")) if (path := SCHEMAS / f"{stem}.yaml").exists())
    return Dataset(name, written(name, rows, folder), truth, schema)


def written(name: str, rows: list[Row], folder: Path) -> Path:
    """The records as CSV, or as JSONL where a field has several values."""
    records = [{"rid": f"r{number:05d}", "source": source, **shown} for number, (source, _, shown) in enumerate(rows)]
    if any(isinstance(value, list) for record in records for value in record.values()):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
        return path
    path = folder / f"{name}.csv"
    columns = list(dict.fromkeys(column for record in records for column in record))
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        writer.writerows(records)
    return path


def lines(path: Path) -> Iterator[str]:
    """Lines of a packed text file."""
    with gzip.open(needed(path), "rt", encoding="utf-8", newline="") as text:
        yield from text


def table(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Rows of a packed CSV: spaces around values cut, empty ones left out."""
    for row in csv.DictReader(io.StringIO("".join(lines(path))), delimiter=delimiter, skipinitialspace=True):
        yield {key.strip(): value.strip() for key, value in row.items() if key and value and value.strip()}


def cn_truth(place: Path) -> Truth:
    """The truth of a generated set; the source is read from the records."""
    truth = Truth()
    for line, record in zip(csv.DictReader(lines(place / "truth.csv.gz")), lines(place / "records.jsonl.gz"), strict=True):
        _, _, rest = record.partition('"source":"')
        assert f'"rid":"{line["rid"]}"' in record, f"{place}: records and truth are not in the same order"
        truth.add(line["rid"], line["entity"], line["reach"], line["kind"], line["flags"], rest.partition('"')[0])
    return truth


def generated(folder: Path, *options: str) -> Dataset:
    """10,000 records of the generator with options of its own, named like the folder."""
    generator = needed(home() / "generator" / "generate_cn_customers.py")
    size = ["--records", "10000", "--seed", "11", "--gzip", "--out", str(folder)]
    subprocess.run([sys.executable, str(generator), *size, *options], check=True, stdout=subprocess.DEVNULL)
    return Dataset(folder.name, folder / "records.jsonl.gz", cn_truth(folder))


def million(records: int = 1_000_000, seed: int = 1) -> Path:
    """The generated set, made when it is not there: about two minutes and 1.8 GB of memory. Absent: no generator."""
    cache = Path(os.environ.get("HUB_BENCH_CACHE") or Path.home() / ".cache" / "lianshu" / "identity")
    place = cache / ("million-1" if (records, seed) == (1_000_000, 1) else f"{records}-{seed}")
    if not (place / "meta.json").exists():
        generator = needed(home() / "generator" / "generate_cn_customers.py")
        print(f"making {records:,} records in {place} ...", flush=True)
        size = ["--records", str(records), "--seed", str(seed)]
        subprocess.run(
            [sys.executable, str(generator), *size, "--gzip", "--out", str(place)], check=True, stdout=subprocess.DEVNULL
        )
    return place


def febrl(*files: str) -> Callable[[Path], Iterator[Row]]:
    """Persons of the Febrl generator; rec-N-... in rec_id is the entity."""

    def rows(public: Path) -> Iterator[Row]:
        for file in files:
            for row in table(public / f"{file}.csv.gz"):
                yield file, row.pop("rec_id").split("-")[1], row

    return rows


def column(file: str, entity: str, *, drop: tuple[str, ...] = ()) -> Callable[[Path], Iterator[Row]]:
    """One file whose column names the entity."""

    def rows(public: Path) -> Iterator[Row]:
        for row in table(public / f"{file}.csv.gz"):
            yield file, row.pop(entity), {key: value for key, value in row.items() if key not in drop}

    return rows


def linked(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A representative for each id that a true pair names."""
    parent: dict[str, str] = {}

    def top(item: str) -> str:
        while (above := parent.setdefault(item, item)) != item:
            item = above
        return item

    for one, other in pairs:
        parent[top(one)] = top(other)
    return {item: top(item) for item in list(parent)}


def dblp_acm(public: Path) -> Iterator[Row]:
    """Two bibliographies; the truth is a list of pairs."""
    truth = linked((f"dblp{row['D1']}", f"acm{row['D2']}") for row in table(public / "dblp_acm_gt.csv.gz", "%"))
    for source in ("dblp", "acm"):
        for row in table(public / f"dblp_acm_{source}.csv.gz", "%"):
            name = source + row.pop("id")
            yield source, truth.get(name, name), row


def cora(public: Path) -> Iterator[Row]:
    """Citations; the truth is a list of pairs."""
    truth = linked((one, other) for one, _, other in (line.strip().partition("|") for line in lines(public / "cora_gt.csv.gz")))
    for row in table(public / "cora.csv.gz", "|"):
        name = row.pop("Entity Id")
        yield "cora", truth.get(name, name), row


def senzing(public: Path) -> Iterator[Row]:
    """Senzing's truth set: three sources; features become columns, several of a kind a list."""
    truth = {(row["DATA_SOURCE"], row["RECORD_ID"]): row["CLUSTER_ID"] for row in table(public / "sz_key.csv.gz")}
    for source in ("customers", "reference", "watchlist"):
        for record in map(json.loads, lines(public / f"sz_{source}.jsonl.gz")):
            shown: dict[str, list[str]] = {}
            for feature in record["FEATURES"]:
                for name, value in feature.items():
                    if (not name.startswith("REL_") and not name.endswith("_TYPE")) or name == "RECORD_TYPE":
                        shown.setdefault(name.lower(), []).append(str(value))
            yield source, truth[source.upper(), record["RECORD_ID"]], dict(shown)


PUBLIC: dict[str, Callable[[Path], Iterator[Row]]] = {
    "febrl1": febrl("febrl1"),
    "febrl2": febrl("febrl2"),
    "febrl3": febrl("febrl3"),
    "febrl4": febrl("febrl4a", "febrl4b"),
    "fake1000": column("fake1000", "cluster", drop=("unique_id",)),
    "restaurants": column("restaurants", "unique_id"),
    "early_childhood": column("early_childhood", "True Id", drop=("Id", "Source", "Column", "Column2")),
    "dblp_acm": dblp_acm,
    "cora": cora,
    "senzing": senzing,
}
