"""Who of the company's people calls a customer theirs (撞单): staff as persons over all platforms, conflicts found and told.

A conflict is derived from profiles and open deals whenever a customer or a deal has changed; what somebody has decided stays
decided until other people come into it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, select, text

from hub.core import Hub
from hub.identity import changed
from hub.identity.records import golden
from hub.models import Deal, OwnerConflict, Staff
from hub.models.base import table
from hub.people import drafting
from hub.store.bulk import Upsert, delete_in, select_in
from hub.store.types import from_us, to_us

CONFLICT, DEAL, STAFF = table(OwnerConflict), table(Deal), table(Staff)
KIND = "owner.conflict"
OPEN_DEALS = ("draft", "in_review")
STATES = ("open", "agreed", "decided")
CHUNK = 500
MOST_TOLD = 20
"""New conflicts that staff are told of at one look. A first reading brings hundreds: those are on the page."""
_BOOKMARK = "owners"
_COLUMNS = ("customer_id", "state", "reason", "owners", "parties", "decided", "by", "since", "changed_at")
_upsert = Upsert("owner_conflict", _COLUMNS, ("customer_id",), update=_COLUMNS[1:])


class Claim(NamedTuple):
    """Somebody's name on a customer. owner: '<account id>|<member>'; since: microseconds; deals: numbers of open deals."""

    owner: str
    name: str
    account: int
    since: int
    profile: str
    deals: tuple[str, ...] = ()


class People:
    """Staff as persons: rows of several platforms with one phone, mailbox or (where it is nobody else's) name are one."""

    def __init__(self, conn: Connection) -> None:
        rows = conn.execute(select(STAFF.c.ref, STAFF.c.state, STAFF.c.data, STAFF.c.deleted)).all()
        self.names = {row.ref: str(row.data.get("name") or "") for row in rows}
        self._left = {row.ref for row in rows if row.state == "left" or row.deleted}
        self._root: dict[str, str] = {row.ref: row.ref for row in rows}
        shared: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in rows:
            for what in ("phone", "email", "name"):
                if value := str(row.data.get(what) or "").strip().casefold():
                    shared[what, value].append(row.ref)
        self._by_name = {}
        for (what, value), refs in sorted(shared.items()):
            if what == "name" and len({ref.split("|")[0] for ref in refs}) < len(refs):
                continue
            for ref in refs[1:]:
                self._join(refs[0], ref)
            if what == "name":
                self._by_name[value] = refs[0]

    def _join(self, a: str, b: str) -> None:
        one, other = sorted((self._find(a), self._find(b)))
        self._root[other] = one

    def _find(self, ref: str) -> str:
        while self._root[ref] != ref:
            ref = self._root[ref]
        return ref

    def person(self, owner: str) -> str:
        """What is the same for all rows of one person. Some sources name the owner in words."""
        if owner in self._root:
            return self._find(owner)
        said = owner.partition("|")[2].strip().casefold()
        return self._find(self._by_name[said]) if said in self._by_name else "name:" + said

    def name(self, owner: str) -> str:
        """What the person is called, else what the source says."""
        return self.names.get(owner) or owner.partition("|")[2]

    def gone(self, owner: str) -> bool:
        """Whether the person has left the company."""
        return owner in self._left

    def at(self, owner: str, account_id: int) -> str | None:
        """The person's id as a member of an account's staff who is still there, else None."""
        wanted = self.person(owner)
        prefix = f"{account_id}|"
        for ref in sorted(self._root):
            if ref.startswith(prefix) and not self.gone(ref) and self._find(ref) == wanted:
                return ref.removeprefix(prefix)
        return None


# ---------------------------------------------------------------- finding


def look(hub: Hub) -> int:
    """Look at whatever has changed since the last time; how many customers were looked at."""
    with hub.db.read() as conn:
        where, detail = changed.place(conn, _BOOKMARK) or (changed.Place(), {})
    looked, told, more = 0, 0 if detail.get("caught") else MOST_TOLD, True
    while more and not hub.stopping():
        with hub.db.write() as conn:
            rows = changed.after(conn, where, CHUNK)
            deals = list(conn.execute(text("SELECT ref FROM owner_check ORDER BY ref LIMIT :n"), {"n": CHUNK}).scalars())
            delete_in(conn, "owner_check", "ref", deals)
            wanted = {row.id for row in rows if row.owned} | _customers_of(conn, deals)
            wanted |= {
                row[0] for row in select_in(conn, "owner_conflict", ("customer_id",), "customer_id", [r.id for r in rows])
            }
            told += check(hub, conn, wanted, tell=MOST_TOLD - told)
            where = changed.further(where, rows)
            more = CHUNK in (len(rows), len(deals))
            if not more:
                detail = {"caught": True, "round": _round(hub, conn, detail.get("round", ""))}
            changed.keep(hub, conn, _BOOKMARK, where, detail)
        looked += len(wanted)
    return looked


