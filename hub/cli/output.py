"""What commands print: a table or lines for people, one JSON object for scripts; errors with what to do next."""

from __future__ import annotations

import os
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
        options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
        sys.stdout.write(orjson.dumps(data, default=plain, option=options).decode() + "\n")
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
    # What people have typed ([VIP] 张伟, :key:) is text and no markup.
    console = Console(width=160, highlight=False, markup=False, emoji=False)
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
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from config.logging import configure
    from hub.core import Hub
    from hub.security.keyring import KeyFault

    try:
        settings = load_settings(**overrides)
        configure(settings.log_level)
        hub = Hub.open(settings, migrate=migrate)
    except (SettingsError, KeyFault, ValueError) as error:
        raise fail(str(error), 2) from None
    except (DBAPIError, ArgumentError, OSError) as error:
        raise fail(database_fault(error), 2) from None
    try:
        with _told():
            yield hub
    finally:
        hub.close()


@contextmanager
def _told() -> Iterator[None]:
    """What a person can mend, as lines in both languages; anything else is a fault of ours and keeps its traceback."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from connectors.errors import ConnectorError
    from connectors.messages import explain
    from hub.accounts import AccountFault
    from hub.identity.desk.service import IdentityFault
    from hub.security.keyring import KeyFault

    try:
        yield
    except (AccountFault, KeyFault) as error:
        raise fail(str(error)) from None
    except IdentityFault as error:
        raise fail(f"{error.zh} / {error.en}") from None
    except ConnectorError as error:
        raise fail("\n→ ".join(explain(error, "zh")) + "\n" + "\n→ ".join(explain(error, "en"))) from None
    except (OperationalError, ProgrammingError) as error:
        raise fail(database_fault(error), 2) from None


def database_fault(error: Exception) -> str:
    """Why the database cannot be used, without its address (it may hold a password)."""
    reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
    hint = "hub migrate；HUB_DATABASE_URL, HUB_DATA_DIR"
    return f"数据库不可用：{reason}。检查 {hint} / the database cannot be used: {reason}. Look at {hint}"


def existing(path: Path) -> Path:
    """The file, or a clear word that it is not there."""
    if path.is_dir():
        raise fail(f"{path}: 是文件夹，请写出文件名 / is a folder; name the file", 2)
    if not path.is_file():
        raise fail(f"{path}: 没有这个文件，请核对路径 / there is no such file; look at the path", 2)
    return path


def writable(path: Path) -> Path:
    """A place for a file that is to be written, or a clear word why it is none. Asked before the work, not after it."""
    if path.is_dir():
        raise fail(f"{path}: 是文件夹，请写出文件名 / is a folder; name the file", 2)
    folder = path.parent
    if not folder.is_dir():
        raise fail(f"{folder}: 没有这个文件夹，请先建立：mkdir -p / there is no such folder; make it first: mkdir -p", 2)
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise fail(f"{path}: 不能写到这里，请换一个地方 / may not be written; choose another place", 2)
    return path
