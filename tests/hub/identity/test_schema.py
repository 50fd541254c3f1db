"""General data through a schema file: the same core, no special path."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.identity.core.engine import Arrival, Engine
from hub.identity.core.memory import MemoryStore
from hub.identity.core.schema import SchemaError, load
from tests.hub.identity.test_engine import engine

PERSONS = """
kind: person
columns:
  {given: given_name, family: surname,
   born: birth_date, nr: house_number, road: street, place: suburb, code: postcode, id: id_number}
"""
PAPERS = "{source: list, kind: other, one_record_per_entity: true, columns: {title: title, authors: authors, year: year}}"


def resolved(tmp_path: Path, schema: str, rows: list[dict[str, str]]) -> list[set[str]]:
    (tmp_path / "s.yaml").write_text(schema, "utf-8")
    read = load(tmp_path / "s.yaml")
    store = MemoryStore()
    deciding: Engine = engine(single_source=read.single_source)
    deciding.resolve(store, [Arrival(row["rid"], read.features(row)) for row in rows])
    found: dict[str, set[str]] = {}
    for ref, profile in store.profiles.items():
        found.setdefault(profile.customer, set()).add(ref)
    return sorted(found.values(), key=min)


def person(rid: str, given: str, family: str, **more: str) -> dict[str, str]:
    usual = {"born": "1958-02-03", "nr": "12", "road": "Tullaroop Street", "place": "Bittern", "code": "4113", "id": "6988048"}
    return {"rid": rid, "given": given, "family": family, **usual, **more}


@pytest.mark.parametrize(
    "other",
    [
        person("b", "lachlan", "berry"),
        person("b", "berry", "lachlan"),
        person("b", "lachlan", "bery", nr="21"),
        person("b", "lachlan", "berry", born="19580302"),
        person("b", "lachlan", "berry", born="3/2/1958", id="6988084"),
        person("b", "", "berry", road="tullarop st", place="biterrn"),
    ],
)
def test_one_person_with_slips(tmp_path: Path, other: dict[str, str]) -> None:
    assert resolved(tmp_path, PERSONS, [person("a", "Lachlan", "Berry"), other]) == [{"a", "b"}]


def test_two_persons_of_one_address(tmp_path: Path) -> None:
    other = person("b", "michaela", "berry", born="1988-07-21", id="4511207")
    assert resolved(tmp_path, PERSONS, [person("a", "lachlan", "berry"), other]) == [{"a"}, {"b"}]


def test_works_in_two_lists(tmp_path: Path) -> None:
    title, authors = "The WASA2 object-oriented workflow management system", "Gottfried Vossen, Mathias Weske"
    rows = [
        {"rid": "a", "list": "one", "title": title, "authors": authors, "year": "1999"},
        {"rid": "b", "list": "two", "title": title.lower(), "authors": "G. Vossen, M. Weske", "year": "1999"},
        {
            "rid": "d",
            "list": "two",
            "title": "A user-centered interface for querying",
            "authors": "Isabel F. Cruz",
            "year": "1999",
        },
    ]
    assert resolved(tmp_path, PAPERS, rows) == [{"a", "b"}, {"d"}]
    twice = resolved(tmp_path, PAPERS, [*rows, {**rows[1], "rid": "c"}])
    assert not any({"b", "c"} <= group for group in twice)


def test_chinese_columns_go_the_usual_way(tmp_path: Path) -> None:
    schema = "{kind: person, columns: {姓名: name, 手机: phone, 单位: employer}}"
    rows = [
        {"rid": "a", "姓名": "张晓伟", "手机": "13812345679", "单位": "杭州华美科技有限公司"},
        {"rid": "b", "姓名": "Zhang Xiaowei", "手机": "138-1234-5679", "单位": ""},
        {"rid": "c", "姓名": "李秀英", "手机": "13812345679", "单位": "华美"},
    ]
    assert resolved(tmp_path, schema, rows) == [{"a", "b"}, {"c"}]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("columns: {a: shoe_size}", "shoe_size"),
        ("{colums: {}, columns: {a: name}}", "colums"),
        ("kind: person", "columns"),
        ("{kind: ship, columns: {a: name}}", "kind"),
        ("{kind: {column: t, values: {X: ship}}, columns: {a: name}}", "kind"),
        ("[]", "columns"),
        ("columns: {no: house_number}", "quotes"),
    ],
)
def test_a_wrong_schema_names_its_mistake(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "s.yaml").write_text(text, "utf-8")
    with pytest.raises(SchemaError, match=named):
        load(tmp_path / "s.yaml")


def test_several_columns_of_one_field(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("columns: {nr: street, road: street, ssn: id_number, passport: id_number}", "utf-8")
    found = load(tmp_path / "s.yaml").features(
        {"rid": "1", "nr": "7", "road": "Wallaby Pl.", "ssn": ["12-3", "45-6"], "passport": "X1"}
    )
    assert found.extra == {"street": ["7 wallaby pl"], "id_number": ["12-3", "45-6", "x1"]}
