"""A small company for the pages' tests: accounts, streams, runs, customers of two sources, orders, deals, documents, faults."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import insert, select, update

from config.settings import Settings, TagRule
from connectors import errors, registry
from connectors.base import Document, DocumentLine, Money, Party, Receipt
from hub import accounts
from hub.admin import users
from hub.chats import tagging
from hub.core import Hub
from hub.events.attempt import receipt_json
from hub.events.documents import to_json
from hub.events.mint import event_id
from hub.identity.deciding import resolver
from hub.identity.desk import review, service
from hub.identity.resolve import Incoming
from hub.identity.tables.digests import digest_of
from hub.models import (
    AccountStream,
    Customer,
    Deal,
    Delivery,
    DeliveryAttempt,
    Event,
    Handover,
    IdentityKey,
    Inbox,
    InvoiceApplication,
    InvoiceApplicationLine,
    Message,
    Order,
    Orphan,
    OrphanLook,
    Profile,
    PushCounter,
    Quarantined,
    Run,
    Staff,
    Tag,
    TagAssignment,
)
from hub.models.base import table
from hub.people import handover, owners
from hub.store.types import EPOCH, to_us
from hub.sync import raw

PASSWORD = "a long password 1"
WORDS = "请问报价是多少"
TAG_RULES = [
    TagRule(name="price", tag="询价", group="意向", keywords=["报价"], times=1, within_days=30, enabled=True),
    TagRule(name="vip", tag="VIP", member_of="VIP*", side="any"),
]
ACCOUNTS = {
    "wecom": ("wecom", "企业微信·华东"),
    "tmall": ("taobao", "天猫旗舰店"),
    "crm": ("wukong", "悟空 CRM"),
    "form": ("inbound", "官网表单"),
    "erp": ("kingdee", "金蝶云星空"),
}  # fmt: skip
RULES = [
    {"name": "deal-receivable", "on": "deal.signed", "to": "erp", "make": "receivable"},
    {"name": "shop-day", "on": "order.paid", "to": "erp", "make": "settlement", "per": "day"},
]


class Seeded:
    """What was made. account: key -> id; customers, deliveries: name -> id."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.account: dict[str, int] = {}
        self.customers: dict[str, str] = {}
        self.deliveries: dict[str, str] = {}
        self.quarantined = ""
        self.push = ""
        self.running = 0
        self.question = ("", "")
        self.request = ""

    def insert(self, model: Any, *rows: dict[str, Any]) -> None:
        with self.hub.db.write() as conn:
            for row in rows:
                conn.execute(insert(table(model)).values(**row))

    def ago(self, **span: float) -> Any:
        return self.hub.now() - timedelta(**span)


def open_hub(folder: Path, **settings: Any) -> Hub:
    """An empty hub with three users, one of each role."""
    hub = Hub.open(Settings(data_dir=folder, **settings))
    for role in users.ROLES:
        users.create_user(hub, f"{role}@hub.local", PASSWORD, [role])
    return hub


def seed(hub: Hub) -> Seeded:
    """Fill the hub."""
    made = Seeded(hub)
    for key, (platform, title) in ACCOUNTS.items():
        simulator = registry.get(platform).simulator()
        assert simulator is not None
        config = simulator().settings("http://127.0.0.1:9")
        made.account[key] = accounts.add(hub, platform, key, title, config, by="seed")
    _streams(made)
    _runs(made)
    _customers(made)
    _chats(made)
    _handovers(made)
    _orders(made)
    _deals(made)
    _deliveries(made)
    _request(made)
    _quarantine(made)
    _inbox(made)
    _questions(made)
    return made


def _streams(made: Seeded) -> None:
    stream = table(AccountStream)
    later = made.hub.now() + timedelta(minutes=4)
    with made.hub.db.write() as conn:
        done = {"done_to": (made.ago(minutes=2)).isoformat()}
        fresh = {"last_ok_at": made.ago(minutes=2), "next_run_at": later, "cursor": done}
        conn.execute(update(stream).values(**fresh))
        walked = update(stream).where(stream.c.account_id == made.account["wecom"])
        conn.execute(walked.values(cursor={"walk": 3}, last_ok_at=made.ago(hours=3)))
        one = stream.c.account_id == made.account["crm"]
        name = conn.execute(stream.select().where(one)).first().stream  # type: ignore[union-attr]
        error = errors.Unavailable("http.unavailable", status="502").as_dict()
        conn.execute(
            update(stream).where(one, stream.c.stream == name).values(last_ok_at=made.ago(days=9), error=error, failures=7)
        )


