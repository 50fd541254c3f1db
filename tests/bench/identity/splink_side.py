"""splink 4 with DuckDB on the same records, tuned as its documents say. The model is fitted without labels.

Persons and companies have a model each. Agreement on a value is weighed by the value's own frequency (term frequency
adjustment), so u of identifiers comes from exact frequencies and not from samples, which true matches fill. u of the other
levels is from random pairs, m from EM on pairs that agree on a phone, a scoped id, a code or a place (levels that EM sees too
few of are given), the prior is from deterministic rules. Pairs above the threshold are joined by connected components.

Its author did look at scores while tuning: blocking, given levels and threshold on dev_10k_b; the floor for masked numbers and
the weight of a different name after a first run over the million. All of that is to splink's advantage.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import splink.comparison_level_library as cll
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.comparison_library import CustomComparison

from tests.bench.identity import splink_public
from tests.bench.identity.splink_clean import COLUMNS, Cleaner, records

THRESHOLD = 0.35
"""Probability from which a pair is joined, the same for every set: of 0.1, 0.2, 0.35, 0.5 the best F1r on dev_10k_b."""


def exact(column: str, *, tf: bool = True) -> Any:
    """Agreement, weighed by how frequent the value is."""
    return cll.ExactMatchLevel(column, term_frequency_adjustments=tf)


def custom(sql: str, tf: str | None = None, m: float | None = None) -> Any:
    """A level in SQL, weighed by how frequent the value in column tf is. m: where EM sees too few to say."""
    level = cll.CustomLevel(sql)
    if m:
        level = level.configure(m_probability=m, fix_m_probability=True)
    return level.configure(tf_adjustment_column=tf, disable_tf_exact_match_detection=True) if tf else level


def proof(column: str) -> Any:
    """Agreement of an identifier: chance hardly makes it. Random pairs cannot say so, true matches fill the sample."""
    return cll.ExactMatchLevel(column).configure(u_probability=1e-8, fix_u_probability=True)


def compare(name: str, null: str, *levels: Any, rest: float | None = None) -> CustomComparison:
    """Levels from the strongest down; the rest disagrees. rest: how often true pairs do, where EM gets no sight of it."""
    other = cll.ElseLevel().configure(m_probability=rest, fix_m_probability=True) if rest else cll.ElseLevel()
    return CustomComparison(
        output_column_name=name,
        comparison_levels=[cll.CustomLevel(null).configure(is_null_level=True), *levels, other],
    )


def absent(column: str) -> str:
    """SQL: one side says nothing."""
    return f"{column}_l IS NULL OR {column}_r IS NULL"


PHONE = compare(
    "phone",
    "(phone_l IS NULL AND m7_l IS NULL) OR (phone_r IS NULL AND m7_r IS NULL)",
    exact("phone"),
    custom("m7_l = m7_r AND (phone_l IS NULL OR phone_r IS NULL)", "m7"),
)
PLACE = compare(
    "place",
    absent("city"),
    custom("road_l = road_r AND city_l = city_r", "road"),
    custom("district_l = district_r AND road2_l = road2_r", "district"),
    custom("district_l = district_r", "district"),
    custom("city_l = city_r", "city"),
    rest=0.08,
)
EMAIL = compare("email", absent("email"), exact("email"))
PERSON = [
    PHONE,
    PLACE,
    EMAIL,
    compare("unionid", absent("unionid"), proof("unionid"), rest=0.03),
    compare("extuid", absent("extuid"), proof("extuid")),
    compare(
        "name",
        "(name_py_l IS NULL AND surname_l IS NULL) OR (name_py_r IS NULL AND surname_r IS NULL)",
        exact("name"),
        custom("name_py_l = name_py_r", "name_py"),
        custom("surname_l = surname_r AND (name_l IS NULL OR name_r IS NULL)", "surname"),
        custom("surname_l = surname_r AND length(name_l) = 3 AND levenshtein(name_l, name_r) = 1", "surname", m=0.02),
        custom("surname_l = surname_r", "surname"),
        rest=0.04,
    ),
    compare("org", absent("org"), exact("org"), custom("jaro_winkler_similarity(org_l, org_r) > 0.88")),
]
COMPANY = [
    PHONE,
    PLACE,
    EMAIL,
    compare("code", absent("code"), proof("code"), custom("levenshtein(code_l, code_r) <= 2")),
    compare(
        "org",
        absent("org"),
        custom("coalesce(branch_l, '') != coalesce(branch_r, '')", m=0.02),
        cll.ExactMatchLevel("whole").configure(u_probability=1e-5, fix_u_probability=True),
        custom("org_l = org_r", "org"),
        custom("starts_with(org_l, org_r) OR starts_with(org_r, org_l)"),
        custom("jaro_winkler_similarity(org_l, org_r) > 0.88"),
    ),
]
BLOCKS = {
    "0": [
        block_on("phone"), block_on("m7"), block_on("unionid"), block_on("extuid"),
        block_on("email"), block_on("name", "city"), block_on("name_py", "org"), block_on("name_py", "district"),
        block_on("name", "road"),
    ],
    "1": [block_on("code"), block_on("phone"), block_on("m7", "org"), block_on("email"), block_on("org"),
          block_on("road", "city")],
}  # fmt: skip
SURE = {
    "0": [block_on("unionid"), block_on("phone", "name"), block_on("email", "name"), block_on("m7", "surname", "city")],
    "1": [block_on("code"), block_on("phone", "org")],
}
TRAIN = {
    "0": [block_on("m7"), block_on("surname", "district", "road2"), block_on("unionid")],
    "1": [block_on("code"), block_on("org", "city"), block_on("phone")],
}


def cleaned(path: Path, db: duckdb.DuckDBPyConnection) -> int:
    """Clean the records into tables part_0 (persons) and part_1 (companies); how many there are."""
    cleaner, count = Cleaner(path), 0
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for count, record in enumerate(records(path), 1):  # noqa: B007
            writer.writerow(cleaner.row(record))
        out.flush()
        for kind in ("0", "1"):
            db.execute(
                f"CREATE TABLE part_{kind} AS SELECT * FROM read_csv('{out.name}', all_varchar=true, header=true, "
                f"quote='\"') WHERE company_kind = '{kind}'"
            )
    return count


def trained(kind: str, db: duckdb.DuckDBPyConnection) -> Linker:
    """The model of persons or companies, fitted without labels."""
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=COMPANY if kind == "1" else PERSON,
        blocking_rules_to_generate_predictions=BLOCKS[kind],
        retain_matching_columns=False,
        max_iterations=20,
    )
    linker = Linker(f"part_{kind}", settings, DuckDBAPI(db), set_up_basic_logging=False)
    for column in ("phone", "m7"):
        register(linker, db, kind, column)
    linker.training.estimate_probability_two_random_records_match(SURE[kind], recall=0.6)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for rule in TRAIN[kind]:
        linker.training.estimate_parameters_using_expectation_maximisation(rule, estimate_without_term_frequencies=False)
    return linker


def register(linker: Linker, db: duckdb.DuckDBPyConnection, kind: str, column: str) -> None:
    """Exact frequency of a number: how many different names show it, among all records; not how many records do.

    The seven digits of a mask have some 350,000 values in effect: so many strangers share one as there are records for each.
    """
    name = "org" if kind == "1" else "surname"
    least = f"1 + (SELECT count(*) FROM part_{kind}) / 350000.0" if column == "m7" else "1"
    db.execute(
        f"CREATE TABLE tf_{column}_{kind} AS SELECT {column}, greatest(count(DISTINCT {name}), {least})::DOUBLE "
        f"/ (SELECT count(*) FROM part_{kind}) AS tf_{column} FROM part_{kind} WHERE {column} IS NOT NULL GROUP BY 1"
    )
    linker.table_management.register_term_frequency_lookup(f"tf_{column}_{kind}", column, overwrite=True)


def resolve(path: Path, out: Path, thresholds: list[float], threads: int, weights: bool = False) -> dict[str, float]:
    """Groups of a file of records, one output file a threshold (out with the threshold as its suffix)."""
    began = time.perf_counter()
    db = duckdb.connect()
    db.execute(f"SET threads = {threads}")
    db.execute("SET memory_limit = '6GB'")
    count = cleaned(path, db)
    clean_seconds = time.perf_counter() - began
    rows: dict[float, list[tuple[str, str]]] = {threshold: [] for threshold in thresholds}
    for kind in ("0", "1"):
        linker = trained(kind, db)
        if weights:
            show(linker)
        predicted = linker.inference.predict(threshold_match_probability=min(thresholds))
        for threshold in thresholds:
            clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold)
            found = db.execute(f"SELECT unique_id, cluster_id FROM {clusters.physical_name}").fetchall()
            rows[threshold] += [(rid, f"{kind}-{cluster}") for rid, cluster in found]
    seconds = time.perf_counter() - began
    for threshold in thresholds:
        write(out.with_suffix(f".{threshold}.csv") if len(thresholds) > 1 else out, rows[threshold])
    return {"records": count, "seconds": seconds, "clean_seconds": clean_seconds}


def write(out: Path, rows: list[tuple[str, str]]) -> None:
    """The same columns as ``hub resolve``; splink asks nobody."""
    with out.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(("rid", "customer_id", "reviews"))
        writer.writerows((rid, cluster, 0) for rid, cluster in rows)


def show(linker: Linker) -> None:
    """The fitted weights, on standard error."""
    print(linker._settings_obj._probability_two_random_records_match, file=sys.stderr)
    for row in linker._settings_obj._parameters_as_detailed_records:
        m, u = row.get("m_probability"), row.get("u_probability")
        print(f"{row['comparison_name']:<10}{row['label_for_charts'][:60]:<62}{m!s:<24}{u}", file=sys.stderr)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threshold", type=float, nargs="+", default=[THRESHOLD])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--schema", type=Path, help="what the columns of a public set mean")
    parser.add_argument("--weights", action="store_true", help="print the fitted weights")
    asked = parser.parse_args()
    logging.getLogger("splink").setLevel(logging.ERROR)
    if asked.schema:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="lianshu-bench-") as folder:
            rows = splink_public.resolve(asked.records, asked.schema, asked.threads, Path(folder))
        write(asked.out, rows)
        found = {"records": len(rows), "seconds": time.perf_counter() - began}
    else:
        found = resolve(asked.records, asked.out, asked.threshold, asked.threads, asked.weights)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
