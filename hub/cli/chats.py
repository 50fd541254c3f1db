"""``hub chats``: what messages name besides their words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened

chats = typer.Typer(no_args_is_help=True, help="聊天消息 / chat messages")


@chats.callback()
def about() -> None:
    """Chat messages."""


@chats.command()
def media(
    message: Annotated[str, typer.Argument(help="ref of a message")],
    file: Annotated[Path, typer.Argument(help="where to write it")],
    json: Json = False,
) -> None:
    """Fetch the file that a message names (image, voice, document); it is written to FILE and kept nowhere else."""
    from connectors.errors import ConnectorError
    from connectors.messages import explain
    from hub.chats.media import MediaFault, fetch

    with opened() as hub:
        try:
            found = fetch(hub, message, by=BY)
        except MediaFault as error:
            raise fail(str(error)) from None
        except ConnectorError as error:
            told = error.as_dict()
            raise fail("\n→ ".join(explain(told, "zh")) + "\n" + "\n→ ".join(explain(told, "en"))) from None
        file.write_bytes(found)
        file.chmod(0o600)
        emit({"message": message, "file": str(file), "bytes": len(found)}, json, f"{file}: {len(found)}")
