"""Connectors: what is installed, what each can do, and how that was verified; shown as the manifest says it."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, render_template

from connectors import registry
from connectors.manifest import Manifest
from hub.admin.web import page
from hub.admin.words import category_place

pages = page("connectors", "/connectors")


class Known(NamedTuple):
    """A connector that was found. fault: why it cannot be used."""

    name: str
    manifest: Manifest | None
    fault: str = ""


def known() -> list[Known]:
    """All connectors, by category; one that cannot be read says why and hides no other."""
    found = []
    for name, entry in registry.entries().items():
        try:
            found.append(Known(name, entry.manifest))
        except ValueError as error:
            found.append(Known(name, None, str(error).partition("\n")[0]))
    return sorted(found, key=lambda item: (category_place(item.name), item.name))


@pages.get("")
def index() -> str:
    """The list."""
    return render_template("connectors.html", found=known())


@pages.get("/<name>")
def detail(name: str) -> Any:
    """One connector."""
    try:
        manifest = registry.get(name).manifest
    except registry.UnknownConnector:
        abort(404)
    return render_template("connector.html", manifest=manifest)
