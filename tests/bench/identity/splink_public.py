"""splink 4 over a public set, by the same schema file as our side: comparisons and blocking from what the fields mean.

Names and free texts by Jaro-Winkler with term frequencies, dates and numbers by edit distance, short lists by equality, as
splink's comparison library has them. No labels; a pair is joined from a probability of 0.9.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import splink.comparison_library as cl
import yaml
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

THRESHOLD = 0.9
"""Probability from which a pair is joined; nobody looked at a truth for it."""
TEXTS = ("given_name", "surname", "name", "company", "title", "authors", "street", "address", "suburb", "city", "text")
NUMBERS = ("birth_date", "id_number", "phone", "email")
LISTS = ("house_number", "postcode", "state", "year", "category", "venue", "gender", "employer")
BLOCKS = (
    ("id_number",), ("phone",), ("email",), ("birth_date",), ("given_name", "surname"), ("surname", "postcode"),
    ("surname", "suburb"), ("surname", "city"), ("name",), ("title_start",), ("title_rare",), ("company_start",),
    ("company", "city"), ("address_start",), ("street", "postcode"), ("authors_start", "year"),
)  # fmt: skip
"""Columns that candidates agree on; those that a set has are used."""
Columns = dict[str, str]


def rows(path: Path, schema: dict[str, Any]) -> list[Columns]:
    """Records by field: lower case, signs as spaces; several columns of a field joined."""
    found = []
    for record in raw(path):
        fields: dict[str, list[str]] = {}
        for column, name in schema["columns"].items():
            value = record.get(column) or ""
            text = str(value[0] if isinstance(value, list) else value).lower()
            keep = r"[^\w@.]+" if name == "email" else r"[\W_]+" if name in TEXTS else r"\W+"
            if plain := re.sub(keep, " " if name in TEXTS else "", text).strip():
                fields.setdefault(name, []).append(plain)
        row = {name: " ".join(values) if name in TEXTS else values[0] for name, values in fields.items()}
        for name in ("title", "company", "address", "authors"):
            if name in row:
                row[f"{name}_start"] = row[name].removeprefix("the ")[:6]
        if "title" in row:
            row["title_rare"] = max(row["title"].split(), key=len)
        found.append({"unique_id": record["rid"], "source": record.get("source") or "", **row})
    return found


def raw(path: Path) -> list[dict[str, Any]]:
    """Records of a CSV or JSON lines file."""
    with path.open(encoding="utf-8", newline="") as text:
        return [json.loads(line) for line in text] if path.suffix == ".jsonl" else list(csv.DictReader(text))


def stored(records: list[Columns], db: duckdb.DuckDBPyConnection, folder: Path) -> list[str]:
    """Write the records into the table part; its columns."""
    columns = sorted({name for record in records for name in record})
    path = folder / "part.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        writer.writerows(records)
    db.execute(f"CREATE TABLE part AS SELECT * FROM read_csv('{path}', all_varchar=true, header=true, quote='\"')")
    return columns


def comparison(name: str) -> Any:
    """How a field is compared."""
    if name in TEXTS:
        return cl.JaroWinklerAtThresholds(name, [0.92, 0.8]).configure(term_frequency_adjustments=True)
    if name in NUMBERS:
        return cl.DamerauLevenshteinAtThresholds(name, [1, 2]).configure(term_frequency_adjustments=True)
    return cl.ExactMatch(name).configure(term_frequency_adjustments=True)


def resolve(path: Path, schema_path: Path, threads: int, folder: Path) -> list[tuple[str, str]]:
    """Record id and cluster of each record."""
    schema = yaml.safe_load(schema_path.read_text("utf-8"))
    db = duckdb.connect()
    db.execute(f"SET threads = {threads}")
    columns = stored(rows(path, schema), db, folder)
    apart = schema.get("one_record_per_entity", False)
    blocks = [block for block in BLOCKS if set(block) <= set(columns)]
    rules = [" AND ".join(f"l.{column} = r.{column}" for column in block) for block in blocks]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[comparison(name) for name in (*TEXTS, *NUMBERS, *LISTS) if name in columns],
        blocking_rules_to_generate_predictions=[f"{rule} AND l.source <> r.source" if apart else rule for rule in rules],
        retain_matching_columns=False,
    )
    linker = Linker("part", settings, DuckDBAPI(db), set_up_basic_logging=False)
    linker.training.estimate_probability_two_random_records_match([block_on(*block) for block in blocks[:2]], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for block in blocks[:3]:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*block))
    predicted = linker.inference.predict(threshold_match_probability=THRESHOLD)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, THRESHOLD)
    found: list[tuple[str, str]] = db.execute(f"SELECT unique_id, cluster_id FROM {clusters.physical_name}").fetchall()
    return found
