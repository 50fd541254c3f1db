"""What people do with tag rules: look at them, try one over what is stored, undo one; and the evidence behind a tag."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text

from config.settings import TagRule
from hub.chats import book
from hub.chats.rules import PREFIX, Matcher, definition
from hub.chats.tagging import group_names, said_in, take_away
from hub.core import Hub
from hub.events.mint import insert_events
from hub.security import audit
from hub.store.bulk import delete_in, select_in
from hub.store.types import from_us

PAGE = 1000
SAMPLES = 5
PATIENCE = 60.0
"""Seconds that a preview looks at most; beyond them it says that it has not seen all."""
COLUMNS = "ref, account_id, group_digest, digest, side, kind, body, at, recalled"


class RuleFault(ValueError):
    """A rule that there is none of; the texts say which there are."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh, self.en = zh, en


def _rule(hub: Hub, name: str) -> TagRule:
    found = {rule.name: rule for rule in hub.settings.tag_rules}
    if name not in found:
        names = ", ".join(sorted(found)) or "-"
        raise RuleFault(f"设置里没有标签规则 {name}，有：{names}", f"no tag rule {name!r} in the settings, there are: {names}")
    return found[name]


def rules(hub: Hub) -> list[dict[str, Any]]:
    """All rules, those of the settings first: state, version, customers with the tag, and those not known yet."""
    with hub.db.read() as conn:
        known = book.stored(conn)
        with_tag = "count(profile_ref)"
        rows = conn.execute(text(f"SELECT rule, {with_tag}, count(*) - {with_tag} FROM chat_tag GROUP BY rule")).all()  # noqa: S608
        hits = dict(conn.execute(text("SELECT rule, count(*) FROM chat_hit GROUP BY rule")).tuples().all())
    counted = {rule: (tagged, waiting) for rule, tagged, waiting in rows}
    wanted = {rule.name: rule for rule in hub.settings.tag_rules}
    found = []
    for name in [*wanted, *sorted(known.keys() - wanted.keys())]:
        rule, entry = wanted.get(name), known.get(name)
        says = definition(rule) if rule else entry.definition if entry else {}
        tagged, waiting = counted.get(name, (0, 0))
        found.append({
            "name": name, "tag": says.get("tag", ""), "group": says.get("group"), "enabled": bool(rule and rule.enabled),
            "state": entry.state if entry else "new", "version": entry.version if entry else 0, "in_settings": rule is not None,
            "definition": says, "customers": tagged, "waiting": waiting, "matches": hits.get(name, 0),
        })  # fmt: skip
    return found


def preview(hub: Hub, name: str, *, patience: float = PATIENCE) -> dict[str, Any]:
    """What the rule would do with all that is stored, without doing it. Raises RuleFault."""
    matcher = Matcher(_rule(hub, name))
    with hub.db.read() as conn:
        by_member = matcher.rule.member_of is not None
        tried = _tried_on_members(hub, conn, matcher) if by_member else _tried(hub, conn, matcher, patience)
        looked, complete, moments, refs = tried
        deserved = {digest for digest, found in moments.items() if matcher.enough(found)}
        homes = _customers(conn, deserved)
        tagged = text("SELECT digest FROM chat_tag WHERE rule = :rule AND profile_ref IS NOT NULL")
        have = {bytes(row[0]) for row in conn.execute(tagged, {"rule": name})}
    known = {homes[digest] for digest in deserved if digest in homes}
    shown = [hit for hit in refs if hit[2] in deserved][:SAMPLES]
    samples = [{"ref": ref, "at": from_us(at).isoformat(), "customer": homes.get(digest)} for ref, at, digest in shown]
    return {
        "rule": name, "looked_at": looked, "complete": complete, "matches": sum(map(len, moments.values())),
        "customers": len(known), "unknown_people": len([d for d in deserved if d not in homes]), "new": len(deserved - have),
        "lost": len(have - deserved) if complete else None, "samples": samples,
    }  # fmt: skip


Tried = tuple[int, bool, dict[bytes, list[int]], list[tuple[str, int, bytes]]]


def _tried(hub: Hub, conn: Connection, matcher: Matcher, patience: float) -> Tried:
    ends, last, looked = time.monotonic() + patience, "", 0
    moments: dict[bytes, list[int]] = {}
    refs: list[tuple[str, int, bytes]] = []
    while time.monotonic() < ends:
        statement = text(f"SELECT {COLUMNS} FROM message WHERE ref > :last ORDER BY ref LIMIT {PAGE}")  # noqa: S608
        rows = conn.execute(statement, {"last": last}).all()
        if not rows:
            return looked, True, moments, refs
        last, looked = rows[-1].ref, looked + len(rows)
        for row, said in zip(rows, said_in(hub, conn, rows), strict=True):
            if row.digest is not None and not row.recalled and matcher.matches(said):
                moments.setdefault(bytes(row.digest), []).append(row.at)
                if len(refs) < PAGE:
                    refs.append((row.ref, row.at, bytes(row.digest)))
    return looked, False, moments, refs


