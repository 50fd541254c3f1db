"""The sets of the identity benchmark are read whole and give nothing away."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.bench.identity import data, metrics
from tests.bench.identity.data import Absent, Dataset, load

FACTS = {
    "dev_1k": (1000, 345, 1403),
    "febrl1": (1000, 500, 500),
    "febrl3": (5000, 2000, 6538),
    "febrl4": (10000, 5000, 5000),
    "fake1000": (1000, 251, 2031),
    "restaurants": (864, 752, 112),
    "early_childhood": (3337, 1162, 6608),
    "dblp_acm": (4910, 2686, 2224),
    "cora": (1295, 112, 17184),
    "senzing": (159, 85, 108),
}
"""Records, entities and true pairs as the data's README and the sets' origins state them."""


def loaded(name: str, folder: Path) -> Dataset:
    try:
        return load(name, folder)
    except Absent as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", FACTS)
def test_the_truth_is_whole(name: str, tmp_path: Path) -> None:
    truth = loaded(name, tmp_path).truth
    scores = metrics.score(truth, truth.entity)
    assert (scores.records, scores.groups, scores.true_pairs) == FACTS[name]


@pytest.mark.parametrize("name", data.PUBLIC)
def test_schema_columns_are_there_and_the_truth_is_not(name: str, tmp_path: Path) -> None:
    made = loaded(name, tmp_path)
    assert made.schema is not None
    schema, text = yaml.safe_load(made.schema.read_text("utf-8")), made.records.read_text("utf-8")
    assert all(f'"{column}"' in text or column in text.splitlines()[0].split(",") for column in schema["columns"])
    assert not {"rec_id", "cluster", "unique_id", "True Id", "Entity Id"} & set(text.splitlines()[0].split(","))


def test_pairs_of_ids_become_entities() -> None:
    found = data.linked([("a", "b"), ("c", "d"), ("b", "c"), ("x", "y")])
    assert sorted(Counter(found.values()).values()) == [2, 4]


def test_missing_data_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUB_BENCH_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(Absent, match=r"nowhere.*HUB_BENCH_DATA"):
        load("dev_1k", tmp_path)
