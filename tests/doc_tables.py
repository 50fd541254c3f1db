"""The tables of the documents, made from what they are about: manifests, settings.

``python -m tests.doc_tables`` writes them between ``<!-- table: … -->`` and ``<!-- end -->``; ``tests/test_docs.py`` compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from config.settings import Settings
from connectors.manifest import Manifest
from connectors.registry import entries

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config" / "hub.example.yaml"
LEVELS = ("full", "partial", "not_yet", "cannot")
HEADS = {
    "zh": ("平台", "角色", "完整", "部分", "还没做", "平台不提供", "怎么验证的"),
    "en": ("platform", "roles", "full", "partial", "not yet", "platform cannot", "how it was verified"),
}
ROLES = {
    "zh": {
        "source": "读取",
        "events": "接收推送",
        "listener": "长连接接收推送",
        "sink": "写入单据",
        "tags": "回写标签",
        "notices": "通知员工",
        "sign_in": "登录后台",
        "handover": "交接客户",
    },
    "en": {
        "source": "reads",
        "events": "takes pushes",
        "listener": "keeps a connection for pushes",
        "sink": "takes documents",
        "tags": "writes tags",
        "notices": "tells staff",
        "sign_in": "signs staff in",
        "handover": "hands customers over",
    },
}
SETTING_HEADS = {"zh": ("设置", "环境变量", "默认值", "意思"), "en": ("setting", "variable", "default", "meaning")}
JOIN = {"zh": "；", "en": "; "}
CHINESE = re.compile("[一-鿿]")


def row(cells: tuple[str, ...] | list[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join([row(head), "|" + "---|" * len(head), *map(row, rows)])


def connector_table(lang: str) -> str:
    """Each built-in connector as its manifest says: title, roles, capabilities by level, how it was verified."""
    rows = []
    for entry in entries().values():
        if entry.package.startswith("connectors."):
            rows.append(_connector(entry.name, entry.manifest, lang))
    return table(HEADS[lang], rows)


def _connector(name: str, manifest: Manifest, lang: str) -> list[str]:
    levels: dict[str, list[str]] = {level: [] for level in LEVELS}
    for capability in manifest.capabilities.values():
        levels[capability.level].append(capability.title.get(lang))
    checked = manifest.verified
    how = f"{checked.how.get(lang)} · {checked.against.get(lang)} · {checked.when}"
    return [
        f"[{manifest.title.get(lang)}](connectors/{name}/README.md) `{name}`",
        JOIN[lang].join(ROLES[lang][role] for role in manifest.roles),
        *(JOIN[lang].join(levels[level]) or "–" for level in LEVELS),
        how,
    ]


def settings_table(lang: str) -> str:
    """Each setting with its default and what the example file says of it."""
    told = setting_comments()
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        rows.append([f"`{name}`", f"`HUB_{name.upper()}`", _shown(default), told[name][lang]])
    return table(SETTING_HEADS[lang], rows)


def _shown(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if value is None or value == "":
        return "–"
    return f"`{yaml.safe_dump(str(value) if isinstance(value, Path) else value, default_flow_style=True).splitlines()[0]}`"


def setting_comments() -> dict[str, dict[str, str]]:
    """Setting -> what the comment above it in the example file says, a line in each language."""
    found, above = {}, []
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if match := re.match(r"(\w+):", line):
            found[match[1]] = {"zh": above[0], "en": next(text for text in above if not CHINESE.search(text))}
        above = [*above, line[2:]] if line.startswith("# ") else []
    return found


TABLES: dict[str, Callable[[str], str]] = {"connectors": connector_table, "settings": settings_table}
BLOCK = re.compile(r"(<!-- table: (\w+) (zh|en) -->\n)(.*?)(<!-- end -->)", re.S)


def filled(text: str) -> str:
    """The document with its tables as they are now."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]](found[3]) + "\n" + found[5], text)


def main() -> None:
    """Write the tables of all documents anew."""
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = path.read_text("utf-8")
        if (fresh := filled(text)) != text:
            path.write_text(fresh, "utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
