"""A stolen disk, a log and a list of runs show nobody: what is personal is sealed wherever it is stored."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import LargeBinary

from config.logging import redact
from connectors.base import Token
from hub import accounts
from hub.identity.desk import service
from hub.models import Event, Inbox, LedgerEntry, Quarantined, Run
from hub.models.base import Model, table
from hub.store.types import SealedJSON
from hub.sync import landing, quarantine
from hub.sync.connect import StoredTokens
from hub.sync.foreground import sync

Site = Any
PERSONAL = {
    "name": "欧阳梅花",
    "nick": "梅花三弄的微信",
    "phone": "13867854321",
    "second phone": "13867850000",
    "email": "meihua.ouyang@example-shop.cn",
    "address": "杭州市西湖区文三路九十九号",
    "region": "浙江省杭州市西湖区",
    "note": "喜欢蓝色的杯子",
    "company": "梅花三弄文化创意",
    "tax id": "91350100M000100Y43",
    "stage owner": "业务员司马相如",
    "deal title": "欧阳梅花的装修合同",
    "refund reason": "颜色不是我要的那种",
    "staff": "赵小磊磊",
    "staff phone": "13700009999",
    "staff mail": "leilei@example-corp.cn",
    "buyer": "收货人诸葛亮",
    "buyer phone": "13655554444",
    "receiver": "收件人司徒",
    "bad": "不合格的上官婉儿",
    "secret": "s3cret-of-the-account-9Q",
    "token": "token-1-that-nobody-sees",
    "unionid": "oUwithUnionId12345678",
    "unknown": "没见过的字段值",
}


def fill(site: Site) -> None:
    p = PERSONAL
    site.land(
        {"id": "s1", "name": p["staff"], "phone": p["staff phone"], "email": p["staff mail"], "state": "on"}, stream="staff"
    )
    site.land(
        site.person(
            "a",
            p["name"],
            p["phone"],
            p["second phone"],
            aliases=[p["nick"]],
            emails=[p["email"]],
            company=p["company"],
            owner=p["stage owner"],
            region=p["region"],
            address=p["address"],
            note=p["note"],
            identifiers=[{"kind": "unionid", "scope": "w", "value": p["unionid"]}],
            tags=[{"id": "vip", "name": "VIP"}],
            hobby=p["unknown"],
        )
    )
    site.land(site.person("firm", p["company"], p["second phone"], tax_id=p["tax id"]))
    site.land({"id": "7", "name": p["name"], "phones": [p["phone"]], "remark": p["note"], "tags": []}, stream="contact")
    order = {
        "id": "o1", "state": "paid", "total": "10", "paid": "10", "region": p["region"], "created_at": "2026-11-22 09:00:00",
        "paid_at": "2026-11-22 09:00:00", "updated_at": "2026-11-22 09:00:00", "receiver": {"name": p["receiver"]},
        "buyer": {"id": "b1", "name": p["buyer"], "phone": p["buyer phone"]},
    }  # fmt: skip
    site.land(order, stream="order")
    site.land(order | {"id": "o2", "total": p["bad"]}, stream="order")
    site.land(order | {"id": "o3", "state": "call " + p["phone"], "updated_at": p["bad"]}, stream="order")
    site.land(order | {"id": "o4", "state": "call " + p["phone"]}, stream="order")
    refund = {
        "id": "r1",
        "order": "o1",
        "state": "done",
        "amount": "1",
        "reason": p["refund reason"],
        "updated_at": "2026-11-22 09:00:00",
    }
    site.land(refund, stream="refund")
    deal = {
        "id": "d1", "state": "signed", "amount": "10", "customer": "a", "title": p["deal title"], "owner": p["stage owner"],
        "updated_at": "2026-11-22 09:00:00",
    }  # fmt: skip
    site.land(deal, stream="deal")
    accounts.change_config(site.hub, "crm", {"world": "crm", "secret": p["secret"]}, by="test")
    StoredTokens(site.hub, site.account()).renew(None, lambda: Token(p["token"], 7200))
    service.split(site.hub, site.home("crm/a"), [site.ref("crm/a")], by="test")


def shown_in(data: bytes) -> list[str]:
    found = []
    for what, value in PERSONAL.items():
        forms = (value.encode(), value.encode("utf-16-le"), json.dumps(value).strip('"').encode(), value.encode("gb18030"))
        if any(form in data for form in forms):
            found.append(what)
    return found


def test_the_database_file_shows_nobody(small: Site, tmp_path: Path) -> None:
    fill(small)
    customer = small.golden(small.home("crm/a"))
    assert customer["display_name"] == PERSONAL["name"] and customer["owner"] == PERSONAL["stage owner"], "it is all there"
    with small.hub.db.writer.connect() as conn:
        conn.exec_driver_sql("ROLLBACK")
        conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    data = b"".join(path.read_bytes() for path in tmp_path.glob("hub.db*"))
    assert b"crm" in data and "大客户".encode() not in data and len(data) > 100_000
    assert shown_in(data) == []


def test_no_row_of_any_table_shows_anybody(site: Site) -> None:
    """On PostgreSQL there is no one file to look at, so every column is."""
    fill(site)
    with site.hub.db.read() as conn:
        for name in Model.metadata.tables:
            for row in conn.exec_driver_sql(f'SELECT * FROM "{name}"'):
                data = b"\n".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row)
                assert shown_in(data) == [], name


def test_runs_errors_and_events_show_nobody(site: Site) -> None:
    world = site.world()
    world.put(
        "person", site.person("a", PERSONAL["name"], PERSONAL["phone"], at="2026-11-22 11:00:00", kind=PERSONAL["note"][:3])
    )
    bad = {"id": "o1", "total": PERSONAL["bad"], "updated_at": "2026-11-22 11:00:00", "state": PERSONAL["phone"]}
    world.put("order", bad, bad | {"id": "o2", "state": PERSONAL["staff phone"]})
    sync(site.hub, "crm", by="test")
    fill(site)
    said = []
    for model, columns in {
        Run: ("error", "unknown", "by", "stream"),
        Event: ("data", "subject"),
        Quarantined: ("error",),
        LedgerEntry: ("evidence", "rule"),
        Inbox: ("error", "summary"),
    }.items():
        said += [str(getattr(row, name)) for row in site.rows(model) for name in columns]
    assert len(said) > 20 and shown_in("\n".join(said).encode()) == []
    assert shown_in(json.dumps(quarantine.list_(site.hub), default=str).encode()) == []


def test_an_error_while_landing_shows_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError(f"cannot go on with {PERSONAL['phone']} {PERSONAL['email']}")

    lines = StringIO()
    steps = [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer()]
    monkeypatch.setattr(landing, "log", structlog.wrap_logger(structlog.PrintLogger(lines), processors=steps))
    lander = site.lander()
    monkeypatch.setattr(lander._resolver, "resolve", broken)
    with site.hub.db.write() as conn:
        counts = lander.land(conn, [site.person("a", PERSONAL["name"], PERSONAL["phone"])])
    assert counts.quarantined == 1 and site.one(Quarantined).error["key"] == "error.internal"
    assert "RuntimeError" in lines.getvalue() and shown_in(lines.getvalue().encode()) == []


def test_every_personal_column_is_bytes(small: Site) -> None:
    """Whoever adds a column for something personal in plain text has to think about this list."""
    personal = {
        "name",
        "title",
        "owner",
        "reason",
        "note",
        "phone",
        "email",
        "address",
        "region",
        "remark",
        "data",
        "body",
        "document",
        "token",
        "config",
    }
    allowed = {
        ("account", "title"),
        ("identity_review", "reason"),  # uncertain, conflict, ambiguous
        ("identity_redo", "reason"),
        ("identity_model", "data"),  # weights
        ("bookmark", "name"),  # how far work over all customers has come
        ("owner_conflict", "reason"),
        ("tag", "name"),
        ("tag_assignment", "name"),
        ("order_line", "title"),
        ("deal_line", "title"),
        ("invoice_request_line", "title"),
        ("user", "email"),
        ("role", "name"),
        ("push_counter", "reason"),
        ("event", "data"),
    }
    plain = {
        (each.name, column.name)
        for each in Model.metadata.tables.values()
        for column in each.columns
        if column.name in personal and not isinstance(column.type, LargeBinary | SealedJSON)
    }
    assert plain == allowed and table(Event).c.data is not None
