"""Which way imports point, and how big things may get, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from connectors.contract.declared import wrong_imports
from connectors.registry import entries

ROOT = Path(__file__).parent.parent
PACKAGES = ("config", "mappings", "connectors", "webhooks", "hub")
MOST_LINES, MOST_FUNCTION, MOST_CONNECTOR, MOST_METHODS = 400, 40, 300, 8
GENERATED = "versions"
"""Database migrations are written by a tool, one list of tables, and never read for their shape."""
FORBIDDEN = {
    "config": {"hub", "webhooks", "connectors", "mappings"},
    "mappings": {"hub", "webhooks", "config"},
    "connectors": {"hub", "webhooks", "config"},
}


def modules() -> dict[str, Path]:
    """All modules of the product by dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name.startswith("test_"):
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text("utf-8"))


def imports(name: str, *, top_only: bool = False) -> set[str]:
    """The modules of ours that a module imports. top_only: only what runs when it is imported."""
    nodes = top_level(tree(name).body) if top_only else ast.walk(tree(name))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {resolved(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(name, node)
            found |= {resolved(f"{base}.{alias.name}") for alias in node.names}
    return {item for item in found if item.split(".")[0] in PACKAGES}


def top_level(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements that run on import: also inside if and try, but not under TYPE_CHECKING."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            yield from top_level(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from top_level(node.body + node.orelse + node.finalbody + [s for h in node.handlers for s in h.body])


def absolute(name: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".") if MODULES[name].name == "__init__.py" else name.split(".")[:-1]
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def resolved(name: str) -> str:
    """The module itself, when a name inside it is imported."""
    return name if name in MODULES or "." not in name else resolved_parent(name)


def resolved_parent(name: str) -> str:
    parent = name.rpartition(".")[0]
    return parent if parent in MODULES else name


@pytest.mark.parametrize("package", FORBIDDEN)
def test_arrows_point_one_way(package: str) -> None:
    wrong = [
        f"{name} imports {item}"
        for name in MODULES
        if name.split(".")[0] == package
        for item in sorted(imports(name))
        if item.split(".")[0] in FORBIDDEN[package]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_hub_knows_no_platform_by_name() -> None:
    platforms = {entry.package for entry in entries().values()}
    wrong = [
        f"{name} imports {item}"
        for name in MODULES
        if name.split(".")[0] in ("hub", "webhooks")
        for item in sorted(imports(name))
        if any(item == platform or item.startswith(platform + ".") for platform in platforms)
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_application_knows_all() -> None:
    """Nothing imports the application but what starts it."""
    wrong = [name for name in MODULES if name.startswith("hub.") and "hub.app" in imports(name, top_only=True)]
    assert [name for name in wrong if not name.startswith(("hub.cli", "hub.demo", "hub.wsgi"))] == []


@pytest.mark.parametrize("name", entries())
def test_a_connector_imports_the_contract_and_nothing_else(name: str) -> None:
    entry = entries()[name]
    assert not (wrong := wrong_imports(entry.folder, entry.package)), "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: imports(name, top_only=True) & MODULES.keys() - {name} for name in MODULES}
    done: set[str] = set()
    circles: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circles.append(" → ".join([*path[path.index(name) :], name]))
            return
        if name in done:
            return
        for following in sorted(graph[name]):
            visit(following, (*path, name))
        done.add(name)

    for name in MODULES:
        visit(name, ())
    assert not circles, "\n".join(circles)


@pytest.mark.parametrize("package", PACKAGES)
def test_files_stay_short(package: str) -> None:
    wrong = []
    for name, path in MODULES.items():
        if GENERATED in path.parts:
            continue
        lines = len(path.read_text("utf-8").splitlines())
        most = MOST_CONNECTOR if path.name == "connector.py" else MOST_LINES
        if name.split(".")[0] == package and lines > most:
            wrong.append(f"{path.relative_to(ROOT)}: {lines} lines, at most {most}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_stay_short(package: str) -> None:
    wrong = []
    for name, path in MODULES.items():
        if name.split(".")[0] != package or GENERATED in path.parts:
            continue
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_FUNCTION:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines, at most {MOST_FUNCTION}")
    assert not wrong, "\n".join(wrong)


def test_connectors_have_few_public_methods() -> None:
    """Beyond those of the contract's roles, at most eight."""
    from connectors import base, people

    kinds = (base.Source, base.EventSource, base.Sink, people.TagWriter, people.Notifier, people.SignIn, people.HandsOver)
    roles = {name for kind in kinds for name in dir(kind)}
    wrong = []
    for entry in entries().values():
        own = {name for name in vars(entry.load()) if not name.startswith("_")} - roles
        if len(own) > MOST_METHODS:
            wrong.append(f"{entry.name}: {sorted(own)}")
    assert not wrong, "\n".join(wrong)


def test_no_stubs_and_no_to_do_notes() -> None:
    wrong = []
    for name, path in MODULES.items():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if any(word in line for word in ("NotImplementedError", "TODO", "FIXME", "XXX")):
                wrong.append(f"{name}:{number}: {line.strip()}")
    assert not wrong, "\n".join(wrong)