def _runs(made: Seeded) -> None:
    stream = next(iter(registry.get("taobao").manifest.streams))
    common = {"stream": stream, "kind": "pull", "by": "hub", "pages": 12, "older": 0, "events": 31, "unknown": {}}
    shop, crm = made.account["tmall"], made.account["crm"]
    counts = {"fetched": 1180, "changed": 1043, "unchanged": 137, "quarantined": 0}
    first = next(iter(registry.get("wukong").manifest.streams))
    failed = errors.Unavailable("http.unavailable", status="502").as_dict()
    rows = [
        {**common, **counts, "account_id": shop, "state": "ok", "started_at": made.ago(minutes=42),
         "ended_at": made.ago(minutes=41)},
        {**common, **counts, "account_id": shop, "state": "partial", "quarantined": 2, "started_at": made.ago(minutes=9),
         "ended_at": made.ago(minutes=8), "unknown": {"order.state: WAIT_PRE_AUTH": 2}},
        {**common, **counts, "account_id": crm, "stream": first, "state": "stopped", "fetched": 0, "changed": 0, "unchanged": 0,
         "started_at": made.ago(minutes=5), "ended_at": made.ago(minutes=5), "error": failed},
        {**common, **counts, "account_id": shop, "state": "running", "started_at": made.ago(minutes=1),
         "progress_at": made.ago(seconds=3), "window_start": made.ago(days=1), "window_end": made.ago(minutes=1),
         "done_to": made.ago(hours=9)},
    ]  # fmt: skip
    made.insert(Run, *rows)
    made.running = len(rows)


def _incoming(made: Seeded, key: str, name: str, fields: dict[str, Any], keys: tuple[Any, ...] = ()) -> Incoming:
    account = made.account[key]
    now = made.hub.now_us()
    return Incoming(f"{account}|{name}", account, f"{account}|customer|{name}", now, {"fields": fields, "keys": list(keys)})


def resolve(hub: Hub, incoming: list[Incoming]) -> None:
    """Bring profiles in the way landing does."""
    with hub.db.write() as conn:
        resolver(hub).resolve(conn, incoming, hub.now_us())


def _customers(made: Seeded) -> None:
    people = [
        ("wecom", "wm01", {"display_name": "王小红", "phones": ["+8613812341234"], "owner": "zhanglei", "stage": "成交",
                           "aliases": ["小红-杭州"], "gender": "female", "created_at": made.ago(days=200).isoformat()}),
        ("tmall", "b-7781", {"display_name": "王小红", "phones": ["+8613812341234"], "region": "浙江省 杭州市",
                             "address": "西湖区文三路 90 号 3 幢", "emails": ["xiaohong.wang@example.com"]}),
        ("crm", "c-310", {"display_name": "杭州云栖科技有限公司", "kind": "company", "tax_id": "91330106MA2B0QJR1P",
                          "phones": ["+8613900001111"], "stage": "签约", "owner": "12", "region": "浙江省 杭州市"}),
        ("form", "f-55", {"display_name": "李伟", "phones": ["+8613700002222"], "source": "官网"}),
        ("wecom", "wm02", {"display_name": "李伟", "company": "宁波海联贸易有限公司", "owner": "zhanglei"}),
    ]  # fmt: skip
    surnames, given = "赵钱孙周吴郑冯陈褚卫蒋沈韩杨", ["子涵", "欣怡", "浩然", "宇轩", "梓萱", "建国", "秀英"]
    for number in range(70):
        name = surnames[number % 14] + given[number % 7]
        fields = {"display_name": name, "phones": [f"+86138{31000000 + number * 7919:08d}"], "region": "上海市"}
        people.append(("tmall", f"b-{number}", fields))
    resolve(made.hub, [_incoming(made, key, name, fields) for key, name, fields in people])
    for name in ("王小红", "杭州云栖", "李伟"):
        found = service.find(made.hub, name)
        made.customers[name] = found[0]["id"]
    both = service.find(made.hub, "李伟")
    made.customers["李伟"] = service.merge(made.hub, both[0]["id"], both[1]["id"], by="operator@hub.local")
    customer = table(Customer)
    with made.hub.db.write() as conn:
        rest = [cid for cid in conn.execute(select(customer.c.id)).scalars() if cid not in made.customers.values()]
        for number, cid in enumerate(rest):
            conn.execute(update(customer).where(customer.c.id == cid).values(changed_at=made.ago(minutes=21 * number)))
    wecom = made.account["wecom"]
    made.insert(Staff, {"ref": f"{wecom}|zhanglei", "account_id": wecom, "source_ref": f"{wecom}|staff|zhanglei",
                        "state": "active", "data": {"name": "张磊"}, "deleted": False})  # fmt: skip
    made.insert(Tag, {"ref": f"{wecom}|et1", "account_id": wecom, "source_ref": f"{wecom}|tag|et1", "name": "高意向",
                      "group": "客户分级", "deleted": False})  # fmt: skip
    since = made.ago(days=3)
    made.insert(
        TagAssignment,
        {"profile_ref": f"{wecom}|wm01", "tag_ref": f"{wecom}|et1", "by": "zhanglei", "since": since},
        {"profile_ref": f"{wecom}|wm01", "tag_ref": f"{wecom}|own-1", "name": "喜欢红茶", "by": "zhanglei", "since": since},
    )


