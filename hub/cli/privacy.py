"""``hub privacy``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import orjson
import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, plain, rows

privacy = typer.Typer(no_args_is_help=True, help="个人信息的导出与删除 / export and erasure of personal data")


@privacy.command()
def export(
    customer_id: str,
    out: Annotated[Path, typer.Option("--out", help="The file; readable by you alone. It must not exist yet.")],
    json: Json = False,
) -> None:
    """Everything that is stored about a customer, in plain words, as one JSON file."""
    from hub import privacy as rights
    from hub.identity.desk.service import IdentityFault

    with opened() as hub:
        try:
            found = rights.export(hub, customer_id, by=BY)
        except IdentityFault as fault:
            raise fail(f"{fault.zh} / {fault.en}") from None
    body = orjson.dumps(found, default=plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise fail(f"写不了 {out}（{type(error).__name__}） / {out} cannot be written") from None
    with os.fdopen(handle, "wb") as file:
        file.write(body)
    counts = {name: len(value) for name, value in found.items() if isinstance(value, list)}
    emit({"customer": found["id"], "file": str(out), "counts": counts}, json, f"已导出 / exported: {out}")


@privacy.command()
def erase(
    customer_id: str,
    reason: Annotated[str, typer.Option("--reason", help="For the audit log: the number of the request, no name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase what is stored about a customer for good; says what stays and why. It cannot be undone."""
    from hub import privacy as rights
    from hub.identity.desk.service import IdentityFault

    with opened() as hub:
        if not yes and not typer.confirm(f"{customer_id}: 删除后无法恢复，继续? / this cannot be undone, go on?"):
            raise fail("没有删除 / nothing was erased", 2)
        try:
            done = rights.erase(hub, customer_id, reason=reason, by=BY)
        except IdentityFault as fault:
            raise fail(f"{fault.zh} / {fault.en}") from None
    counts = "   ".join(f"{name}: {count}" for name, count in done["erased"].items())
    kept = [{"留下的 / kept": item["what"]["zh"], "原因 / why": item["why"]["zh"]} for item in done["kept"]]
    text = f"已删除 / erased: {counts}\n" + rows(kept, ("留下的 / kept", "原因 / why"))
    text += f"\n请在这些平台上也删除 / delete there too: {', '.join(done['delete_also_at'])}"
    emit(done, json, text)
