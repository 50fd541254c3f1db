"""The keys by which a record may join another: value and scope, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from hub.identity.core.extract import extract
from hub.identity.core.keying import keys, role
from hub.identity.core.unit import of_profile
from hub.identity.tables.digests import blind_of
from hub.security.keyring import KeyRing

RING = KeyRing.new()
CODE = "91350100M000100Y43"


def record(*given_keys: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    return {"kind": "customer", "id": "x", "fields": fields, "keys": list(given_keys)}


def found(*given_keys: tuple[str, str, str], **fields: Any) -> set[tuple[str, str, str]]:
    """The keys of a record, by trying which value each blind index is of."""
    candidates = [
        ("phone", "", "+8613812365678"),
        ("phone", "", "+8613912365678"),
        ("email", "", "a@b.cn"),
        ("credit_code", "", CODE),
        ("unionid", "w", "u1"),
        ("unionid", "v", "u1"),
        ("openid", "app", "o1"),
        ("platform_id", "crm", "7"),
        ("phone", "s", "13812365678"),
        ("email", "", "info@b.cn"),
    ]
    known, blind = {RING.blind(*key): key for key in candidates}, blind_of(RING)
    made = keys(of_profile("1|x", extract(record(*given_keys, **fields)))).stored
    return {known.get(blind(*key), ("?", key[0], "")) for key in made if role(key[0]) != "block"}


@pytest.mark.parametrize(
    ("given_keys", "fields", "expected"),
    [
        ([], {"phones": ["138 1236 5678", "+8613812365678"]}, {("phone", "", "+8613812365678")}),
        ([], {"phones": ["138****5678", "13800138000"]}, set()),
        ([], {"phones": ["010-88886666"]}, {("?", "phone", "")}),
        ([], {"display_name": "张伟", "phones": ["010-88886666"]}, set()),
        ([], {"emails": ["A@B.cn", "info@b.cn"]}, {("email", "", "a@b.cn")}),
        ([], {"tax_id": CODE.lower()}, {("credit_code", "", CODE)}),
        ([], {"tax_id": CODE[:-1] + "4"}, set()),
        ([], {"display_name": "张伟", "company": "华美", "aliases": ["阿伟"], "address": "文三路"}, set()),
        ([("unionid", "w", "u1"), ("openid", "app", "o1")], {}, {("unionid", "w", "u1"), ("openid", "app", "o1")}),
        ([("unionid", "v", "u1")], {}, {("unionid", "v", "u1")}),
        ([("unionid", "w", ""), ("platform_id", "crm", "7")], {}, {("platform_id", "crm", "7")}),
        ([("platform_id", "crm", value) for value in ("", " ", "0", "无", "NULL", "-", "7*", "t**8", "N/A")], {}, set()),
        ([("platform_id", "crm", " 7 ")], {}, {("platform_id", "crm", "7")}),
        ([("phone", "s", "13812365678")], {}, {("phone", "", "+8613812365678")}),
        ([("phone", "", "138****5678")], {}, set()),
        ([("email", "", "info@b.cn")], {}, set()),
        ([("email", "", "A@B.cn")], {}, {("email", "", "a@b.cn")}),
        ([("credit_code", "", CODE[:-1] + "4")], {}, set()),
        ([("credit_code", "x", CODE.lower())], {}, {("credit_code", "", CODE)}),
    ],
)
def test_keys_of_a_record(given_keys: Any, fields: Any, expected: Any) -> None:
    assert found(*given_keys, **fields) == expected


def looked(**fields: Any) -> tuple[set[str], set[str], set[str]]:
    """Kinds of the keys of brands that a company stores, looks for, and only counts."""
    made = keys(of_profile("1|x", extract(record(kind="company", **fields))))
    return tuple({kind for kind, _ in part if kind in BRANDS} for part in made)  # type: ignore[return-value]


BRANDS = {"brand", "brand+area", "placeless"}


@pytest.mark.parametrize(
    "fields",
    [
        {"display_name": "杭州华美科技有限公司"},
        {"display_name": "华美科技", "address": "浙江省杭州市文三路1号"},
        {"display_name": "华美科技", "phones": ["0571-88886666"]},
        {"display_name": "华美科技", "tax_id": CODE},
    ],
)
def test_a_company_looks_for_its_brand_where_it_is(fields: dict[str, str]) -> None:
    assert looked(**fields) == ({"brand", "brand+area"}, {"brand+area", "placeless"}, {"brand"})


def test_a_company_whose_place_nobody_knows_looks_everywhere() -> None:
    assert looked(display_name="华美科技") == ({"brand", "placeless"}, {"brand"}, set())


def test_a_branch_looks_for_the_whole_as_well() -> None:
    made = keys(of_profile("1|x", extract(record(kind="company", display_name="杭州华美科技有限公司宁波分公司"))))
    assert {("brand+area", "huamei 宁波"), ("brand+area", "huamei 杭州")} <= set(made.looked)