def _handovers(made: Seeded) -> None:
    """王五 has left; one customer of his waits, and others are on their way to 张磊, each as far as it may come."""
    wecom, now = made.account["wecom"], made.hub.now()
    made.insert(Staff, {"ref": f"{wecom}|wangwu", "account_id": wecom, "source_ref": f"{wecom}|staff|wangwu",
                        "state": "left", "data": {"name": "王五"}, "deleted": True})  # fmt: skip
    waits = {"account_id": wecom, "stream": "customer", "staff": "wangwu"}
    made.insert(Orphan, {**waits, "key": "wangwu/wm09", "left_at": made.ago(days=2), "seen_at": now})
    made.insert(OrphanLook, {"account_id": wecom, "next_at": now, "lease_until": now, "looked_at": made.ago(minutes=20)})
    given = {**waits, "to": "zhanglei", "left": True, "by": "operator@hub.local", "next_at": now, "lease_until": now}
    given |= {"becomes": "", "message": "", "attempts": 1, "asks": 0, "doubts": 0, "fence": 0, "asked_at": made.ago(hours=3)}
    told = {"type": "Rejected", "key": "wecom.not_verified", "code": "40098", "request_id": None, "params": {}}
    for state in handover.STATES:
        more = {"error": told} if state == "failed" else {"effective_at": made.ago(hours=-20)} if state == "sent" else {}
        made.insert(Handover, {**given, "key": f"wangwu/wm-{state}", "state": state, **more})


def _chats(made: Seeded) -> None:
    """王小红 has asked for a price, and a rule looks for that."""
    ref, wecom = f"{made.account['wecom']}|m1", made.account["wecom"]
    digest = digest_of(made.hub.ring, "unionid", "t", "o1")
    key = {"digest": digest, "profile_ref": f"{wecom}|wm01", "kind": "unionid", "customer_id": made.customers["王小红"]}
    made.insert(IdentityKey, key)
    body = made.hub.ring.pack(orjson.dumps({"text": WORDS}), ref)
    values = {"ref": ref, "account_id": wecom, "source_ref": f"{wecom}|message|1", "digest": digest, "side": "customer"}
    moments = {"at": to_us(made.ago(hours=2)), "keep_until": to_us(made.ago(days=-100))}
    made.insert(Message, {**values, **moments, "kind": "text", "body": body, "consent": "agreed"})
    settings = made.hub.settings
    made.hub.settings = settings.model_copy(update={"tag_rules": TAG_RULES})
    while tagging.work(made.hub):
        pass
    made.hub.settings = settings


def _orders(made: Seeded) -> None:
    shop = made.account["tmall"]
    common = {"account_id": shop, "profile_ref": f"{shop}|b-7781", "currency": "CNY", "deleted": False}
    made.insert(
        Order,
        {**common, "ref": f"{shop}|o1", "source_ref": f"{shop}|order|o1", "number": "3829104477120011", "state": "completed",
         "total": 129900, "paid": 119900, "created_at": made.ago(days=40), "paid_at": made.ago(days=40)},
        {**common, "ref": f"{shop}|o2", "source_ref": f"{shop}|order|o2", "number": "3829104477120012", "state": "paid",
         "total": 3456789, "paid": 3456789, "created_at": made.ago(hours=5), "paid_at": made.ago(hours=5)},
        {**common, "ref": f"{shop}|o3", "source_ref": f"{shop}|order|o3", "number": "3829104477120013", "state": "cancelled",
         "total": 9900, "created_at": made.ago(days=90)},
    )  # fmt: skip


