"""``hub resolve``."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import Json, emit, fail

OUT = typer.Option("--out", help="CSV: rid, customer_id, reviews.")


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
    json: Json = False,
) -> None:
    """Who is who in a file of customers: the hub's own identity resolution over a store of its own."""
    from hub.identity import files
    from hub.identity.core.schema import SchemaError, load

    if preset not in ("default", "careful"):
        raise fail("--preset: default | careful", 2)
    try:
        known = load(schema) if schema else None
        truth = files.truth_of(answers) if answers else None
        with files.store(store) as hub:
            run = files.FileRun(hub, preset, known)
            run.load(file, stream=stream)
            if truth is not None:
                run.answer(truth, ask)
            run.write(out)
    except (files.FileFault, SchemaError, OSError) as error:
        raise fail(f"{error}") from None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    told = run.outcome.as_dict() | {"peak_memory_mb": round(peak, 1), "out": str(out)}
    lines = [
        f"记录 / records: {told['records']:,}",
        f"客户 / customers: {told['customers']:,}",
        f"待确认 / reviews: {told['reviews']:,}",
    ]
    lines.append(f"{told['seconds']:.1f} s · {told['records_per_second']} /s · {told['peak_memory_mb']} MB")
    emit(told, json, "\n".join(lines))
