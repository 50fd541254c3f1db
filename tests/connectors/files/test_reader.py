"""Opening a table: encodings, separators, sheets, exact cells; and what is refused, each with its own text."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors.errors import ConfigError
from connectors.files import excel, reader
from connectors.files.cells import calendar_day, cell_text, lost_digits, moment, number, plain, province, several
from connectors.files.reader import letter, open_table
from connectors.registry import get

TEXT = "客户编号,姓名,备注\n001,张三,一二三\n002,李四,\n"


def cells(data: bytes, sheet: str | None = None) -> list[list[str]]:
    table = open_table(data, sheet)
    return [table.headers, *(line for _, line in table.rows())]


def refused(data: bytes | Path, sheet: str | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        table = open_table(data, sheet)
        list(table.rows())
    text = get("files").manifest.messages[caught.value.key]
    for part in (text.zh, text.en, text.fix_zh, text.fix_en):
        assert "{" not in part.format(**caught.value.params)
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_encodings_and_separators_are_found(encoding: str, separator: str, line_end: str) -> None:
    data = TEXT.replace(",", separator).replace("\n", line_end).encode(encoding)
    assert cells(data) == [["客户编号", "姓名", "备注"], ["001", "张三", "一二三"], ["002", "李四", ""]]


def test_characters_that_only_gb18030_has() -> None:
    assert cells("姓名,电话\n𠮷野㙍,1\n".encode("gb18030"))[1] == ["𠮷野㙍", "1"]


def test_a_separator_inside_quotes_does_not_count() -> None:
    assert cells(b'"a;b;c;d",x\n"1;2",3\n')[1] == ["1;2", "3"]


def test_rows_keep_their_numbers_and_blank_ones_are_left_out() -> None:
    table = open_table("\n\n姓名,电话\n\n甲,1\n , \n乙,2\n".encode())
    assert (table.headers, list(table.rows())) == (["姓名", "电话"], [(5, ["甲", "1"]), (7, ["乙", "2"])])
    assert list(table.rows()) == list(table.rows())


def test_a_cell_may_hold_line_breaks() -> None:
    assert cells('姓名,备注\n甲,"一\n二"\n'.encode())[1] == ["甲", "一\n二"]


def test_excel_cells_become_exact_text(xlsx: Callable[..., bytes]) -> None:
    values: list[Any] = [1, 1.5, 13800138000, 0.1 + 0.2, "0012", dt.datetime(2026, 3, 5, 9, 30, 2), dt.date(2026, 3, 5), True]
    data = xlsx([[f"c{i}" for i in range(len(values))], values])
    assert cells(data)[1] == ["1", "1.5", "13800138000", "0.3", "0012", "2026-03-05 09:30:02", "2026-03-05", "true"]


def test_an_excel_file_of_97_to_2003(xls: Callable[..., bytes]) -> None:
    assert cells(xls([["客户编号", "姓名", "手机"], [1.0, "张三", 13800138000.0]])) == [
        ["客户编号", "姓名", "手机"],
        ["1", "张三", "13800138000"],
    ]


def test_the_first_sheet_that_is_seen_and_filled_is_read_and_the_others_are_named(xlsx: Callable[..., bytes]) -> None:
    data = xlsx([["姓名"], ["甲"]], more=["说明", "旧"], hidden="藏")
    table = open_table(data)
    assert (table.sheet, table.other_sheets, table.headers) == ("Sheet", ["说明", "旧"], ["姓名"])
    assert open_table(data, "旧").headers == ["旧"]
    assert refused(data, "没有").params == {"sheets": "Sheet、说明、旧"}


def test_excel_columns_that_begin_late_keep_their_letters(xlsx: Callable[..., bytes]) -> None:
    data = xlsx([[], [None, None, "姓名", "手机", None], [None, None, "甲", "1", "乙"]])
    assert refused(data).params == {"columns": "E", "row": 2}


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "files.empty"),
        (b" \r\n\r\n", "files.empty"),
        (b"\xef\xbb\xbf", "files.empty"),
        (b",,\n,,\n", "files.empty"),
        (b"\xff\xff\x00\x01", "files.encoding"),
        (b"a\0b,c\n", "files.encoding"),
        (b"\x80\x81\xff,\xff\n", "files.encoding"),
        (b"  <html><table><tr><td>x", "files.html"),
        (b"<?xml version='1.0'?><Workbook/>", "files.html"),
        ('姓名,备注\n甲,"没有结束\n乙,2\n'.encode(), "files.quotes"),
        ('姓名,备注\n甲,"引号"多\n'.encode(), "files.quotes"),
        ("客户名单,,\n姓名,手机,备注\n甲,1,2\n".encode(), "files.title_row"),
        ("姓名,手机,姓名\n甲,1,乙\n".encode(), "files.duplicate_header"),
        ("客户,联系方式,,\n姓名,手机,邮箱,\n甲,1,2,\n".encode(), "files.unnamed_columns"),
        (b"PK\x03\x04 not a zip", "files.not_excel"),
        (b"\xd0\xcf\x11\xe0 not a compound file", "files.not_excel"),
    ],
)
def test_what_is_no_clear_table_is_refused_by_name(data: bytes, key: str) -> None:
    assert refused(data).key == key


def test_faults_say_where(xlsx: Callable[..., bytes]) -> None:
    assert refused(b'a,b\n1,2\n3,"4\n').params == {"row": 3}
    assert refused("手机,手机,姓名,姓名\n1,2,3,4\n".encode()).params == {"headers": "手机、姓名"}
    assert refused("姓名,手机,,\n甲,1,2,3\n".encode()).params["columns"] == "C、D"


@pytest.mark.parametrize("area", ["B1:C1", "A1:A2"])
def test_merged_cells_among_the_headers_are_refused(xlsx: Callable[..., bytes], area: str) -> None:
    rows = [["姓名", "联系方式", None], [None, "手机", "邮箱"], ["甲", "1", "2"]]
    assert refused(xlsx(rows, merge=[area])).key == "files.merged_header"


def test_a_merged_title_is_called_a_title(xlsx: Callable[..., bytes]) -> None:
    rows = [["客户名单", None], ["姓名", "手机"], ["甲", "1"]]
    assert refused(xlsx(rows, merge=["A1:B1"])).key == "files.title_row"


def test_a_list_of_one_column_has_no_title() -> None:
    assert cells("姓名\n甲\n乙\n".encode()) == [["姓名"], ["甲"], ["乙"]]


def test_a_workbook_without_cells_is_empty(xlsx: Callable[..., bytes]) -> None:
    assert refused(xlsx([])).key == "files.empty"


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(tmp_path / "no.csv").params == {"reason": "FileNotFoundError"}
    path = tmp_path / "large.csv"
    path.write_bytes(b"a,b\n" * 100)
    monkeypatch.setattr(reader, "MOST_BYTES", 100)
    assert refused(path).key == "files.too_large"


def test_a_small_zip_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 1_000_000)
    monkeypatch.setattr(reader, "MOST_UNPACKED", 500_000)
    assert refused(data.getvalue()).key == "files.too_large"


def test_a_password_is_named(locked: bytes) -> None:
    assert refused(locked).key == "files.password"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (" 张三\u3000", "张三"),
        ("\ufeff编号", "编号"),
        ("123456789012345678\t", "123456789012345678"),
        ('="0012"', "0012"),
        ("'13800138000", "13800138000"),
        ("'=1+1", "=1+1"),
        ("'tHooft", "'tHooft"),
        ("=1+1", "=1+1"),
    ],
)
def test_plain_text(raw: str, shown: str) -> None:
    assert plain(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("1,234.50", "1234.5"),
        ("¥1234.5", "1234.5"),
        ("￥ 1，234，567", "1234567"),
        ("１２３４元", "1234"),
        ("CNY 5", "5"),
        ("0.00", "0"),
        ("-0.0", "0"),
        ("-12.30", "-12.3"),
        ("1200", "1200"),
        ("36000.00", "36000"),
    ],
)
def test_amounts(raw: str, shown: str) -> None:
    assert number(raw) == shown


NO_AMOUNTS = ["12,50", "1.2万元", "约 5", "(12.00)", "abc", "NaN", "Infinity", "1E+999999999", "$5", "1,23,4"]


@pytest.mark.parametrize("raw", NO_AMOUNTS)
def test_what_is_no_amount(raw: str) -> None:
    with pytest.raises(ValueError, match="number"):
        number(raw)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("2026/3/5 9:05", "2026-03-05 09:05:00"),
        ("2026-03-05 09:05:07", "2026-03-05 09:05:07"),
        ("2026.3.5", "2026-03-05 00:00:00"),
        ("2026年3月5日", "2026-03-05 00:00:00"),
        ("2026年3月5日 9时5分7秒", "2026-03-05 09:05:07"),
        ("2026-03-05T09:05:07.25", "2026-03-05 09:05:07.250000"),
        ("2026-03-05T09:05:07+08:00", "2026-03-05T09:05:07+08:00"),
        ("2026-02-30", "2026-02-30"),
        ("3/5/2026", "3/5/2026"),
        ("昨天", "昨天"),
    ],
)
def test_times(raw: str, shown: str) -> None:
    assert moment(raw) == shown


def test_dates_lists_provinces_and_lost_digits() -> None:
    assert [calendar_day(t) for t in ("2026/3/5 0:00", "2026年3月5日", "三月")] == ["2026-03-05", "2026-03-05", "三月"]
    assert several("VIP，华东、 展会;;x|y\nz") == ["VIP", "华东", "展会", "x", "y", "z"]
    places = ("浙江省杭州市西湖区", "中国 上海市", "北京", "西湖区", "")
    assert [province(text) for text in places] == ["浙江省", "上海市", "北京", "", ""]
    assert [lost_digits(t) for t in ("1.38001E+10", "1E+15", "1.2e+17", "1E5", "E+10", "138")] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("value", [1e15, 123456789012345678, -1.5e20])
def test_a_number_beyond_what_excel_keeps_shows_that_it_is_lost(value: float) -> None:
    assert lost_digits(cell_text(value))


def test_a_second_that_excel_s_fraction_missed_by_a_hair() -> None:
    assert cell_text(dt.datetime(2026, 3, 5, 9, 30, 1, 999_900)) == "2026-03-05 09:30:02"
    assert cell_text(dt.datetime(2026, 3, 5, 9, 30, 1, 500_000)) == "2026-03-05 09:30:01.500000"
    assert cell_text(dt.timedelta(hours=1)) == "1:00:00"


def test_a_file_may_name_its_separator() -> None:
    assert cells("sep=;\r\n姓名;备注\r\n甲;a,b\r\n".encode()) == [["姓名", "备注"], ["甲", "a,b"]]


def test_a_cell_at_the_end_of_the_world_does_not_end_ours(xlsx: Callable[..., bytes]) -> None:
    book = openpyxl.load_workbook(BytesIO(xlsx([["姓名", "手机"], ["甲", 1]])))
    book.worksheets[0]["XFD1048576"] = "x"
    data = BytesIO()
    book.save(data)
    assert refused(data.getvalue()).key == "files.not_excel"


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_workbook_is_refused_or_read_but_ends_nothing(xls: Callable[..., bytes], seed: int) -> None:
    data, dice = bytearray(xls([["姓名", "手机"], ["甲", 1.0]] * 9)), random.Random(seed)
    for _ in range(6):
        data[dice.randrange(1536, 2200)] = dice.randrange(256)
    with contextlib.suppress(ConfigError):
        list(open_table(bytes(data)).rows())


def test_an_excel_reader_that_does_not_come_back(monkeypatch: pytest.MonkeyPatch, xlsx: Callable[..., bytes]) -> None:
    monkeypatch.setattr(excel, "LONGEST", 0.0001)
    assert refused(xlsx([["姓名"], ["甲"]])).key == "files.not_excel"


def test_column_letters() -> None:
    assert [letter(i) for i in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
