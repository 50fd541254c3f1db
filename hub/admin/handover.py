"""Hand-over: whose records wait because he has left, who is to take them, and how far each one has come."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request

from hub.accounts import AccountFault
from hub.accounts import get as account_of
from hub.admin import overview, paging
from hub.admin.web import back, done, needs, page, the_hub, who
from hub.admin.words import error_words, manifest_of
from hub.models import Account
from hub.people import handover, naming, orphans

pages = page("handover", "/handover")
SHOWN = 200
SKIPPED = ("open", "often", "late", "strange")


@pages.get("")
def index() -> str:
    """Who has left, what is on its way, and a way to hand over somebody's who is still here."""
    hub, state, one = the_hub(), request.args.get("state", ""), request.args.get("number", "")
    waiting, looks = orphans.summary(hub), orphans.looks(hub)
    where = handover.HANDOVER.c.id == int(one) if one.isdecimal() and len(one) < 19 else paging.below(handover.HANDOVER.c.id)
    found = handover.list_(hub, where, state=state if state in handover.STATES else "", limit=paging.SIZE + 1)
    found, older = paging.cut_at(found, "id")
    with hub.db.read() as conn:
        accounts = overview.account_names(conn)
        staff = {number: naming.of_staff(conn, number) for number in {row["account_id"] for row in (*waiting, *found)}}
        for number, stream in {(row["account_id"], row["stream"]) for row in found}:
            mine = [row for row in found if (row["account_id"], row["stream"]) == (number, stream)]
            names = naming.of_records(hub, conn, number, stream, [row["key"] for row in mine])
            for row in mine:
                row["name"] = names.get(row["key"], "")
    for row in found:
        row["account"] = accounts.get(row["account_id"], {"title": "–", "platform": ""})
        row["told"] = error_words(row["error"], row["account"]["platform"])
    for look in looks:
        look["told"], look["members"] = error_words(look["error"], look["platform"]), handover.members(hub, look["id"])
        look["active"] = streams_of(look["platform"], "active")
    counted = handover.counts(hub)
    states = [each for each in handover.STATES if counted.get(each)]
    return render_template(
        "handover.html", waiting=waiting, looks=looks, found=found, older=older, staff=staff, state=state, states=states,
        one=one,
    )  # fmt: skip


def streams_of(platform: str, kind: str) -> list[str]:
    """The streams whose records may be handed over while the owner is here ('active'), or has 'left'."""
    manifest = manifest_of(platform)
    return [name for name, spec in manifest.streams.items() if kind in spec.handover] if manifest else []


@pages.get("/of/<account>")
def find(account: str) -> Any:
    """To the page of the member who was chosen in the form."""
    return back("handover.member", account=account, staff=request.args.get("staff") or abort(404), left=0)


@pages.get("/of/<account>/<path:staff>")
def member(account: str, staff: str) -> str:
    """One member's records, to be chosen from, and who may take them."""
    hub, found = the_hub(), _account(account)
    number, left = found.id or 0, request.args.get("left", "1") != "0"
    parts = []
    for stream in streams_of(found.platform, "left" if left else "active"):
        keys = handover.offered(hub, number, staff, stream, left=left)
        busy = {row["key"] for row in handover.open_rows(hub, number, stream)} & set(keys)
        with hub.db.read() as conn:
            names = naming.of_records(hub, conn, number, stream, keys[:SHOWN])
        free = [key for key in keys if key not in busy]
        shown = [{"key": key, "name": names.get(key, "")} for key in free[:SHOWN]]
        if keys:
            parts.append({"stream": stream, "shown": shown, "count": len(free), "busy": len(busy)})
    with hub.db.read() as conn:
        name = naming.of_staff(conn, number).get(staff, "")
    takers = [item for item in handover.members(hub, number) if item["id"].casefold() != staff.casefold()]
    rules = orphans.rules_of(found.platform)
    return render_template(
        "handover_member.html", account=found, staff=staff, name=name, left=left, parts_=parts, takers=takers, rules=rules
    )


def _account(key: str) -> Account:
    try:
        found = account_of(the_hub(), key)
    except AccountFault:
        abort(404)
    if not orphans.can_hand_over(found.platform):
        abort(404)
    return found


@pages.post("/of/<account>/<path:staff>")
@needs("operator")
def start(account: str, staff: str) -> Any:
    """Order it: the ticked records, or all."""
    form = request.form
    stream, left, message = form.get("stream", ""), form.get("left") != "0", form.get("message", "")
    keys = None if form.get("all") else form.getlist("key")
    if keys == []:
        done("handover.none_ticked", "bad")
        return back("handover.member", account=account, staff=staff, left=form.get("left", "1"))
    try:
        result = handover.order(
            the_hub(), account, staff, form.get("to", ""), stream=stream, left=left, keys=keys, message=message, by=who()
        )
    except handover.HandoverFault as fault:
        done(fault.key, "bad")
        return back("handover.member", account=account, staff=staff, left=form.get("left", "1"))
    done("handover.ordered", count=len(result["queued"]))
    for why, count in result["skipped"].items():
        done(f"hskipped.{why}", "warn", count=count)
    return back("handover.index")


@pages.post("/<int:number>/<what>")
@needs("operator")
def change(number: int, what: str) -> Any:
    """Take one back, or try it again."""
    try:
        if what == "withdraw":
            handover.withdraw(the_hub(), [number], by=who())
            done("handover.withdrawn")
        elif what == "retry":
            handover.retry(the_hub(), number, by=who())
            done("handover.again")
        else:
            abort(404)
    except handover.HandoverFault as fault:
        done(fault.key, "bad")
    return back("handover.index")


@pages.post("/look/<account>")
@needs("operator")
def look(account: str) -> Any:
    """Ask the platform now who waits, and what has become of what was begun."""
    found = _account(account)
    orphans.soon(the_hub(), found.key)
    handover.ask_now(the_hub(), found.id or 0)
    done("handover.looking")
    return back("handover.index")
