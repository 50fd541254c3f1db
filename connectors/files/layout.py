"""How the columns of a kind of file are named, what they hold, and which of its columns make a row's key.

It stands under ``file:`` in the stream's mapping (``mappings/files/<stream>.yaml``)::

    file:
      columns:                       # canonical name -> other accepted headers, or {names, is, only}
        订单编号: [订单号, Order No]
        总金额: {names: [订单金额], is: number}     # is: text | number | time | date | list
        币种: {only: [人民币, CNY]}                # any other word makes the row bad
      need: [订单编号, [姓名, 客户名称]]            # columns a file must have; a list: at least one of them
      key: [订单编号]                # columns whose values are the record key
      fingerprint: [姓名, 手机]      # used where the key columns are absent or empty: a keyed hash of these cells
      computed:                      # further columns, made from others
        退款编号: {text: "{订单编号}-R"}            # absent unless every named column holds something; when: a column
        支付状态: {filled: 订单付款时间, 'yes': 已付款, 'no': 未付款}
        省份: {province: 收货地址}                  # the province at the beginning of an address
        客户标识: {text: "deal-", key: [客户编号], fingerprint: [客户名称]}    # another key, text before it

A file of one's own with other names: ``{layout_of: <stream>, columns: {手机: [Tel 1]}}``.
"""

from __future__ import annotations

import hmac
import re
import string
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from connectors.errors import ConfigError
from connectors.files.cells import KINDS, province

LEADING = ("行号/row", "列/column", "问题/problem", "怎么改/how to fix")
"""Columns that a workbook of problems has before the file's own; skipped when it comes back."""
KEY = "_key"
_MARKS = re.compile(r"[(（\[](?:必填|选填|必填项|元|单位[:：]元|人民币|cny|rmb|required|optional)[)）\]]")
_DIGEST = 20


def folded(header: str) -> str:
    """A header as it is compared: width, case, blanks, a star and '(必填)' or '(元)' do not matter; '(万元)' does."""
    text = "".join(unicodedata.normalize("NFKC", header).casefold().split())
    return _MARKS.sub("", text).strip("*:")


@dataclass(frozen=True)
class Column:
    """A canonical column. names: accepted headers, folded. only: the words a cell may hold, all when empty."""

    title: str
    names: frozenset[str]
    accepted: tuple[str, ...]
    kind: str = "text"
    only: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Match:
    """Which column of a file is which. missing: needed columns that are not there, each as its alternatives."""

    index: dict[str, int]
    unused: list[str]
    missing: list[list[str]]


