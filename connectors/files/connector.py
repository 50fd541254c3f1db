"""Files: customers, orders and deals from CSV and Excel, handed over by a person or left in a folder."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.base import Config, Finding, Page, Record, Window, setting
from connectors.errors import ConfigError, InvalidRecord
from connectors.files.folder import Folder
from connectors.files.layout import KEY, Layout, choose, load_layout, load_own
from connectors.files.reader import open_table
from connectors.files.rows import FileIntake
from connectors.intake import Importer, Intake

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings" / "files"
_PREFIX = "lsrow_"


class FilesConfig(Config):
    """What an account of files needs."""

    row_secret: str = setting(
        "行指纹密钥",
        "Row fingerprint secret",
        where_zh="首次 hub import 时自动生成；没有编号列的行靠它认出自己，所以以后不要改",
        where_en="Made by the first hub import; rows without a number column are recognised by it, so never change it",
        secret=True,
    )
    folder: str = setting(
        "收件文件夹",
        "Folder to read",
        where_zh="可选。其他系统导出文件的目录，里面按类型分子目录：customers、orders_taobao、deals",
        where_en="Optional. Where another system leaves its exports, in subfolders by kind: customers, orders_taobao, deals",
        default="",
    )
    settle: int = setting(
        "文件静置秒数",
        "Seconds a file must rest",
        where_zh="修改时间在这么多秒以内的文件下次再读，以免读到写了一半的文件",
        where_en="A file changed less than this long ago is read next time, so that none is read half written",
        default=60,
        advanced=True,
        ge=0,
    )


class Files(Importer):
    """Files by hand (``take``) and from a folder (``pages``); both give the same records with the same keys."""

    Config = FilesConfig

    @classmethod
    def fresh_settings(cls) -> dict[str, str]:
        """A new fingerprint secret; its end is a checksum, so that a slip of the hand is noticed before twins are made."""
        random = secrets.token_hex(20)
        return {"row_secret": f"{_PREFIX}{random}{_checksum(random)}"}

    def check(self) -> list[Finding]:
        """The secret, the folder, and each file in it."""
        findings = [self._secret_finding()]
        root = Path(self.config.folder)
        if not self.config.folder:
            findings.append(Finding("没有设置收件文件夹，只能手工导入", "No folder is set: files are imported by hand", True))
        elif not root.is_dir():
            text = self.manifest.messages["files.folder"]
            what_zh, what_en = (part.format(reason="NotADirectory") for part in (text.zh, text.en))
            findings.append(Finding(what_zh, what_en, False, text.fix_zh, text.fix_en))
        else:
            findings += [*_stray(root, list(self.manifest.streams)), *map(self._folder_finding, self.manifest.streams)]
        return findings

    def take(self, path: Path, mapping: str | None = None, sheet: str | None = None) -> Intake:
        """See ``Importer.take``."""
        secret = self._secret()
        table = open_table(path, sheet)
        layout = self._layout(mapping) if mapping else choose([*map(self._layout, self.manifest.streams)], table.headers)
        return FileIntake(table, layout, secret, self.manifest.messages)

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """All records in the folder's files; nothing without a folder."""
        if not self.config.folder:
            yield Page([], last=True)
            return
        yield from self._folder(stream).pages(self.manifest.streams[stream].page_size, resume)

    def fetch_one(self, stream: str, key: str) -> Record:
        """The row as the folder's newest file has it. Raises InvalidRecord when no file there holds it: it may have been
        imported by hand, or its file taken away, which does not say that the customer or order is gone."""
        return next(record for _, record in self.fetch_many(stream, [key]))

    def fetch_many(self, stream: str, keys: Sequence[str]) -> Iterator[tuple[str, Record]]:
        """Several rows in one reading of the folder. Raises as ``fetch_one``."""
        records = self._folder(stream).records([]) if self.config.folder else ()
        found = {record[KEY]: record for record in records if record.get(KEY) in keys}
        for key in keys:
            if key not in found:
                raise InvalidRecord("files.not_in_folder", stream=stream)
            yield key, found[key]

    def _folder(self, stream: str) -> Folder:
        root = Path(self.config.folder)
        if not root.is_dir():
            raise ConfigError("files.folder", reason="NotADirectory")
        return Folder(root / stream, self.config.settle, self.clock, lambda path: self.take(path, stream))

    def _layout(self, mapping: str) -> Layout:
        own = load_own(Path(mapping)) if mapping.endswith((".yaml", ".yml")) else None
        stream = own["layout_of"] if own else mapping
        if stream not in self.manifest.streams:
            raise ConfigError("files.unknown_mapping", known=", ".join(self.manifest.streams))
        return load_layout(MAPPINGS / f"{stream}.yaml", own["columns"] if own else None)

    def _secret(self) -> bytes:
        secret: str = self.config.row_secret
        random, checksum = secret[len(_PREFIX) : -8], secret[-8:]
        if not secret.startswith(_PREFIX) or len(random) < 32 or _checksum(random) != checksum:
            raise ConfigError("files.row_secret")
        return random.encode()

    def _secret_finding(self) -> Finding:
        try:
            self._secret()
        except ConfigError:
            text = self.manifest.messages["files.row_secret"]
            return Finding(text.zh, text.en, False, text.fix_zh, text.fix_en)
        return Finding("行指纹密钥可以用", "The row fingerprint secret can be used", True)

    def _folder_finding(self, stream: str) -> Finding:
        folder, faults = self._folder(stream), []
        files = folder.files()
        for path in files:
            try:
                self.take(path, stream)
            except ConfigError as error:
                faults.append((path.name, self.manifest.messages[error.key], error.params))
        if not faults:
            return Finding(f"{stream}：{len(files)} 个文件可以读", f"{stream}: {len(files)} file(s) can be read", True)
        name, text, params = faults[0]
        what_zh, what_en = (f"{stream}/{name}: {part.format(**params)}" for part in (text.zh, text.en))
        return Finding(what_zh, what_en, False, text.fix_zh, text.fix_en)


def _checksum(random: str) -> str:
    return hashlib.sha256(random.encode()).hexdigest()[:8]


def _stray(root: Path, streams: list[str]) -> list[Finding]:
    """Files that lie where nobody reads them."""
    count = sum(1 for path in root.iterdir() if path.is_file() and not path.name.startswith("."))
    if not count:
        return []
    what_zh, what_en = (
        f"{count} 个文件没有放进子目录，不会被读取",
        f"{count} file(s) lie outside the subfolders and are not read",
    )
    named = "、".join(streams)
    return [Finding(what_zh, what_en, False, f"移到子目录 {named}", f"Move them into the subfolders {named}")]
