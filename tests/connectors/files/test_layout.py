"""Layouts: the shipped ones are sound, and one's own column names are taken or refused with a clear text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigError
from connectors.files.connector import MAPPINGS, Files
from connectors.files.layout import Layout, choose, folded, load_layout
from connectors.registry import get
from mappings.compile import CompiledMapping

STREAMS = list(get("files").manifest.streams)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_shipped_layout_names_only_columns_that_it_has(stream: str, mapping: Callable[[str], CompiledMapping]) -> None:
    layout, compiled = load_layout(MAPPINGS / f"{stream}.yaml"), mapping(stream)
    columns = set(layout.columns)
    assert {name for group in layout.need for name in group} <= columns
    assert {*layout.key, *layout.fingerprint} <= columns
    assert {part for computed in layout.computed.values() for part in computed.parts} <= columns
    every = dict.fromkeys([*columns, *layout.computed, "_key"], "1")
    assert compiled.stream == stream
    assert not compiled.apply({**every, **times(layout)}).unknown_fields
    assert all(layout.required.values()), "each required field is traced to columns"


def times(layout: Layout) -> dict[str, Any]:
    plain = {"time": "2026-03-05 09:30:00", "date": "2026-03-05", "list": ["1"]}
    return {name: plain[column.kind] for name, column in layout.columns.items() if column.kind in plain}


@pytest.mark.parametrize("stream", STREAMS)
def test_no_header_means_two_columns(stream: str) -> None:
    names = [name for column in load_layout(MAPPINGS / f"{stream}.yaml").columns.values() for name in column.names]
    assert len(names) == len(set(names))


def test_there_is_a_mapping_for_each_stream_and_no_other() -> None:
    assert {path.stem for path in MAPPINGS.glob("*.yaml")} == set(STREAMS)
    assert get("files").mappings == MAPPINGS


@pytest.mark.parametrize("header", ["客户 名称", "*客户名称", "客户名称（必填）", "客户名称(必填)：", "客户名称\n"])
def test_decorated_headers(header: str) -> None:
    assert folded(header) == "客户名称"


def test_yuan_is_not_ten_thousand_yuan() -> None:
    assert folded("合同金额（元）") == folded("合同金额 (人民币)") == "合同金额"
    assert folded("合同金额（万元）") != "合同金额"
    assert folded("合同金额(USD)") != "合同金额"


def write(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def test_one_s_own_column_names(files: Files, tmp_path: Path) -> None:
    own = write(tmp_path / "own.yaml", "layout_of: customers\ncolumns:\n  姓名: 会员\n  手机: [Tel 1, 号码]\n")
    table = tmp_path / "x.csv"
    write(table, "会员,tel1,备注\n甲,13900000001,x\n")
    intake = files.take(table, own)
    (row,) = intake.rows()
    assert (intake.stream, intake.unused) == ("customers", [])
    assert row.record is not None
    assert (row.record["姓名"], row.record["手机"]) == ("甲", "13900000001")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("layout_of: customers", "files.layout"),
        ("[]", "files.layout"),
        ("a: [", "files.layout"),
        ("layout_of: customers\ncolumns: {没有的列: [x]}", "files.layout"),
        ("layout_of: customers\ncolumns: {姓名: [1]}", "files.layout"),
        ("layout_of: customers\ncolumns: {姓名: [x]}\nemits: []", "files.layout"),
        ("layout_of: ../secrets\ncolumns: {姓名: [x]}", "files.unknown_mapping"),
    ],
)
def test_a_wrong_file_of_names_is_refused(files: Files, tmp_path: Path, text: str, key: str) -> None:
    own = write(tmp_path / "own.yaml", text)
    write(tmp_path / "x.csv", "x\n1\n")
    with pytest.raises(ConfigError) as caught:
        files.take(tmp_path / "x.csv", own)
    assert caught.value.key == key
    message = get("files").manifest.messages[key]
    assert "{姓名" not in message.zh.format(**caught.value.params)


def test_a_file_of_names_that_is_not_there(files: Files, tmp_path: Path) -> None:
    write(tmp_path / "x.csv", "x\n1\n")
    with pytest.raises(ConfigError) as caught:
        files.take(tmp_path / "x.csv", str(tmp_path / "no.yaml"))
    assert "FileNotFoundError" in caught.value.params["expected"]


def test_two_kinds_that_fit_alike_must_be_told_apart() -> None:
    def layout(name: str) -> Layout:
        emits = [{"kind": "customer", "id": "_key", "fields": {}}]
        return Layout({"stream": name, "emits": emits, "file": {"columns": {"姓名": []}, "need": ["姓名"], "key": ["姓名"]}})

    with pytest.raises(ConfigError) as caught:
        choose([layout("a"), layout("b")], ["姓名"])
    assert (caught.value.key, caught.value.params["candidates"]) == ("files.which_mapping", "a, b")


def test_a_column_of_no_kind() -> None:
    with pytest.raises(ConfigError) as caught:
        Layout({"stream": "a", "emits": [], "file": {"columns": {"姓名": {"is": "nonsense"}}}})
    assert caught.value.params["place"] == "姓名.is"
