"""Customers: search, the list, and one customer with the source of every value and the reason of every merge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from flask import abort, render_template, request, url_for
from sqlalchemy import Connection, select

from hub.admin import customer_around, customer_wishes, overview, paging, show
from hub.admin.i18n import language, t
from hub.admin.web import audited, back, may, needs, page, rows, the_hub
from hub.admin.words import platform_title
from hub.chats import desk
from hub.core import Hub
from hub.identity.desk import service
from hub.identity.records import golden, manual
from hub.models import Customer, Profile, Staff
from hub.models.base import table

pages = page("customers", "/customers")
CUSTOMER, PROFILE, STAFF = table(Customer), table(Profile), table(Staff)
FIELDS = (
    "display_name", "aliases", "kind", "phones", "emails", "company", "tax_id", "title", "gender", "stage", "owner", "region",
    "address", "source", "note", "created_at", "last_contact_at",
)  # fmt: skip
SETTABLE = tuple(name for name in FIELDS if name in manual.FIELDS and name != "owner")
"""Fields that a person may set on the page."""
SHOWN = 20
"""Orders and deals on the page; `hub.admin.customer_facts` has all."""


@pages.get("")
def index() -> str:
    """The list, changed last first, or what was searched for."""
    hub, asked = the_hub(), request.args.get("q", "").strip()[:100]
    older = None
    found_ids = [item["id"] for item in service.find(hub, asked, paging.SIZE)] if asked else None
    with hub.db.read() as conn:
        if found_ids is None:
            found, older = _newest(conn)
        else:
            found = rows(conn, select(CUSTOMER).where(CUSTOMER.c.id.in_(found_ids)))
            found.sort(key=lambda row: found_ids.index(row["id"]))
        sources = _sources(conn, [row["id"] for row in found])
        staff = _staff(conn, {row["owner"] for row in found if row["owner"]})
        size = overview.estimate(hub, conn, "customer")
    for row in found:
        _fill(hub, row, sources, staff)
    return render_template("customers.html", customers=found, older=older, asked=asked, size=size, most=paging.SIZE)


def _newest(conn: Connection) -> tuple[list[dict[str, Any]], str | None]:
    statement = paging.page_of(select(CUSTOMER).where(CUSTOMER.c.state == "active"), CUSTOMER.c.changed_at, CUSTOMER.c.id)
    return paging.cut(rows(conn, statement), "changed_at", "id")


def _sources(conn: Connection, ids: list[str]) -> dict[str, list[str]]:
    """Customer id -> the platforms that know it."""
    names = overview.account_names(conn)
    found: dict[str, list[str]] = defaultdict(list)
    pairs = select(PROFILE.c.customer_id, PROFILE.c.account_id).where(PROFILE.c.customer_id.in_(ids)).distinct()
    for customer_id, account_id in conn.execute(pairs):
        title = platform_title(names[account_id]["platform"]) if account_id in names else "–"
        if title not in found[customer_id]:
            found[customer_id].append(title)
    return found


def _staff(conn: Connection, refs: Iterable[str]) -> dict[str, str]:
    """Ref of a member of staff -> name, as far as known."""
    known = conn.execute(select(STAFF.c.ref, STAFF.c.data).where(STAFF.c.ref.in_(list(refs))))
    return {ref: data["name"] for ref, data in known if data.get("name")}


def owner_name(entry: Mapping[str, Any]) -> str:
    """The name of a golden record's owner, else the id as the source has it."""
    ref = f"{entry['from'].split('|')[0]}|{entry['value']}"
    with the_hub().db.read() as conn:
        return _staff(conn, [ref]).get(ref, str(entry["value"]))


