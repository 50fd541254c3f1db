"""ExecuteBillQuery of the simulator: its small SQL, dotted keys, one row per line of a bill, and the row traps."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.kingdee.sim_books import Bill, Books, Refused, form_of
from connectors.kingdee.sim_forms import DATE, FLAG, FORMS, NUMBER, TEXT, Entry, Form

MOST_ROWS = 2000
PLACES = Decimal(1).scaleb(-10)
_TOKEN = re.compile(
    r"\s*(?:(?P<text>N?'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<op><>|!=|>=|<=|=|>|<)|(?P<mark>[(),])|(?P<word>[A-Za-z_][\w.]*))"
)
_COMPARE = {"67": "="}
"""Codes of the array form of a filter; equality is the only one known."""
Row = tuple[Bill, Entry | None, dict[str, Any]]
Test = Callable[[Row], bool]


@dataclass
class Query:
    """One query over the books. cut: whether a Limit above the maximum is cut (else refused)."""

    books: Books
    cut: bool = True

    def rows(self, data: dict[str, Any]) -> list[list[Any]]:
        """The page of rows. Raises Refused."""
        form, keys = form_of(str(data.get("FormId") or "")), _keys(data)
        reader = Reader(self.books, form)
        cells = [reader.cell(key) for key in keys]
        parser = Filter(_text_filter(data.get("FilterString") or ""), reader)
        test = parser.parse()
        found = [row for bill in self._candidates(form, parser) for row in _lines(bill) if test(row)]
        self._order(found, str(data.get("OrderString") or ""), reader)
        return [[cell(row) for cell in cells] for row in found[self._page(data)]]

    def _candidates(self, form: Form, parser: Filter) -> list[Bill]:
        if parser.number is None:
            return self.books.all(form)
        bill = self.books.by_number(form, parser.number)
        return [bill] if bill else []

    @staticmethod
    def _order(rows: list[Row], order: str, reader: Reader) -> None:
        if not order.strip():  # without an order there is none
            random.shuffle(rows)
        for part in reversed([part for part in order.split(",") if part.strip()]):
            key, _, way = part.strip().partition(" ")
            rows.sort(key=_sorting(reader.cell(key)), reverse=way.strip().upper() == "DESC")

    def _page(self, data: dict[str, Any]) -> slice:
        start, limit, top = (int(data.get(key) or 0) for key in ("StartRow", "Limit", "TopRowCount"))
        if limit > MOST_ROWS and not self.cut:
            raise Refused(8, f"Limit不能大于{MOST_ROWS}", "Limit")
        end = start + (min(limit, MOST_ROWS) or MOST_ROWS)
        return slice(start, min(end, top) if top else end)  # TopRowCount is the last row of all, not a page size


def _keys(data: dict[str, Any]) -> list[str]:
    keys = [key.strip() for key in str(data.get("FieldKeys") or "").split(",") if key.strip()]
    if not keys:
        raise Refused(8, "data数据包中的参数FieldKeys的值不能为空。", "FieldKeys")
    return keys


def _lines(bill: Bill) -> list[Row]:
    """A bill comes once for each of its lines, asked for or not."""
    entry = bill.form.entries[0] if bill.form.entries else None
    lines = bill.lines.get(entry.key, []) if entry else []
    return [(bill, entry, line) for line in lines] or [(bill, None, {})]


@dataclass
class Reader:
    """Reads a row's cells by field key."""

    books: Books
    form: Form

    def cell(self, key: str) -> Callable[[Row], Any]:
        """The reader of one key, dotted ones included. Raises Refused for a key there is none of."""
        head, _, rest = key.partition(".")
        known = self._own(head)
        if known is not None and not rest:
            return known
        kind = self._kind(head)
        if known is None or kind not in {form.name for form in FORMS.values()}:
            raise Refused(9, f"元数据中标识为{key}的字段不存在", key)
        target = form_of(kind)
        inner = Reader(self.books, target).cell("FNumber" if rest.lower() == "fnumber" else rest)
        code = self._raw(head)

        def through(row: Row) -> Any:
            bill = self.books.by_number(target, str(code(row) or ""))
            return inner((bill, None, {})) if bill else None

        return through

    def _own(self, key: str) -> Callable[[Row], Any] | None:
        simple: dict[str, Callable[[Row], Any]] = {
            self.form.id: lambda row: row[0].id,
            "FDocumentStatus": lambda row: row[0].state,
            "FCreateDate": lambda row: _moment(row[0].created),
            "FModifyDate": lambda row: _moment(row[0].modified),
            "FApproveDate": lambda row: _moment(row[0].approved),
            "FAPPROVEDATE": lambda row: _moment(row[0].approved),
        }
        simple.update({f"{entry.key}_{entry.id}": _line(entry.id) for entry in self.form.entries})
        if key in simple:
            return simple[key]
        kind, raw = self._kind(key), self._raw(key)
        if kind is None:
            return None
        if kind in (TEXT, DATE):
            return raw
        if kind == FLAG:
            return lambda row: bool(raw(row))
        if kind == NUMBER:
            return lambda row: Decimal(raw(row) or 0).quantize(PLACES)
        return lambda row: getattr(self.books.by_number(form_of(kind), str(raw(row) or "")), "id", 0)

    def _kind(self, key: str) -> str | None:
        lines = {k: kind for entry in self.form.entries for k, kind in entry.fields.items()}
        return self.form.header.get(key) or lines.get(key)

    def _raw(self, key: str) -> Callable[[Row], Any]:
        return (lambda row: row[0].values.get(key)) if key in self.form.header else (lambda row: row[2].get(key))


