"""Rules that give tags from chats: what each says and did, a trial over what is stored, and undoing one."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template

from hub.admin.i18n import t
from hub.admin.web import audited, back, done, needs, page, the_hub, who
from hub.chats import desk

pages = page("tag_rules", "/tag-rules")
STATES = ("on", "off", "undone", "new")
CONDITIONS = ("side", "kinds", "keywords", "patterns", "in_group", "member_of", "times", "within_days", "source")
PATIENCE = 15.0
"""Seconds that a trial in the browser looks at most; the command looks longer."""


@pages.get("")
def index() -> str:
    """All rules."""
    return render_template("tag_rules.html", rules=[_shown(rule) for rule in desk.rules(the_hub())])


def _shown(rule: dict[str, Any]) -> dict[str, Any]:
    says = rule["definition"]
    conditions = [(name, _text(name, says[name])) for name in CONDITIONS if says.get(name) not in (None, [], "")]
    return {**rule, "conditions": conditions}


def _text(name: str, value: Any) -> str:
    if name == "side":
        return t(f"side.{value}")
    return " · ".join(map(str, value)) if isinstance(value, list) else str(value)


def _rule(name: str) -> dict[str, Any]:
    found = next((rule for rule in desk.rules(the_hub()) if rule["name"] == name), None)
    if found is None:
        abort(404)
    return _shown(found)


@pages.get("/<name>")
def detail(name: str) -> str:
    """One rule."""
    return render_template("tag_rule.html", rule=_rule(name), trial=None)


@pages.post("/<name>/preview")
@needs("operator")
def preview(name: str) -> str:
    """The rule with what it would do to what is stored."""
    rule = _rule(name)
    if not rule["in_settings"]:
        abort(404)
    audited("tags.preview", name)
    return render_template("tag_rule.html", rule=rule, trial=desk.preview(the_hub(), name, patience=PATIENCE))


@pages.post("/<name>/undo")
@needs("operator")
def undo(name: str) -> Any:
    """Take all tags of the rule away."""
    try:
        found = desk.undo(the_hub(), name, by=who())
    except desk.RuleFault:
        abort(404)
    done("tags.undone", n=found["removed"])
    return back("tag_rules.detail", name=name)
