"""Questions for people: pairs that the evidence does not settle, first those whose answer puts most right; answers, which
count at once and for ever, and taking them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, text

from hub.core import Hub
from hub.identity import again, deciding
from hub.identity.core.features import Features
from hub.identity.core.store import Decision, Evidence, Review
from hub.identity.desk import reasons, relations
from hub.identity.desk.service import IdentityFault
from hub.identity.records import golden
from hub.identity.tables import ledger
from hub.identity.tables.profiles import open_features
from hub.security import audit
from hub.store.bulk import select_in
from hub.store.types import from_us, to_us

VERDICTS = ("same", "different", "related", "unsure")
SKIP_DAYS, MOST_DAYS = 30, 365
_FIELDS = "r.a, r.b, r.reason, r.bits, r.worth, r.evidence, r.weights, r.state, r.at, p.customer_id, q.customer_id AS other"
_JOINED = "identity_review r JOIN profile p ON p.ref = r.a JOIN profile q ON q.ref = r.b"
_STANDS = "p.customer_id <> q.customer_id AND NOT p.deleted AND NOT q.deleted"
_WAITING = ("r.state = 'open'", "r.state = 'unsure' AND r.until <= :now")
LANGUAGES = ("zh", "en")


# ---------------------------------------------------------------- looking


def queue(hub: Hub, limit: int = 50, *, skip: int = 0) -> list[dict[str, Any]]:
    """Open questions, the one worth most first; among them those that were put off until now. skip: so many of the first."""
    order = "ORDER BY r.worth DESC, r.a, r.b LIMIT :most"
    asked = [text(f"SELECT {_FIELDS} FROM {_JOINED} WHERE {state} AND {_STANDS} {order}") for state in _WAITING]  # noqa: S608
    values = {"most": limit + skip, "now": hub.now_us()}
    with hub.db.read() as conn:
        found = [dict(row) for each in asked for row in conn.execute(each, values).mappings()]
        rows = sorted(found, key=lambda row: (-row["worth"], row["a"], row["b"]))[skip : skip + limit]
        called = _called(hub, conn, {row[side] for row in rows for side in ("customer_id", "other")})
    return [_question(row) | {"sides": [called[row["customer_id"]], called[row["other"]]]} for row in rows]


def counts(hub: Hub) -> dict[str, int]:
    """How many questions are open, kept for later, put off, and answered; again: customers who wait for a second look, after
    which questions may come or go."""
    with hub.db.read() as conn:
        rows = conn.execute(text("SELECT state, count(*) FROM identity_review GROUP BY state"))
        found = {state: int(n) for state, n in rows}
        looks = again.waiting(conn)
    answered = sum(found.get(verdict, 0) for verdict in ("same", "different", "related"))
    states = {state: found.get(state, 0) for state in ("open", "kept", "unsure")}
    return {**states, "answered": answered, "again": looks}


def decided(hub: Hub, limit: int = 50) -> list[dict[str, Any]]:
    """What people have decided, newest first."""
    statement = text(
        'SELECT d.a, d.b, d.verdict, d."by", d.at, p.customer_id, q.customer_id AS other FROM identity_decision d '
        "JOIN profile p ON p.ref = d.a JOIN profile q ON q.ref = d.b ORDER BY d.at DESC, d.a, d.b LIMIT :most"
    )
    with hub.db.read() as conn:
        rows = conn.execute(statement, {"most": limit}).mappings().all()
        called = _called(hub, conn, {row[side] for row in rows for side in ("customer_id", "other")})
    return [
        {**{name: row[name] for name in ("a", "b", "verdict", "by")}, "at": from_us(row["at"]),
         "sides": [called[row["customer_id"]], called[row["other"]]]}
        for row in rows
    ]  # fmt: skip


def pair(hub: Hub, a: str, b: str) -> dict[str, Any] | None:
    """Two profiles side by side; None when one is not there. sides: for each its customer with fields and sources."""
    with hub.db.read() as conn:
        rows = {row[0]: row for row in select_in(conn, "profile", ("ref", "customer_id", "data", "deleted"), "ref", [a, b])}
        if len(rows) != 2:
            return None
        called = _called(hub, conn, [rows[ref][1] for ref in (a, b)])
        low, high = sorted((a, b))
        statement = text(f"SELECT {_FIELDS} FROM {_JOINED} WHERE r.a = :a AND r.b = :b")  # noqa: S608 - constants
        asked = conn.execute(statement, {"a": low, "b": high}).mappings().first()
        said = conn.execute(
            text('SELECT verdict, "by", at FROM identity_decision WHERE a = :a AND b = :b'), {"a": low, "b": high}
        ).first()
        homes = [rows[ref][1] for ref in (a, b)]
        together = homes[0] == homes[1]
        return {
            "a": a, "b": b, "together": together, "question": _question(dict(asked)) if asked else None,
            "decision": {"verdict": said[0], "by": said[1], "at": from_us(said[2])} if said else None,
            "relations": [{"kind": kind, "forward": forward, "by": by} for kind, forward, by in relations.between(conn, a, b)],
            "obstacle": "" if together else _obstacle(hub, conn, homes),
            "sides": [
                {**called[rows[ref][1]], "ref": ref, "deleted": bool(rows[ref][3]),
                 "profile": golden.read_profile(hub.ring, ref, rows[ref][2])}
                for ref in (a, b)
            ],
        }  # fmt: skip


def _question(row: Mapping[str, Any]) -> dict[str, Any]:
    stored = row["evidence"]
    listed = orjson.loads(stored) if isinstance(stored, str | bytes) else stored
    items = tuple(Evidence(*item) for item in listed)
    asked = Review(row["a"], row["b"], row["reason"], row["bits"], row["worth"], items, row["weights"])
    return {
        "a": row["a"], "b": row["b"], "reason": row["reason"], "bits": row["bits"], "worth": row["worth"],
        "state": row["state"], "at": from_us(row["at"]), "weights": row["weights"], "evidence": items,
        "sentence": {lang: reasons.question(asked, lang) for lang in LANGUAGES},
    }  # fmt: skip


def _called(hub: Hub, conn: Connection, customers: Sequence[str] | set[str]) -> dict[str, dict[str, Any]]:
    """What each customer is called, its fields, and the accounts that know it."""
    columns = ("id", "kind", "data", "profiles", "created_at")
    found: dict[str, dict[str, Any]] = {}
    for cid, kind, data, profiles, created in select_in(conn, "customer", columns, "id", customers):
        record = golden.read(hub.ring, cid, data)
        found[cid] = {
            "customer": cid, "kind": kind, "profiles": profiles, "created_at": from_us(created), "accounts": [],
            "fields": golden.values(record),
        }  # fmt: skip
    for cid, account in sorted(set(select_in(conn, "profile", ("customer_id", "account_id"), "customer_id", found))):
        found[cid]["accounts"].append(account)
    return found


def _obstacle(hub: Hub, conn: Connection, customers: Sequence[str]) -> str:
    """Why the two can never be one customer: decided | kinds | codes, '' when they can."""
    rows = select_in(conn, "profile", ("ref", "customer_id", "features", "deleted"), "customer_id", customers)
    live = [(ref, cid, data) for ref, cid, data, deleted in rows if data and not deleted]
    home = {ref: cid for ref, cid, _ in live}
    verdicts = {row for side in "ab" for row in select_in(conn, "identity_decision", ("a", "b", "verdict"), side, home)}
    apart = [row for row in verdicts if row[2] in ("different", "related") and home.get(row[0]) != home.get(row[1])]
    if any(row[0] in home and row[1] in home for row in apart):
        return "decided"
    kinds: set[str] = set()
    codes: dict[str, set[str]] = {cid: set() for cid in customers}
    for ref, cid, data in live:
        features = Features.load(open_features(hub.ring, ref, data))
        kinds |= {features.kind} - {""}
        codes[cid] |= {features.code} - {""}
    if len(kinds) > 1:
        return "kinds"
    one, other = (codes[cid] for cid in customers)
    return "codes" if one and other and not one & other else ""


# ---------------------------------------------------------------- answering


def answer(hub: Hub, a: str, b: str, verdict: str, *, by: str, kind: str = "related", days: int = SKIP_DAYS) -> dict[str, Any]:
    """A person's answer: the two profiles are the same customer, are not, are related (profile a stands in the relation
    ``kind`` to profile b), or ask again in so many days. Raises IdentityFault, and then nothing has changed."""
    _sound(a, b, verdict, kind, days)
    with hub.db.write() as conn:
        ledger.lock(conn)
        homes = _present(conn, a, b)
        detail: dict[str, Any] = {"other": homes[b], "verdict": verdict}
        if verdict == "unsure":
            _put_off(hub, conn, a, b, by, days)
            detail["days"] = days
        else:
            _decide(hub, conn, a, b, verdict, by)
            if verdict == "related":
                relations.say(conn, a, b, kind, by, hub.now_us())
                detail["kind"] = kind
        audit.record(conn, by, "identity.answer", homes[a], **detail)
        now = _present(conn, a, b)
    return {"a": a, "b": b, "verdict": verdict, "before": [homes[a], homes[b]], "customers": [now[a], now[b]]}


def _sound(a: str, b: str, verdict: str, kind: str, days: int) -> None:
    if verdict not in VERDICTS:
        raise IdentityFault(f"答复只能是 {'、'.join(VERDICTS)}。", f"an answer is one of {', '.join(VERDICTS)}")
    if kind not in relations.KINDS:
        raise IdentityFault(f"关系只能是 {'、'.join(relations.KINDS)}。", f"a relation is one of {', '.join(relations.KINDS)}")
    if not 1 <= days <= MOST_DAYS:
        raise IdentityFault(f"天数在 1 到 {MOST_DAYS} 之间。", f"days are between 1 and {MOST_DAYS}")
    if a == b:
        raise IdentityFault("请给出两份不同的档案。", "name two different profiles")


def _present(conn: Connection, a: str, b: str) -> dict[str, str]:
    rows = select_in(conn, "profile", ("ref", "customer_id", "deleted", "features"), "ref", [a, b])
    for ref in (a, b):
        if not any(row[0] == ref and not row[2] for row in rows):
            raise IdentityFault(
                f"没有档案 {ref}，或它在来源处已删除。", f"there is no profile {ref}, or it is deleted at its source"
            )
    if not all(row[3] for row in rows):
        raise IdentityFault("档案还没有整理好，稍后再试。", "the profiles have not been prepared yet; try again later")
    return {ref: customer for ref, customer, _, _ in rows}


def _decide(hub: Hub, conn: Connection, a: str, b: str, verdict: str, by: str) -> None:
    """Write the answer down and act on it; what stands in its way is said."""
    before = _present(conn, a, b)
    low, high = sorted((a, b))
    delete_pair(conn, low, high)
    relations.unsay(conn, low, high)
    obstacle = _obstacle(hub, conn, [before[a], before[b]]) if verdict == "same" and before[a] != before[b] else ""
    if not obstacle:
        deciding.decide(hub, conn, Decision(low, high, verdict), by, hub.now_us())  # type: ignore[arg-type]
        after = _present(conn, a, b)
        obstacle = "engine" if (verdict == "same") != (after[a] == after[b]) else ""
    if obstacle:
        raise IdentityFault(*OBSTACLES[obstacle])


OBSTACLES = {
    "decided": (
        "以前有人判定这两个客户的某两份档案不是同一客户；请先收回那个答复。",
        "somebody has said of two profiles of these customers that they are not the same; take that answer back first",
    ),
    "kinds": ("一个是个人，一个是单位，不能是同一客户；请选“有关系”。",
              "one is a person, the other an organisation, so they cannot be one customer; say that they are related"),
    "codes": ("两者有不同的有效统一社会信用代码，是两个单位。",
              "the two have different valid unified social credit codes, so they are two units"),
    "engine": ("其他已有的答复或编号与这个答复矛盾，没有执行。",
               "other answers or identifiers contradict this answer, so nothing was done"),
}  # fmt: skip
"""Why an answer cannot be acted on (zh, en)."""


def delete_pair(conn: Connection, low: str, high: str) -> int:
    """Take a decision away; how many there were."""
    statement = text("DELETE FROM identity_decision WHERE a = :a AND b = :b")
    return int(conn.execute(statement, {"a": low, "b": high}).rowcount)


def _put_off(hub: Hub, conn: Connection, a: str, b: str, by: str, days: int) -> None:
    low, high = sorted((a, b))
    until = to_us(hub.now() + timedelta(days=days))
    statement = text(
        "UPDATE identity_review SET state = 'unsure', \"by\" = :by, until = :until "
        "WHERE a = :a AND b = :b AND state IN ('open', 'kept', 'unsure')"
    )
    if not conn.execute(statement, {"by": by, "until": until, "a": low, "b": high}).rowcount:
        raise IdentityFault("这两份档案不在待确认的问题里。", "there is no open question about these two profiles")


def take_back(hub: Hub, a: str, b: str, *, by: str) -> dict[str, Any]:
    """An answer is no more: the evidence decides again at once, and the question comes back if it is still one. Raises
    IdentityFault when there is no answer."""
    low, high = sorted((a, b))
    with hub.db.write() as conn:
        ledger.lock(conn)
        put_off = text("SELECT 1 FROM identity_review WHERE a = :a AND b = :b AND state = 'unsure'")
        waits = conn.execute(put_off, {"a": low, "b": high}).first() is not None
        if not delete_pair(conn, low, high) and not waits:
            raise IdentityFault("没有可以收回的答复。", "there is no answer to take back")
        relations.unsay(conn, low, high)
        reopened = text("UPDATE identity_review SET state = 'open', \"by\" = NULL, until = NULL WHERE a = :a AND b = :b")
        conn.execute(reopened, {"a": low, "b": high})
        rows = select_in(conn, "profile", ("ref", "customer_id"), "ref", [low, high])
        deciding.reconsider(hub, conn, [row[1] for row in rows], hub.now_us())
        homes = {row[0]: row[1] for row in select_in(conn, "profile", ("ref", "customer_id"), "ref", [low, high])}
        audit.record(conn, by, "identity.take_back", homes.get(low, low), other=homes.get(high, high))
    return {"a": a, "b": b, "customers": [homes.get(a), homes.get(b)]}


def named(hub: Hub, given: str) -> str:
    """The ref of a profile as people name it: 'account key/id', '<account id>|<id>', or a customer's id (its open question's
    profile, else its first). Raises IdentityFault."""
    with hub.db.read() as conn:
        key, slash, own = given.partition("/")
        account = conn.execute(text("SELECT id FROM account WHERE key = :key"), {"key": key}).scalar() if slash else None
        ref = f"{account}|{own}" if account else given
        if select_in(conn, "profile", ("ref",), "ref", [ref]):
            return ref
        mine: list[str] = sorted(row[0] for row in select_in(conn, "profile", ("ref",), "customer_id", [given]))
        asked = [row for side in "ab" for row in select_in(conn, "identity_review", (side, "state"), side, mine)]
        if mine:
            return next((ref for ref, state in sorted(asked) if state == "open"), mine[0])
    raise IdentityFault(f"没有档案或客户 {given}。", f"there is no profile or customer {given}")