def _round(hub: Hub, conn: Connection, last: str) -> str:
    """Some of the open conflicts again, in turn: staff leave, deals are closed or deleted, and no customer changes by that."""
    statement = text(
        "SELECT customer_id FROM owner_conflict WHERE state = 'open' AND customer_id > :last ORDER BY customer_id LIMIT :n"
    )
    found = list(conn.execute(statement, {"last": last, "n": CHUNK}).scalars())
    check(hub, conn, found)
    return found[-1] if len(found) == CHUNK else ""


def _customers_of(conn: Connection, deals: Sequence[str]) -> set[str]:
    profiles = [row[0] for row in select_in(conn, "deal", ("profile_ref",), "ref", deals) if row[0]]
    return {row[0] for row in select_in(conn, "profile", ("customer_id",), "ref", profiles)}


def check(hub: Hub, conn: Connection, customers: Iterable[str], *, tell: int = 0) -> int:
    """Compare the owners of these customers, in the caller's transaction; what has become of each is written down. tell: how
    many new conflicts staff may be told of; how many they were."""
    wanted = sorted(set(customers))
    if not wanted:
        return 0
    people = People(conn)
    stored = {row.customer_id: row for row in conn.execute(select(CONFLICT).where(CONFLICT.c.customer_id.in_(wanted)))}
    active = {row[0] for row in select_in(conn, "customer", ("id", "state"), "id", wanted) if row[1] == "active"}
    claims, deals = _claims(hub, conn, wanted, people)
    gone = [cid for cid in stored if cid not in active]
    delete_in(conn, "owner_conflict", "customer_id", gone)
    opened = 0
    for cid in wanted:
        if cid in active:
            whole = _whole(claims.get(cid, []), deals.get(cid, []), people)
            if _judge(hub, conn, cid, whole, stored.get(cid), people):
                opened += 1
                if opened <= tell:
                    drafting.conflict(conn, hub, cid, [claim.owner for claim in whole[1]], people.name, people.at)
    return min(opened, max(tell, 0))


def _claims(
    hub: Hub, conn: Connection, customers: Sequence[str], people: People
) -> tuple[dict[str, list[Claim]], dict[str, list[Claim]]]:
    """What profiles and what open deals say of each customer."""
    claims: dict[str, list[Claim]] = defaultdict(list)
    home: dict[str, str] = {}
    columns = ("ref", "customer_id", "data", "deleted", "linked_at")
    for ref, cid, data, deleted, linked in select_in(conn, "profile", columns, "customer_id", customers):
        home[ref] = cid
        said = golden.read_profile(hub.ring, ref, data) if not deleted else {}
        if owner := str(said.get("owner") or "").strip():
            account = int(ref.split("|")[0])
            named = f"{account}|{owner}"
            if not people.gone(named):
                claims[cid].append(Claim(named, people.name(named), account, linked, ref))
    deals: dict[str, list[Claim]] = defaultdict(list)
    rows = conn.execute(
        select(DEAL).where(DEAL.c.profile_ref.in_(sorted(home)), DEAL.c.state.in_(OPEN_DEALS), ~DEAL.c.deleted)
    ).all() if home else []  # fmt: skip
    for row in rows:
        if row.owner:
            named = f"{row.account_id}|{row.owner}"
            since = to_us(row.created_at) if row.created_at else hub.now_us()
            if not people.gone(named):
                deals[home[row.profile_ref]].append(
                    Claim(named, people.name(named), row.account_id, since, row.profile_ref, (row.number,))
                )
    return claims, deals


