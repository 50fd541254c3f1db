"""``hub keys``."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, rows

keys = typer.Typer(no_args_is_help=True, help="加密密钥 / the keys that seal what is stored")


@keys.command("list")
def show(json: Json = False) -> None:
    """The keys by id, which one seals, and how many stored values each has sealed."""
    from hub.security import rotate

    with opened() as hub:
        with hub.db.read() as conn:
            used = rotate.usage(conn)
        found = [{"key": n, "active": n == hub.ring.active, "values": used.get(n, 0)} for n in sorted(hub.ring.numbers)]
        emit({"keys": found}, json, rows(found, ("key", "active", "values")))


@keys.command()
def add(json: Json = False) -> None:
    """On several hosts, before rotate: a key that only opens; copy the key file to all of them, then rotate on one."""
    from hub.security import rotate

    with opened() as hub:
        number = rotate.add(hub, by=BY)
        emit({"added": number}, json, f"已加入 / added: {number}")


@keys.command("rotate")
def make_new(
    resume: Annotated[bool, typer.Option("--resume", help="No new key: only finish what was cut off.")] = False,
    json: Json = False,
) -> None:
    """A new key; everything stored is sealed anew with it while the hub runs. Back up the key file before and after."""
    from hub.security import rotate

    with opened() as hub:
        done = {"active": hub.ring.active, "sealed": rotate.rewrap(hub)} if resume else rotate.rotate(hub, by=BY)
        counts = [{"column": name, "values": count} for name, count in done["sealed"].items()]
        emit(done, json, f"新密钥 / active key: {done['active']}\n" + rows(counts, ("column", "values")))


@keys.command()
def retire(json: Json = False) -> None:
    """Take old keys out of the ring; refused while anything is still sealed with one."""
    from hub.security import rotate
    from hub.security.keyring import KeyFault

    with opened() as hub:
        try:
            gone = rotate.retire(hub, by=BY)
        except KeyFault as error:
            raise fail(f"不能停用旧密钥 / old keys cannot be retired: {error}") from None
        emit({"retired": gone}, json, f"已停用 / retired: {', '.join(map(str, gone)) or '–'}")
