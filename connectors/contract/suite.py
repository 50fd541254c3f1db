"""``contract_tests``: all scenarios that apply to a connector.

The rules stand in ``declared`` (manifest, mappings, folder), ``reading`` (pages and records), ``faulty`` (the platform
misbehaves), ``delivering`` (documents), ``following`` (what comes back of them), ``acting`` (tags, notices, sign-in),
``handing`` (owners change), ``pushed`` (webhooks), ``listening`` (kept connections), ``rotating`` (credentials that
change), ``renewing`` (tokens that die again and again) and ``secrecy`` (logs, errors, budgets).
"""

from __future__ import annotations

from connectors.contract.scenario import RULES, Rule, Scenario
from connectors.registry import Entry, get


def contract_tests(entry: Entry | str) -> list[Scenario]:
    """The scenarios for a connector, given by its name (an installed one) or its registry entry."""
    entry = get(entry) if isinstance(entry, str) else entry
    return [Scenario(entry, rule, subject) for rule in RULES for subject in _subjects(entry, rule)]


def _subjects(entry: Entry, rule: Rule) -> list[str | None]:
    manifest = entry.manifest
    if rule.role and rule.role not in manifest.roles:
        return []
    if rule.each == "stream":
        return [name for name, stream in manifest.streams.items() if stream.pulled or rule.role != "source"]
    if rule.each == "tagged":
        return [name for name, stream in manifest.streams.items() if stream.tags == "written"]
    if rule.each == "handed":
        return [name for name, stream in manifest.streams.items() if stream.handover]
    if rule.each == "document":
        return list(manifest.documents)
    if rule.each in ("spent", "sent"):
        how = {"spent": "use", "sent": "push"}[rule.each]
        return [name for name, kind in manifest.credentials.items() if kind.changed_by == how]
    return [None]
