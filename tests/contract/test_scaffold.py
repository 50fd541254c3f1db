"""``new_connector``: what it writes passes the contract suite at once, inside this repository and outside as a package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import connectors
import mappings
from connectors.manifest import load_manifest
from connectors.scaffold import ScaffoldError, new_connector

ROLES = [
    ("source",),
    ("sink",),
    ("source", "events"),
    ("source", "sink"),
    ("source", "tags"),
    ("notices",),
    ("sign_in",),
    ("source", "events", "sink", "tags", "notices", "sign_in"),
]
HERE = Path(connectors.__file__).parent


def run(*command: str, cwd: Path, path: list[Path]) -> str:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def pytest_in(folder: Path, *path: Path) -> str:
    return run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder), cwd=folder, path=[*path])


def test_outside_a_package_is_found_by_its_entry_point_and_passes(tmp_path: Path) -> None:
    written = new_connector("acme_crm", tmp_path, "甲骨 CRM", "Acme", ["source", "events", "sink"])
    root = tmp_path / "lianshu-acme-crm"
    assert {path.relative_to(root).as_posix() for path in written} == {
        "pyproject.toml",
        "lianshu_acme_crm/__init__.py",
        "lianshu_acme_crm/manifest.yaml",
        "lianshu_acme_crm/connector.py",
        "lianshu_acme_crm/simulator.py",
        "lianshu_acme_crm/README.md",
        "lianshu_acme_crm/mappings/customer.yaml",
        "tests/test_acme_crm.py",
    }
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation"]
    run(*pip, "--target", str(site), str(root), cwd=tmp_path, path=[])
    ask = "from connectors.registry import get; print(get('acme_crm').folder)"
    said = run(sys.executable, "-c", ask, cwd=tmp_path, path=[site, HERE.parent])
    assert said.strip() == str(site / "lianshu_acme_crm")
    assert " passed" in pytest_in(root / "tests", site, HERE.parent)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this repository without its connectors."""
    root = tmp_path / "checkout"
    for package in (HERE, Path(mappings.__file__).parent):
        target = root / package.name
        target.mkdir(parents=True)
        for file in [*package.glob("*.py"), *package.glob("*.yaml")]:
            shutil.copy(file, target)
    for name in ("contract", "_template"):
        shutil.copytree(HERE / name, root / "connectors" / name)
    return root


@pytest.mark.parametrize("roles", ROLES, ids="+".join)
def test_inside_each_choice_of_roles_passes(checkout: Path, roles: tuple[str, ...]) -> None:
    written = new_connector("acme", checkout, "甲骨 CRM", "Acme", roles)
    assert load_manifest(checkout / "connectors" / "acme" / "manifest.yaml").roles == list(roles)
    assert (checkout / "mappings" / "acme" / "customer.yaml").exists() == ("source" in roles)
    assert len(written) < 10
    for path in written:
        text = path.read_text("utf-8")
        for trace in ("demo_crm", "DemoCrm", "Demo CRM", "甲乙丙", "role:", "# end", "# bases"):
            assert trace not in text, f"{path.name} still says {trace!r}"
    assert " passed" in pytest_in(checkout / "tests" / "connectors" / "acme", checkout)


def test_what_is_written_keeps_the_house_style(checkout: Path) -> None:
    new_connector("acme", checkout, "甲骨 CRM", "Acme", ["source"])
    shutil.copy(HERE.parent / "pyproject.toml", checkout)
    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    if not Path(ruff).exists():
        pytest.skip("ruff is not installed")
    run(ruff, "check", "--no-cache", "connectors/acme", "tests", cwd=checkout, path=[])


@pytest.mark.parametrize(
    ("name", "zh", "en", "roles", "says"),
    [
        ("Acme", "甲", "A", ["source"], "lower-case"),
        ("a-b", "甲", "A", ["source"], "lower-case"),
        ("", "甲", "A", ["source"], "lower-case"),
        ("class", "甲", "A", ["source"], "lower-case"),
        ("http", "甲", "A", ["source"], "taken"),
        ("contract", "甲", "A", ["source"], "taken"),
        ("acme", "", "A", ["source"], "Chinese title"),
        ("acme", "甲", "A: {", ["source"], "English title"),
        ("acme", "甲", "A", [], "at least one role"),
        ("acme", "甲", "A", ["source", "sing"], "no role sing"),
        ("acme", "甲", "A", ["events"], "events needs source"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    tmp_path: Path, name: str, zh: str, en: str, roles: list[str], says: str
) -> None:
    with pytest.raises(ScaffoldError, match=says):
        new_connector(name, tmp_path, zh, en, roles)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    new_connector("acme", tmp_path, "甲", "A", ["source"])
    kept = tmp_path / "lianshu-acme" / "lianshu_acme" / "connector.py"
    kept.write_text("mine", "utf-8")
    (tmp_path / "lianshu-acme" / "pyproject.toml").unlink()
    with pytest.raises(ScaffoldError, match="exists already"):
        new_connector("acme", tmp_path, "甲", "A", ["source"])
    assert kept.read_text("utf-8") == "mine"
    assert not (tmp_path / "lianshu-acme" / "pyproject.toml").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="no folder"):
        new_connector("acme", tmp_path / "nowhere", "甲", "A", ["source"])
