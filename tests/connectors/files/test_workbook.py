"""The workbook of problems: it says row, cell, fault and remedy, runs nothing, and comes back corrected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors.files.connector import Files
from connectors.files.layout import LEADING
from connectors.intake import Intake, Row
from mappings.compile import CompiledMapping

CONTENT = (
    "客户编号,姓名,手机,创建时间,鞋码\n"
    "K1,张三,13900000001,2026-03-05 09:30:00,43\n"
    "K2,李四,1.39E+10,昨天,=1+1\n"
    ",王五,13900000003,2026-03-05,@SUM(A1)\n"
    "K4,,13900000004,2026-03-05,-5\n"
)
Mapping = Callable[[str], CompiledMapping]


@pytest.fixture
def intake(files: Files, tmp_path: Path) -> Intake:
    path = tmp_path / "list.csv"
    path.write_text(CONTENT, "utf-8")
    return files.take(path)


def bad(intake: Intake, mapping: Mapping) -> list[Row]:
    return [row for row in intake.rows(mapping(intake.stream).apply) if row.problems]


def opened(path: Path) -> Any:
    return openpyxl.load_workbook(path).worksheets[0]


def test_it_repeats_the_bad_rows_and_says_what_to_do(intake: Intake, mapping: Mapping, tmp_path: Path) -> None:
    target = tmp_path / "problems.xlsx"
    assert intake.workbook(intake.rows(mapping("customers").apply), target) == 2
    sheet = opened(target)
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == (*LEADING, "客户编号", "姓名", "手机", "创建时间", "鞋码")
    assert rows[1][:2] == ("3", "手机、创建时间")
    for word in ("手机", "截断", "cut short", "创建时间 不是时间", "is not a time"):
        assert word in rows[1][2]
    assert "2026-03-05 09:30:00" in rows[1][3]
    assert rows[1][4:] == ("K2", "李四", "1.39E+10", "昨天", "=1+1")
    assert rows[2][0] == "5"
    coloured = [cell.coordinate for row in sheet.iter_rows(min_row=2) for cell in row if cell.fill.fgColor.rgb == "FFFFC7CE"]
    assert coloured == ["G2", "H2", "F3"]


def test_nothing_in_it_is_a_formula(intake: Intake, tmp_path: Path) -> None:
    target = tmp_path / "problems.xlsx"
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://example.com")', "\tx", "ok\x07bell", "x" * 5]
    rows = [Row(2 + i, ("K", text, "", "", ""), problems=bad_problem()) for i, text in enumerate(texts)]
    intake.workbook(rows, target)
    cells = [row[5] for row in opened(target).iter_rows(min_row=2)]
    assert [cell.data_type for cell in cells] == ["s"] * len(texts)
    assert [cell.value for cell in cells] == [*texts[:6], "okbell", "xxxxx"]
    assert [cell.quotePrefix for cell in cells] == [True] * 6 + [False] * 2
    assert {cell.number_format for row in opened(target).iter_rows() for cell in row} == {"@"}
    assert b"<f>" not in target.read_bytes()


def bad_problem() -> Any:
    from connectors.intake import Problem

    return (Problem("files.total_row"),)


def test_without_problems_there_is_no_file(intake: Intake, tmp_path: Path) -> None:
    target = tmp_path / "problems.xlsx"
    good = [row for row in intake.rows() if not row.problems and row.number == 2]
    assert intake.workbook(good, target) == 0
    assert not target.exists()


def corrected(path: Path, **changes: str) -> None:
    book = openpyxl.load_workbook(path)
    for place, value in changes.items():
        book.worksheets[0][place] = value
    book.save(path)


def test_corrected_it_comes_back_as_the_records_that_were_meant(
    files: Files, intake: Intake, mapping: Mapping, tmp_path: Path
) -> None:
    target = tmp_path / "problems.xlsx"
    intake.workbook(bad(intake, mapping), target)
    corrected(target, G2="13900000002", H2="2026-03-05", F3="赵六")
    again = files.take(target)
    assert again.stream == "customers"
    assert again.unused == ["鞋码"]
    rows = list(again.rows(mapping("customers").apply))
    assert [row.problems for row in rows] == [(), ()]
    original = tmp_path / "right.csv"
    right = CONTENT.replace("1.39E+10,昨天", "13900000002,2026-03-05").replace("K4,,", "K4,赵六,")
    original.write_text(right, "utf-8")
    meant = {row.record["_key"]: row.record for row in files.take(original).rows() if row.record}
    for row in rows:
        assert row.record is not None
        assert row.record == meant[row.record["_key"]]


def test_a_row_without_number_keeps_its_key_when_another_cell_is_corrected(
    files: Files, mapping: Mapping, tmp_path: Path
) -> None:
    path, target = tmp_path / "list.csv", tmp_path / "problems.xlsx"
    path.write_text("姓名,手机,创建时间\n张三,13900000001,昨天\n", "utf-8")
    intake = files.take(path)
    intake.workbook(intake.rows(mapping("customers").apply), target)
    corrected(target, G2="2026-03-05")
    (again,) = files.take(target).rows(mapping("customers").apply)
    path.write_text("姓名,手机,创建时间\n张三,13900000001,2026-03-05\n", "utf-8")
    (meant,) = files.take(path).rows()
    assert again.record == meant.record is not None


def test_still_bad_rows_come_back_again(files: Files, intake: Intake, mapping: Mapping, tmp_path: Path) -> None:
    first, second = tmp_path / "1.xlsx", tmp_path / "2.xlsx"
    intake.workbook(bad(intake, mapping), first)
    corrected(first, G2="13900000002", F3="赵六")
    again = files.take(first)
    assert again.workbook(again.rows(mapping("customers").apply), second) == 1
    rows = list(opened(second).iter_rows(values_only=True))
    assert rows[0] == (*LEADING, "客户编号", "姓名", "手机", "创建时间", "鞋码")
    assert rows[1][:2] == ("2", "创建时间")


def test_wide_files(files: Files, mapping: Mapping, tmp_path: Path) -> None:
    path, target = tmp_path / "wide.csv", tmp_path / "problems.xlsx"
    more = ",".join(f"列{i}" for i in range(60))
    path.write_text(f"姓名,创建时间,{more}\n甲,昨天,{'x,' * 59}x\n", "utf-8")
    intake = files.take(path)
    assert intake.workbook(intake.rows(mapping("customers").apply), target) == 1
    assert opened(target).max_column == 66
