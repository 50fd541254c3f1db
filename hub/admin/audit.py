"""The audit log: who did what to what and when, newest first; for administrators."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from flask import render_template, request
from sqlalchemy import ColumnElement, Connection, select

from hub.admin import overview, paging
from hub.admin.i18n import catalogue, t
from hub.admin.show import ZONE
from hub.admin.web import needs, page, rows, the_hub
from hub.models import AuditEntry, Profile, User
from hub.models.base import table

pages = page("audit", "/audit")
AUDIT, PROFILE, USER = table(AuditEntry), table(Profile), table(User)
PLACES = {
    "account": "/accounts/{}",
    "customer": "/customers/{}",
    "delivery": "/deliveries/{}",
    "quarantine": "/quarantine/record?ref={}",
    "inbox": "/inbox/push?key={}",
    "notice": "/outgoing?number={}",
    "handover": "/handover?number={}",
    "request": "/invoices/request?ref={}",
    "user": "/users",
}
"""Where the subject of an entry is shown, by its kind."""
ALONE = {
    "customer": ("customer.", "owner.", "privacy.", "identity.answer", "identity.take_back"),
    "quarantine": ("quarantine.dismiss",),
}
"""Entries whose subject is an id alone, by the kind of what they are about."""
WORDS = {"verdict": "verdict", "roles": "role", "state": "state", "reason": "redreason", "stream": "hstream"}
"""Details whose values have words: prefix of the texts."""


@pages.get("")
@needs("admin")
def index() -> str:
    """The log; filters: who, about (an id, or a document's number), until (the last day shown)."""
    given = {name: request.args.get(name, "").strip()[:200] for name in ("who", "about", "until")}
    until = _day(given["until"])
    with the_hub().db.read() as conn:
        wanted = [paging.below(AUDIT.c.seq), *_conditions(conn, given["who"], given["about"], until)]
        newest_first = select(AUDIT).where(*wanted).order_by(AUDIT.c.seq.desc()).limit(paging.SIZE + 1)
        found, older = paging.cut_at(rows(conn, newest_first), "seq")
        people = conn.execute(select(USER.c.email).order_by(USER.c.email).limit(overview.CAP)).scalars().all()
        entries = placed(conn, found)
    return render_template("audit.html", entries=entries, older=older, people=people, **(given | {"until": until or ""}))


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1971 <= found.year <= 9000 else None


def _conditions(conn: Connection, who: str, about: str, until: date | None) -> Iterable[ColumnElement[bool]]:
    if who:
        yield AUDIT.c.who == who
    if about:
        numbered = conn.execute(select(overview.DELIVERY.c.id).where(overview.DELIVERY.c.number == about).limit(paging.SIZE))
        ids = (about, *numbered.scalars())
        yield AUDIT.c.subject.in_([*ids, *(f"{kind}:{own}" for kind in (*PLACES, "profile", "rule") for own in ids)])
    if until:
        end = datetime.combine(until + timedelta(days=1), time.min, ZONE)
        last = select(AUDIT.c.seq).where(AUDIT.c.at < end).order_by(AUDIT.c.at.desc(), AUDIT.c.seq.desc()).limit(1)
        yield AUDIT.c.seq <= last.scalar_subquery()


def placed(conn: Connection, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries in the reader's words; a profile's leads to its customer."""
    entries = [entry(row) for row in found]
    refs = {item["own"] for item in entries if item["kind"] == "profile"}
    asked = conn.execute(select(PROFILE.c.ref, PROFILE.c.customer_id).where(PROFILE.c.ref.in_(refs)))
    homes: dict[str, str] = {ref: customer for ref, customer in asked}  # noqa: C416 - rows are no pairs to the type checker
    for item in entries:
        if item["kind"] == "profile" and item["own"] in homes:
            item["place"] = PLACES["customer"].format(homes[item["own"]])
    return entries


def entry(row: dict[str, Any]) -> dict[str, Any]:
    """An entry in the reader's words. did: what was done; kind, own: of what, and its id; on, place: that as words, and where
    it is shown; more: its details.

    An entry of an older version may have a name that no text is for: it stays as it is.
    """
    kind, _, own = row["subject"].partition(":")
    for about, names in ALONE.items():
        if row["what"].startswith(names) and kind != about:
            kind, own = about, row["subject"]
    did, on = f"did.{row['what']}", f"on.{kind}"
    known = catalogue()
    return {
        **row,
        "did": t(did) if did in known else row["what"],
        "kind": kind,
        "own": own,
        "on": f"{t(on)} {own}".strip() if on in known else row["subject"],
        "place": PLACES.get(kind, "").format(quote(own, safe="")) if own else "",
        "more": [_more(name, value) for name, value in (row["detail"] or {}).items()],
    }


def _more(name: str, value: Any) -> dict[str, str]:
    """One detail: what it is, what is said, and where that is shown (other customers)."""
    label, place = f"more.{name}", PLACES["customer"].format(value) if name in ("other", "new") else ""
    return {"label": t(label) if label in catalogue() else name, "text": _said(name, value), "place": place}


def _said(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return t("say.list_comma").join(f"{key} {count}" for key, count in value.items())
    if isinstance(value, list):
        return t("say.list_comma").join(_said(name, item) for item in value)
    if isinstance(value, bool):
        return t(f"say.{str(value).lower()}")
    word = f"{WORDS.get(name, '')}.{value}"
    return t(word) if word in catalogue() else str(value)
