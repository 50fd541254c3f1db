"""The registry: folders and packages, one class each, roles that agree with the manifest."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from connectors import base, registry, sandbox
from connectors.manifest import ManifestError
from connectors.registry import Entry, UnknownConnector

from .conftest import MANIFEST

CONNECTOR = """
from connectors.base import Config, Sink, Source

class OneConfig(Config):
    pass

class One(Source, Sink):
    Config = OneConfig
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``package(connector=…, simulator=…, roles=…)`` -> the entry of a package made of these texts."""
    monkeypatch.syspath_prepend(tmp_path)
    made: list[str] = []

    def make(connector: str = CONNECTOR, simulator: str | None = None, **changes: Any) -> Entry:
        name = f"made_{len(made)}_{tmp_path.name.replace('-', '_')}"
        made.append(name)
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("", "utf-8")
        (folder / "connector.py").write_text(connector, "utf-8")
        (folder / "manifest.yaml").write_text(yaml.safe_dump({**MANIFEST, **changes}, allow_unicode=True), "utf-8")
        if simulator:
            (folder / "simulator.py").write_text(simulator, "utf-8")
        return Entry("made", name, folder)

    yield make
    for name in list(sys.modules):
        if name.split(".")[0] in made:
            del sys.modules[name]


def test_a_connector_is_loaded_with_its_manifest(package: Any) -> None:
    kind = package().load()
    assert kind.__name__ == "One"
    assert kind.manifest.name == "plain"
    assert issubclass(kind, base.Source)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected one Connector class, found 0"),
        (CONNECTOR + "\nclass Two(Source):\n    pass\n", "expected one Connector class, found 2"),
        (CONNECTOR.replace("Source, Sink)", "Source)"), "role 'sink' and class One(Sink) must go together"),
        (CONNECTOR.replace("Config, Sink", "Config, EventSource, Sink").replace("(So", "(EventSource, So"), "role 'events'"),
    ],
)
def test_a_class_that_does_not_agree_is_told(package: Any, text: str, says: str) -> None:
    with pytest.raises(ManifestError) as caught:
        package(text).load()
    assert says in str(caught.value)


def test_a_base_class_in_the_same_file_is_no_second_connector(package: Any) -> None:
    text = CONNECTOR.replace("class One(Source, Sink)", "class Common(Source):\n    pass\n\nclass One(Common, Sink)")
    assert package(text).load().__name__ == "One"


def test_the_simulator_is_optional(package: Any) -> None:
    assert package().simulator() is None
    entry = package(simulator="from connectors.sandbox import Simulator\n\nclass Sim(Simulator):\n    pass\n")
    assert issubclass(entry.simulator(), sandbox.Simulator)


def test_mappings_stand_in_the_folder_or_in_the_project(package: Any) -> None:
    entry = package()
    assert entry.mappings == registry.HERE.parent / "mappings" / "made"
    (entry.folder / "mappings").mkdir()
    assert entry.mappings == entry.folder / "mappings"


def test_an_installed_package_is_found_by_its_entry_point(package: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = package()
    points = [EntryPoint("made", made.package, "lianshu.connectors")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    registry.entries.cache_clear()
    try:
        assert registry.get("made") == made
        assert registry.get("made").load().__name__ == "One"
    finally:
        registry.entries.cache_clear()


def test_an_installed_package_cannot_take_the_place_of_a_built_in_one(package: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name, own = next(iter(registry.entries().items()))
    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint(name, package().package, group)])
    registry.entries.cache_clear()
    try:
        assert registry.get(name) == own
    finally:
        registry.entries.cache_clear()


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownConnector, match="no connector 'nosuch'; installed: "):
        registry.get("nosuch")


def test_folders_with_an_underscore_are_no_connectors() -> None:
    assert (registry.HERE / "_template" / "manifest.yaml").exists()
    assert not [name for name in registry.entries() if name.startswith("_") or name == "demo_crm"]


def test_only_classes_of_the_module_itself_count() -> None:
    module = ModuleType("here")
    module.Source = base.Source  # type: ignore[attr-defined]
    with pytest.raises(ManifestError, match="found 0"):
        registry._only(module, base.Connector)
