"""The same real file by hand: equal totals; a copy with broken rows names each row and cell, and the good rows are in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from config.settings import Settings
from hub.core import Hub
from hub.sync.importing import import_file
from tests.real.figures import Figures
from tests.real.test_pull import totals


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub.open(Settings(data_dir=tmp_path / "var"))
    yield made
    made.close()


def test_the_file_goes_in_by_hand_with_equal_totals(hub: Hub, tmp_path: Path, orders_file: Path, figures: Figures) -> None:
    first = import_file(hub, orders_file, by="test", errors_to=tmp_path / "problems.xlsx")
    assert (first.rows, first.bad, first.workbook) == (figures.orders, 0, None)
    assert totals(hub) == figures
    again = import_file(hub, orders_file, by="test", errors_to=tmp_path / "problems.xlsx")
    assert (again.counts.changed, again.counts.events) == (0, 0)
    assert again.counts.unchanged == figures.orders


def test_broken_rows_come_back_and_the_good_ones_are_in(hub: Hub, tmp_path: Path, orders_file: Path) -> None:
    lines = orders_file.read_text("utf-8-sig").splitlines()
    header, rows = lines[0], [line.split(",") for line in lines[1:1001]]
    names = [name.strip() for name in header.split(",")]
    broken = {10: ("总金额", "一百"), 200: ("订单创建时间", "2020-02-31 10:00:00"), 999: ("退款金额", "12.3.4")}
    for index, (name, value) in broken.items():
        rows[index][names.index(name)] = value
    copy = tmp_path / "broken.csv"
    copy.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", "utf-8")
    found = import_file(hub, copy, by="test")
    assert (found.rows, found.bad, found.counts.changed) == (1000, 3, 997)
    assert {(p["row"], p["columns"]) for p in found.problems} == {(index + 2, name) for index, (name, _) in broken.items()}
    assert found.workbook is not None
    sheet = openpyxl.load_workbook(found.workbook).active
    assert sheet is not None
    table = list(sheet.iter_rows(values_only=True))
    told = " ".join(str(cell) for row in table[1:] for cell in row if cell is not None)
    assert len(table) == 4 and all(str(index + 2) in told and name in told for index, (name, _) in broken.items())

    for index, (name, _) in broken.items():
        column = next(i for i, cell in enumerate(table[0]) if cell is not None and str(cell).strip() == name)
        where = next(r for r, row in enumerate(table[1:], 2) if str(index + 2) in map(str, row))
        sheet.cell(where, column + 1).value = {"总金额": "100", "退款金额": "0"}.get(name, "2020-02-20 10:00:00")
    mended = tmp_path / "mended.xlsx"
    book = sheet.parent
    assert book is not None
    book.save(mended)
    after = import_file(hub, mended, by="test")
    assert (after.bad, after.counts.changed) == (0, 3), "the corrected workbook is an update of what was missing"
