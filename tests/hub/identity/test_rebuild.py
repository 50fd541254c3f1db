"""Features, keys and counters made anew after a change of normalisation: resumed where cut off, written where they differ."""

from __future__ import annotations

from typing import Any

import pytest

from hub.identity import rebuild
from hub.identity.core import extract as extracting
from hub.identity.core.features import Features
from hub.identity.tables.profiles import open_features
from hub.models import BlockKey, Bookmark, IdentityCount, IdentityKey, IdentityRedo, Profile
from tests.hub.conftest import Site
from tests.hub.identity.weighed import bring

ANNE: dict[str, Any] = {"display_name": "欧阳晓岚", "phones": ["+8613812345679"], "address": "杭州市西湖区文三路5号"}


def people(site: Site, count: int = 12) -> None:
    given = [
        (f"crm/p{n}", {"display_name": f"{'赵钱孙李周吴郑王冯陈褚卫'[n]}晓岚", "phones": [f"+86139{n:08}"]})
        for n in range(count)
    ]
    keys = [["unionid", "w", "u1"]]
    bring(site, ("crm/a", {**ANNE, "keys": list(keys)}), ("shop/a", {**ANNE, "keys": list(keys)}), *given)
    with site.hub.db.write() as conn:
        conn.exec_driver_sql("DELETE FROM identity_redo")


def identity(site: Site) -> dict[str, Any]:
    """What identity keeps of profiles, opened."""
    return {
        "features": {row.ref: open_features(site.hub.ring, row.ref, row.features) for row in site.rows(Profile)},
        "keys": {(row.digest, row.profile_ref, row.kind, row.customer_id) for row in site.rows(IdentityKey)},
        "blocks": {(row.digest, row.nr) for row in site.rows(BlockKey)},
        "cut": {row.ref: row.blocks_digest for row in site.rows(Profile)},
        "counts": {(row.kind, row.value): row.n for row in site.rows(IdentityCount) if row.n},
    }


def test_nothing_changes_where_nothing_has(site: Site) -> None:
    people(site)
    before = identity(site)
    assert rebuild.features(site.hub, by="ops") == {"looked": 13, "changed": 0}
    assert identity(site) == before and site.rows(IdentityRedo) == []


def spoiled(site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """As an older normalisation left it: no telephones; the way it is today."""
    people(site)
    today = identity(site)
    real = extracting.extract

    def older(record: dict[str, Any], at: int = 0, source: str = "") -> Features:
        return real({**record, "fields": {k: v for k, v in record["fields"].items() if k != "phones"}}, at, source)

    monkeypatch.setattr(rebuild, "extract", older)
    told = rebuild.features(site.hub, by="ops")
    assert told == {"looked": 13, "changed": 13, "queued": 13, "profiles": 14}
    assert identity(site)["features"] != today["features"]
    assert not [row for row in site.rows(IdentityKey) if row.kind == "phone"]
    with site.hub.db.write() as conn:
        conn.exec_driver_sql("DELETE FROM identity_redo")
    monkeypatch.setattr(rebuild, "extract", real)
    return today


def test_a_new_normalisation_reaches_features_keys_blocks_and_counters(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    today = spoiled(site, monkeypatch)
    told = rebuild.features(site.hub, by="ops")
    assert told == {"looked": 13, "changed": 13, "queued": 13, "profiles": 14}
    assert identity(site) == today
    assert {row.reason for row in site.rows(IdentityRedo)} == {"features"} and len(site.rows(IdentityRedo)) == 13
    assert site.together("crm/a", "shop/a") and site.faults() == []
    assert rebuild.features(site.hub, by="ops")["changed"] == 0


def test_it_goes_on_where_it_was_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    today = spoiled(site, monkeypatch)
    monkeypatch.setattr(rebuild, "CHUNK", 5)
    chunks: list[int] = []

    def cut(counts: dict[str, int]) -> None:
        chunks.append(counts["looked"])
        if len(chunks) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild.features(site.hub, by="ops", progress=cut)
    assert site.one(Bookmark).detail["looked"] == 10
    told = rebuild.features(site.hub, by="ops", progress=lambda counts: chunks.append(counts["looked"]))
    assert (told["looked"], told["changed"], chunks) == (13, 13, [5, 10, 13])
    assert identity(site) == today and site.rows(Bookmark) == []
    assert rebuild.features(site.hub, by="ops", again=True)["changed"] == 0


def test_profiles_of_before_the_engine_are_left_to_it(site: Site) -> None:
    people(site, 2)
    with site.hub.db.write() as conn:
        conn.exec_driver_sql("UPDATE profile SET features = NULL")
    assert rebuild.features(site.hub, by="ops") == {"looked": 3, "changed": 0}
