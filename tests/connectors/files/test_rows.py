"""Rows: what becomes a record, under which key, and what is told about those that do not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigError
from connectors.files.connector import Files
from connectors.files.workbook import told
from connectors.http import Runtime
from connectors.intake import Row
from connectors.registry import get
from mappings.compile import CompiledMapping

Taken = Callable[..., list[Row]]
HEAD = "订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间 ,退款金额\n"
ORDER = "1,128.0,78.0,浙江省,2020-02-21 00:00:00,2020-02-21 00:00:09,50.0\n"


def problems(row: Row) -> list[tuple[str, tuple[str, ...]]]:
    return [(problem.key, problem.columns) for problem in row.problems]


def canonical(mapping: Callable[[str], CompiledMapping], stream: str, row: Row) -> list[dict[str, Any]]:
    assert row.record is not None, row.problems
    mapped = mapping(stream).apply(row.record)
    assert not mapped.unknown_values
    return mapped.records


def test_a_customer(taken: Taken, mapping: Callable[[str], CompiledMapping]) -> None:
    (row,) = taken(
        "客户编码,*姓名（必填）,手机号,座机,E-MAIL,公司名称,客户标签,业务员,创建时间\n"
        "KH1,张三,13900000001,0571-88880000,a@example.com;b@example.com,示例公司,VIP、华东,李四,2026/3/5 9:05\n"
    )
    (customer,) = canonical(mapping, "customers", row)
    fields = customer["fields"]
    assert (customer["id"], row.number) == ("KH1", 2)
    assert fields["phones"] == ["13900000001", "0571-88880000"]
    assert fields["emails"] == ["a@example.com", "b@example.com"]
    assert [tag["name"] for tag in fields["tags"]] == ["VIP", "华东"]
    assert (fields["owner"], fields["kind"], fields["company"]) == ("李四", "unknown", "示例公司")
    assert fields["created_at"].isoformat() == "2026-03-05T01:05:00+00:00"
    assert ("custom", "files:a", "KH1") in customer["keys"]


def test_beside_a_contact_the_customer_is_the_company(taken: Taken, mapping: Callable[[str], CompiledMapping]) -> None:
    (both,) = taken("客户名称,联系人,手机\n示例公司,张三,1\n")
    (alone,) = taken("客户名称,手机\n示例公司,1\n")
    (person,), (company,) = canonical(mapping, "customers", both), canonical(mapping, "customers", alone)
    assert (person["fields"]["display_name"], person["fields"]["company"]) == ("张三", "示例公司")
    assert company["fields"]["display_name"] == "示例公司"
    assert "company" not in company["fields"]


def test_an_order_with_a_refund(taken: Taken, mapping: Callable[[str], CompiledMapping]) -> None:
    (row,) = taken(HEAD + ORDER)
    order, refund = canonical(mapping, "orders_taobao", row)
    assert (order["fields"]["total"], order["fields"]["paid"], order["fields"]["state"]) == (12800, 12800, "paid")
    assert (refund["id"], refund["fields"]["amount"], refund["fields"]["order"]) == ("1-R", 5000, "1")
    assert refund["fields"]["succeeded_at"] == order["fields"]["paid_at"]


def test_an_order_without_pay_time_was_not_paid(taken: Taken, mapping: Callable[[str], CompiledMapping]) -> None:
    (row,) = taken(HEAD + "1,128.0,0.0,浙江省杭州市西湖区某路 1 号,2020-02-21 00:00:00,,0.0\n")
    (order,) = canonical(mapping, "orders_taobao", row)
    assert order["fields"]["state"] == "pending_payment"
    assert "paid" not in order["fields"]
    assert order["fields"]["region"] == "浙江省"


def test_a_deal_with_its_customer(taken: Taken, mapping: Callable[[str], CompiledMapping]) -> None:
    (row,) = taken(
        '合同号,甲方名称,税号,合同金额(元),签约日期,币种,状态\nHT-1,示例公司,91X,"36,000.00",2026年3月5日,人民币,执行中\n'
    )
    customer, deal = canonical(mapping, "deals", row)
    assert deal["fields"]["customer"] == customer["id"]
    assert (deal["fields"]["amount"], deal["fields"]["state"]) == (3600000, "signed")
    assert deal["fields"]["signed_on"].isoformat() == "2026-03-05"
    assert "示例公司" not in customer["id"]


def test_a_ledger_without_states_lists_what_was_signed(taken: Taken, mapping: Callable[[str], CompiledMapping]) -> None:
    rows = taken("合同编号,客户名称,客户编号,合同金额,签订日期\n1,甲,K1,5,2026-03-05\n2,甲,K1,5,\n")
    found = [canonical(mapping, "deals", row) for row in rows]
    assert [deal["fields"]["state"] for _, deal in found] == ["signed", "draft"]
    assert {customer["id"] for customer, _ in found} == {"deal-K1"}


def test_the_kind_is_chosen_by_the_columns(taken: Taken, files: Files, tmp_path: Path) -> None:
    for head, stream in (
        ("姓名,手机", "customers"),
        ("合同编号,客户名称,合同金额,备注", "deals"),
        (HEAD.strip(), "orders_taobao"),
    ):
        path = tmp_path / "x.csv"
        path.write_text(head + "\n" + "1," * head.count(",") + "1\n", "utf-8")
        assert files.take(path).stream == stream


def refused(taken: Taken, content: str, **options: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        taken(content, **options)
    text = get("files").manifest.messages[caught.value.key]
    assert "{" not in "".join(part.format(**caught.value.params) for part in (text.zh, text.en, text.fix_zh, text.fix_en))
    return caught.value


def test_a_missing_column_is_named_with_the_headers_that_would_do(taken: Taken) -> None:
    error = refused(taken, "合同编号,客户名称,合同金额（万元）\n1,甲,3.6\n", stream="deals")
    assert error.key == "files.missing_column"
    assert {"合同金额", "签约金额"} <= set(error.params["accepted"].split("、"))
    assert "合同编号" not in error.params["accepted"]
    group = refused(taken, "手机\n1\n", stream="customers").params["accepted"]
    assert "姓名" in group
    assert "客户名称" in group


def test_columns_that_fit_nothing_list_what_each_kind_lacks(taken: Taken) -> None:
    error = refused(taken, "货号,库存\n1,2\n")
    assert error.key == "files.no_mapping"
    assert "customers (姓名/客户名称)" in error.params["candidates"]
    assert "deals (合同编号 + 合同金额 + 客户名称)" in error.params["candidates"]


def test_two_columns_for_one_thing(taken: Taken) -> None:
    error = refused(taken, "姓名,联系人,手机\n甲,乙,1\n")
    assert error.params == {"headers": "姓名、联系人", "column": "姓名"}
    assert refused(taken, "姓名\n甲\n", stream="nothing").key == "files.unknown_mapping"


def test_good_rows_come_through_and_bad_ones_name_row_and_cell(taken: Taken) -> None:
    rows = taken(
        HEAD
        + ORDER
        + "2,abc,78.0,浙江省,昨天,2020-02-21 00:00:09,50.0\n"
        + ",10.0,10.0,浙江省,2020-02-21 00:00:00,,0.0\n"
        + "4,10.0,10.0,浙江省,2020-02-21 00:00:00,,0.0,多了\n"
        + "1.23457E+17,10.0,10.0,浙江省,2020-02-21 00:00:00,,0.0\n"
        + "合计,148.0,,,,,50.0\n"
        + "7,,10.0,浙江省,,,0.0\n"
        + "8,10.0,10.0,浙江省,2020-02-21 00:00:00,,0.0\n"
    )
    assert [(row.number, problems(row)) for row in rows] == [
        (2, []),
        (3, [("files.not_number", ("总金额",)), ("files.not_time", ("订单创建时间",))]),
        (4, [("files.required", ("订单编号",))]),
        (5, [("files.more_cells", ())]),
        (6, [("files.lost_digits", ("订单编号",))]),
        (7, [("files.total_row", ())]),
        (8, [("files.required", ("总金额",)), ("files.required", ("订单创建时间",))]),
        (9, []),
    ]
    assert [row.number for row in rows if row.record is not None] == [2, 9]
    assert rows[3].problems[0].params == {"columns": "H"}


def test_what_is_told_never_repeats_the_cell(taken: Taken) -> None:
    texts = get("files").manifest.messages
    row = taken("姓名,手机,创建时间\n张三丰,1.39E+10,13900000001\n")[0]
    said = "\n".join(part for problem in row.problems for part in told(problem, texts))
    assert "手机" in said
    assert not re.search("张三丰|139", said.replace("1.38E+10", ""))
    assert "张三丰" not in repr(row)


@pytest.mark.parametrize(
    ("content", "key", "columns"),
    [
        ("姓名,手机\n,1\n", "files.required", ()),
        ("客户编号,姓名,手机\n,,\nK1,,1\n", "files.required", ("姓名",)),
        ("合同编号,客户名称,合同金额,币种\n1,甲,5,USD\n", "files.only", ("币种",)),
        ("合同编号,客户名称,合同金额,签订日期\n1,甲,5,三月初\n", "files.not_date", ("签订日期",)),
        ("合同编号,客户名称,合同金额,电话\n1,甲,5,1.39E+10\n", "files.lost_digits", ("电话",)),
        ("合同编号,客户名称,合同金额\n1,,5\n", "files.required", ("客户名称",)),
    ],
)
def test_single_faults(taken: Taken, content: str, key: str, columns: tuple[str, ...]) -> None:
    (row,) = taken(content)
    assert row.problems[0].key == key
    assert set(columns) <= set(row.problems[0].columns)
    assert len(row.problems) == 1


def test_without_a_mapping_to_check_a_row_still_needs_something_to_go_by(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("姓名,备注\n,没有人\n", "utf-8")
    (row,) = files.take(path).rows()
    assert problems(row) == [("files.no_key", ())]
    assert "手机" in row.problems[0].params["columns"]


def test_the_same_record_twice(taken: Taken) -> None:
    rows = taken("客户编号,姓名\nK1,甲\nK1,甲\nK1,乙\nK2,乙\n")
    assert [(row.number, problems(row)) for row in rows] == [(2, []), (4, [("files.same_key", ("客户编号",))]), (5, [])]
    assert rows[1].problems[0].params == {"row": "2"}


def test_cells_merged_downwards_are_not_guessed(files: Files, xlsx: Callable[..., bytes], tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    rows = [["姓名", "公司", "手机"], ["甲", "示例公司", 1], ["乙", None, 2], ["丙", "另一家", 3]]
    path.write_bytes(xlsx(rows, merge=["B2:B3"]))
    found = list(files.take(path).rows())
    assert [problems(row) for row in found] == [[], [("files.merged_cells", ("公司",))], []]


def test_columns_nobody_knows_are_kept_and_named(files: Files, mapping: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("姓名,鞋码,_key\n甲,43,伪造\n", "utf-8")
    intake = files.take(path)
    (row,) = intake.rows()
    assert intake.unused == ["鞋码", "_key"]
    assert row.record is not None
    assert (row.record["鞋码"], row.record["key"]) == ("43", "伪造")
    assert row.record["_key"].startswith("r")
    assert mapping("customers").apply(row.record).unknown_fields == {"鞋码", "key"}


# ---------------------------------------------------------------- keys


def test_the_same_file_twice_gives_the_same_records(taken: Taken) -> None:
    content = "姓名,手机\n甲,1\n乙,2\n"
    assert [row.record for row in taken(content)] == [row.record for row in taken(content)]


def test_csv_and_excel_give_the_same_records(taken: Taken, xlsx: Callable[..., bytes], xls: Any) -> None:
    rows: list[list[Any]] = [["合同编号", "客户名称", "合同金额", "电话"], [1, "甲", 36000.5, 13900000001]]
    text = "\n".join(",".join(map(str, row)) for row in rows)
    records = [
        taken(content, name)[0].record for content, name in ((text, "a.csv"), (xlsx(rows), "a.xlsx"), (xls(rows), "a.xls"))
    ]
    assert records[0] == records[1] == records[2]
    assert records[0] == taken('电话,合同金额,合同编号,客户名称\n13900000001,"¥36,000.50",1,甲\n')[0].record


def test_a_key_does_not_depend_on_what_else_stands_in_the_row(taken: Taken) -> None:
    (before,) = taken("姓名,手机\n甲,1\n")
    (after,) = taken("备注,姓名,手机\n新的,甲 ,１\n")
    (other,) = taken("姓名,手机\n甲,2\n")
    keys = [row.record["_key"] for row in (before, after, other) if row.record]
    assert keys[0] == keys[1] != keys[2]


def test_a_fingerprint_cannot_be_found_by_trying_without_the_secret(taken: Taken, files: Files, tmp_path: Path) -> None:
    (row,) = taken("姓名,手机\n甲,13900000001\n")
    assert row.record is not None
    key = row.record["_key"]
    assert re.fullmatch(r"r[0-9a-f]{40}", key)
    cells = "\x1f".join(("customers", "甲", "", "", "13900000001", "", "", ""))
    assert hashlib.sha256(cells.encode()).hexdigest()[:40] not in key
    path = tmp_path / "x.csv"
    kind = get("files").load()
    other = kind(kind.Config(**Files.fresh_settings()), Runtime())
    assert isinstance(other, Files)
    (same,) = other.take(path).rows()
    assert same.record is not None
    assert same.record["_key"] != key


@pytest.mark.parametrize("change", [lambda s: "", lambda s: s[:-1], lambda s: s[1:] + s[0], lambda s: s.replace("lsrow_", "x")])
def test_a_mistyped_secret_is_noticed_before_twins_are_made(
    settings: dict[str, str], tmp_path: Path, change: Callable[[str], str]
) -> None:
    kind = get("files").load()
    connector = kind(kind.Config(row_secret=change(settings["row_secret"])), Runtime())
    assert isinstance(connector, Files)
    assert [finding.ok for finding in connector.check()] == [False, True]
    path = tmp_path / "x.csv"
    path.write_text("姓名\n甲\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        connector.take(path)
    assert caught.value.key == "files.row_secret"
    assert settings["row_secret"] not in f"{caught.value!r}{caught.value.as_dict()}"


def test_every_error_has_its_text() -> None:
    folder = get("files").folder
    code = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    named = set(re.findall(r'"(files\.[a-z_]+)"', code))
    assert named == set(get("files").manifest.messages)
