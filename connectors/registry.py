"""Finds connectors: the folders beside this file, and installed packages (entry points ``lianshu.connectors``)."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import structlog

from connectors.base import Connector, EventSource, Sink, Source
from connectors.manifest import Manifest, ManifestError, load_manifest
from connectors.people import Notifier, SignIn, TagWriter

if TYPE_CHECKING:
    from connectors.sandbox import Simulator

log = structlog.get_logger("connectors.registry")
HERE = Path(__file__).parent
_ROLE_CLASSES: dict[str, type[Connector]] = {
    "source": Source,
    "events": EventSource,
    "sink": Sink,
    "tags": TagWriter,
    "notices": Notifier,
    "sign_in": SignIn,
}


class UnknownConnector(LookupError):
    """No connector of that name is installed."""


@dataclass(frozen=True)
class Entry:
    """A connector found: its Python package and its folder."""

    name: str
    package: str
    folder: Path

    @property
    def manifest(self) -> Manifest:
        """The checked manifest."""
        return _manifest(self.folder)

    def load(self) -> type[Connector]:
        """The connector class, checked against its manifest's roles."""
        return _load(self.package, self.folder)

    def simulator(self) -> type[Simulator] | None:
        """The simulator class, or None where the connector has none."""
        if not (self.folder / "simulator.py").exists():
            return None
        module = importlib.import_module(f"{self.package}.simulator")
        from connectors.sandbox import Simulator

        found: type[Simulator] = _only(module, Simulator)
        return found

    @property
    def mappings(self) -> Path:
        """Where this connector's mappings are: its own ``mappings`` folder, else the project's."""
        own = self.folder / "mappings"
        return own if own.is_dir() else HERE.parent / "mappings" / self.name


@cache
def _manifest(folder: Path) -> Manifest:
    return load_manifest(folder / "manifest.yaml")


@cache
def _load(package: str, folder: Path) -> type[Connector]:
    found: type[Connector] = _only(importlib.import_module(f"{package}.connector"), Connector)
    found.manifest = _manifest(folder)
    for role, needed in _ROLE_CLASSES.items():
        if role == "events" and "listener" in found.manifest.roles:
            continue  # a platform that speaks over our connection alone calls no address of ours
        if (role in found.manifest.roles) != issubclass(found, needed):
            raise ManifestError(
                f"{folder / 'manifest.yaml'}: role {role!r} and class {found.__name__}({needed.__name__}) must go together"
            )
    return found


def _only(module: ModuleType, base: type) -> Any:
    name = module.__name__
    classes = [item for item in vars(module).values() if inspect.isclass(item) and item.__module__ == name]
    found = [item for item in classes if issubclass(item, base)]
    leaves = [item for item in found if not any(item is not other and issubclass(other, item) for other in found)]
    if len(leaves) != 1:
        raise ManifestError(f"{name}: expected one {base.__name__} class, found {len(leaves)}")
    return leaves[0]


@cache
def entries() -> dict[str, Entry]:
    """All connectors by name: built-in folders first, then installed packages."""
    found = {
        path.parent.name: Entry(path.parent.name, f"connectors.{path.parent.name}", path.parent)
        for path in sorted(HERE.glob("*/manifest.yaml"))
        if not path.parent.name.startswith("_")
    }
    for point in entry_points(group="lianshu.connectors"):
        try:
            module = importlib.import_module(point.value)
            load_manifest(Path(str(module.__file__)).parent / "manifest.yaml")
        except Exception as error:
            # One broken package must not take the others down.
            log.error("connector package not usable", package=point.value, reason=f"{type(error).__name__}: {error}")
            continue
        found.setdefault(point.name, Entry(point.name, point.value, Path(str(module.__file__)).parent))
    return found


def get(name: str) -> Entry:
    """The connector of that name. Raises UnknownConnector with the names there are."""
    try:
        return entries()[name]
    except KeyError:
        raise UnknownConnector(f"no connector {name!r}; installed: {', '.join(entries())}") from None
