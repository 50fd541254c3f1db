"""The sheet for people: as text in a terminal, and every line as a CSV file that Excel opens."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from connectors.messages import known
from hub.events.sheet import Line
from mappings import plain

COLUMNS = (
    "kind", "source", "number", "ref", "currency", "amount", "booked", "difference", "cause", "rule", "account", "document",
)  # fmt: skip


PIECE = 65_536


@cache
def _texts() -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = plain.load(Path(__file__).with_name("sheet.yaml").read_text("utf-8"))
    return found


def word(group: str, key: str, language: str) -> str:
    """A word of the sheet: of columns, kinds, told."""
    return _texts()[group][key][language]


def meaning(cause: str, language: str) -> str:
    """A cause in words; of an error that keeps a document back, what the error says."""
    own = _texts()["causes"].get(cause)
    if own:
        return own[language]
    message = known(cause)
    return message.get(language) if message else cause


def yuan(minor: int) -> str:
    """Minor units with two decimals."""
    return f"{Decimal(minor) / 100:.2f}"


@contextmanager
def written(path: Path | None, language: str) -> Iterator[Callable[[Line], None] | None]:
    """What takes every line and writes it to the file; None where no file is wanted.

    UTF-8 with a byte order mark, without which Excel takes Chinese for something else.
    """
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target)
        writer.writerow([word("columns", name, language) for name in COLUMNS])
        yield lambda line: writer.writerow(_cells(line, language))


def streamed(lines: Iterable[Line], language: str) -> Iterator[str]:
    """The same file, piece by piece."""
    target = StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow([word("columns", name, language) for name in COLUMNS])
    yield "\ufeff"
    for line in lines:
        writer.writerow(_cells(line, language))
        if target.tell() > PIECE:
            yield target.getvalue()
            target.seek(0)
            target.truncate()
    yield target.getvalue()


def _cells(line: Line, language: str) -> list[str]:
    cause = meaning(line.cause, language) if line.cause else ""
    shown = {
        "kind": word("kinds", line.kind, language), "cause": cause, "amount": yuan(line.amount), "booked": yuan(line.booked),
        "difference": yuan(line.amount - line.booked),
    }  # fmt: skip
    return [shown[name] if name in shown else _cell(getattr(line, name)) for name in COLUMNS]


def _cell(text: str) -> str:
    """A text that a spreadsheet shows and does not work out: what a source calls its numbers may begin with = or +."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def told(found: dict[str, Any], language: str) -> str:
    """The sheet in sums, as text."""
    lines = []
    for row in found["rows"]:
        head = f"{row['source']} {word('kinds', row['kind'], language)} → {row['account'] or '-'}"
        due, booked = (word("columns", name, language) for name in ("amount", "booked"))
        sums = f"{row['count']:>7}  {due} {yuan(row['amount'])}  {booked} {yuan(row['booked'])} {row['currency']}"
        lines.append(f"{head:32} {sums}")
        lines += [
            f"    {cause['count']:>7}  {yuan(cause['amount'])}  {meaning(key, language)}"
            for key, cause in row["causes"].items()
        ]
    for row in found["documents"]:
        sums = f"{row['count']:>7}  {yuan(row['amount'])} {row['currency']}"
        lines.append(f"{row['account']} {word('told', 'documents', language):24} {sums}")
    for currency, sums in (found["finance"] or {}).get("totals", {}).items():
        lines.append(f"{word('told', 'found', language)} {yuan(sums['found'])} {currency}")
    lines.append(("✗ " if found["unexplained"] else "✓ ") + word("told", "bad" if found["unexplained"] else "good", language))
    return "\n".join(lines)
