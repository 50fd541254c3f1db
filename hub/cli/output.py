"""What commands print: a table or lines for people, one JSON object for scripts; errors with what to do next."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from config.settings import SettingsError, load_settings

Json = Annotated[bool, typer.Option("--json", help="One JSON object with stable keys, for scripts.")]


def plain(value: Any) -> Any:
    """JSON-ready."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def emit(data: Any, as_json: bool, text: str | None = None) -> None:
    """Print the data as JSON, or the text made for people."""
    if as_json:
        sys.stdout.write(orjson.dumps(data, default=plain, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        sys.stdout.write((text if text is not None else str(data)) + "\n")
    sys.stdout.flush()


def rows(items: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """A plain table."""
    if not items:
        return "(none)"
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    for item in items:
        table.add_row(*("" if item.get(name) is None else str(plain_cell(item[name])) for name in columns))
    console = Console(width=160, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip()


def plain_cell(value: Any) -> Any:
    """A cell as people read it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value


def fail(what: str, code: int = 1) -> typer.Exit:
    """An error for the reader on stderr; raise what it returns."""
    sys.stderr.write(what.rstrip() + "\n")
    return typer.Exit(code)


@contextmanager
def opened(*, migrate: bool = True, **overrides: Any) -> Iterator[Any]:
    """The hub of the settings, closed at the end; faults that people can mend become plain lines."""
    from config.logging import configure
    from hub.accounts import AccountFault
    from hub.core import Hub
    from hub.security.keyring import KeyFault

    try:
        settings = load_settings(**overrides)
        configure(settings.log_level)
        hub = Hub.open(settings, migrate=migrate)
    except (SettingsError, KeyFault, ValueError) as error:
        raise fail(str(error), 2) from None
    try:
        yield hub
    except AccountFault as error:
        raise fail(str(error)) from None
    finally:
        hub.close()


def existing(path: Path) -> Path:
    """The file, or a clear word that it is not there."""
    if not path.is_file():
        raise fail(f"{path}: 没有这个文件 / there is no such file", 2)
    return path