class Filter:
    """Parses a FilterString. number: the code that it asks for by equality outside any "or", for a quick look-up."""

    def __init__(self, text: str, reader: Reader) -> None:
        self.reader = reader
        self.number: str | None = None
        self._tokens = list(_tokens(text))
        self._at, self._ors = 0, 0
        self._equal: str | None = None

    def parse(self) -> Test:
        """The test that a row must pass. Raises Refused for what the server cannot read either."""
        if not self._tokens:
            return lambda row: True
        test = self._any()
        if self._at < len(self._tokens):
            raise _unreadable()
        self.number = self._equal if not self._ors else None
        return test

    def _any(self) -> Test:
        tests = [self._all()]
        while self._word("or"):
            self._ors += 1
            tests.append(self._all())
        return lambda row: any(test(row) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._word("and"):
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._take("mark", "("):
            test = self._any()
            self._need("mark", ")")
            return test
        key = self._need("word")
        cell = self.reader.cell(key)
        if self._word("like"):
            pattern = re.compile(".*".join(map(re.escape, self._value().split("%"))), re.IGNORECASE | re.DOTALL)
            return lambda row: pattern.fullmatch(str(cell(row) or "")) is not None
        if self._word("in"):
            values = self._list()
            return lambda row: any(_compare(cell(row), value) == 0 for value in values)
        op, value = self._need("op"), self._value()
        if op == "=" and key == self.reader.form.number:
            self._equal = value
        wanted = {"=": (0,), "<>": (-1, 1), "!=": (-1, 1), ">": (1,), ">=": (0, 1), "<": (-1,), "<=": (-1, 0)}[op]
        return lambda row: _compare(cell(row), value) in wanted

    def _list(self) -> list[str]:
        self._need("mark", "(")
        values = [self._value()]
        while self._take("mark", ","):
            values.append(self._value())
        self._need("mark", ")")
        return values

    def _value(self) -> str:
        text = self._take("text")
        if text:
            return text.removeprefix("N")[1:-1].replace("''", "'")
        return self._need("number")

    def _word(self, word: str) -> bool:
        kind, value = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if kind == "word" and value.lower() == word:
            self._at += 1
            return True
        return False

    def _take(self, kind: str, value: str | None = None) -> str | None:
        found = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if found[0] != kind or value not in (None, found[1]):
            return None
        self._at += 1
        return found[1]

    def _need(self, kind: str, value: str | None = None) -> str:
        found = self._take(kind, value)
        if found is None:
            raise _unreadable()
        return found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    text, at = text.strip(), 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise _unreadable()
        at = found.end()
        yield str(found.lastgroup), found[str(found.lastgroup)]


def _text_filter(given: Any) -> str:
    """The array form of a filter as text."""
    if isinstance(given, str):
        return given
    parts = []
    for item in given:
        compare = _COMPARE.get(str(item.get("Compare")))
        if compare is None:
            raise Refused(8, "FilterString的Compare无效", "FilterString")
        value = str(item.get("Value", "")).replace("'", "''")
        parts.append(f"{item.get('Left', '')}{item['FieldName']} {compare} '{value}'{item.get('Right', '')}")
        parts.append("or" if str(item.get("Logic", "0")) == "1" else "and")
    return " ".join(parts[:-1])


def _unreadable() -> Refused:
    return Refused(4, "GetRealExpress error...")


def _moment(value: datetime | None) -> str | None:
    return value.strftime("%Y-%m-%dT%H:%M:%S") if value else None


def _line(key: str) -> Callable[[Row], Any]:
    return lambda row: row[2].get(key)


def _sorting(cell: Callable[[Row], Any]) -> Callable[[Row], tuple[bool, Any]]:
    def key(row: Row) -> tuple[bool, Any]:
        value = cell(row)
        return value is not None, 0 if value is None else value

    return key


def _compare(cell: Any, value: str) -> int:
    """-1, 0, 1; a null compares like nothing known: 2."""
    if cell is None:
        return 2
    if isinstance(cell, bool):
        return int(cell) - int(value.lower() in ("1", "true"))
    if isinstance(cell, int | Decimal):
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise _unreadable() from None
        return int(cell > number) - int(cell < number)
    left, right = str(cell).replace("T", " "), value.replace("T", " ")
    return (left > right) - (left < right)