def _deals(made: Seeded) -> None:
    crm = made.account["crm"]
    made.insert(
        Deal,
        {"ref": f"{crm}|d1", "account_id": crm, "source_ref": f"{crm}|deal|d1", "profile_ref": f"{crm}|c-310",
         "number": "HT-2026-0117", "title": "年度维保", "state": "signed", "currency": "CNY", "amount": 12345678,
         "received": 5000000, "signed_on": date(2026, 1, 17), "effective_at": made.ago(days=2), "created_at": made.ago(days=9)},
    )  # fmt: skip


def _deliveries(made: Seeded) -> None:
    crm, erp = made.account["crm"], made.account["erp"]
    found = {
        "pending": (None, 0), "sending": (None, 1), "sent": (None, 1), "cancelled": ("delivery.cancelled", 1),
        "rejected": ("error.rejected", 1), "in_doubt": ("error.in_doubt", 1),
    }  # fmt: skip
    for number, (state, (error, attempts)) in enumerate(found.items()):
        document = Document(
            "receivable", f"AR0000000000000{number:03d}", date(2026, 1, 17), Money(12345678),
            Party("C00000000001", "杭州云栖科技有限公司", "91330106MA2B0QJR1P", "+8613900001111"),
            (DocumentLine("年度维保", Money(10000000), tax_rate="6"), DocumentLine("实施服务", Money(2345678), tax_rate="6")),
            source={"stream": "deal", "key": "d1"},
        )  # fmt: skip
        subject = f"{crm}|d1" if state == "rejected" else f"{crm}|d{number + 10}"
        event = event_id("deal.signed", subject)
        key = f"delivery-{state}"
        receipt = receipt_json(Receipt(document.number, "100231", "C", True, document.amount, "C00000000001"))
        more = {"code": "MSG_12", "message": "客户未审核"} if state == "rejected" else {}
        told = errors.Rejected(error, **more).as_dict() if error else None
        row = {
            "id": key, "event_id": event, "rule": "deal-receivable", "account_id": erp, "source_account_id": crm,
            "subject": subject, "kind": "receivable", "number": document.number, "day": document.date,
            "amount": document.amount.minor, "currency": "CNY", "document": to_json(document), "state": state,
            "attempts": attempts, "absent": 0, "next_at": made.hub.now() + timedelta(minutes=2), "lease_until": EPOCH,
            "fence": 1,
            "created_at": made.ago(hours=number + 1), "sent_at": made.ago(minutes=20) if state == "sent" else None,
            "receipt": receipt if state == "sent" else None, "error": told,
        }  # fmt: skip
        made.insert(Delivery, row)
        made.insert(Event, {"id": event, "kind": "deal.signed", "account_id": crm, "subject": subject,
                            "at": made.ago(days=1), "recorded_at": made.ago(days=1), "pending": False,
                            "data": {"amount": 12345678, "currency": "CNY"}})  # fmt: skip
        outcome = {"sent": "written", "rejected": "rejected", "in_doubt": "in_doubt"}.get(state)
        if outcome:
            step = {"delivery_id": key, "by": "hub", "at": made.ago(minutes=25)}
            made.insert(
                DeliveryAttempt,
                {**step, "step": "find", "outcome": "absent"},
                {**step, "step": "send", "outcome": outcome, "error": told},
            )
        made.deliveries[state] = key


def _request(made: Seeded) -> None:
    """An invoice is asked for over the signed deal."""
    crm = made.account["crm"]
    made.request = ref = f"{crm}|sq/1"
    made.insert(
        InvoiceApplication,
        {"ref": ref, "account_id": crm, "source_ref": f"{crm}|invoice_request|sq/1", "profile_ref": f"{crm}|c-310",
         "deal_ref": f"{crm}|d1", "number": "SQ-2026-0031", "state": "requested", "currency": "CNY", "amount": 12345678,
         "invoice_kind": "digital_special", "buyer_kind": "company", "buyer_title": "杭州云栖科技有限公司",
         "buyer_tax_id": "91330106MA2B0QJR1P", "buyer_bank": "招商银行杭州分行", "buyer_account": "571900001110888",
         "mobile": "+8613900001111", "requested_at": made.ago(hours=6), "deleted": False},
    )  # fmt: skip
    made.insert(InvoiceApplicationLine, {"request_ref": ref, "key": "1", "title": "年度维保", "quantity": "1", "unit": "年",
                                         "amount": 12345678, "tax_rate": "6", "tax_code": "3040201010000000000"})  # fmt: skip
    made.insert(Event, {"id": event_id("invoice.requested", ref), "kind": "invoice.requested", "account_id": crm,
                        "subject": ref, "at": made.ago(hours=6), "recorded_at": made.ago(hours=6), "pending": False,
                        "data": {"amount": 12345678, "currency": "CNY", "number": "SQ-2026-0031"}})  # fmt: skip


