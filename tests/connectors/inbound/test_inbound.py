"""Inbound: what is opened, what is refused and how it is said, and what the records become."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import RawRequest
from connectors.contract.pushed import Receiver
from connectors.errors import BadPush, BadSignature, MappingError
from connectors.http import Runtime
from connectors.inbound.connector import TYPES, Inbound, InboundConfig
from connectors.inbound.simulator import FormSender
from connectors.registry import get
from connectors.schemes import sign_webhook
from mappings.compile import CompiledMapping, load_mapping

NOW = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
OTHER = base64.b64encode(b"b" * 32).decode()
README = Path(__file__).parents[3] / "connectors" / "inbound" / "README.md"


def inbound(secret: str = SECRET, old_secret: str = "") -> Inbound:
    kind = get("inbound").load()
    connector = kind(InboundConfig(secret=secret, old_secret=old_secret), Runtime(clock=lambda: NOW))
    assert isinstance(connector, Inbound)
    return connector


def request(body: Any, *, secret: str = SECRET, message_id: str = "msg_1", at: datetime = NOW, **headers: Any) -> RawRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = str(int(at.timestamp()))
    signed = {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": sign_webhook(secret, message_id, stamp, raw),
    }
    return RawRequest("POST", {}, {**signed, **headers}, raw)


def mapping(stream: str) -> CompiledMapping:
    return load_mapping(get("inbound").mappings / f"{stream}.yaml", zone=None, context={"account": "a"})


def lead(**fields: Any) -> dict[str, Any]:
    return {"type": "lead", "data": {"id": "F-1", **fields}}


def test_a_push_becomes_an_event_that_carries_the_record() -> None:
    opened = inbound().open(request(lead(name="张三")))
    (event,) = inbound().events(opened)
    assert (event.stream, event.record_key, event.kind, event.time) == ("lead", "F-1", "changed", NOW)
    assert event.record == {"id": "F-1", "name": "张三"}
    assert opened.dedup_key == "msg_1"


def test_a_list_becomes_one_event_each_with_its_own_key() -> None:
    items = [lead(), {"type": "customer", "data": {"id": 17}}]
    events = inbound().events(inbound().open(request(items)))
    assert [(e.stream, e.record_key) for e in events] == [("lead", "F-1"), ("customer", "17")]
    assert len({e.key for e in events}) == 2


def test_amounts_as_numbers_keep_their_digits() -> None:
    body = b'{"type":"order","data":{"id":"1","total":0.1,"created_at":"2026-03-05T09:30:00+08:00"}}'
    (event,) = inbound().events(inbound().open(request(body)))
    assert event.record is not None
    (order,) = mapping("order").apply(event.record).records
    assert order["fields"]["total"] == 10


@pytest.mark.parametrize("signed_with", [SECRET, OTHER])
def test_both_secrets_are_valid_while_one_is_replaced(signed_with: str) -> None:
    assert inbound(secret=OTHER, old_secret=SECRET).open(request(lead(), secret=signed_with)).dedup_key == "msg_1"


def test_an_old_secret_that_was_removed_is_refused() -> None:
    with pytest.raises(BadSignature):
        inbound(secret=OTHER).open(request(lead(), secret=SECRET))


def test_one_of_several_signatures_is_enough() -> None:
    raw = request(lead())
    headers = dict(raw.headers)
    headers["Webhook-Signature"] = f"v1a,AAAA v1,{'A' * 43}= {headers['Webhook-Signature']}"
    assert inbound().open(RawRequest("POST", {}, headers, raw.body)).dedup_key == "msg_1"


@pytest.mark.parametrize("secret", ["", "whsec_", "short", base64.b64encode(b"x" * 23).decode()])
def test_without_a_usable_secret_everything_is_refused_and_check_says_so(secret: str) -> None:
    connector = inbound(secret=secret)
    with pytest.raises(BadSignature) as caught:
        connector.open(request(lead()))
    assert caught.value.params == {"reason": "secret"}
    assert [finding.ok for finding in connector.check()] == [False]
    assert "openssl" in connector.check()[0].fix_zh


def test_check_is_content_with_good_secrets_and_names_the_bad_one() -> None:
    assert [f.ok for f in inbound(old_secret=OTHER).check()] == [True, True]
    assert [f.ok for f in inbound(old_secret="nonsense!").check()] == [True, False]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Webhook-Id": ""}, "headers"),
        ({"Webhook-Id": "msg.1"}, "headers"),
        ({"Webhook-Timestamp": "soon"}, "headers"),
        ({"Webhook-Timestamp": "9" * 5000}, "headers"),
        ({"Webhook-Timestamp": "１７７２６７４２００"}, "headers"),
        ({"Webhook-Signature": ""}, "headers"),
        ({"Webhook-Id": "msg_2"}, "signature"),
        ({"Webhook-Signature": "v1,ÿþ"}, "signature"),
    ],
)
def test_wrong_headers_are_refused_with_the_reason(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(BadSignature) as caught:
        inbound().open(request(lead(), **headers))
    assert caught.value.params == {"reason": reason}


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_time_too_far_away_is_refused(seconds: int) -> None:
    with pytest.raises(BadSignature) as caught:
        inbound().open(request(lead(), at=NOW + timedelta(seconds=seconds)))
    assert caught.value.params == {"reason": "time"}


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_either_way_are_accepted(seconds: int) -> None:
    assert inbound().open(request(lead(), at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    ("body", "key", "field"),
    [
        (b"{", "inbound.not_json", "(body)"),
        (b"\xff{}", "inbound.not_json", "(body)"),
        (b'{"type":"order","data":{"id":"1","total":NaN}}', "inbound.not_json", "(body)"),
        (b"[" * 100_000, "inbound.not_json", "(body)"),
        (b"[]", "inbound.count", "(body)"),
        ([lead()] * 501, "inbound.count", "(body)"),
        (b"17", "inbound.not_object", "(body)"),
        ([lead(), 3], "inbound.not_object", "[1]"),
        ({"data": {"id": "1"}}, "inbound.unknown_type", "type"),
        ({"type": "cheque", "data": {"id": "1"}}, "inbound.unknown_type", "type"),
        ([{"type": ["lead"], "data": {"id": "1"}}], "inbound.unknown_type", "[0].type"),
        ({"type": "lead"}, "inbound.not_object", "data"),
        ([lead(), {"type": "lead", "data": []}], "inbound.not_object", "[1].data"),
        ({"type": "lead", "data": {"name": "x"}}, "inbound.no_id", "data.id"),
        ({"type": "lead", "data": {"id": " "}}, "inbound.no_id", "data.id"),
        ({"type": "lead", "data": {"id": True}}, "inbound.no_id", "data.id"),
        ({"type": "lead", "data": {"id": "x" * 129}}, "inbound.no_id", "data.id"),
        ([lead(), {"type": "lead", "data": {"id": 1.5}}], "inbound.no_id", "[1].data.id"),
        ({"type": "order", "data": {"id": "1", "currency": "USD"}}, "inbound.currency", "data.currency"),
    ],
)
def test_an_unusable_push_names_field_and_expectation(body: Any, key: str, field: str) -> None:
    with pytest.raises(BadPush) as caught:
        inbound().open(request(body))
    error = caught.value
    assert (error.key, error.params["field"]) == (key, field)
    assert error.params["expected"]
    message = get("inbound").manifest.messages[key]
    for text in (message.zh, message.en, message.fix_zh, message.fix_en):
        assert "{" not in text.format(**error.params).replace('{"type": …, "data": {…}}', "").replace("{…}", "")


def test_an_unusable_push_never_repeats_a_value() -> None:
    with pytest.raises(BadPush) as caught:
        inbound().open(request({"type": "13900000001", "data": {"id": "1"}}))
    assert "13900000001" not in f"{caught.value} {caught.value.as_dict()}"


def test_a_lead_is_a_customer_at_the_stage_lead_and_not_the_customer_of_the_same_number() -> None:
    (person,) = mapping("lead").apply({"id": 1, "phones": ["139"], "stage": "won"}).records
    (customer,) = mapping("customer").apply({"id": 1}).records
    assert person["fields"]["stage"] == "lead"
    assert person["keys"] == [("phone", "", "139")]
    assert person["id"] != customer["id"]


@pytest.mark.parametrize("stream", ["customer", "lead"])
def test_identifiers_from_elsewhere_become_keys(stream: str) -> None:
    given = {"kind": "open_uid", "scope": "taobao:1", "value": "AA1"}
    (person,) = mapping(stream).apply({"id": 1, "identifiers": [given]}).records
    assert person["keys"] == [("open_uid", "taobao:1", "AA1")]
    with pytest.raises(MappingError, match="identifiers"):
        mapping(stream).apply({"id": 1, "identifiers": [{**given, "kind": "nickname"}]})


def test_a_customer_id_alone_refers_and_makes_no_customer() -> None:
    record = {"id": "1", "total": "1.00", "created_at": "2026-03-05T09:30:00+08:00", "customer": {"id": "C-1"}}
    (order,) = mapping("order").apply(record).records
    assert order["fields"]["customer"] == "C-1"


def test_a_time_without_zone_is_a_bad_record() -> None:
    with pytest.raises(MappingError, match="created_at"):
        mapping("customer").apply({"id": "1", "created_at": "2026-03-05 09:30:00"})


@pytest.mark.parametrize("example", re.findall(r"```json\n(.*?)```", README.read_text("utf-8"), re.S))
def test_each_example_of_the_readme_is_understood_entirely(example: str) -> None:
    (event,) = inbound().events(inbound().open(request(example.encode())))
    assert event.record is not None
    mapped = mapping(event.stream).apply(event.record)
    assert (mapped.unknown_fields, mapped.unknown_values) == (set(), set())
    own = mapped.records[-1]
    assert "unknown" not in own["fields"].values()


def test_the_readme_shows_every_type() -> None:
    shown = re.findall(r'```json\n\{"type": "(\w+)"', README.read_text("utf-8"))
    assert shown == list(TYPES)


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "openssl", "curl", "od"))), reason="needs bash, openssl, curl and od")
def test_the_readme_s_shell_example_really_signs() -> None:
    (script,) = re.findall(r"```bash\n(.*?)```", README.read_text("utf-8"), re.S)
    connector = inbound()
    connector.clock = lambda: datetime.now(UTC)
    with Receiver(connector) as receiver:
        environment = {"PATH": os.environ["PATH"], "HOOK": receiver.url, "SECRET": SECRET}
        done = subprocess.run(
            ["bash", "-euc", script], env=environment, capture_output=True, text=True, timeout=30, check=False
        )
    assert (done.stdout.strip(), done.stderr) == ("200", "")
    assert [event.record_key for event in receiver.events] == ["F-1001"]


def test_the_form_registers_and_pushes_to_this_machine_alone() -> None:
    sender = FormSender(lambda: NOW)
    page = sender.app.test_client()
    assert "报名" in page.get("/").get_data(as_text=True)
    connector = inbound(secret=sender.settings("")["secret"])
    with Receiver(connector) as receiver:
        form = {"name": "<b>张三", "phone": "13900000001", "company": "示例", "to": receiver.url}
        assert "push answered 200" in page.post("/register", data=form).get_data(as_text=True)
    (event,) = receiver.events
    assert event.record is not None
    assert (event.record["name"], event.record["phones"]) == ("<b>张三", ["13900000001"])
    assert page.post("/register", data={**form, "to": "http://example.com/"}).status_code == 400
    assert page.post("/register", data={"name": "x"}).status_code == 400


def test_a_retry_of_the_sender_is_the_same_push_and_a_change_another() -> None:
    sender = FormSender(lambda: NOW)
    (key,) = sender.populate("deal", 1, start=NOW, step=timedelta(0))
    connector = inbound(secret=sender.settings("")["secret"])
    with Receiver(connector) as receiver:
        for _ in range(2):
            sender.push(receiver.url, "deal", key)
        sender.touch("deal", key)
        sender.push(receiver.url, "deal", key)
    first, again, changed = [opened.dedup_key for opened in receiver.opened]
    assert first == again != changed


def test_a_spoilt_record_is_stored_and_fails_alone_in_its_mapping() -> None:
    sender = FormSender(lambda: NOW)
    good, bad = sender.populate("lead", 2, start=NOW, step=timedelta(0))
    sender.spoil("lead", bad)
    sender.add_field("lead", good, "shoe_size", 43)
    connector = inbound(secret=sender.settings("")["secret"])
    with Receiver(connector) as receiver:
        assert [sender.push(receiver.url, "lead", key) for key in (good, bad)] == [200, 200]
    records = [event.record or {} for event in receiver.events]
    assert mapping("lead").apply(records[0]).unknown_fields == {"shoe_size"}
    with pytest.raises(MappingError):
        mapping("lead").apply(records[1])
    sender.remove("lead", good)
    with pytest.raises(LookupError):
        sender.push("http://127.0.0.1:9/", "lead", good)
