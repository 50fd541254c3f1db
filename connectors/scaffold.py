"""``hub new-connector NAME``: copies the template, keeps the roles asked for, and puts the name everywhere it belongs.

Inside this repository the files go to ``connectors/NAME``, ``mappings/NAME`` and ``tests/connectors/NAME``; anywhere else
an installable package ``lianshu-NAME`` is made, which the registry finds by its entry point once it is installed.

The template is a working connector. Blocks between ``role: X`` and ``end`` marks, and lines that end with such a mark, are
kept only for those roles; the marks themselves are never copied.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from connectors.base import EventSource, Sink, Source
from connectors.people import Notifier, SignIn, TagWriter

HERE = Path(__file__).parent
TEMPLATE = HERE / "_template"
ROLES = {
    "source": Source.__name__,
    "events": EventSource.__name__,
    "sink": Sink.__name__,
    "tags": TagWriter.__name__,
    "notices": Notifier.__name__,
    "sign_in": SignIn.__name__,
}
_BLOCK = re.compile(r"^\s*(?:#|<!--) role: (?P<roles>[a-z_ ]+?)(?: -->)?$")
_END = re.compile(r"^\s*(?:#|<!--) end(?: -->)?$")
_LINE = re.compile(r"  # role: (?P<roles>[a-z_ ]+)$")


class ScaffoldError(ValueError):
    """The connector cannot be made; the text says what to change."""


def new_connector(name: str, into: Path, title_zh: str, title_en: str, roles: Iterable[str]) -> list[Path]:
    """Make a connector that passes the contract suite as it stands; the files written, in a fixed order.

    name: lower case, as the manifest's. into: the root of this repository, or the folder in which the package is to
    be made. roles: of ``ROLES``. Raises ScaffoldError; then nothing was written.
    """
    chosen = list(dict.fromkeys(roles))
    _check(name, into, title_zh, title_en, chosen)
    words = {
        "demo_crm": name,
        "DemoCrm": "".join(part.capitalize() for part in name.split("_")),
        "甲乙丙 CRM": title_zh,
        "Demo CRM": title_en,
        "demo-crm": name.replace("_", "-"),
    }
    files = {target: _filled(source, chosen, words) for source, target in _places(name, into, chosen)}
    for target in files:
        if target.exists():
            raise ScaffoldError(f"{target} exists already; nothing was written")
    for target, content in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, "utf-8")
    return list(files)


def inside(folder: Path) -> bool:
    """Whether the folder is the root of this repository."""
    return (folder / "connectors" / "base.py").is_file() and (folder / "mappings" / "compile.py").is_file()


def _check(name: str, into: Path, title_zh: str, title_en: str, roles: list[str]) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ScaffoldError(f"a connector's name is lower-case letters, digits and _, a letter first, not {name!r}")
    if (HERE / f"{name}.py").exists() or (HERE / name).is_dir():
        raise ScaffoldError(f"the name {name!r} is taken")
    if not into.is_dir():
        raise ScaffoldError(f"{into} is no folder")
    for label, title in (("Chinese", title_zh), ("English", title_en)):
        if not re.fullmatch(r"\w[\w .·+()（）-]{0,39}", title):
            raise ScaffoldError(f"the {label} title is a text of at most 40 letters, digits, spaces and .·+-(), not {title!r}")
    if strange := sorted(set(roles) - set(ROLES)):
        raise ScaffoldError(f"no role {', '.join(strange)}; there are: {', '.join(ROLES)}")
    if not roles:
        raise ScaffoldError(f"at least one role of: {', '.join(ROLES)}")
    if "tags" in roles and "source" not in roles:
        raise ScaffoldError("tags needs source, whose records carry them")
    if "events" in roles and "source" not in roles:
        raise ScaffoldError("events needs source, to ask for the record; where only pushes exist, see connectors/inbound")


def _places(name: str, into: Path, roles: list[str]) -> Iterator[tuple[Path, Path]]:
    """Each file of the template and where it goes."""
    if inside(into):
        folder, mappings, tests = into / "connectors" / name, into / "mappings" / name, into / "tests" / "connectors" / name
    else:
        root = into / f"lianshu-{name.replace('_', '-')}"
        folder, tests = root / f"lianshu_{name}", root / "tests"
        mappings = folder / "mappings"
        yield TEMPLATE / "pyproject.toml.tmpl", root / "pyproject.toml"
    for file in ("__init__.py", "manifest.yaml", "connector.py", "simulator.py", "README.md"):
        yield TEMPLATE / file, folder / file
    if "source" in roles:
        yield TEMPLATE / "mappings" / "customer.yaml", mappings / "customer.yaml"
    yield TEMPLATE / "test_connector.py", tests / f"test_{name}.py"


def _filled(source: Path, roles: list[str], words: dict[str, str]) -> str:
    text = "\n".join(_kept(source.read_text("utf-8").splitlines(), set(roles))) + "\n"
    bases = ", ".join(ROLES[role] for role in ROLES if role in roles)
    text = text.replace(f"({', '.join(ROLES.values())}):  # bases", f"({bases}):")
    text = text.replace(f"roles: [{', '.join(ROLES)}]", f"roles: [{', '.join(role for role in ROLES if role in roles)}]")
    text = re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text)
    return re.sub(r"\n{3,}", "\n\n" if source.suffix != ".py" else "\n\n\n", text).rstrip("\n") + "\n"


def _kept(lines: Iterable[str], roles: set[str]) -> Iterator[str]:
    keep, before, gap = True, "", False
    for line in lines:
        block, mark = _BLOCK.match(line), _LINE.search(line)
        if block:
            keep = _wanted(block["roles"], roles)
        elif _END.match(line):
            keep = True
        elif not keep or (gap and not line):
            gap = False
        elif mark and not _wanted(mark["roles"], roles):
            gap = before == ""
        else:
            gap, before = False, line
            yield line[: mark.start()] if mark else line


def _wanted(written: str, roles: set[str]) -> bool:
    return bool(set(written.split(" or ")) & roles)