class Layout:
    """The ``file:`` section of a stream's mapping. Raises ConfigError naming the place when it is wrong."""

    def __init__(self, source: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> None:
        self.stream = str(source["stream"])
        section, extra = source["file"], dict(own or {})
        self.columns = {name: _column(name, spec, extra.pop(name, [])) for name, spec in section["columns"].items()}
        if extra:
            raise ConfigError("files.layout", place=", ".join(map(str, extra)), expected="、".join(self.columns))
        self.need = [[item] if isinstance(item, str) else list(item) for item in section.get("need", [])]
        self.key: list[str] = section.get("key", [])
        self.fingerprint: list[str] = section.get("fingerprint", [])
        self.computed = {name: _Computed(**spec) for name, spec in section.get("computed", {}).items()}
        self.required = {
            f"{emit['kind']}.{field}": self.origins(_paths(emit["id"] if field == "id" else emit["fields"][field]))
            for emit in source["emits"]
            for field in ["id", *emit.get("required", [])]
        }

    def origins(self, names: Sequence[str]) -> list[str]:
        """The file's columns behind these, computed ones resolved."""
        found = [part for name in names for part in (self.computed[name].parts if name in self.computed else [name])]
        if KEY in found:
            found += [*self.key, *self.fingerprint]
        return [name for name in dict.fromkeys(found) if name in self.columns]

    def match(self, headers: Sequence[str]) -> Match:
        """Find the columns. Raises ConfigError when two headers mean the same column."""
        known = {name: column.title for column in self.columns.values() for name in column.names}
        index: dict[str, int] = {}
        unused = []
        for number, header in enumerate(headers):
            title = known.get(folded(header))
            if title is None:
                unused += [header] if header and header not in LEADING else []
            elif title in index:
                raise ConfigError("files.two_columns", headers=f"{headers[index[title]]}、{header}", column=title)
            else:
                index[title] = number
        return Match(index, unused, [group for group in self.need if not any(name in index for name in group)])

    def accepted(self, group: Sequence[str]) -> str:
        """The headers that would do for a needed column, for an error text."""
        return "、".join(dict.fromkeys(header for name in group for header in self.columns[name].accepted))

    def complete(self, record: dict[str, Any], secret: bytes) -> None:
        """Add the computed columns, and the record key under ``_key`` where the row says which record it is."""
        for name, computed in self.computed.items():
            if value := computed.value(record, secret, self.stream):
                record[name] = value
        key = _key_of(record, self.key, self.fingerprint, secret, self.stream)
        if key is not None:
            record[KEY] = key


@dataclass(frozen=True)
class _Computed:
    """A column made from others: a text with their values, one of two words by whether a column is filled, the
    province of an address, or a key."""

    text: str = ""
    when: str = ""
    province: str = ""
    filled: str = ""
    yes: str = ""
    no: str = ""
    key: tuple[str, ...] = ()
    fingerprint: tuple[str, ...] = ()

    @property
    def parts(self) -> list[str]:
        """The columns it is made from."""
        fixed = [name for name in (self.filled, self.province) if name] or [*self.key, *self.fingerprint]
        return fixed or [name for _, name, _, _ in string.Formatter().parse(self.text) if name]

    def value(self, record: Mapping[str, Any], secret: bytes, stream: str) -> str:
        """Its text for a record, '' where it has none."""
        if self.filled:
            return self.yes if record.get(self.filled) else self.no
        if self.province:
            return province(record.get(self.province, ""))
        if self.fingerprint:
            key = _key_of(record, self.key, self.fingerprint, secret, stream)
            return f"{self.text}{key}" if key else ""
        if not all(record.get(name) for name in [*self.parts, self.when] if name):
            return ""
        return self.text.format_map(record)


def _key_of(
    record: Mapping[str, Any], key: Sequence[str], fingerprint: Sequence[str], secret: bytes, stream: str
) -> str | None:
    """The values of the key columns, else a keyed hash of the identifying cells; None when all of them are empty.

    The hash is keyed because it is stored in the open, and a bare one of a phone number is found by trying them all.
    """
    values = [str(record.get(name, "")) for name in key]
    if values and all(values):
        return "/".join(values)
    cells = [normal(record.get(name, "")) for name in fingerprint]
    if not any(cells):
        return None
    message = "\x1f".join((stream, *cells)).encode()
    return "r" + hmac.digest(secret, message, "sha256").hex()[: 2 * _DIGEST]


def _column(name: str, spec: Any, own: Sequence[str]) -> Column:
    spec = {"names": spec} if isinstance(spec, list) else spec or {}
    headers = [name, *spec.get("names", []), *own]
    kind = spec.get("is", "text")
    if kind not in KINDS:
        raise ConfigError("files.layout", place=f"{name}.is", expected=" | ".join(KINDS))
    only = frozenset(normal(word) for word in spec.get("only", []))
    return Column(name, frozenset(map(folded, headers)), tuple(headers), kind, only)


def normal(value: Any) -> str:
    """A cell as it is compared: width, case and blanks around it do not matter."""
    return unicodedata.normalize("NFKC", str(value)).casefold().strip()


def _paths(spec: Any) -> list[str]:
    """The columns that a field of the mapping is read from."""
    if isinstance(spec, str):
        return [spec]
    found = spec.get("path") or spec.get("first") or spec.get("join") or spec.get("sum") or spec.get("each") or []
    return [found] if isinstance(found, str) else [path.removeprefix("-") for path in found]


def load_layout(path: Path, own: Mapping[str, Any] | None = None) -> Layout:
    """The layout in a stream's mapping file."""
    return Layout(yaml.safe_load(path.read_text("utf-8")), own)


def load_own(path: Path) -> dict[str, Any]:
    """A file of one's own with other column names. Raises ConfigError."""
    try:
        own = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError("files.layout", place=path.name, expected=f"YAML ({type(error).__name__})") from None
    if not isinstance(own, dict) or set(own) != {"layout_of", "columns"} or not isinstance(own["columns"], dict):
        raise ConfigError("files.layout", place=path.name, expected="{layout_of: …, columns: {…: […]}}")
    columns = {name: [names] if isinstance(names, str) else names for name, names in own["columns"].items()}
    if not all(isinstance(names, list) and all(isinstance(item, str) for item in names) for names in columns.values()):
        raise ConfigError("files.layout", place=path.name, expected="columns: {手机: [Tel 1, Tel 2]}")
    return {"layout_of": str(own["layout_of"]), "columns": columns}


def choose(layouts: Sequence[Layout], headers: Sequence[str]) -> Layout:
    """The layout that knows most of the headers among those whose needed columns are there. Raises ConfigError that lists
    the candidates and what each lacks, or that says that two fit alike."""
    matches: list[tuple[Layout, Match]] = []
    doubtful: list[ConfigError] = []
    for layout in layouts:
        try:
            matches.append((layout, layout.match(headers)))
        except ConfigError as error:
            doubtful.append(error)
    fitting = sorted((item for item in matches if not item[1].missing), key=lambda item: -len(item[1].index))
    if not fitting and doubtful:
        raise doubtful[0]
    if not fitting:
        lacks = [f"{layout.stream} ({' + '.join('/'.join(group) for group in match.missing)})" for layout, match in matches]
        raise ConfigError("files.no_mapping", candidates="; ".join(lacks))
    best = [layout for layout, match in fitting if len(match.index) == len(fitting[0][1].index)]
    if len(best) > 1:
        raise ConfigError("files.which_mapping", candidates=", ".join(layout.stream for layout in best))
    return best[0]
