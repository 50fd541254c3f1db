"""Golden records, search tokens, ids."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.identity.records import golden, search
from hub.identity.records.golden import View
from hub.identity.tables.ids import new_id
from hub.security.keyring import KeyRing

RING = KeyRing.new()
CODE = "91350100M000100Y43"


# -- golden


def build(*views: View) -> dict[str, Any]:
    return golden.values(golden.build(views))


def test_the_best_source_wins_then_the_newest_and_the_origin_is_told() -> None:
    views = [
        View("2|b", 1, 9, {"display_name": "李强", "company": "华美"}),
        View("1|a", 0, 1, {"display_name": "张伟"}),
        View("1|c", 0, 2, {"display_name": "张大伟", "stage": "won"}),
    ]
    record = golden.build(views)
    assert golden.values(record) == {"display_name": "张大伟", "stage": "won", "company": "华美", "kind": "person"}
    assert {name: entry["from"] for name, entry in record.items() if name != "kind"} == {
        "display_name": "1|c", "stage": "1|c", "company": "2|b",
    }  # fmt: skip


def test_lists_are_joined_without_repeats_and_views_stay_as_they_are() -> None:
    one, two = View("1|a", 0, 1, {"phones": ["1", "2"]}), View("2|b", 1, 1, {"phones": ["2", "3"], "aliases": ["x"]})
    assert build(one, two) == {"phones": ["1", "2", "3"], "aliases": ["x"]}
    assert one.fields == {"phones": ["1", "2"]} and two.fields["phones"] == ["2", "3"]


@pytest.mark.parametrize("poor", ["张*", "微信用户", "***"])
def test_a_plain_name_beats_a_masked_one_and_a_known_kind_an_unknown(poor: str) -> None:
    best, worse = (
        View("1|a", 0, 1, {"display_name": poor, "kind": "unknown"}),
        View("2|b", 9, 1, {"display_name": "张伟", "kind": "company"}),
    )
    assert build(best, worse) == {"display_name": "张伟", "kind": "company"}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"display_name": "张伟"}, "person"),
        ({"display_name": "张总"}, "person"),
        ({"display_name": "华美科技有限公司"}, "company"),
        ({"display_name": "Blue", "tax_id": CODE}, "company"),
        ({"display_name": "Blue"}, None),
        ({"display_name": "张*", "kind": "unknown"}, "unknown"),
        ({"display_name": "张伟", "kind": "company"}, "company"),
    ],
)
def test_the_kind_is_read_from_the_name_where_nobody_says_it(fields: dict[str, Any], kind: str | None) -> None:
    assert build(View("1|a", 0, 1, fields)).get("kind") == kind


@given(
    st.permutations(
        [
            View(f"{n % 2}|{n}", n % 3, n % 4, {"display_name": f"n{n}", "phones": [str(n % 3)], "stage": str(n)})
            for n in range(6)
        ]
    )
)
def test_the_order_of_arrival_does_not_matter(views: list[View]) -> None:
    assert golden.build(views) == golden.build(sorted(views))


def test_tags_are_no_golden_field() -> None:
    assert (
        build(View("1|a", 0, 1, {"tags": [{"key": "x"}]})) == {} == build(*[View(f"1|{n}", 0, 1, {"tags": []}) for n in "ab"])
    )


def test_sealed_records_belong_to_their_row() -> None:
    sealed = golden.seal_customer(RING, "c1", {"display_name": {"value": "张伟", "from": "1|a"}})
    assert golden.values(golden.read(RING, "c1", sealed)) == {"display_name": "张伟"} and "张伟".encode() not in sealed
    with pytest.raises(RuntimeError):
        golden.read(RING, "c2", sealed)
    assert golden.read_profile(RING, "1|a", golden.seal_profile(RING, "1|a", {"x": 1})) == {"x": 1}


# -- search tokens and ids


def hit(query: str, **fields: Any) -> bool:
    tokens = search.tokens(RING, fields)
    return any(set(wanted) <= tokens for wanted in search.queries(RING, query))


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("小明", {"display_name": "王小明"}),
        ("王小", {"display_name": "王小明"}),
        ("王小明", {"display_name": "王 小明"}),
        ("wxm", {"display_name": "王小明"}),
        ("WXM", {"display_name": "王小明"}),
        ("zw", {"display_name": "曾伟"}),
        ("cw", {"display_name": "曾伟"}),
        ("sxf", {"display_name": "单雄飞"}),
        ("oynn", {"display_name": "欧阳娜娜"}),
        ("5678", {"phones": ["+8613812345678"]}),
        ("5678", {"phones": ["138****5678"]}),
        ("华美", {"company": "杭州华美科技有限公司"}),
        ("华美科技", {"display_name": "杭州华美科技"}),
        ("阿伟", {"aliases": ["阿伟-华美"]}),
        ("tom", {"display_name": "Tom"}),
        ("alex", {"display_name": "Alexander"}),
        ("王", {"display_name": "王"}),
        ("x", {"display_name": "X"}),
        ("华美 科技", {"company": "华美科技"}),
    ],
)
def test_a_customer_is_found_by(query: str, fields: dict[str, Any]) -> None:
    assert hit(query, **fields)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("小红", {"display_name": "王小明"}),
        ("明小", {"display_name": "王小明"}),
        ("5679", {"phones": ["+8613812345678"]}),
        ("567", {"phones": ["+8613812345678"]}),
        ("wx", {"display_name": "王小明"}),
        ("  ", {"display_name": "王小明"}),
        ("*", {"display_name": "张*"}),
        ("5678", {"phones": ["5678"]}),
    ],
)
def test_a_customer_is_not_found_by(query: str, fields: dict[str, Any]) -> None:
    assert not hit(query, **fields)


def test_ids_sort_by_birth_and_never_repeat() -> None:
    early, late = [new_id(1_700_000_000_000_000) for _ in range(500)], [new_id(1_700_000_000_001_000) for _ in range(500)]
    assert len({*early, *late}) == 1000 and max(early) < min(late)
    assert all(len(made) == 27 and made.isalnum() and made.islower() for made in early)
