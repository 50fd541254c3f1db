"""The words of the pages: YAML catalogues, each text in both languages side by side, read at start.

No compile step: a fresh clone runs. ``tests/hub/admin/test_i18n.py`` fails on a missing, empty or unused text.
Flask-Babel serves the libraries' own messages (sign-in forms) in the same language.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from flask import current_app, g, has_request_context, request
from flask_login import current_user

from mappings import plain

LANGUAGES = ("zh", "en")
COOKIE = "lang"
FOLDER = Path(__file__).parent / "translations"


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """key -> {"zh", "en"}. Raises ValueError when a key stands in two files."""
    texts: dict[str, dict[str, str]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for key, text in (plain.load(path.read_text("utf-8")) or {}).items():
            if key in texts:
                raise ValueError(f"{path.name}: {key} is already defined")
            texts[key] = text
    return texts


def language() -> str:
    """The reader's language: their own setting, else the cookie's, else the hub's."""
    if not has_request_context():
        return "zh"
    if "lang" not in g:
        own = getattr(current_user, "language", None) if current_user else None
        chosen = own or request.cookies.get(COOKIE)
        default = current_app.extensions["hub"].settings.language
        g.lang = chosen if chosen in LANGUAGES else default
    return str(g.lang)


def locale() -> str:
    """The language as Babel names it."""
    return {"zh": "zh_Hans_CN", "en": "en"}[language()]


def t(key: str, /, **params: Any) -> str:
    """The text of that key in the reader's language."""
    text = catalogue().get(key)
    if text is None:
        if has_request_context() and current_app.testing:
            raise LookupError(f"no text {key!r}")
        return key
    return text[language()].format(**params) if params else text[language()]


def pick(zh: str, en: str) -> str:
    """One of two texts by the reader's language; the other where one is missing."""
    return (en or zh) if language() == "en" else (zh or en)


def both(text: Any) -> str:
    """A manifest text (or {"zh", "en"}) in the reader's language."""
    if text is None:
        return ""
    if isinstance(text, dict):
        return pick(text.get("zh", ""), text.get("en", ""))
    return pick(text.zh, text.en)
