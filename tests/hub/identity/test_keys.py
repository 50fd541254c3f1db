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