def _quarantine(made: Seeded) -> None:
    shop = made.account["tmall"]
    stream = next(iter(registry.get("taobao").manifest.streams))
    for number in range(3):
        ref = f"{shop}|{stream}|q{number}"
        body = raw.dump({"tid": f"q{number}", "payment": "12.3O", "buyer_nick": "王**", "receiver_mobile": "13812341234"})
        error = errors.MappingError(field="paid", path="payment", kind="text").as_dict()
        made.insert(Quarantined, {"ref": ref, "account_id": shop, "stream": stream, "source_id": f"q{number}",
                                  "body": made.hub.ring.pack(body, ref), "error": error, "state": "open", "attempts": 1,
                                  "first_at": made.ago(days=2), "last_at": made.ago(hours=number + 1)})  # fmt: skip
        made.quarantined = ref


def _inbox(made: Seeded) -> None:
    wecom, form = made.account["wecom"], made.account["form"]
    event = {"key": "e1", "stream": "customer", "record_key": "zhanglei/wm01", "kind": "changed", "time": None, "record": None}
    states = [(wecom, "done", 1, None), (wecom, "pending", 4, errors.Unavailable("http.unavailable", status="500").as_dict()),
              (form, "failed", 0, errors.BadPush("inbound.no_id", field="data.id", expected="text").as_dict())]  # fmt: skip
    for number, (account, state, attempts, error) in enumerate(states):
        key = f"{account}|push-{number}"
        body = orjson.dumps({"events": [event], "plaintext": "<xml><Event>change_external_contact</Event></xml>"})
        row = {"key": key, "account_id": account, "body": made.hub.ring.pack(body, key), "state": state, "attempts": attempts,
               "times": 1 + number, "next_at": made.hub.now() + timedelta(minutes=9),
               "received_at": made.ago(minutes=7 + number), "error": error}  # fmt: skip
        if state == "done":
            row |= {
                "done_at": made.ago(minutes=6),
                "summary": [{k: event[k] for k in ("stream", "record_key", "kind", "time")}],
            }
        made.insert(Inbox, row)
        made.push = key
    counter = {"account_id": form, "reason": "bad_signature", "day": f"{made.hub.now():%Y-%m-%d}", "count": 3}
    made.insert(PushCounter, {**counter, "last_at": to_us(made.ago(minutes=30))})


def _questions(made: Seeded) -> None:
    """Who shares a number and an address under two names, twice: one question is open and one answered; and a firm's branch."""
    home = {"phones": ["+8613566667777"], "address": "浙江省杭州市西湖区文三路5号", "region": "浙江省 杭州市"}
    other = {"phones": ["+8613577778888"], "address": "浙江省杭州市滨江区江南大道100号"}
    people = [
        ("crm", "c-401", {**home, "display_name": "欧阳晓岚", "emails": ["xiaolan@example.com"], "stage": "签约"}),
        ("tmall", "b-9401", {**home, "display_name": "李建国"}),
        ("wecom", "wm-402", {**other, "display_name": "赵敏"}),
        ("form", "f-402", {**other, "display_name": "钱进"}),
    ]
    resolve(made.hub, [_incoming(made, key, name, fields) for key, name, fields in people])
    refs = [f"{made.account[key]}|{name}" for key, name, _ in people]
    made.question = (refs[0], refs[1])
    both = {
        "display_name": "宁波海联贸易有限公司",
        "kind": "company",
        "tax_id": "91310000775785552L",
        "phones": ["+8657488887777"],
    }
    owned = [("wecom", "wm-501", {**both, "owner": "zhanglei"}), ("crm", "c-501", {**both, "owner": "王芳"})]
    resolve(made.hub, [_incoming(made, key, name, fields) for key, name, fields in owned])
    with made.hub.db.read() as conn:
        home = select(table(Profile).c.customer_id).where(table(Profile).c.ref == f"{made.account['crm']}|c-501")
        made.customers["撞单"] = str(conn.execute(home).scalar_one())
    owners.look(made.hub)
    review.answer(made.hub, refs[2], refs[3], "related", kind="household", by="operator@hub.local")
