"""``hub init``, ``migrate``, ``serve``, ``worker``, ``sandbox``, ``demo``."""

from __future__ import annotations

import json as stdjson
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import SettingsError, load_settings
from hub.cli.output import Json, emit, existing, fail, opened


def init(json: Json = False) -> None:
    """Make keys and database, once."""
    with opened() as hub:
        _newest(hub)
        data = {"database": hub.db.dialect, "keys": str(hub.settings.keys), "data_dir": str(hub.settings.data_dir)}
        hint = "下一步 / next: hub users add YOU@COMPANY --role admin; hub serve"
        emit(data, json, f"密钥 / keys: {hub.settings.keys}\n数据库 / database: {hub.db.dialect}\n{hint}")


def migrate(json: Json = False) -> None:
    """Bring the database to the newest version."""
    from hub.store.migrate import versions

    with opened(migrate=False) as hub:
        _newest(hub)
        emit({"version": versions(hub.db)[0]}, json, f"数据库版本 / database at {versions(hub.db)[0]}")


def _newest(hub: Any) -> None:
    """Our tables, and where the engine has its own, those too."""
    from hub.store.migrate import upgrade

    upgrade(hub.db)
    if hub.settings.engine == "distributed":
        from hub.jobs.distributed import install

        install(hub)


def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on")] = None,
) -> None:
    """The web server: admin pages and webhooks; in the embedded way also all jobs."""
    import os

    from hub.serving import serve as run

    try:
        settings = load_settings()
    except SettingsError as error:
        raise fail(str(error), 2) from None
    for name, value in (("HUB_HOST", host), ("HUB_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    settings = load_settings()
    sys.stderr.write(f"http://{settings.host}:{settings.port}\n")
    run(settings)


def worker() -> None:
    """Work on jobs: a Procrastinate worker on PostgreSQL (engine: distributed), else the embedded runner alone."""
    with opened() as hub:
        if hub.settings.engine == "distributed":
            from hub.jobs.distributed import DistributedRunner

            DistributedRunner(hub).run_forever()
        else:
            from hub.jobs.embedded import EmbeddedRunner

            EmbeddedRunner(hub).run_forever()


def sandbox(
    platform: Annotated[list[str] | None, typer.Argument(help="platforms; none = all that have a simulator")] = None,
    seed: Annotated[Path | None, typer.Option(help="your own export, for one platform")] = None,
    ahead: Annotated[
        float, typer.Option(help="hours from the newest time in the seed to the clock, so that all its days have closed")
    ] = 36,
    port: Annotated[int, typer.Option(help="first port; 0 = any free ones")] = 0,
    write: Annotated[Path | None, typer.Option(help="write each platform's settings to this folder as JSON")] = None,
    json: Json = False,
) -> None:
    """Serve the simulators; prints addresses and credentials, and the commands that connect them."""
    from connectors import registry

    names = platform or [name for name, entry in registry.entries().items() if entry.simulator()]
    if seed and len(names) != 1:
        raise fail("--seed: 只能配一个平台 / goes with exactly one platform", 2)
    served = [_serve(name, seed, ahead, port + number if port else 0) for number, name in enumerate(names)]
    told = {running.simulator.name: _described(running, seed) for running in served}
    for name, item in told.items():
        if write:
            write.mkdir(parents=True, exist_ok=True)
            (write / f"{name}.json").write_text(stdjson.dumps(item["settings"], ensure_ascii=False, indent=1), "utf-8")
    emit(told, json, "\n".join(_told(name, item, write) for name, item in told.items()))
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        for running in served:
            running.close()


def _serve(name: str, seed: Path | None, ahead: float, port: int) -> Any:
    from connectors import registry
    from connectors.sandbox import Served

    try:
        kind = registry.get(name).simulator()
        if kind is None:
            raise fail(f"{name}: 没有模拟器 / has no simulator", 2)
        simulator = kind()
        if seed:
            simulator.seed_file(existing(seed))
            simulator.offset += timedelta(hours=ahead)
        return Served(simulator, port)
    except (registry.UnknownConnector, ValueError) as error:
        raise fail(str(error), 2) from None


def _described(running: Any, seed: Path | None) -> dict[str, Any]:
    simulator = running.simulator
    offset = round(simulator.offset.total_seconds(), 3)
    return {"url": running.url, "settings": simulator.settings(running.url), "seed": str(seed or ""), "clock_offset": offset}


def _told(name: str, item: dict[str, Any], folder: Path | None) -> str:
    lines = [f"{name}: {item['url']}"]
    if item["seed"]:
        lines.append(f"  种子 / seed: {item['seed']}")
    if item["clock_offset"]:
        lines.append(f"  时钟 / clock: export HUB_CLOCK_OFFSET={item['clock_offset']}")
    config = f"--config {folder / (name + '.json')}" if folder else "--set …"
    if not folder:
        lines.append("  " + stdjson.dumps(item["settings"], ensure_ascii=False))
    lines.append(f"  hub accounts add {name} {name}-sandbox {config}")
    return "\n".join(lines)


def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="stop after one cycle")] = False,
    port: Annotated[int, typer.Option(help="port of the admin pages")] = 8765,
    json: Json = False,
) -> None:
    """Simulators and hub together: made-up customers and orders go all the way, and the ledgers are compared."""
    from hub.demo import run

    if not run(exit_after=exit_, port=port, as_json=json):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (init, migrate, serve, worker, sandbox, demo):
        app.command()(command)
