"""Giving tags: messages and memberships to hits, hits to tags. A job of small transactions; a kill repeats one of them.

A message is looked at once by each generation of rules. What matched stays as a hit, the evidence; whether a customer has a
tag follows from his hits alone, so that the order in which messages come, or come twice, makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text

from hub.chats import book
from hub.chats.rules import PREFIX, Said, plain
from hub.core import Hub
from hub.events.mint import EventRow, insert_events, mint
from hub.people import tags as written
from hub.store.bulk import Row, Upsert, select_in
from hub.sync.project import remove_assignments

BATCH = 1000
_insert_hit = Upsert(
    "chat_hit", ("rule", "ref", "digest", "version", "at"), ("rule", "ref", "digest"), update=("version", "at")
)
_due_tag = Upsert("chat_tag", ("rule", "digest", "due"), ("rule", "digest"), update=("due",))
_settled = Upsert(
    "chat_tag", ("rule", "digest", "profile_ref", "since", "due"), ("rule", "digest"), update=("profile_ref", "since", "due")
)
_insert_assignment = Upsert(
    "tag_assignment", ("profile_ref", "tag_ref", "name", "group", "by", "since", "rule"), ("profile_ref", "tag_ref")
)
Hit = tuple[str, str, bytes]
"""Rule, ref of what matched, customer."""


def due(hub: Hub, conn: Connection) -> bool:
    """Whether there is anything to do, without the customers who are not known yet."""
    known = book.stored(conn)
    if book.changed(hub, known):
        return True
    generation = max((entry.generation for entry in known.values()), default=0)
    for table in ("message", "chat_group"):
        found = conn.execute(text(f"SELECT 1 FROM {table} WHERE judged < :g LIMIT 1"), {"g": generation})  # noqa: S608
        if found.first() is not None:
            return True
    return conn.execute(text("SELECT 1 FROM chat_tag WHERE due LIMIT 1")).first() is not None


def work(hub: Hub) -> bool:
    """One round: rules, groups, messages, tags; whether there is more."""
    with hub.db.write() as conn:
        book.agree(hub, conn)
        meet(conn)
    for step in (judge_groups, judge_messages, settle):
        # Tags wait until all is judged: half of the evidence would take some away and give them back.
        with hub.db.write() as conn:
            if step(hub, conn) >= BATCH:
                return True
    return False


def meet(conn: Connection) -> None:
    """Have the tags of customers looked at who have become known since."""
    waiting = "SELECT DISTINCT t.rule, t.digest FROM chat_tag t JOIN identity_key k ON k.digest = t.digest"
    rows = conn.execute(text(f"{waiting} WHERE t.profile_ref IS NULL AND NOT t.due LIMIT {BATCH}")).all()
    _due_tag(conn, [(rule, bytes(digest), True) for rule, digest in rows])


# -- messages and groups to hits


def judge_messages(hub: Hub, conn: Connection) -> int:
    """Look at messages that the newest rules have not seen; how many it were."""
    rules = book.in_force(hub, conn)
    lock = " FOR UPDATE SKIP LOCKED" if conn.dialect.name == "postgresql" else ""
    columns = "ref, account_id, group_digest, digest, side, kind, body, at, recalled"
    statement = text(f"SELECT {columns} FROM message WHERE judged < :g LIMIT {BATCH}{lock}")  # noqa: S608
    rows = conn.execute(statement, {"g": rules.generation}).all()
    if not rows:
        return 0
    found: dict[Hit, int] = {}
    for row, said in zip(rows, said_in(hub, conn, rows), strict=True):
        if row.digest is not None and not row.recalled:
            for name, matcher in rules.matchers.items():
                if matcher.matches(said):
                    found[name, row.ref, bytes(row.digest)] = row.at
    _note(conn, rules, [row.ref for row in rows], found)
    _judged(conn, "message", [row.ref for row in rows], rules.generation)
    return len(rows)


def said_in(hub: Hub, conn: Connection, rows: Sequence[Any]) -> list[Said]:
    """What rules see of these rows of ``message``."""
    accounts = dict(conn.execute(text("SELECT id, key FROM account")).tuples().all())
    names = group_names(hub, conn, [bytes(row.group_digest) for row in rows if row.group_digest is not None])
    found = []
    for row in rows:
        body = orjson.loads(hub.ring.unpack(row.body, row.ref))
        group = names.get(bytes(row.group_digest), "") if row.group_digest is not None else ""
        found.append(Said(accounts.get(row.account_id, ""), row.side, row.kind, plain(body.get("text", "")), group))
    return found


def group_names(hub: Hub, conn: Connection, digests: Iterable[bytes]) -> dict[bytes, str]:
    """Names of groups by what messages know them by."""
    rows = select_in(conn, "chat_group", ("digest", "name"), "digest", digests)
    return {bytes(digest): _name(hub, name) for digest, name in rows if name is not None}


def _name(hub: Hub, sealed: bytes) -> str:
    return str(orjson.loads(hub.ring.open(bytes(sealed), b"chat_group.name")))


def judge_groups(hub: Hub, conn: Connection) -> int:
    """Look at groups that have changed, or that the newest rules have not seen; how many it were."""
    rules = book.in_force(hub, conn)
    lock = " FOR UPDATE SKIP LOCKED" if conn.dialect.name == "postgresql" else ""
    columns = "ref, account_id, digest, name, state, deleted"
    statement = text(f"SELECT {columns} FROM chat_group WHERE judged < :g LIMIT {BATCH}{lock}")  # noqa: S608
    rows = conn.execute(statement, {"g": rules.generation}).all()
    if not rows:
        return 0
    accounts = dict(conn.execute(text("SELECT id, key FROM account")).tuples().all())
    members: dict[str, list[tuple[bytes, int | None]]] = {}
    for ref, digest, joined in select_in(
        conn, "group_member", ("group_ref", "digest", "joined_at"), "group_ref", [r.ref for r in rows]
    ):
        if digest is not None:
            members.setdefault(ref, []).append((bytes(digest), joined))
    found: dict[Hit, int] = {}
    for row in rows:
        name = _name(hub, row.name) if row.name is not None and not row.deleted and row.state != "dissolved" else ""
        for rule, matcher in rules.matchers.items():
            if matcher.takes_members_of(accounts.get(row.account_id, ""), name):
                found |= {(rule, row.ref, digest): joined or hub.now_us() for digest, joined in members.get(row.ref, ())}
    _note(conn, rules, [row.ref for row in rows], found)
    if any(matcher.rule.in_group for matcher in rules.matchers.values()):
        # Its messages may have come before its name, or under another one.
        for row in rows:
            conn.execute(text("UPDATE message SET judged = 0 WHERE group_digest = :digest"), {"digest": row.digest})
    _judged(conn, "chat_group", [row.ref for row in rows], rules.generation)
    return len(rows)


def _note(conn: Connection, rules: book.InForce, refs: Sequence[str], found: dict[Hit, int]) -> None:
    """Bring the hits of these messages or groups to what was found; tags that rest on a difference are due."""
    stored = select_in(conn, "chat_hit", ("rule", "ref", "digest", "version"), "ref", refs)
    before = {(rule, ref, bytes(digest)): version for rule, ref, digest, version in stored if rule in rules.matchers}
    fresh = [hit for hit in found if before.get(hit) != rules.versions[hit[0]]]
    gone = [hit for hit in before if hit not in found]
    _insert_hit(conn, [(*hit, rules.versions[hit[0]], found[hit]) for hit in fresh])
    for hit in gone:
        conn.execute(
            text("DELETE FROM chat_hit WHERE rule = :rule AND ref = :ref AND digest = :digest"),
            dict(zip(("rule", "ref", "digest"), hit, strict=True)),
        )
    _due_tag(conn, {(rule, digest, True) for rule, _, digest in (*fresh, *gone)})


def _judged(conn: Connection, table: str, refs: Sequence[str], generation: int) -> None:
    statement = text(f"UPDATE {table} SET judged = :g WHERE ref = :ref")  # noqa: S608 - names are ours
    conn.execute(statement, [{"g": generation, "ref": ref} for ref in refs])


# -- hits to tags


def settle(hub: Hub, conn: Connection) -> int:
    """Give and take the tags that are due; how many were looked at."""
    rules = book.in_force(hub, conn)
    lock = " FOR UPDATE SKIP LOCKED" if conn.dialect.name == "postgresql" else ""
    statement = text(f"SELECT rule, digest, profile_ref, since FROM chat_tag WHERE due LIMIT {BATCH}{lock}")  # noqa: S608
    rows = [(rule, bytes(digest), ref, since) for rule, digest, ref, since in conn.execute(statement)]
    if not rows:
        return 0
    keep = _deserved(conn, rules, rows)
    lost = [row for row in rows if (row[0], row[1]) not in keep]
    events = take_away(hub, conn, lost)
    events += _give(hub, conn, rules, [row for row in rows if (row[0], row[1]) in keep])
    insert_events(conn, events)
    return len(rows)


def _deserved(conn: Connection, rules: book.InForce, rows: Sequence[Row]) -> set[tuple[str, bytes]]:
    """Which of these (rule, customer) still have what the rule asks for. A rule that is switched off gives none and takes
    none, unless nothing is left of what its tag rests on."""
    moments: dict[tuple[str, bytes], list[int]] = {}
    for rule, digest, at in select_in(conn, "chat_hit", ("rule", "digest", "at"), "digest", {row[1] for row in rows}):
        moments.setdefault((rule, bytes(digest)), []).append(at)
    states = {name: entry.state for name, entry in book.stored(conn).items()}
    found = set()
    for rule, digest, ref, _ in rows:
        seen, matcher = moments.get((rule, digest), []), rules.matchers.get(rule)
        if matcher.enough(seen) if matcher else bool(seen and ref and states.get(rule) == "off"):
            found.add((rule, digest))
    return found


def _give(hub: Hub, conn: Connection, rules: book.InForce, rows: Sequence[Row]) -> list[EventRow]:
    homes = _homes(conn, [row[1] for row in rows if row[2] is None])
    now, settled, assigned, events = hub.now_us(), [], [], []
    for rule, digest, ref, since in rows:
        home = ref or homes.get(digest)
        if ref is None and home is not None and rule in rules.matchers:
            said, tag = rules.matchers[rule].rule, tag_ref(home, rule)
            assigned.append((home, tag, said.tag, said.group, f"rule:{rule}", now, PREFIX + rule))
            data = {"tag": tag, "by": f"rule:{rule}", "version": rules.versions[rule]}
            events.append(_event("tag.added", home, tag, data, now))
            if said.write_back:
                written.wish_named(conn, hub.now(), home, said.tag, said.group, by=f"rule:{rule}")
            settled.append((rule, digest, home, now, False))
        else:
            settled.append((rule, digest, ref, since, False))
    _insert_assignment(conn, assigned)
    _settled(conn, settled)
    return events


def take_away(hub: Hub, conn: Connection, rows: Iterable[Row]) -> list[EventRow]:
    """Take tags (rule, customer, profile, since) away; the events of it."""
    now, events, pairs = hub.now_us(), [], []
    for rule, digest, ref, _ in rows:
        conn.execute(text("DELETE FROM chat_tag WHERE rule = :rule AND digest = :digest"), {"rule": rule, "digest": digest})
        if ref is not None:
            tag = tag_ref(ref, rule)
            pairs.append((ref, tag))
            written.withdraw(conn, hub.now(), ref, by=f"rule:{rule}")
            events.append(_event("tag.removed", ref, tag, {"tag": tag, "by": f"rule:{rule}"}, now))
    remove_assignments(conn, pairs)
    return events


def _event(kind: str, ref: str, tag: str, data: dict[str, Any], now: int) -> EventRow:
    return mint(kind, int(ref.split("|")[0]), ref, now, now, data, fact=f"{tag}|{now}")


def tag_ref(profile_ref: str, rule: str) -> str:
    """The ref of a rule's tag: of the account whose profile carries it."""
    return f"{profile_ref.split('|')[0]}|{PREFIX}{rule}"


def _homes(conn: Connection, digests: Sequence[bytes]) -> dict[bytes, str]:
    """The profile that carries a customer's derived tags: the first of those that are not deleted."""
    keys = select_in(conn, "identity_key", ("digest", "profile_ref"), "digest", digests)
    gone = {row[0] for row in select_in(conn, "profile", ("ref", "deleted"), "ref", [ref for _, ref in keys]) if row[1]}
    found: dict[bytes, str] = {}
    for digest, ref in sorted(((bytes(digest), ref) for digest, ref in keys), key=lambda row: row[1]):
        if ref not in gone:
            found.setdefault(digest, ref)
    return found
