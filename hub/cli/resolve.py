"""``hub resolve``."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.output import Json, database_fault, emit, existing, fail, writable

if TYPE_CHECKING:
    from rich.progress import TaskID

    from hub.identity.bulk.files import Progress

OUT = typer.Option("--out", help="CSV: rid, customer_id, reviews.")
PROCESSES = "With 2, a second process cleans as well, and decides while this one writes (from 10,000 records on, 400 MB more)."


def resolve(
    file: Annotated[Path, typer.Argument(help="JSON lines (the hub's own format); with --schema also CSV; .gz too.")],
    out: Annotated[Path, OUT],
    schema: Annotated[Path | None, typer.Option("--schema", help="YAML: what the columns of general data mean.")] = None,
    preset: Annotated[str, typer.Option("--preset", help="default | careful: fewer merges, more certain ones.")] = "default",
    store: Annotated[str, typer.Option("--store", help="Database URL; without it a temporary one.")] = "",
    stream: Annotated[
        bool, typer.Option("--stream", help="One by one, a commit per 100 records; times of single records.")
    ] = False,
    answers: Annotated[Path | None, typer.Option("--answers", help="CSV rid,entity: answers the review queue from it.")] = None,
    ask: Annotated[float, typer.Option("--ask", help="Of all records, the share that may be asked about.")] = 0.03,
    processes: Annotated[int, typer.Option("--processes", min=1, max=2, help=PROCESSES)] = min(2, os.cpu_count() or 1),
    json: Json = False,
) -> None:
    """Who is who in a file of customers: the hub's own identity resolution over a store of its own."""
    if preset not in ("default", "careful"):
        raise fail("--preset: default | careful", 2)
    existing(file)
    writable(out)
    with _told(out), _shown() as progress:
        told = _resolved(
            file, out, schema, preset, store,
            stream=stream, answers=answers, ask=ask, processes=processes, progress=progress,
        )  # fmt: skip
    told |= {"peak_memory_mb": round(_peak(), 1), "out": str(out)}
    lines = [
        f"记录 / records: {told['records']:,}",
        f"客户 / customers: {told['customers']:,}",
        f"待确认 / reviews: {told['reviews']:,}",
    ]
    lines.append(f"{told['seconds']:.1f} s · {told['records_per_second']} /s · {told['peak_memory_mb']} MB")
    emit(told, json, "\n".join(lines))


def _peak() -> float:
    """The most memory that this process and the second one held, each at its own time, in MB. Linux counts what this one held
    when it started the second."""
    used = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return used / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _resolved(
    file: Path, out: Path, schema: Path | None, preset: str, store: str, *, stream: bool, answers: Path | None, ask: float,
    processes: int, progress: Progress | None,
) -> dict[str, Any]:  # fmt: skip
    from hub.identity.bulk import files
    from hub.identity.bulk.reading import truth_of

    known = _schema(existing(schema)) if schema else None
    truth = truth_of(existing(answers)) if answers else None
    with files.store(store) as hub:
        run = files.FileRun(hub, preset, known, processes=processes, progress=progress)
        run.load(file, stream=stream)
        if truth is not None:
            run.answer(truth, ask)
        run.write(out)
    return run.outcome.as_dict()


_STAGES = {
    "clean": "读取和清洗 / reading and cleaning",
    "decide": "判断谁是谁 / deciding who is who",
    "again": "再看一遍 / second looks",
}


@contextmanager
def _shown() -> Iterator[Progress | None]:
    """How far it is, on a terminal: a line for each stage, on stderr."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        lines: dict[str, TaskID] = {}

        def tell(stage: str, done: int, whole: int) -> None:
            if stage not in lines:
                for over in lines.values():
                    bars.stop_task(over)
                lines[stage] = bars.add_task(_STAGES[stage], total=None)
            bars.update(lines[stage], completed=done, total=whole or None)

        yield tell


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """What a person can mend, in both languages."""
    from concurrent.futures.process import BrokenProcessPool

    from sqlalchemy.exc import ArgumentError, DBAPIError

    from hub.identity.bulk.apart import Disturbed
    from hub.identity.bulk.reading import FileFault
    from hub.security.keyring import KeyFault

    try:
        yield
    except BrokenProcessPool:
        zh = "第二个进程没了，多半是内存不够。写入的都是完整的，可以再运行一次；--processes 1 只用一个进程，省内存"
        en = "the second process is gone, most likely for want of memory. What is written is whole: run it again"
        raise fail(f"{zh} / {en}; --processes 1 takes less") from None
    except Disturbed:
        zh = "另有程序正在写这个库。请先停掉它再运行一次，或者用 --processes 1"
        en = "another program writes to this store. Stop it and run this again, or use --processes 1"
        raise fail(f"{zh} / {en}") from None
    except FileFault as error:
        raise fail(f"{error}") from None
    except KeyFault as error:
        raise fail(f"{error}", 2) from None
    except (DBAPIError, ArgumentError) as error:
        raise fail(database_fault(error), 2) from None
    except OSError as error:
        place, said = error.filename or out, error.strerror or type(error).__name__
        raise fail(f"{place}: 读写不了：{said} / cannot be read or written: {said}") from None


def _schema(path: Path) -> Any:
    """What the columns mean. Ends the command where the file does not say it."""
    import yaml

    from hub.identity.core.schema import SchemaError, load

    try:
        return load(path)
    except SchemaError as error:
        raise fail(f"{path}: 列的说明用不了：{error} / the schema cannot be used: {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        said = str(error).strip().split("\n")[0]
        raise fail(f"{path}: 不是能用的 YAML：{said} / is no usable YAML: {said}") from None
