"""Approvals as deals: late ones are not missed, withdrawn ones void the deal, odd pages end nothing (section 3.10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors import errors, registry
from connectors.base import Window
from connectors.wecom.approvals import filled
from connectors.wecom.sim_approvals import MONTH, control
from mappings.compile import load_mapping
from tests.connectors.wecom.conftest import Corp, keys

PATHS = ["sp_no"]


def submitted(corp: Corp, count: int, **options: str) -> list[str]:
    corp.sim.world.add_staff("sales_wang", "王珊")
    return [
        corp.sim.approvals.submit("sales_wang", "128000.50", "北辰贸易有限公司", number=f"HT-{i}", **options).number
        for i in range(count)
    ]


def window(corp: Corp, days: int = 1) -> Window:
    return Window(corp.sim.now() - timedelta(days=days), corp.sim.now() + timedelta(seconds=1))


def mapped(corp: Corp, number: str) -> dict:
    record = corp.connector().fetch_one("approval", number)
    assert record is not None
    entry = registry.get("wecom")
    mapping = load_mapping(entry.mappings / "approval.yaml", zone="Asia/Shanghai", context={"account": "a", "corp_id": "c"})
    return {item["kind"]: item["fields"] for item in mapping.apply(record).records}


def test_an_approved_contract_is_a_signed_deal_with_the_last_decision_as_its_time(corp: Corp) -> None:
    (number,) = submitted(corp, 1)
    corp.sim.offset += timedelta(days=20)
    corp.sim.approvals.decide(number, 2)
    found = mapped(corp, number)
    deal = found["deal"]
    assert (deal["number"], deal["amount"], deal["state"], deal["owner"]) == ("HT-0", 12800050, "signed", "sales_wang")
    assert abs((deal["effective_at"] - corp.sim.now()).total_seconds()) < 2, "not the time of submission"
    assert found["customer"]["company"] == "北辰贸易有限公司"


@pytest.mark.parametrize(("status", "state"), [(1, "in_review"), (3, "refused"), (4, "refused"), (10, "signed")])
def test_each_state(corp: Corp, status: int, state: str) -> None:
    (number,) = submitted(corp, 1)
    corp.sim.approvals.forms[number].status = status
    assert mapped(corp, number)["deal"]["state"] == state


def test_withdrawn_after_approval_voids_and_deleted_is_gone(corp: Corp) -> None:
    (number,) = submitted(corp, 1)
    corp.sim.approvals.decide(number, 2)
    corp.sim.approvals.decide(number, 6)
    assert mapped(corp, number)["deal"]["state"] == "reversed"
    corp.sim.approvals.forms[number].status = 7
    assert corp.connector().fetch_one("approval", number) is None


def test_pages_shortened_by_the_invisible_do_not_end_the_walk(corp: Corp) -> None:
    numbers = submitted(corp, 250)
    corp.sim.world.add_staff("hidden", "隐")
    for number in numbers[:120]:
        corp.sim.approvals.forms[number].applicant = "hidden"
    corp.sim.app_grant.visible = {"sales_wang"}
    found = list(corp.connector().pages("approval", window(corp), None))
    assert len(found[0].records) == 0 and keys(found, PATHS) == numbers[120:]


def test_a_dead_cursor_begins_the_template_again(corp: Corp) -> None:
    numbers = submitted(corp, 150)
    pages = corp.connector().pages("approval", window(corp), None)
    first = next(pages)
    corp.sim.approvals.dead_cursors = 1
    rest = list(corp.connector().pages("approval", window(corp), first.resume))
    assert {r["sp_no"] for page in (first, *rest) for r in page.records} == set(numbers)


def test_times_are_texts_and_a_window_stays_under_a_month(corp: Corp) -> None:
    submitted(corp, 1)
    spec = corp.connector().manifest.streams["approval"].cursor
    assert (spec.max_window + spec.overlap).total_seconds() < MONTH
    with pytest.raises(errors.ConfigError) as caught:
        list(corp.connector().pages("approval", window(corp, days=32), None))
    assert caught.value.code == "301112"


def test_without_the_right_the_account_says_where_to_grant_it(corp: Corp) -> None:
    corp.sim.approvals.granted = False
    with pytest.raises(errors.ScopeMissing) as caught:
        list(corp.connector().pages("approval", window(corp), None))
    assert caught.value.key == "wecom.grant_approvals"
    assert [f.code for f in corp.connector().check() if not f.ok] == ["301055"]


def test_a_control_that_the_template_lost_is_told(corp: Corp) -> None:
    bad = [f for f in corp.connector(amount_control="Money-9").check() if not f.ok]
    assert [f.what_en for f in bad] == ["The template has no control of the id that the settings name for the amount"]


def test_other_templates_and_no_templates_are_not_read(corp: Corp) -> None:
    other = submitted(corp, 1, template="Other")[0]
    assert keys(corp.connector().pages("approval", window(corp), None), PATHS) == []
    assert corp.connector().fetch_one("approval", other) is None
    before = corp.calls("oa/getapprovaldetail")
    quiet = corp.connector(contract_templates="")
    assert [page.last for page in quiet.pages("approval", window(corp), None)] == [True]
    assert quiet.fetch_one("approval", other) is None and corp.calls("oa/getapprovaldetail") == before


def test_the_event_names_the_form_by_its_text_number(corp: Corp) -> None:
    (number,) = submitted(corp, 1)
    from connectors.wecom.sim_callback import event_xml
    from connectors.wecom.simulator import CORP_ID

    connector = corp.connector()
    opened = connector.open(corp.push(event_xml(CORP_ID, corp.sim.approvals.decide(number, 2))))
    (event,) = connector.events(opened)
    assert (event.stream, event.record_key, event.kind) == ("approval", number, "2")


def test_values_are_read_by_the_kind_of_their_control() -> None:
    table = control("Table", "Table-1", "明细", children=[{"list": [control("Number", "Number-1", "数量", new_number="3")]}])
    options = [{"key": "o1", "value": [{"text": "框架", "lang": "zh_CN"}]}]
    contents = [
        table,
        control("Selector", "Sel-1", "类型", selector={"type": "single", "options": options}),
        control("Formula", "F-1", "合计", formula={"value": "9.50"}),
    ]
    assert filled(contents, "Number-1") == "3" and filled(contents, "Sel-1") == "框架" and filled(contents, "F-1") == "9.50"
    assert filled(contents, "none, F-1") == "9.50" and filled(contents, "none") is None
    assert filled([control("Date", "D-1", "日期", date={"type": "day", "s_timestamp": "1767196800"})], "D-1") == "2026-01-01"