def _whole(claims: list[Claim], deals: list[Claim], people: People) -> tuple[str, list[Claim]]:
    """(reason, one claim for each person and account): '' when all is one person's, or nobody owns the customer."""
    persons = {people.person(claim.owner) for claim in claims}
    others = [claim for claim in deals if persons and people.person(claim.owner) not in persons]
    reason = "profiles" if len(persons) > 1 else "deal" if others else ""
    found: dict[str, Claim] = {}
    for claim in sorted((*claims, *others), key=lambda claim: (claim.since, claim.owner)):
        old = found.get(claim.owner)
        found[claim.owner] = old._replace(deals=tuple(dict.fromkeys((*old.deals, *claim.deals)))) if old else claim
    return reason, list(found.values())


def _judge(hub: Hub, conn: Connection, cid: str, whole: tuple[str, list[Claim]], old: Any, people: People) -> bool:
    """Write down what has become of a customer; whether a conflict is new."""
    reason, claims = whole
    now = hub.now_us()
    if not reason:
        if old is not None and old.state == "open":
            _write(hub, conn, cid, old, state="agreed", owners=[_plain(claim) for claim in claims], changed_at=now)
        return False
    parties = hub.ring.blind("owners", "\n".join(sorted({people.person(claim.owner) for claim in claims})))
    seen = {item["owner"]: item["since"] for item in old.owners} if old is not None else {}
    owners = [_plain(claim) | {"since": seen.get(claim.owner, claim.since)} for claim in claims]
    known = old is not None and bytes(old.parties) == parties and old.state != "agreed"
    if known and old.owners == owners and old.reason == reason:
        return False
    state = old.state if known else "open"
    fresh = {"since": now, "decided": None, "by": None} if not known else {}
    _write(hub, conn, cid, old, state=state, reason=reason, owners=owners, parties=parties, changed_at=now, **fresh)
    return not known


def _plain(claim: Claim) -> dict[str, Any]:
    return claim._asdict() | {"deals": list(claim.deals)}


def _write(hub: Hub, conn: Connection, cid: str, old: Any, **changes: Any) -> None:
    values: dict[str, Any] = dict(old._mapping) if old is not None else {"customer_id": cid}
    values |= changes
    for name in ("since", "changed_at"):
        values[name] = values[name] if isinstance(values[name], int) else to_us(values[name])
    values["owners"] = hub.ring.seal(orjson.dumps(values["owners"]), b"owner_conflict.owners")
    decided = values["decided"]
    values["decided"] = hub.ring.seal(orjson.dumps(decided), b"owner_conflict.decided") if decided else None
    _upsert(conn, [tuple(values[name] for name in _COLUMNS)])


# ---------------------------------------------------------------- looking


def list_(hub: Hub, *where: ColumnElement[bool], state: str = "open", limit: int = 100) -> list[dict[str, Any]]:
    """Conflicts that meet all conditions, newest first, with what the customer is called."""
    query = select(CONFLICT).where(*where)
    if state:
        query = query.where(CONFLICT.c.state == state)
    with hub.db.read() as conn:
        rows = conn.execute(query.order_by(CONFLICT.c.changed_at.desc(), CONFLICT.c.customer_id.desc()).limit(limit)).all()
        called = select_in(conn, "customer", ("id", "kind", "data"), "id", [row.customer_id for row in rows])
        fields = {cid: (kind, golden.values(golden.read(hub.ring, cid, data))) for cid, kind, data in called}
    return [_shown(row) | {"kind": fields[row.customer_id][0], "fields": fields[row.customer_id][1]} for row in rows]


def of(hub: Hub, customer_id: str) -> dict[str, Any] | None:
    """The customer's conflict, open or decided; None when there is none."""
    with hub.db.read() as conn:
        row = conn.execute(select(CONFLICT).where(CONFLICT.c.customer_id == customer_id)).first()
    return _shown(row) if row is not None and row.state != "agreed" else None


def counts(hub: Hub) -> Mapping[str, int]:
    """state -> how many."""
    with hub.db.read() as conn:
        return {state: int(n) for state, n in conn.execute(text("SELECT state, count(*) FROM owner_conflict GROUP BY state"))}


def _shown(row: Any) -> dict[str, Any]:
    owners = [item | {"since": from_us(item["since"])} for item in row.owners]
    return {
        "customer": row.customer_id, "state": row.state, "reason": row.reason, "owners": owners, "decided": row.decided,
        "by": row.by, "since": row.since, "changed_at": row.changed_at,
    }  # fmt: skip
