"""The sheet: each deal, order and refund of an account as the platform, the hub and finance have it, and why they differ."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Response, abort, render_template, request, stream_with_context
from sqlalchemy import Connection, select

from hub.admin import overview, paging
from hub.admin.i18n import language
from hub.admin.show import ZONE
from hub.admin.web import audited, page, rows, the_hub
from hub.admin.words import manifest_of
from hub.events import sheet as service
from hub.events.book import EVENT
from hub.events.facts import DEAL_LINE, ORDER_LINE, REFUND
from hub.events.mint import event_id
from hub.events.sheet_file import meaning, streamed, word
from hub.events.sheet_page import View
from hub.models import Profile
from hub.models.base import table
from hub.store.types import EPOCH, from_us, to_us

pages = page("sheet", "/reconcile/sheet")
DAYS = (1, 7, 31)
KINDS = {kind.name: kind for kind in service.KINDS}
VIEWS = ("differ", "all")
PROFILE = table(Profile)
MOST = 200
"""Lines and refunds of a fact that are shown."""


@pages.get("")
def index() -> str:
    """The facts of an account, kind and period (``?account=&kind=&days=&until=``): those that differ, or all (view)."""
    with the_hub().db.read() as conn:
        sources = _sources(conn)
        chosen = next((item for item in sources if item["key"] == request.args.get("account")), None)
        chosen = chosen or next(iter(sources), None)
        if chosen is None:
            return render_template("sheet.html", sources=[])
        return render_template("sheet.html", sources=sources, account=chosen, **_shown(conn, chosen))


def _sources(conn: Connection) -> list[dict[str, Any]]:
    """The accounts that deals and orders come from."""
    found = overview.accounts(conn)
    manifests = {item["platform"]: manifest_of(item["platform"]) for item in found}
    there = [(item, manifests[item["platform"]]) for item in found]
    return [item for item, manifest in there if manifest is None or set(manifest.roles) & {"source", "events"}]


def _shown(conn: Connection, account: dict[str, Any]) -> dict[str, Any]:
    given = request.args
    days, until = _days(), _until()
    kinds = [name for name, kind in KINDS.items() if _any(conn, kind, account["id"])]
    name = given.get("kind", "")
    kind = KINDS[name] if name in kinds else KINDS[kinds[0] if kinds else "deal"]
    view = given.get("view", "differ")
    view, number = view if view in VIEWS else "differ", given.get("number", "").strip()
    at = View(conn, the_hub(), kind, _Account(account), _period(days, until))
    sums, facts = at.looked(differing=view == "differ" and not number, size=paging.SIZE + 1, before=_before())
    if number:
        facts = at.named(number, paging.SIZE)
    more, facts = len(facts) > paging.SIZE, facts[: paging.SIZE]
    older = paging.same_page(before=f"{to_us(facts[-1][0])}~{facts[-1][1]}") if more else None
    times = {ref: moment for moment, ref in facts}
    found = [line for line in at.lines(list(times)) if line.cause or view == "all" or number]
    lines = [{"line": line, "at": _known(times[line.ref]), "why": _why(line)} for line in found]
    return {
        "lines": lines, "older": older, "kinds": kinds, "kind": kind.name, "view": view, "views": VIEWS, "number": number,
        "sums": sums, "days": days, "choices": DAYS, "until": until, "today": _today(), "word": _word,
    }  # fmt: skip


class _Account:
    """What the sheet asks of an account's row."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.id: int = row["id"]
        self.key: str = row["key"]


def _any(conn: Connection, kind: service.Kind, account: int) -> bool:
    c = kind.table.c
    return conn.execute(select(c.ref).where(c.account_id == account, kind.there).limit(1)).first() is not None


def _word(group: str, key: str) -> str:
    return word(group, key, language())


def _why(line: service.Line) -> str:
    return meaning(line.cause, language()) if line.cause else ""


def _known(moment: datetime) -> datetime | None:
    return None if moment == EPOCH else moment


def _today() -> date:
    return the_hub().now().astimezone(ZONE).date()


