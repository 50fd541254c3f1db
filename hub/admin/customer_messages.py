"""Messages of a customer that are kept, for those who may read them."""

from __future__ import annotations

import orjson
from flask import render_template

from hub.admin import overview, paging
from hub.admin.customers import display_name, loaded
from hub.admin.web import audited, needs, page, the_hub
from hub.identity.records import golden
from hub.models import Message
from hub.models.base import table
from hub.store.bulk import select_in

pages = page("customer_messages", "/customers")
MESSAGE = table(Message)


@pages.get("/<customer_id>/messages")
@needs("operator")
def messages(customer_id: str) -> str:
    """The customer's messages that are kept, newest first; the audit log says who looked."""
    hub, found = the_hub(), loaded(customer_id)
    audited("customer.messages", f"customer:{found['id']}")
    refs = [profile["ref"] for profile in found["profiles"]]
    with hub.db.read() as conn:
        digests = [bytes(row[0]) for row in select_in(conn, "identity_key", ("digest",), "profile_ref", refs)]
        mine = MESSAGE.select().where(MESSAGE.c.digest.in_(digests), ~MESSAGE.c.deleted, ~MESSAGE.c.recalled)
        statement = paging.page_of(mine, MESSAGE.c.at, MESSAGE.c.ref)
        rows, older = paging.cut([dict(row) for row in conn.execute(statement).mappings()], "at", "ref")
        names = overview.account_names(conn)
    for row in rows:
        row["words"] = orjson.loads(hub.ring.unpack(bytes(row.pop("body")), row["ref"])).get("text", "")
        row["account"] = names.get(row["account_id"], {"title": "–"})["title"]
    name = display_name(golden.values(found["fields"]), found["kind"])
    return render_template("messages.html", customer=found, name=name, messages=rows, older=older)
