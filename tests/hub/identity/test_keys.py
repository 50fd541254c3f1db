"""Keys, contradictions, groups and golden records: the parts of which resolving is made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.identity import golden, keys, search
from hub.identity.golden import View
from hub.identity.groups import Groups, Reason
from hub.identity.ids import new_id
from hub.security.keyring import KeyRing

RING = KeyRing.new()
CODE = "91350100M000100Y43"
WHY = Reason("phone", "1|x")


def record(*given_keys: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    return {"kind": "customer", "id": "x", "fields": fields, "keys": list(given_keys)}


def found(*given_keys: tuple[str, str, str], **fields: Any) -> set[tuple[str, str, str]]:
    """The keys of a record, by trying which value each blind index is of."""
    candidates = [
        ("phone", "", "+8613812345678"),
        ("phone", "", "+8613912345678"),
        ("email", "", "a@b.cn"),
        ("credit_code", "", CODE),
        ("unionid", "w", "u1"),
        ("unionid", "v", "u1"),
        ("openid", "app", "o1"),
        ("platform_id", "crm", "7"),
        ("phone", "s", "13812345678"),
        ("email", "", "info@b.cn"),
    ]
    blind = {RING.blind(*key): key for key in candidates}
    return {blind.get(key.digest, ("?", key.kind, "")) for key in keys.keys_of(RING, record(*given_keys, **fields))}


@pytest.mark.parametrize(
    ("given_keys", "fields", "expected"),
    [
        ([], {"phones": ["138 1234 5678", "+8613812345678"]}, {("phone", "", "+8613812345678")}),
        ([], {"phones": ["138****5678", "010-88886666", "13800138000"]}, set()),
        ([], {"emails": ["A@B.cn", "info@b.cn"]}, {("email", "", "a@b.cn")}),
        ([], {"tax_id": CODE.lower()}, {("credit_code", "", CODE)}),
        ([], {"tax_id": CODE[:-1] + "4"}, set()),
        ([], {"display_name": "张伟", "company": "华美", "aliases": ["阿伟"], "address": "文三路"}, set()),
        ([("unionid", "w", "u1"), ("openid", "app", "o1")], {}, {("unionid", "w", "u1"), ("openid", "app", "o1")}),
        ([("unionid", "v", "u1")], {}, {("unionid", "v", "u1")}),
        ([("unionid", "w", ""), ("platform_id", "crm", "7")], {}, {("platform_id", "crm", "7")}),
        ([("platform_id", "crm", value) for value in ("", " ", "0", "无", "NULL", "-", "7*", "t**8", "N/A")], {}, set()),
        ([("platform_id", "crm", " 7 ")], {}, {("platform_id", "crm", "7")}),
        ([("phone", "s", "13812345678")], {}, {("phone", "", "+8613812345678")}),
        ([("phone", "", "138****5678")], {}, set()),
        ([("email", "", "info@b.cn")], {}, set()),
        ([("email", "", "A@B.cn")], {}, {("email", "", "a@b.cn")}),
        ([("credit_code", "", CODE[:-1] + "4")], {}, set()),
        ([("credit_code", "x", CODE.lower())], {}, {("credit_code", "", CODE)}),
    ],
)
def test_keys_of_a_record(given_keys: Any, fields: Any, expected: Any) -> None:
    assert found(*given_keys, **fields) == expected


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        ({"display_name": "张伟"}, {"display_name": "张伟"}, False),
        ({"display_name": "张伟"}, {"display_name": " 张 伟"}, False),
        ({"display_name": "张伟"}, {"display_name": "李强"}, True),
        ({"display_name": "张伟"}, {"display_name": "张强"}, True),
        ({"display_name": "张伟"}, {}, False),
        ({}, {}, False),
        ({"display_name": "张伟"}, {"display_name": "张*"}, False),
        ({"display_name": "张伟"}, {"display_name": "微信用户"}, False),
        ({"display_name": "张伟"}, {"display_name": "Blue Sky 88"}, False),
        ({"display_name": "张伟"}, {"display_name": "小太阳", "aliases": ["张伟-华美"]}, False),
        ({"display_name": "张伟"}, {"display_name": "李强", "aliases": ["张伟"]}, False),
        ({"display_name": "张伟", "aliases": ["A"]}, {"display_name": "李强", "aliases": ["A客户"]}, True),
        ({"display_name": "张伟", "aliases": ["王"]}, {"display_name": "李强", "aliases": ["王五八"]}, True),
        ({"display_name": "张总"}, {"display_name": "张伟"}, False),
        ({"display_name": "李总"}, {"display_name": "张伟"}, True),
        ({"display_name": "张总"}, {"display_name": "张经理"}, False),
        ({"display_name": "张总"}, {"display_name": "李经理"}, True),
        ({"display_name": "欧阳老师"}, {"display_name": "欧阳娜娜"}, False),
        ({"display_name": "张总"}, {"display_name": "Blue Sky 88"}, False),
        ({"display_name": "张伟", "company": "华美科技有限公司"}, {"display_name": "李强", "company": "华美科技"}, True),
        ({"display_name": "张伟", "company": "华美科技"}, {"display_name": "张伟", "company": "绿地商贸"}, False),
        ({"display_name": "华美科技有限公司"}, {"display_name": "华美科技公司"}, False),
        ({"display_name": "华美科技有限公司"}, {"display_name": "绿地商贸有限公司"}, True),
        (
            {"display_name": "华美科技有限公司", "aliases": ["张伟"]},
            {"display_name": "华美科技有限公司", "aliases": ["李强"]},
            False,
        ),
        ({"display_name": "华美科技有限公司"}, {"display_name": "张伟", "company": "华美科技"}, False),
        ({"display_name": "华美科技有限公司", "aliases": ["李强"]}, {"display_name": "张伟", "company": "华美科技"}, True),
        ({"kind": "company", "display_name": "华美科技"}, {"display_name": "华美科技有限公司"}, False),
    ],
)
def test_which_names_contradict(one: dict[str, Any], other: dict[str, Any], contradict: bool) -> None:
    assert keys.contradict(keys.called(one), keys.called(other)) is contradict
    assert keys.contradict(keys.called(other), keys.called(one)) is contradict


# -- groups


def test_joined_nodes_are_one_group_and_keep_their_reasons() -> None:
    groups = Groups()
    assert groups.join("a", "b", Reason("phone", "1|b"), Reason("phone", "1|a"))
    assert groups.join("c", "b", Reason("email", "1|b"), Reason("email", "1|c"))
    assert groups.join("a", "c", WHY, WHY)
    assert groups.members("a") == groups.members("c") == {"a", "b", "c"} and groups.root("a") == groups.root("b")
    assert groups.reasons["b"] == Reason("phone", "1|a") and groups.members("z") == {"z"}


def test_what_must_stay_apart_is_never_joined_not_even_through_others() -> None:
    groups = Groups(forbidden={frozenset(("a", "c"))})
    assert groups.join("a", "b", WHY, WHY)
    assert not groups.join("b", "c", WHY, WHY)
    assert groups.join("c", "d", WHY, WHY) and not groups.join("d", "a", WHY, WHY)
    assert groups.members("a") == {"a", "b"} and groups.members("d") == {"c", "d"}


def test_two_credit_codes_are_two_units_and_one_in_common_is_one() -> None:
    groups = Groups(codes={"a": {b"1"}, "b": {b"2"}, "c": {b"2", b"3"}})
    assert not groups.join("a", "b", WHY, WHY)
    assert groups.join("b", "c", WHY, WHY)
    assert groups.join("a", "x", WHY, WHY) and not groups.join("x", "c", WHY, WHY)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12))),
    st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=6),
)
def test_no_order_of_joins_brings_parted_nodes_together(joins: list[tuple[int, int]], parted: set[tuple[int, int]]) -> None:
    forbidden = {frozenset((str(a), str(b))) for a, b in parted if a != b}
    groups = Groups(forbidden=forbidden)
    for a, b in joins:
        groups.join(str(a), str(b), WHY, WHY)
    for pair in forbidden:
        a, b = pair
        assert groups.root(a) != groups.root(b)
    for node in map(str, range(13)):
        assert node in groups.members(node) and all(groups.root(other) == groups.root(node) for other in groups.members(node))


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
