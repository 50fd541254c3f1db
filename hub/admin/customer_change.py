"""What people decide about customers: take apart, put together, take a merge back. Each with a preview."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from sqlalchemy import select

from hub.admin import overview
from hub.admin.customers import PROFILE, display_name, field_value, loaded, owner_name, profile_card
from hub.admin.i18n import pick
from hub.admin.web import back, done, needs, page, the_hub, who
from hub.identity.desk import service
from hub.identity.records import golden
from hub.identity.sources import Sources

pages = page("customer_change", "/customers")
PREVIEW = ("display_name", "kind", "phones", "emails", "company", "region", "owner", "stage")


def _cards(found: dict[str, Any]) -> list[dict[str, Any]]:
    with the_hub().db.read() as conn:
        names = overview.account_names(conn)
    return [profile_card(profile, names, plain=False) for profile in found["profiles"]]


def _preview(profiles: list[dict[str, Any]]) -> dict[str, Any]:
    """The golden record that these profiles alone would make."""
    ranks = Sources(the_hub()).rank
    wanted = select(PROFILE.c.ref, PROFILE.c.version, PROFILE.c.deleted)
    with the_hub().db.read() as conn:
        found = conn.execute(wanted.where(PROFILE.c.ref.in_([item["ref"] for item in profiles])))
        stored = {ref: (version, 1000 if deleted else 0) for ref, version, deleted in found}
    views = []
    for item in profiles:
        version, penalty = stored[item["ref"]]
        views.append(golden.View(item["ref"], ranks(int(item["ref"].split("|")[0])) + penalty, version, item["fields"]))
    built = golden.build(views)
    values = golden.values(built)
    if owner := built.get("owner"):
        values["owner"] = owner_name(owner)
    kind = str(values.get("kind", "unknown"))
    shown = [(name, field_value(name, values[name], kind, plain=False)) for name in PREVIEW if values.get(name)]
    return {"name": display_name(values, kind), "fields": shown, "profiles": profiles}


@pages.get("/<customer_id>/split")
@needs("operator")
def split_preview(customer_id: str) -> Any:
    """Choose profiles (``?profile=`` once for each) and see both customers as they would be."""
    found = loaded(customer_id)
    chosen = set(request.args.getlist("profile"))
    cards = _cards(found)
    leave, stay = [card for card in cards if card["ref"] in chosen], [card for card in cards if card["ref"] not in chosen]
    ready = bool(leave and stay)
    return render_template(
        "split.html", customer=found, cards=cards, chosen=chosen, ready=ready, asked="profile" in request.args,
        name=display_name(golden.values(found["fields"]), found["kind"]),
        stay=_preview(stay) if ready else None, leave=_preview(leave) if ready else None,
    )  # fmt: skip


@pages.post("/<customer_id>/split")
@needs("operator")
def split(customer_id: str) -> Any:
    """Do it."""
    try:
        fresh = service.split(the_hub(), customer_id, request.form.getlist("profile"), by=who())
    except service.IdentityFault as fault:
        done("customer.refused", "bad", why=pick(fault.zh, fault.en))
        return back("customer_change.split_preview", customer_id=customer_id)
    done("customer.was_split", other=fresh)
    return back("customers.detail", customer_id=customer_id)


@pages.get("/<customer_id>/merge")
@needs("operator")
def merge_preview(customer_id: str) -> Any:
    """Find the other customer (``?q=``), choose it (``?other=``), and see the one they would be."""
    found, asked, other_id = loaded(customer_id), request.args.get("q", "").strip(), request.args.get("other", "")
    hits = [item for item in service.find(the_hub(), asked, 10) if item["id"] != found["id"]] if asked else []
    other = loaded(other_id) if other_id else None
    if other and other["id"] == found["id"]:
        other = None
    for item in hits:
        item["name"] = display_name(item, item["kind"])
    values = golden.values(found["fields"])
    return render_template(
        "merge.html", customer=found, name=display_name(values, found["kind"]), asked=asked, hits=hits, other=other,
        sides=[_preview(_cards(side)) for side in (found, other)] if other else [],
        whole=_preview(_cards(found) + _cards(other)) if other else None,
    )  # fmt: skip


@pages.post("/<customer_id>/merge")
@needs("operator")
def merge(customer_id: str) -> Any:
    """Do it."""
    try:
        survivor = service.merge(the_hub(), customer_id, request.form.get("other", ""), by=who())
    except service.IdentityFault as fault:
        done("customer.refused", "bad", why=pick(fault.zh, fault.en))
        return back("customer_change.merge_preview", customer_id=customer_id)
    done("customer.was_merged")
    return back("customers.detail", customer_id=survivor)


@pages.post("/<customer_id>/undo")
@needs("operator")
def undo(customer_id: str) -> Any:
    """Take a merge back."""
    number = request.form.get("entry", "")
    try:
        returned = service.undo(the_hub(), int(number) if number.isdigit() else 0, by=who())
    except service.IdentityFault as fault:
        done("customer.refused", "bad", why=pick(fault.zh, fault.en))
    else:
        done("customer.was_undone", other=returned)
    return back("customers.detail", customer_id=customer_id)
