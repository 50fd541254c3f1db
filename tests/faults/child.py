"""A hub process that dies at a chosen point: patches one function so that it kills the process before or after its nth call.

Run in a process of its own by ``dies`` and ``works``; the kill is SIGKILL, so nothing is cleaned up.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Protocol

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["hub.jobs.cycle", "hub.store.migrate", "hub.jobs.distributed", "connectors.taobao.connector"])
LEASE = 3.0


class Place(Protocol):
    """Where a hub process works: see ``world.World`` and ``side.Side``."""

    folder: Path

    def environment(self, ahead: float = 0.0) -> dict[str, str]:
        """What a hub process needs."""


def dies(world: Place, point: str, *, nth: int = 1, after: bool = False, ahead: float = 0.0) -> None:
    """Let a hub work until it dies before (or after) the nth call of ``module:function``; it must get that far."""
    process = CONTEXT.Process(target=_run, args=(world.environment(ahead), str(world.folder), point, nth, after))
    process.start()
    process.join(40)
    if process.exitcode is None:
        process.kill()
    where = f"{'after' if after else 'before'} call {nth} of {point}"
    assert process.exitcode == -signal.SIGKILL, f"never died {where}: {process.exitcode}; {_said(world)}"


def works(world: Place, *, ahead: float = LEASE) -> None:
    """Let a hub work until nothing is left."""
    process = CONTEXT.Process(target=_run, args=(world.environment(ahead), str(world.folder), "", 0, False))
    process.start()
    process.join(60)
    if process.exitcode is None:
        process.kill()
    assert process.exitcode == 0, f"not done: {process.exitcode}; {_said(world)}"


def serves(world: Place, point: str = "", *, nth: int = 1, after: bool = False, ahead: float = 0.0) -> Any:
    """A hub that works and keeps its connections until it is asked to stop (SIGTERM), or dies at the point; its process."""
    process = CONTEXT.Process(target=_run, args=(world.environment(ahead), str(world.folder), point, nth, after, True))
    process.start()
    return process


def _said(world: Place) -> str:
    return (world.folder / "child.log").read_text("utf-8", "replace")[-3000:]


def _run(environment: dict[str, str], folder: str, point: str, nth: int, after: bool, for_ever: bool = False) -> None:
    log = os.open(os.path.join(folder, "child.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    from config.logging import configure
    from config.settings import load_settings
    from connectors.budgets import MemoryBudgets
    from hub.core import Hub
    from hub.jobs.cycle import drain
    from hub.jobs.embedded import EmbeddedRunner
    from hub.sync import connect

    # Waiting for a place in a budget is most of the time of these short lives, and not what they are about.
    connect.budgets_of = lambda hub, account, connector: MemoryBudgets(())
    settings = load_settings()
    configure(settings.log_level)
    if point:
        _patch(point, nth, after)
    hub = Hub.open(settings)
    if for_ever:
        EmbeddedRunner(hub).run_forever()
    ok = for_ever or drain(hub, seconds=40)
    hub.close()
    os._exit(0 if ok else 3)


def _patch(point: str, nth: int, after: bool) -> None:
    module, _, name = point.partition(":")
    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for step in path:
        owner = getattr(owner, step)
    setattr(owner, last, deadly(getattr(owner, last), nth, after))


def deadly(function: Callable[..., Any], nth: int, after: bool) -> Callable[..., Any]:
    """The function, which kills the process before or after its nth call."""
    calls = count(1)

    def fatal(*args: Any, **kwargs: Any) -> Any:
        mine = next(calls)  # several threads may be inside at once
        if mine == nth and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if mine == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return fatal
