"""What a customer's page shows of tags that go out: wishes on their way, and what may be put on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from hub.admin.words import error_words
from hub.core import Hub
from hub.models import Profile, SourceRecord, Tag
from hub.models.base import table
from hub.people import tags

TAG, PROFILE, RECORD = table(Tag), table(Profile), table(SourceRecord)
MOST = 300


def of(hub: Hub, found: Mapping[str, Any], names: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """wishes: not over yet, or refused. takers: refs of profiles whose platform takes tags. offers: for each of them its title
    and the tags that it does not have, as (value, label)."""
    with hub.db.read() as conn:
        wishes = tags.of_profiles(conn, [profile["ref"] for profile in found["profiles"]])
        homes = _homes(conn, found, names)
        known = _known(conn, {account for _, account in homes})
    for wish in wishes:
        wish["told"] = error_words(wish["error"], names.get(wish["account_id"], {}).get("platform", ""))
    held = {(tag["profile_ref"], tag["tag_ref"]) for tag in found["tags"]}
    offers = []
    for ref, account in homes:
        free = [tag for tag in known if tag.account_id == account and (ref, tag.ref) not in held]
        options = [(f"{ref} {tag.ref}", f"{tag.group} · {tag.name}" if tag.group else tag.name or tag.ref) for tag in free]
        if options:
            offers.append((f"{names[account]['title']} · {ref.split('|', 1)[1]}", options))
    return {"wishes": wishes, "offers": offers, "takers": {ref for ref, _ in homes}}


def _homes(conn: Connection, found: Mapping[str, Any], names: Mapping[int, Mapping[str, Any]]) -> list[tuple[str, int]]:
    refs = [profile["ref"] for profile in found["profiles"]]
    query = select(PROFILE.c.ref, PROFILE.c.account_id, RECORD.c.stream).join(RECORD, RECORD.c.ref == PROFILE.c.source_ref)
    rows = conn.execute(query.where(PROFILE.c.ref.in_(refs), ~RECORD.c.deleted).order_by(PROFILE.c.ref)).all()
    return [
        (row.ref, row.account_id)
        for row in rows
        if row.account_id in names and tags.writable(names[row.account_id]["platform"], row.stream)
    ]


def _known(conn: Connection, accounts: set[int]) -> list[Any]:
    query = select(TAG.c.ref, TAG.c.account_id, TAG.c.name, TAG.c.group).where(TAG.c.account_id.in_(accounts), ~TAG.c.deleted)
    return list(conn.execute(query.order_by(TAG.c.group, TAG.c.name).limit(MOST))) if accounts else []
