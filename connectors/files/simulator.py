"""Another system that leaves its exports in a folder, as such systems do: GB18030, one file for each run, its own column
names, written beside and then renamed."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify

from connectors.sandbox import Simulator

_KEYS = {"customers": "客户编码", "orders_taobao": "订单编号", "deals": "合同编号"}
_SPOILT = {
    "customers": ("创建时间", "昨天"),
    "orders_taobao": ("订单创建时间", "2026-02-30 10:00:00"),
    "deals": ("签约日期", "三月初"),
}
_RANDOM = "5eed" * 10


class ExportFolder(Simulator):
    """Each ``populate`` is an export of its own; a changed row makes its file be exported again."""

    name = "files"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="exports-"))
        weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)
        self.files: dict[Path, list[dict[str, str]]] = {}
        self.made = 0
        super().__init__(now)

    def routes(self, app: Flask) -> None:
        """What was exported so far."""
        app.add_url_rule("/", "exports", self._exports)

    def _exports(self) -> Response:
        return jsonify({str(path.relative_to(self.root)): len(rows) for path, rows in self.files.items()})

    def settings(self, base_url: str) -> dict[str, Any]:
        """The folder; files are complete when they appear, so none needs to rest."""
        checksum = sha256(_RANDOM.encode()).hexdigest()[:8]
        return {"folder": str(self.root), "row_secret": f"lsrow_{_RANDOM}{checksum}", "settle": 0}

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """One more export with so many rows."""
        make = {"customers": _customer, "orders_taobao": _order, "deals": _deal}[stream]
        with self.lock:
            rows = [make(self.made + i, start + step * i) for i in range(1, count + 1)]
            self.made += count
            path = self.root / stream / f"export-{len(self.files) + 1:04d}.csv"
            self.files[path] = rows
            self._write(path, self.now())
        return [row[_KEYS[stream]] for row in rows]

    def touch(self, stream: str, key: str) -> None:
        """The row changes, and its export is made anew."""
        self._change(stream, key, {"customers": "备注", "orders_taobao": "收货地址 ", "deals": "备注"}[stream], str(self.now()))

    def spoil(self, stream: str, key: str) -> None:
        """A cell that its mapping cannot take."""
        self._change(stream, key, *_SPOILT[stream])

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """One more column, filled in this row alone."""
        self._change(stream, key, name, str(value))

    def seed_file(self, path: Path) -> int:
        """Take over a Taobao order report as it is."""
        target = self.root / "orders_taobao" / path.name
        with path.open(encoding="utf-8-sig", newline="") as source:
            self.files[target] = list(csv.DictReader(source))
        self._write(target, self.now())
        return len(self.files[target])

    def _change(self, stream: str, key: str, column: str, text: str) -> None:
        with self.lock:
            for path, rows in self.files.items():
                for row in rows if path.parent.name == stream else ():
                    if row[_KEYS[stream]] == key:
                        row[column] = text
                        self._write(path, self.now())
                        return
        raise LookupError(f"no row {key} was exported")

    def _write(self, path: Path, moment: datetime) -> None:
        path.parent.mkdir(exist_ok=True)
        columns = list(dict.fromkeys(name for row in self.files[path] for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="")
        writer.writeheader()
        writer.writerows(self.files[path])
        beside = path.with_suffix(".part")
        beside.write_bytes(text.getvalue().encode("gb18030"))
        os.utime(beside, (moment.timestamp(), moment.timestamp()))
        beside.replace(path)


def _china(moment: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return (moment + timedelta(hours=8)).strftime(form)


def _customer(number: int, moment: datetime) -> dict[str, str]:
    return {
        "客户编码": f"KH{number:06d}",
        "姓名": f"客户{number}",
        "手机号": f"136{number:08d}",
        "公司名称": "示例商贸有限公司",
        "客户标签": "VIP，华东",
        "业务员": "李四",
        "创建时间": _china(moment, "%Y/%m/%d %H:%M"),
    }


def _order(number: int, moment: datetime) -> dict[str, str]:
    refunded = number % 3 == 0
    return {
        "订单编号": f"{number:08d}",
        "总金额": "128.0",
        "买家实际支付金额": "78.0" if refunded else "128.0",
        "收货地址 ": "浙江省",
        "订单创建时间": _china(moment),
        "订单付款时间 ": _china(moment + timedelta(seconds=9)),
        "退款金额": "50.0" if refunded else "0.0",
    }


def _deal(number: int, moment: datetime) -> dict[str, str]:
    return {
        "合同编号": f"HT-{number:06d}",
        "合同名称": "年度服务合同",
        "甲方名称": f"示例{number}科技有限公司",
        "合同金额(元)": "36,000.00",
        "签约日期": _china(moment, "%Y年%m月%d日"),
        "销售": "王五",
    }