def _fill(hub: Hub, row: dict[str, Any], sources: dict[str, list[str]], staff: dict[str, str]) -> None:
    values = golden.values(golden.read(hub.ring, row["id"], row.pop("data")))
    row["name"] = display_name(values, row["kind"])
    row["company"] = values.get("company")
    row["region"] = values.get("region")
    row["phone"] = show.field_text("phones", values.get("phones", [])[:1], plain=False, names=False)
    row["sources"] = sources.get(row["id"], [])
    row["owner_name"] = staff.get(row["owner"] or "", (row["owner"] or "").partition("|")[2])


def display_name(values: Mapping[str, Any], kind: str) -> str:
    """The customer's name; a person's is masked for those who only read."""
    name = values.get("display_name") or next(iter(values.get("aliases") or ()), "") or values.get("company") or ""
    if not name:
        return t("customer.nameless")
    return str(name) if may("operator") or kind == "company" else show.mask_name(str(name))


@pages.get("/<customer_id>")
def detail(customer_id: str) -> Any:
    """One customer; phones, mailboxes and the like are masked."""
    found = loaded(customer_id)
    if found["id"] != customer_id:
        return back("customers.detail", customer_id=found["id"])
    return _detail(found, plain=False)


@pages.post("/<customer_id>/reveal")
@needs("operator")
def reveal(customer_id: str) -> str:
    """The same with personal values as they are; the audit log says who looked."""
    found = loaded(customer_id)
    audited("customer.reveal", f"customer:{found['id']}")
    return _detail(found, plain=True)


def loaded(customer_id: str) -> dict[str, Any]:
    """The customer, or a 404 page."""
    found = service.show(the_hub(), customer_id)
    if found is None:
        abort(404)
    return found


def _detail(found: dict[str, Any], *, plain: bool) -> str:
    hub = the_hub()
    owner = found["fields"].get("owner")
    people = {f"{owner['from'].split('|')[0]}|{owner['value']}"} if owner else set()
    people |= {f"{each['ref'].split('|')[0]}|{each['fields'].get('owner')}" for each in found["profiles"]}
    people |= {f"{tag['profile_ref'].split('|')[0]}|{tag['by']}" for tag in found["tags"] if tag["by"]}
    derived = [tag["profile_ref"] for tag in found["tags"] if tag["rule"]]
    with hub.db.read() as conn:
        staff, names = _staff(conn, people), overview.account_names(conn)
        proofs = desk.evidence(hub, conn, derived) if derived else {}
    values, wishes = golden.values(found["fields"]), customer_wishes.of(hub, found, names)
    name = display_name(values, found["kind"])
    return render_template(
        "customer.html",
        customer=found,
        name=name,
        settable=SETTABLE,
        around=customer_around.of(found, name, names, display_name),
        fields=list(_fields(found, staff, plain=plain)),
        profiles=[profile_card(profile, names, plain=plain) for profile in found["profiles"]],
        tags=_tags(found, names, staff, proofs, wishes["takers"]),
        wishes=wishes["wishes"],
        offers=wishes["offers"],
        orders=found["orders"][:SHOWN],
        deals=found["deals"][:SHOWN],
        more={"orders": len(found["orders"]) > SHOWN, "deals": len(found["deals"]) > SHOWN},
        names=names,
        ledger=[_entry(item) for item in found["ledger"]],
        plain=plain,
    )


def _fields(found: dict[str, Any], staff: Mapping[str, str], *, plain: bool) -> Iterable[dict[str, Any]]:
    """Each field: its value, the source it was taken from, and what other sources say instead."""
    by_ref = {profile["ref"]: profile for profile in found["profiles"]}
    for name in FIELDS:
        entry = found["fields"].get(name)
        if entry is None:
            continue
        others = [
            (profile["account_title"], _said(name, profile, found["kind"], staff, plain=plain))
            for profile in found["profiles"]
            if (profile["ref"] != entry["from"] or entry.get("by")) and _differs(profile["fields"].get(name), entry["value"])
        ]
        text = field_value(name, entry["value"], found["kind"], plain=plain)
        if name == "owner":
            text = staff.get(f"{entry['from'].split('|')[0]}|{entry['value']}", text)
        source = by_ref.get(entry["from"], {}).get("account_title", "–")
        joined = isinstance(entry["value"], list) and not _only_from(entry, by_ref)
        said = {"by": entry.get("by", ""), "settable": name in SETTABLE}
        yield {"name": name, "text": text, "source": t("customer.joined") if joined else source, "others": others, **said}


