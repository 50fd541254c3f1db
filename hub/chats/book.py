"""The rules as the hub knows them: versions, switches, and which are in force."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, text

from config.settings import TagRule
from hub.chats.rules import Matcher, definition
from hub.core import Hub
from hub.store.bulk import Upsert

_upsert = Upsert(
    "chat_rule",
    ("rule", "version", "state", "generation", "definition", "changed_at"),
    ("rule",),
    update=("version", "state", "generation", "definition", "changed_at"),
)


class Entry(NamedTuple):
    """A rule as stored. state: on | off | undone."""

    rule: str
    version: int
    state: str
    generation: int
    definition: dict[str, Any]


class InForce(NamedTuple):
    """The rules that give tags, by name, with their versions; and the newest generation of all."""

    matchers: dict[str, Matcher]
    versions: dict[str, int]
    generation: int


def stored(conn: Connection) -> dict[str, Entry]:
    """All rules that the hub has ever seen, by name."""
    rows = conn.execute(text("SELECT rule, version, state, generation, definition FROM chat_rule ORDER BY rule"))
    return {
        rule: Entry(rule, version, state, generation, orjson.loads(says) if isinstance(says, str) else says)
        for rule, version, state, generation, says in rows
    }


def changed(hub: Hub, known: dict[str, Entry]) -> dict[str, Entry]:
    """The rules whose entry must change to agree with the settings."""
    found, generation = {}, max((entry.generation for entry in known.values()), default=0)
    wanted = {rule.name: rule for rule in hub.settings.tag_rules}
    for name, rule in wanted.items():
        entry = _entry(rule, known.get(name), generation + 1)
        if entry != known.get(name):
            found[name] = entry
    for name, entry in known.items():
        if name not in wanted and entry.state == "on":
            found[name] = entry._replace(state="off")
    return found


def _entry(rule: TagRule, old: Entry | None, generation: int) -> Entry:
    """The entry that the rule has now. One that a person has undone comes back when it has changed, or was switched off."""
    says = definition(rule)
    if old is None:
        return Entry(rule.name, 1, "on" if rule.enabled else "off", generation if rule.enabled else 0, says)
    if old.definition != says:
        return Entry(rule.name, old.version + 1, "on" if rule.enabled else "off", generation, says)
    if not rule.enabled:
        return old._replace(state="off")
    return old._replace(state="on", generation=generation) if old.state == "off" else old


def agree(hub: Hub, conn: Connection) -> None:
    """Bring the stored rules to what the settings say. What a changed rule has matched is looked at again."""
    known = stored(conn)
    news = changed(hub, known)
    for name, entry in news.items():
        if name in known and known[name].version != entry.version:
            # Evidence whose message is still there is judged anew; what has been deleted on its date stays as it was.
            there = "EXISTS (SELECT 1 FROM message m WHERE m.ref = chat_hit.ref)"
            group = "EXISTS (SELECT 1 FROM chat_group g WHERE g.ref = chat_hit.ref)"
            conn.execute(text(f"DELETE FROM chat_hit WHERE rule = :rule AND ({there} OR {group})"), {"rule": name})  # noqa: S608
            conn.execute(text("UPDATE chat_tag SET due = true WHERE rule = :rule"), {"rule": name})
    now = hub.now_us()
    _upsert(conn, [(*entry[:4], orjson.dumps(entry.definition).decode(), now) for entry in news.values()])


def in_force(hub: Hub, conn: Connection) -> InForce:
    """The rules that give tags now; what else would change them waits until this transaction ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT rule FROM chat_rule FOR SHARE"))
    known = stored(conn)
    on = [rule for rule in hub.settings.tag_rules if rule.name in known and known[rule.name].state == "on"]
    generation = max((entry.generation for entry in known.values()), default=0)
    return InForce({r.name: Matcher(r) for r in on}, {r.name: known[r.name].version for r in on}, generation)
