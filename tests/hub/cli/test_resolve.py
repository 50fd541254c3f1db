"""``hub resolve``: a file or folder that cannot be used is told in both languages, before any work and without a traceback."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.security.keyring import KeyRing

Desk = Any
ROW = {"rid": "r1", "source": "crm", "shop": "a", "ids": {"id": "7"}, "name": "欧阳晓岚", "phones": ["13912345671"]}
LINE = json.dumps(ROW, ensure_ascii=False).encode() + b"\n"


def file(desk: Desk, name: str, data: bytes) -> str:
    path = desk.folder / name
    path.write_bytes(data)
    return str(path)


def refused(desk: Desk, source: str, *options: str, code: int) -> str:
    """What is said; nothing was written."""
    out = [] if "--out" in options else ["--out", "out.csv"]
    answer = desk.run("resolve", source, *out, *options, code=code)
    assert answer.out == "" and not (desk.folder / "out.csv").exists()
    return str(answer.err)


def test_a_packed_file_is_read_and_written(desk: Desk) -> None:
    source = file(desk, "in.jsonl.gz", gzip.compress(LINE))
    assert desk.run("resolve", source, "--out", "out.csv", "--json").json["records"] == 1
    assert (desk.folder / "out.csv").read_text("utf-8").splitlines()[1].startswith("r1,")


@pytest.mark.parametrize("option", [None, "--schema", "--answers"])
def test_a_file_that_is_not_there(desk: Desk, option: str | None) -> None:
    source = file(desk, "in.jsonl", LINE)
    said = refused(desk, *([source, option, "nowhere.x"] if option else ["nowhere.x"]), code=2)
    assert said == "nowhere.x: 没有这个文件，请核对路径 / there is no such file; look at the path\n"


def test_a_folder_is_no_file(desk: Desk) -> None:
    source = file(desk, "in.jsonl", LINE)
    for words in (("var",), (source, "--out", "var")):
        assert refused(desk, *words, code=2) == "var: 是文件夹，请写出文件名 / is a folder; name the file\n"


def test_a_folder_that_is_not_there_is_told_before_the_file_is_read(desk: Desk) -> None:
    source = file(desk, "in.jsonl", b"{broken")
    said = refused(desk, source, "--out", "nowhere/out.csv", code=2)
    assert said == "nowhere: 没有这个文件夹，请先建立：mkdir -p / there is no such folder; make it first: mkdir -p\n"


def test_a_place_that_may_not_be_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    access = os.access
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK and access(path, mode))
    said = refused(desk, file(desk, "in.jsonl", LINE), code=2)
    assert "out.csv: 不能写到这里" in said and "may not be written; choose another place" in said


PACKED = gzip.compress(LINE * 50, mtime=0)


@pytest.mark.parametrize(
    ("name", "data", "zh", "en"),
    [
        ("in.jsonl.gz", LINE, "不是完整的 gzip", "is no whole gzip file"),
        ("in.jsonl.gz", b"", "", ""),
        ("in.jsonl.gz", PACKED[:-12], "传了一半的请重新取", "fetch one again that was cut off"),
        ("in.jsonl.gz", PACKED[:20] + b"\x00" * 9 + PACKED[29:], "不是完整的 gzip", "is no whole gzip file"),
        ("in.jsonl", PACKED, "名字却不以 .gz 结尾；请改名", "not named .gz; rename it"),
        ("in.jsonl", "张伟".encode("gb18030"), "不是 UTF-8 文本；请另存为 UTF-8", "is not text in UTF-8; save it as UTF-8"),
        ("in.jsonl.gz", gzip.compress("张伟".encode("gb18030"), mtime=0), "不是 UTF-8 文本", "is not text in UTF-8"),
        ("in.jsonl", b"{broken", "不是单独一行的 JSON 对象", "is not a JSON object"),
        ("in.jsonl", b"[1]", "不是对象", "not an object"),
        ("in.jsonl", b"{}", "这一行用不了", "this line cannot be used"),
        ("in.csv", b"rid\n1\n", "CSV 要有 --schema", "a CSV file needs --schema"),
    ],
)
def test_a_file_that_cannot_be_read(desk: Desk, name: str, data: bytes, zh: str, en: str) -> None:
    source = file(desk, name, data)
    if not zh:  # nothing at all is a packed file of no records
        assert desk.run("resolve", source, "--out", "out.csv", "--json").json["records"] == 0
        return
    said = refused(desk, source, code=1)
    assert zh in said and en in said and all(line.startswith(source) for line in said.splitlines())


def test_a_file_that_may_not_be_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    source, open_ = file(desk, "in.jsonl", LINE), Path.open

    def denied(self: Path, *args: Any, **more: Any) -> Any:
        if self.name == "in.jsonl":
            raise PermissionError(13, "Permission denied", str(self))
        return open_(self, *args, **more)

    monkeypatch.setattr(Path, "open", denied)
    said = refused(desk, source, code=1)
    assert "没有读取的权限；请让当前用户能读它" in said and "may not be read; let the present user read it" in said


@pytest.mark.parametrize(
    "data",
    ["张".encode("gb18030"), b"a: [", b"- 1", b"columns: {x: nonsense}", b"columns: {x: given_name}\nkind: {values: {}}"],
)
def test_a_schema_that_cannot_be_used(desk: Desk, data: bytes) -> None:
    source = file(desk, "in.csv", b"rid,x\n1,2\n")
    said = refused(desk, source, "--schema", file(desk, "schema.yaml", data), code=1)
    assert "schema.yaml: " in said and " / " in said


def test_answers_without_their_columns(desk: Desk) -> None:
    said = refused(desk, file(desk, "in.jsonl", LINE), "--answers", file(desk, "truth.csv", b"a,b\n"), code=1)
    assert "要有 rid 和 entity 两列" in said and "the columns rid and entity are needed" in said


def test_a_store_that_is_none(desk: Desk) -> None:
    said = refused(desk, file(desk, "in.jsonl", LINE), "--store", "nonsense", code=2)
    assert "数据库不可用" in said and "the database cannot be used" in said


def test_a_store_with_the_keys_of_another_place(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With other keys nothing stored would be found, and everybody would be a customer once more."""
    source, url = file(desk, "in.jsonl", LINE), f"sqlite:///{desk.folder / 'kept.db'}"
    monkeypatch.chdir(desk.folder)
    desk.run("resolve", source, "--out", "first.csv", "--store", url)
    other = desk.folder / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    said = refused(desk, source, "--store", url, code=2)
    assert "密钥文件" in said and "put it back from your backup" in said
    (other / "var").mkdir(exist_ok=True)
    KeyRing.new().save(other / "var" / "keys.json")
    said = refused(desk, source, "--store", url, code=2)
    assert "不是这个数据库的" in said and "does not belong to this database" in said


def test_a_disk_that_is_full(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, out: Path) -> None:
        raise OSError(28, "No space left on device", str(out))

    monkeypatch.setattr("hub.identity.bulk.files.FileRun.write", full)
    said = refused(desk, file(desk, "in.jsonl", LINE), code=1)
    assert said == "out.csv: 读写不了：No space left on device / cannot be read or written: No space left on device\n"


def _read(terminal: int) -> bytes:
    """What has come to it; nothing when its other side is closed, which Linux tells as an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal to show it on")
def test_on_a_terminal_it_is_shown_how_far_it_is(desk: Desk) -> None:
    import pty

    source = file(desk, "in.jsonl", LINE)
    command = ["-c", "from hub.cli.main import main; main()", "resolve", source, "--out", str(desk.folder / "out.csv")]
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, *command], stderr=theirs, stdout=subprocess.PIPE) as running:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b"")).decode()
        said = running.stdout.read().decode() if running.stdout else ""
    os.close(ours)
    assert running.returncode == 0 and "判断谁是谁 / deciding who is who" in shown and "1/1" in shown
    assert "记录 / records: 1" in said and "判断" not in said
    quiet = subprocess.run([sys.executable, *command], capture_output=True, timeout=120, check=True)
    assert quiet.stderr == b""