def _tried_on_members(hub: Hub, conn: Connection, matcher: Matcher) -> Tried:
    accounts = dict(conn.execute(text("SELECT id, key FROM account")).tuples().all())
    groups = conn.execute(
        text("SELECT ref, account_id, digest FROM chat_group WHERE NOT deleted AND state <> 'dissolved'")
    ).all()
    names = group_names(hub, conn, [bytes(row.digest) for row in groups])
    mine = [g.ref for g in groups if matcher.takes_members_of(accounts.get(g.account_id, ""), names.get(bytes(g.digest), ""))]
    moments: dict[bytes, list[int]] = {}
    refs: list[tuple[str, int, bytes]] = []
    for ref, digest, joined in select_in(conn, "group_member", ("group_ref", "digest", "joined_at"), "group_ref", mine):
        if digest is not None:
            moments.setdefault(bytes(digest), []).append(joined or 0)
            refs.append((ref, joined or 0, bytes(digest)))
    return len(groups), True, moments, refs


def _customers(conn: Connection, digests: set[bytes]) -> dict[bytes, str]:
    rows = select_in(conn, "identity_key", ("digest", "customer_id"), "digest", digests)
    return {bytes(digest): customer for digest, customer in rows}


def undo(hub: Hub, name: str, *, by: str) -> dict[str, Any]:
    """Take all tags of a rule away, with their evidence; it gives none until it is changed, or switched off and on again.
    Raises RuleFault when the hub has never seen the rule."""
    with hub.db.write() as conn:
        book.agree(hub, conn)
        if name not in book.stored(conn):
            known = ", ".join(sorted(book.stored(conn))) or "-"
            raise RuleFault(f"没有标签规则 {name}，有：{known}", f"no tag rule {name!r}, there are: {known}")
        mine = {"rule": name, "now": hub.now_us()}
        conn.execute(text("UPDATE chat_rule SET state = 'undone', changed_at = :now WHERE rule = :rule"), mine)
        rows = conn.execute(text("SELECT rule, digest, profile_ref, since FROM chat_tag WHERE rule = :rule"), mine).all()
        insert_events(conn, take_away(hub, conn, [tuple(row) for row in rows]))
        delete_in(conn, "chat_hit", "rule", [name])
        taken = sum(1 for row in rows if row.profile_ref is not None)
        audit.record(conn, by, "tags.undo", name, tags=taken)
    return {"rule": name, "removed": taken}


Evidence = dict[tuple[str, str], list[dict[str, Any]]]


def evidence(hub: Hub, conn: Connection, profile_refs: Sequence[str], *, most: int = 20) -> Evidence:
    """(profile, tag ref) -> what the tag rests on, newest first: when, which rule and version, and the words while they are
    kept."""
    tags = select_in(conn, "chat_tag", ("rule", "digest", "profile_ref"), "profile_ref", profile_refs)
    homes = {(rule, bytes(digest)): ref for rule, digest, ref in tags}
    hits = select_in(conn, "chat_hit", ("rule", "ref", "digest", "version", "at"), "digest", {digest for _, digest in homes})
    mine: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for rule, ref, digest, version, at in hits:
        if home := homes.get((rule, bytes(digest))):
            mine.setdefault((home, f"{home.split('|')[0]}|{PREFIX}{rule}"), []).append((at, rule, ref, version))
    shown = {key: sorted(rows, reverse=True)[:most] for key, rows in mine.items()}
    words = _words(hub, conn, {row[2] for rows in shown.values() for row in rows})
    return {
        key: [
            {"at": from_us(at), "rule": rule, "ref": ref, "version": version, **words.get(ref, {})}
            for at, rule, ref, version in rows
        ]
        for key, rows in shown.items()
    }


def _words(hub: Hub, conn: Connection, refs: set[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for ref, side, kind, body in select_in(conn, "message", ("ref", "side", "kind", "body"), "ref", refs):
        found[ref] = {"side": side, "kind": kind, "words": orjson.loads(hub.ring.unpack(body, ref)).get("text", "")}
    for ref, name in select_in(conn, "chat_group", ("ref", "name"), "ref", refs - found.keys()):
        if name is not None:
            found[ref] = {"side": "", "kind": "group", "words": orjson.loads(hub.ring.open(bytes(name), b"chat_group.name"))}
    return found
