"""The documents tell the truth: commands, paths, links, tables, settings, quotations. What is untrue fails the build."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from config.settings import NoticeRule, Rule, Settings, TagRule, load_settings
from connectors.budgets import MemoryBudgets
from connectors.registry import entries
from connectors.registry import get as connector
from hub import demo
from hub.cli.main import app
from hub.sync import connect
from tests.doc_tables import BLOCK, EXAMPLE, TABLES, setting_comments

ROOT = Path(__file__).parent.parent
README, ENGLISH = ROOT / "README.md", ROOT / "README.en.md"
OPERATIONS = ROOT / "docs" / "operations.md"
DOCS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
MANUALS = [*DOCS, *sorted(ROOT.glob("connectors/*/README.md"))]
NOT_THERE_YET: tuple[str, ...] = ()
"""Commands that a document says are missing. When one comes, the document has to say so."""
OF_THE_READER = ("var/", "sandbox/", "bingding/", "connectors/bingding", "mappings/bingding", "tests/connectors/bingding")
"""Paths that a reader's own folder will have."""
COMMAND = typer.main.get_command(app)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def documents(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("path", paths, ids=name_of)


# ---------------------------------------------------------------- reading Markdown


def blocks(text: str) -> list[tuple[str, str, str]]:
    """(marker in the comment above, language, content) of each fenced block."""
    return re.findall(r"(?:<!-- ([^\n]+?) -->\n)?^[ ]*```(\w*)\n(.*?)^[ ]*```", text, re.S | re.M)


def prose(text: str) -> str:
    """The text without its blocks."""
    return re.sub(r"^[ ]*```.*?^[ ]*```", "", text, flags=re.S | re.M)


def spans(text: str) -> list[str]:
    """What stands between backticks in running text."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def headings(text: str) -> list[tuple[int, str]]:
    return [(len(marks), title) for marks, title in re.findall(r"^(#+) (.+)$", prose(text), re.M)]


def anchors(text: str) -> set[str]:
    """Where a link may point inside a page."""
    made = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in headings(text)}
    return made | set(re.findall(r'<a id="([^"]+)"', text))


def command_lines(text: str) -> Iterator[str]:
    """Each call of ``hub`` in blocks, and in backticks that begin with it; one that only names a command ends in …"""
    for _, language, content in blocks(text):
        if language in ("", "bash", "sh"):
            for line in content.splitlines():
                if found := re.match(r"\s*(?:\w+=\S* )*(?:\S*/)?hub (?!:)(.+)", line):
                    yield found[1]
    for span in spans(text):
        if found := re.fullmatch(r"(?:\.venv/bin/)?hub (.+)", span):
            yield found[1] if found_in_tree(found[1])[2] else f"{found[1]} …"


# ---------------------------------------------------------------- commands


def found_in_tree(line: str) -> tuple[str, Any, list[str]]:
    """(name, command, remaining words) of a command line, as far as the tree of commands goes."""
    words = shlex.split(line, comments=True)
    command, path = COMMAND, "hub"
    while words and words[0] in getattr(command, "commands", ()):
        path, command = f"{path} {words[0]}", command.commands[words.pop(0)]
    return path, command, [word for word in words if word != "…"] if hasattr(command, "commands") else words


def fault_of(line: str) -> str:
    """Why the command line does not work, or ''. One with … stands for several: only names and options are looked at."""
    path, command, words = found_in_tree(line)
    if hasattr(command, "commands"):
        return f"{path} has no command {words[0]!r}" if words else ""
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    if wrong := [word for word in words if word.startswith("--") and word.split("=")[0] not in known]:
        return f"{path} has no option {wrong[0]}"
    if "…" in line:
        return ""
    try:
        command.make_context(path, words)
    except Exception as error:
        return f"{path}: {getattr(error, 'message', error)}"
    return ""


@documents(MANUALS)
def test_every_command_exists(path: Path) -> None:
    lines = [line for line in command_lines(path.read_text("utf-8")) if f"hub {line}" not in NOT_THERE_YET]
    wrong = [f"hub {line}: {fault}" for line in lines if (fault := fault_of(line))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("line", ["conect", "accounts ad x y", "sync --all x", "deliveries retry", "demo --exit now"])
def test_a_wrong_command_is_noticed(line: str) -> None:
    assert fault_of(line)


@pytest.mark.parametrize("line", NOT_THERE_YET)
def test_what_is_said_to_be_missing_is_missing(line: str) -> None:
    assert fault_of(line.removeprefix("hub "))


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.M))
    for path in DOCS:
        said = re.findall(r"^(?:\w+=\S+ )*make (\w+)", "\n".join(c for _, _, c in blocks(path.read_text("utf-8"))), re.M)
        said += [span.split("make ")[1] for span in spans(path.read_text("utf-8")) if re.match(r"(?:\w+=\S+ )*make \w+$", span)]
        assert set(said) <= targets, name_of(path)


@documents([README, ENGLISH])
def test_the_quick_start_is_that_of_the_makefile(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    start = blocks(path.read_text("utf-8"))[0][2]
    for target in ("demo", "serve"):
        recipe = re.search(rf"^{target}:.*\n((?:\t.+\n)+)", makefile, re.M)
        line = re.search(rf"^make {target}\s.*$", start, re.M)
        assert recipe and line, target
        for step in recipe[1].split("\n\t"):
            assert step.strip().replace("$(BIN)", ".venv/bin") in line[0], step


# ---------------------------------------------------------------- paths and links


def is_path_of_ours(span: str) -> bool:
    """Whether the text in backticks reads like a path of this repository."""
    if span.startswith(OF_THE_READER) or not re.fullmatch(r"[\w.*<>-]+(/[\w.*<>-]+)*/?", span):
        return False
    if "/" in span:
        return (ROOT / span.split("/")[0]).exists() or bool(re.search(r"\.(py|yaml|md|toml|html)$", span))
    return span in ("Makefile", "LICENSE", "pyproject.toml") or bool(re.fullmatch(r"[\w-]+\.md", span))


def exists(span: str, beside: Path) -> bool:
    """Whether there is such a file, or a folder with something in it."""
    pattern = re.sub(r"<\w+>", "*", span.rstrip("/"))
    found = [path for base in (ROOT, beside) for path in base.glob(pattern)]
    return any(path.is_file() or any(child.is_file() and child.suffix != ".pyc" for child in path.rglob("*")) for path in found)


@documents(MANUALS)
def test_every_path_exists(path: Path) -> None:
    wrong = [span for span in spans(path.read_text("utf-8")) if is_path_of_ours(span) and not exists(span, path.parent)]
    assert not wrong, wrong


def test_paths_in_the_picture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = re.findall(r"(?<![\w/])(?:hub|webhooks|connectors|mappings|config)/(?:[\w./]*[\w/])?", blocks(text)[0][2])
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


@documents([*MANUALS, *sorted(ROOT.glob("docs/examples/*/README.md"))])
def test_every_link_resolves(path: Path) -> None:
    text = path.read_text("utf-8")
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        page = path.parent / file if file else path
        if not page.exists() or (anchor and anchor not in anchors(page.read_text("utf-8"))):
            wrong.append(target)
    assert not wrong, wrong


def test_every_picture_is_shown() -> None:
    shown = README.read_text("utf-8") + ENGLISH.read_text("utf-8")
    for picture in (ROOT / "docs" / "images").glob("*.png"):
        assert shown.count(f"(docs/images/{picture.name})") >= 1, f"{picture.name} is in no README"


# ---------------------------------------------------------------- tables, settings, quotations


@documents(DOCS)
def test_tables_say_what_manifests_and_settings_say(path: Path) -> None:
    """``python -m tests.doc_tables`` writes them anew."""
    for _, name, lang, present, _ in BLOCK.findall(path.read_text("utf-8")):
        assert present.strip("\n") == TABLES[name](lang), f"{name} {lang}: run python -m tests.doc_tables"


def test_the_tables_are_where_they_belong() -> None:
    wanted = {README: ["connectors zh"], ENGLISH: ["connectors en"], OPERATIONS: ["settings zh", "settings en"]}
    for path, names in wanted.items():
        found = [f"{name} {lang}" for _, name, lang, _, _ in BLOCK.findall(path.read_text("utf-8"))]
        assert found == names


def test_the_connector_table_leaves_nothing_out() -> None:
    told = README.read_text("utf-8")
    for entry in entries().values():
        if entry.package.startswith("connectors."):
            for capability in entry.manifest.capabilities.values():
                assert capability.title.zh in told, f"{entry.name}: {capability.title.zh}"


def test_both_readmes_have_the_same_shape() -> None:
    """The same levels of headings, tables of the same size, the same commands, in the same order."""
    zh, en = README.read_text("utf-8"), ENGLISH.read_text("utf-8")
    assert [level for level, _ in headings(zh)] == [level for level, _ in headings(en)]
    assert [line.count("|") for line in zh.splitlines() if line.startswith("|")] == [
        line.count("|") for line in en.splitlines() if line.startswith("|")
    ]
    assert [found_in_tree(line)[0] for line in command_lines(zh)] == [found_in_tree(line)[0] for line in command_lines(en)]
    assert [marker for marker, _, _ in blocks(zh)] == [marker for marker, _, _ in blocks(en)]


@documents([README, ENGLISH])
def test_a_readme_stays_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < 250


def test_the_example_settings_load_and_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HUB_{name.upper()}", raising=False)
    assert load_settings(EXAMPLE) == Settings()
    assert set(yaml.safe_load(EXAMPLE.read_text("utf-8"))) == set(Settings.model_fields)


def test_every_setting_is_explained_in_both_languages() -> None:
    told = setting_comments()
    assert list(told) == list(Settings.model_fields)
    for name, texts in told.items():
        assert re.search("[一-鿿]", texts["zh"]) and texts["en"] and not re.search("[一-鿿]", texts["en"]), name


def test_the_example_rules_are_good() -> None:
    lines = re.findall(r"^#   (- \{.+\})$", EXAMPLE.read_text("utf-8"), re.M)
    items = yaml.safe_load("\n".join(lines))
    rules = [Rule.model_validate(item) for item in items if "make" in item]
    tags = [TagRule.model_validate(item) for item in items if "tag" in item]
    notices = [NoticeRule.model_validate(item) for item in items if "through" in item]
    assert len(rules) >= 4 and len(tags) >= 3 and len(notices) >= 3 and len(rules) + len(tags) + len(notices) == len(items)
    for rule in rules:
        makers = [e for e in entries().values() if rule.make in e.manifest.documents]
        assert makers, rule.make


@documents(DOCS)
def test_yaml_in_the_documents_is_accepted(path: Path) -> None:
    for marker, _, content in blocks(path.read_text("utf-8")):
        if marker == "yaml: settings":
            settings = Settings(**yaml.safe_load(content))
            for rule in settings.rules:
                assert any(rule.make in entry.manifest.documents for entry in entries().values()), rule.make
        elif marker.startswith("yaml: account "):
            connector(marker.split()[-1]).load().Config.model_validate(yaml.safe_load(content))


@pytest.fixture(scope="module")
def demo_output(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the demo prints; without the platforms' call budgets, which would make up most of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connect, "budgets_of", lambda hub, account, kind: MemoryBudgets([]))
        with demo.staged(demo.demo_settings(tmp_path_factory.mktemp("demo"))) as stage:
            return [masked(line) for line in demo.told(demo.play(stage)).splitlines()]


def masked(line: str) -> str:
    """How many days a shop's payments fall on depends on the time of day, and our numbers of documents on which account was
    connected first: those are not compared."""
    line = re.sub(r"\b(AR|IV)[A-Z2-7]{16}\b", r"\1#", line)
    return re.sub(r"[\d,.]+", "#", line) if "settlement" in line or "sent" in line else line


@documents([README, ENGLISH])
def test_the_quoted_output_is_what_the_demo_prints(path: Path, demo_output: list[str]) -> None:
    quoted = next(content for marker, _, content in blocks(path.read_text("utf-8")) if marker == "output: hub demo --exit")
    lines = [masked(line) for line in quoted.splitlines()]
    assert quoted.count("✓") == 6 and "✗" not in quoted
    assert [line for line in lines if line not in demo_output] == []


# ---------------------------------------------------------------- manners


@documents([*DOCS, EXAMPLE])
def test_the_project_speaks_of_itself_alone(path: Path) -> None:
    """No machine paths, and no lines so long that nobody reads their end (tables apart)."""
    text = path.read_text("utf-8")
    assert not re.search(r"(?<![\w.])/(?:work|root|home|tmp)/", text)
    assert "�" not in text
