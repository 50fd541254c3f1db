"""manifest.yaml: each mistake is told with its place and what is expected."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connectors.manifest import ACTIONS, ErrorTable, Manifest, ManifestError, duration, load_manifest

from .conftest import MANIFEST

TITLE = {"zh": "物", "en": "Thing"}


def written(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    data = copy.deepcopy(MANIFEST)
    change(data)
    path = tmp_path / "manifest.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")
    return path


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    def change(data: dict[str, Any]) -> None:
        for step in path[:-1]:
            data = data.setdefault(step, {})
        data[path[-1]] = value

    return change


def drop(*path: str) -> Callable[[dict[str, Any]], Any]:
    def change(data: dict[str, Any]) -> None:
        for step in path[:-1]:
            data = data[step]
        del data[path[-1]]

    return change


def test_the_manifest_without_mistakes_loads(tmp_path: Path) -> None:
    manifest = load_manifest(written(tmp_path, lambda data: None))
    assert manifest == Manifest.model_validate(MANIFEST)
    assert manifest.streams["thing"].key == ["id"]
    assert manifest.streams["thing"].fresh_within == timedelta(hours=1)


CURSOR = ("streams", "thing", "cursor")
TIME = {"kind": "time", "zone": "Asia/Shanghai"}
MISTAKES: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("name is missing", drop("name"), "name: is missing"),
    ("name in capitals", put("name", value="Plain"), "name: "),
    ("title without en", drop("title", "en"), "title.en: is missing"),
    ("empty title", put("title", "zh", value=""), "title.zh: "),
    ("misspelt key", put("stream", value={}), "stream: is not a key of the manifest; look for a spelling mistake"),
    ("misspelt key inside", put("streams", "thing", "freshness", value="1h"), "streams.thing.freshness: is not a key"),
    ("unknown role", put("roles", value=["sauce"]), "roles.0: "),
    ("no roles", put("roles", value=[]), "roles: "),
    ("unknown category", put("category", value="crm2"), "category: "),
    ("source without streams", drop("streams"), "role source needs at least one entry under streams"),
    ("sink without documents", drop("documents"), "role sink needs at least one entry under documents"),
    ("no key", put("streams", "thing", "key", value=[]), "streams.thing.key: "),
    ("no freshness promise", drop("streams", "thing", "fresh_within"), "streams.thing.fresh_within: is missing"),
    ("duration without unit", put("streams", "thing", "every", value="30"), "a duration is a number and one of"),
    ("duration as a number", put("streams", "thing", "every", value=30), "streams.thing.every: a duration is"),
    ("duration in words", put("streams", "thing", "every", value="1 hour"), "for example 30m"),
    ("unknown cursor", put(*CURSOR, value={"kind": "page"}), "streams.thing.cursor.kind: "),
    ("time without zone", put(*CURSOR, value={"kind": "time"}), "a cursor of kind time declares its zone"),
    ("unknown zone", put(*CURSOR, value={"kind": "time", "zone": "Asia/Peking"}), "streams.thing.cursor: there is no zone"),
    ("zone that is a path", put(*CURSOR, value={"kind": "time", "zone": "../x"}), "streams.thing.cursor: there is no zone"),
    ("overlap as long as a window", put(*CURSOR, value={**TIME, "overlap": "1d"}), "overlap must be shorter"),
    ("page size of none", put("streams", "thing", "page_size", value=0), "streams.thing.page_size: "),
    ("after an unknown stream", put("streams", "thing", "after", value=["other"]), "names 'other', which is not a stream here"),
    ("after in a circle", put("streams", "thing", "after", value=["thing"]), "goes round in a circle: thing"),
    ("unknown deletes", put("streams", "thing", "deletes", value="poll"), "streams.thing.deletes: "),
    ("budget of none", put("budgets", value=[{"per_second": 0}]), "budgets.0.per_second: "),
    ("unknown action", put("errors", "table", value={"1": {"do": "try_again"}}), "errors.table.1.do: "),
    ("rule without action", put("errors", "table", value={"1": {"wait": "1s"}}), "errors.table.1.do: is missing"),
    ("hint without text", put("errors", "table", value={"1": {"do": "gone", "hint": "plain.x"}}), "has no text under messages"),
    (
        "later without text",
        put("errors", "table", value={"1": {"do": "refresh_token", "later": "plain.x"}}),
        "has no text under",
    ),
    (
        "later of no token",
        put("errors", "table", value={"1": {"do": "gone", "later": "plain.closed"}}),
        "goes with do: refresh_tok",
    ),
    ("document without steps", put("documents", "bill", "steps", value=[]), "documents.bill.steps: "),
    ("message without next step", drop("messages", "plain.closed", "fix_en"), "messages.plain.closed.fix_en: is missing"),
    ("unknown level", put("capabilities", value={"x": {"title": TITLE, "level": "yes"}}), "capabilities.x.level: "),
    ("not verified", drop("verified"), "verified: is missing"),
    ("verified on no day", put("verified", "when", value="soon"), "verified.when: "),
]


@pytest.mark.parametrize(("change", "says"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_each_mistake_is_told_with_its_place(tmp_path: Path, change: Callable[[dict[str, Any]], Any], says: str) -> None:
    path = written(tmp_path, change)
    with pytest.raises(ManifestError) as caught:
        load_manifest(path)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        del data["title"]["en"]
        data["streams"]["thing"]["every"] = "often"
        data["colour"] = "red"

    with pytest.raises(ManifestError, match="3 mistake"):
        load_manifest(written(tmp_path, change))


@pytest.mark.parametrize(
    ("text", "says"),
    [("name: [", "not readable as YAML"), ("- name", "a manifest is a mapping"), ("", "a manifest is a mapping")],
)
def test_a_file_that_is_no_manifest(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ManifestError, match=says):
        load_manifest(path)


def test_a_folder_without_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"there is no manifest\.yaml"):
        load_manifest(tmp_path / "manifest.yaml")


def test_a_key_written_twice_is_a_mistake(tmp_path: Path) -> None:
    """YAML would silently keep the last; in an error table that is a lost rule."""
    path = written(tmp_path, lambda data: None)
    path.write_text(path.read_text("utf-8") + "\nroles: [source]\n", "utf-8")
    with pytest.raises(ManifestError, match=r"'roles' stands twice \(line \d+\)"):
        load_manifest(path)


# ---------------------------------------------------------------- values


@given(st.integers(min_value=0, max_value=10**6), st.sampled_from("smhd"))
def test_durations(number: int, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert duration(f"{number}{unit}") == timedelta(seconds=number * seconds)
    assert duration(timedelta(seconds=number)) == timedelta(seconds=number)


@pytest.mark.parametrize("value", ["", "5", "m", "-5m", "5 m", "5M", "1h30m", 5, None, 5.0])
def test_what_is_no_duration(value: Any) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        duration(value)


def table(**rules: str) -> ErrorTable:
    return ErrorTable.model_validate({"table": {pattern: {"do": do} for pattern, do in rules.items()}})


@pytest.mark.parametrize(
    ("code", "sub", "do"),
    [
        ("7", "isv.gone", "gone"),
        ("7", "isv.other", "rejected"),
        ("7", "", "retry"),
        ("27", "", "refresh_token"),
        ("900", "x", "throttle"),
        ("8", "", None),
    ],
)
def test_the_first_rule_that_matches_wins(code: str, sub: str, do: str | None) -> None:
    rules = table(**{"7/isv.gone": "gone", "7/isv.*": "rejected", "7": "retry", "27": "refresh_token", "9??": "throttle"})
    found = rules.rule(code, sub)
    assert (found.do if found else None) == do


def test_codes_may_be_written_as_numbers() -> None:
    rules = ErrorTable.model_validate({"ok": [0, ""], "table": {40014: {"do": "refresh_token"}, -1: {"do": "retry"}}})
    assert rules.ok == ["0", ""]
    assert rules.rule("40014").do == "refresh_token"  # type: ignore[union-attr]
    assert rules.rule("-1").do == "retry"  # type: ignore[union-attr]


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_may_stand_in_a_table(action: str) -> None:
    assert table(**{"1": action}).rule("1").do == action  # type: ignore[union-attr]


def test_streams_come_in_an_order_that_respects_after(tmp_path: Path) -> None:
    stream = MANIFEST["streams"]["thing"]

    def change(data: dict[str, Any]) -> None:
        data["streams"] = {"c": {**stream, "after": ["a", "b"]}, "b": {**stream, "after": ["a"]}, "a": stream}

    assert load_manifest(written(tmp_path, change)).ordered_streams == ["a", "b", "c"]


def test_texts_know_two_languages() -> None:
    manifest = Manifest.model_validate(MANIFEST)
    assert (manifest.title.get("en"), manifest.title.get("zh"), manifest.title.get("fr")) == ("Plain", "平常", "平常")