def _said(name: str, profile: Mapping[str, Any], kind: str, staff: Mapping[str, str], *, plain: bool) -> str:
    """What one profile says of a field."""
    value = profile["fields"][name]
    text = field_value(name, value, kind, plain=plain)
    return staff.get(f"{profile['ref'].split('|')[0]}|{value}", text) if name == "owner" else text


def _differs(other: Any, chosen: Any) -> bool:
    if other in (None, "", [], "unknown"):
        return False
    return not set(other) <= set(chosen) if isinstance(other, list) and isinstance(chosen, list) else other != chosen


def _only_from(entry: Mapping[str, Any], by_ref: Mapping[str, Any]) -> bool:
    own = by_ref.get(entry["from"], {}).get("fields", {})
    return any(set(entry["value"]) <= set(value) for value in own.values() if isinstance(value, list))


def field_value(name: str, value: Any, kind: str, *, plain: bool) -> str:
    """A field's value as text, masked unless plain."""
    if name == "kind":
        return t(f"kind.{value}") if value in ("person", "company", "unknown") else str(value)
    if name == "gender":
        return t(f"gender.{value}") if value in ("male", "female", "unknown") else str(value)
    if name in ("created_at", "last_contact_at"):
        return show.any_time(value)
    return show.field_text(name, value, plain=plain, names=may("operator") or kind == "company")


def profile_card(profile: Mapping[str, Any], names: Mapping[int, Mapping[str, Any]], *, plain: bool) -> dict[str, Any]:
    """A profile as the page shows it."""
    account = names.get(int(profile["ref"].split("|")[0])) or {"platform": "", "title": "–", "key": ""}
    fields = profile["fields"]
    shown = [name for name in FIELDS if fields.get(name) not in (None, "", [])]
    return {
        **profile,
        "account": account,
        "platform": platform_title(account["platform"]),
        "name": display_name(fields, str(fields.get("kind", ""))),
        "shown": [(name, field_value(name, fields[name], str(fields.get("kind", "")), plain=plain)) for name in shown],
        "why": profile["reason"][language()],
    }


def _tags(
    found: dict[str, Any],
    names: Mapping[int, Mapping[str, Any]],
    staff: Mapping[str, str],
    proofs: desk.Evidence,
    takers: set[str],
) -> list[dict[str, Any]]:
    tags = []
    for tag in found["tags"]:
        account_id = tag["profile_ref"].split("|")[0]
        account = names.get(int(account_id)) or {"title": "–"}
        by = staff.get(f"{account_id}|{tag['by']}", tag["by"]) if tag["by"] else None
        if tag["rule"]:
            by = t("customer.by_rule", name=tag["rule"].partition(":")[2])
        evidence = proofs.get((tag["profile_ref"], tag["tag_ref"]), [])
        # A tag derived from chats is the hub's own, and its rule takes it away.
        takes = tag["profile_ref"] in takers and not tag["rule"]
        tags.append({**tag, "account_title": account["title"], "by_name": by, "evidence": evidence, "takes": takes})
    return sorted(tags, key=lambda tag: (tag["group"] or "", tag["name"], tag["since"]))


def _entry(item: Mapping[str, Any]) -> dict[str, Any]:
    merged_away = item["kind"] == "merge" and item["undone_by"] is None
    other = url_for("customers.detail", customer_id=item["other_id"]) if item["kind"] == "split" else None
    return {**item, "says": item["sentence"][language()], "can_undo": merged_away, "other_url": other}
