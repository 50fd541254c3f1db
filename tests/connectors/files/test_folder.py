"""The folder: which files are read and when, which of several has the say, and what happens to what cannot be read."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Page, record_key
from connectors.errors import ConfigError, InvalidRecord, MappingError
from connectors.files.connector import Files
from connectors.files.simulator import ExportFolder
from connectors.http import Runtime
from connectors.registry import get

NOW = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)


def connected(settings: dict[str, str], folder: Path, **more: Any) -> Files:
    kind = get("files").load()
    connector = kind(kind.Config(**settings, folder=str(folder), **more), Runtime(clock=lambda: NOW))
    assert isinstance(connector, Files)
    return connector


def put(path: Path, text: str, age: float = 3600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    os.utime(path, (NOW.timestamp() - age,) * 2)
    return path


def keys(pages: list[Page]) -> list[str]:
    return [record_key(record, ["_key"]) for page in pages for record in page.records]


def test_without_a_folder_there_is_nothing(settings: dict[str, str]) -> None:
    kind = get("files").load()
    connector = kind(kind.Config(**settings), Runtime())
    assert isinstance(connector, Files)
    assert list(connector.pages("customers", None, None)) == [Page([], last=True)]
    with pytest.raises(InvalidRecord):
        connector.fetch_one("customers", "K1")


def test_a_folder_that_is_gone_is_a_clear_error(settings: dict[str, str], tmp_path: Path) -> None:
    connector = connected(settings, tmp_path / "gone")
    with pytest.raises(ConfigError) as caught:
        list(connector.pages("customers", None, None))
    assert caught.value.key == "files.folder"
    assert [finding.ok for finding in connector.check()] == [True, False]


def test_the_newest_file_has_the_say(settings: dict[str, str], tmp_path: Path) -> None:
    put(tmp_path / "customers" / "a.csv", "客户编号,姓名\nK1,新\n", age=100)
    put(tmp_path / "customers" / "b.csv", "客户编号,姓名\nK1,旧\nK2,旧\n", age=200)
    connector = connected(settings, tmp_path)
    (page,) = connector.pages("customers", None, None)
    assert [(record["_key"], record["姓名"]) for record in page.records] == [("K1", "新"), ("K2", "旧")]
    assert connector.fetch_one("customers", "K1")["姓名"] == "新"
    assert page.last
    assert list(connector.pages("deals", None, None)) == [Page([], last=True)]


def test_what_is_hidden_fresh_or_of_another_kind_is_left_alone(settings: dict[str, str], tmp_path: Path) -> None:
    text = "客户编号,姓名\n{},甲\n"
    for name, age in (("ok.csv", 61.0), ("fresh.csv", 59.0), ("~$lock.xlsx", 99.0), (".hidden.csv", 99.0), ("x.part", 99.0)):
        put(tmp_path / "customers" / name, text.format(name), age)
    put(tmp_path / "customers" / "clock_ahead.csv", text.format("ahead"), age=-500)
    pages = list(connected(settings, tmp_path).pages("customers", None, None))
    assert keys(pages) == ["ahead", "ok.csv"]
    pages = list(connected(settings, tmp_path, settle=10).pages("customers", None, None))
    assert keys(pages) == ["ahead", "fresh.csv", "ok.csv"]


def test_a_file_that_cannot_be_read_stops_no_other_and_is_told(settings: dict[str, str], tmp_path: Path) -> None:
    put(tmp_path / "customers" / "bad.csv", "鞋码,颜色\n43,红\n", age=100)
    put(tmp_path / "customers" / "good.csv", "客户编号,姓名\nK1,甲\n", age=200)
    connector = connected(settings, tmp_path)
    found: list[Page] = []
    with pytest.raises(ConfigError) as caught:
        for page in connector.pages("customers", None, None):
            found.append(page)
    assert keys(found) == ["K1"]
    assert not found[-1].last
    assert (caught.value.key, caught.value.params["file"]) == ("files.missing_column", "bad.csv")
    (finding,) = [finding for finding in connector.check() if not finding.ok]
    assert "customers/bad.csv" in finding.what_zh
    assert finding.fix_en


def test_a_bad_row_goes_on_bare_so_that_no_mapping_takes_it(settings: dict[str, str], tmp_path: Path, mapping: Any) -> None:
    put(tmp_path / "customers" / "a.csv", "客户编号,姓名,手机\nK1,甲,1.39E+10\nK2,乙,1,多\nK3,丙,1\n")
    (page,) = connected(settings, tmp_path).pages("customers", None, None)
    assert [record.get("_key") for record in page.records] == [None, None, "K3"]
    assert page.records[0] == {"_problem": "files.lost_digits", "_row": 2, "_cells": ["K1", "甲", "1.39E+10"]}
    for record in page.records[:2]:
        with pytest.raises(MappingError):
            mapping("customers").apply(record)
        with pytest.raises(KeyError):
            record_key(record, ["_key"])


def test_a_walk_begins_again_when_the_folder_has_changed(settings: dict[str, str], tmp_path: Path) -> None:
    rows = "".join(f"K{i},甲\n" for i in range(450))
    put(tmp_path / "customers" / "a.csv", "客户编号,姓名\n" + rows, age=300)
    connector = connected(settings, tmp_path)
    first = next(iter(connector.pages("customers", None, None)))
    rest = list(connector.pages("customers", None, first.resume))
    assert (len(keys([first])), len(keys(rest))) == (200, 250)
    put(tmp_path / "customers" / "b.csv", "客户编号,姓名\nK7,乙\n", age=100)
    again = list(connector.pages("customers", None, first.resume))
    assert len(keys(again)) == 450
    assert again[0].records[0]["姓名"] == "乙"


def test_check_tells_of_files_where_nobody_reads_them(settings: dict[str, str], tmp_path: Path) -> None:
    put(tmp_path / "stray.csv", "x\n")
    findings = connected(settings, tmp_path).check()
    assert [finding.ok for finding in findings] == [True, False, True, True, True]
    assert "orders_taobao" in findings[1].fix_en


def test_by_hand_and_from_the_folder_it_is_the_same_record(settings: dict[str, str], tmp_path: Path) -> None:
    path = put(tmp_path / "customers" / "a.csv", "姓名,手机\n甲,1\n")
    connector = connected(settings, tmp_path)
    (page,) = connector.pages("customers", None, None)
    (row,) = connector.take(path).rows()
    assert row.record == page.records[0]


def test_the_simulator_exports_as_others_do() -> None:
    simulator = ExportFolder(lambda: NOW)
    simulator.populate("deals", 3, start=NOW, step=timedelta(seconds=1))
    page = simulator.app.test_client().get("/").get_json()
    assert page == {"deals/export-0001.csv": 3}
    assert not list(simulator.root.rglob("*.part"))
    kind = get("files").load()
    connector = kind(kind.Config(**simulator.settings("")), Runtime(clock=lambda: NOW))
    assert isinstance(connector, Files)
    assert [finding.ok for finding in connector.check()] == [True] * 4


def test_the_simulator_takes_over_an_order_report(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    head = "订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间 ,退款金额\n"
    path.write_text(head + "1,5.0,5.0,上海,2020-02-21 00:00:00,,0.0\n", "utf-8-sig")
    simulator = ExportFolder(lambda: NOW)
    assert simulator.seed_file(path) == 1
    kind = get("files").load()
    connector = kind(kind.Config(**simulator.settings("")), Runtime(clock=lambda: NOW))
    (page,) = connector.pages("orders_taobao", None, None)  # type: ignore[attr-defined]
    assert page.records[0]["_key"] == "1"