def _days() -> int:
    given = request.args.get("days", "7")
    return int(given) if given in map(str, DAYS) else 7


def _until() -> date:
    try:
        return date.fromisoformat(request.args.get("until", ""))
    except ValueError:
        return _today()


def _period(days: int, until: date) -> service.Within:
    """So many days in China, the last of which is ``until``."""
    last = min(max(until, date(1971, 1, 1)), date(9000, 1, 1))
    first = last - timedelta(days=days - 1)
    begin, end = (datetime.combine(day, time.min, ZONE) for day in (first, last + timedelta(days=1)))
    return begin, end


def _before() -> tuple[datetime, str] | None:
    mark, _, ref = request.args.get("before", "").partition("~")
    try:
        return (from_us(int(mark)), ref) if mark else None
    except (ValueError, OverflowError):
        return None


@pages.get("/file")
def file() -> Response:
    """The file that ``hub deliveries sheet --out`` writes: of an account and period; without ``days`` of all its time."""
    hub, key = the_hub(), request.args.get("account", "")
    with hub.db.read() as conn:
        if key not in {item["key"] for item in _sources(conn)}:
            abort(404)
    whole = not request.args.get("days")
    period, until = None if whole else _period(_days(), _until()), _until().isoformat()
    audited("sheet.download", f"account:{key}", days=0 if whole else _days(), until=until)
    said = language()

    def pieces() -> Any:
        with hub.db.read() as conn:
            yield from streamed(service.lines(conn, hub, key, service.known_gone(conn), period), said)

    name = f"lianshu-sheet-{key}-{'all' if whole else f'{until}-{_days()}d'}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(stream_with_context(pieces()), mimetype="text/csv; charset=utf-8", headers=headers)


@pages.get("/fact")
def fact() -> str:
    """One deal, order or refund (``?kind=&ref=``): what the platform says, what the hub made of it, what finance holds."""
    kind = KINDS.get(request.args.get("kind", ""))
    if kind is None:
        abort(404)
    ref = request.args.get("ref", "")
    with the_hub().db.read() as conn:
        found = rows(conn, select(kind.table).where(kind.table.c.ref == ref))
        if not found:
            abort(404)
        row = found[0]
        account = overview.account_names(conn)[row["account_id"]]
        lines = View(conn, the_hub(), kind, _Account(account), _period(1, _today())).lines([ref])
        told = [{"line": line, "why": _why(line)} for line in lines]
        return render_template(
            "fact.html", kind=kind.name, fact=row, account=account, told=told, word=_word, **_around(conn, kind, row)
        )


def _around(conn: Connection, kind: service.Kind, row: dict[str, Any]) -> dict[str, Any]:
    """customer, events, documents, parts_of (its lines), refunds of a fact; of a refund its order."""
    ref, d, e = row["ref"], overview.DELIVERY.c, EVENT.c
    ids = [event_id(name, ref) for name in kind.events]
    columns = (d.id, d.number, d.kind, d.state, d.amount, d.currency, d.rule, d.account_id, d.sent_at, d.receipt)
    documents = rows(conn, select(*columns).where(d.subject == ref).order_by(d.created_at, d.number))
    names = overview.account_names(conn)
    for each in documents:
        each["to"] = names.get(each["account_id"], {"title": "–"})
    asked = select(PROFILE.c.customer_id).where(PROFILE.c.ref == row.get("profile_ref"))
    parts = {"deal": (DEAL_LINE, "deal_ref"), "order": (ORDER_LINE, "order_ref")}.get(kind.name)
    refunds = rows(conn, select(REFUND).where(REFUND.c.order_ref == ref).order_by(REFUND.c.ref).limit(MOST))
    return {
        "customer": conn.execute(asked).scalar(), "documents": documents, "refunds": refunds if kind.name == "order" else [],
        "events": rows(conn, select(e.kind, e.at, e.data).where(e.id.in_(ids)).order_by(e.at)),
        "parts_of": rows(conn, select(parts[0]).where(parts[0].c[parts[1]] == ref).limit(MOST)) if parts else [],
    }  # fmt: skip
