"""Exactly one document, whatever breaks. Traps of the fact sheet, sections 4.1, 6.1 and 9."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import requests

from connectors import errors
from connectors.base import Party

SAVE, ORDER_SAVE = "/yonbip/EFI/receivable/save", "/yonbip/sd/voucherorder/singleSave"


def resubmitted(sim) -> list[str]:
    """Keys that were used, by API."""
    return [key for (path, key) in sim.mdd.calls if path in (SAVE, ORDER_SAVE)]


@pytest.mark.parametrize(
    ("kind", "goal", "state", "steps"),
    [
        ("receivable", "audit", "approved", ["save", "submit", "audit"]),
        ("receivable", "submit", "in_approval", ["save", "submit"]),
        ("receivable", "save", "open", ["save"]),
        ("settlement", "audit", "approved", ["save", "submit", "audit"]),
        ("sales_order", "audit", "approved", ["save", "submit", "audit"]),
        ("sales_order", "submit", "in_approval", ["save", "submit"]),
        ("sales_order", "save", "open", ["save"]),
    ],
)
def test_as_far_as_the_account_says(connect, document, entries, kind, goal, state, steps) -> None:
    receipt = connect(finish=goal).send(document(kind, "LS1"))
    assert (receipt.state, receipt.complete) == (state, True)
    assert [(entry["kind"], entry["steps"]) for entry in entries()] == [(kind, steps)]


# ---------------------------------------------------------------- keys and their expiry


@pytest.mark.parametrize(("kind", "number"), [("receivable", "AR1"), ("sales_order", "SO1")])
def test_the_same_write_within_an_hour_gets_the_same_answer(sim, connect, document, entries, kind, number) -> None:
    connect(finish="save").send(document(kind, number))
    sim.offset += timedelta(minutes=59)
    assert connect(finish="save").send(document(kind, number)).complete
    assert len(entries(number)) == 1 and len(resubmitted(sim)) == 1 and sim.violations == []


@pytest.mark.parametrize(("kind", "number"), [("receivable", "AR1"), ("sales_order", "SO1")])
def test_after_an_hour_it_is_a_duplicate_to_be_adopted(sim, connect, document, entries, kind, number) -> None:
    """10004 with the id alone: the hub looks it up and compares."""
    connect(finish="save").send(document(kind, number))
    sim.offset += timedelta(hours=2)
    with pytest.raises(errors.Duplicate) as there:
        connect(finish="save").send(document(kind, number))
    assert there.value.code == "10004"
    assert connect(finish="save").find(document(kind, number)).complete and len(entries(number)) == 1


@pytest.mark.parametrize(("kind", "number"), [("receivable", "AR1"), ("sales_order", "SO1")])
def test_after_a_month_the_key_is_forgotten_and_still_there_is_one(sim, connect, document, entries, kind, number) -> None:
    """Nothing but our own number guards now: find sees it, and a write in spite of that is told as a duplicate."""
    connect(finish="save").send(document(kind, number))
    sim.offset += timedelta(days=32)
    assert connect(finish="save").find(document(kind, number)).complete
    with pytest.raises(errors.Duplicate) as there:
        connect(finish="save").send(document(kind, number))
    assert there.value.key == "yonyou.duplicate" and len(entries(number)) == 1


def test_a_forgotten_key_makes_a_second_document_where_nothing_else_guards(sim, connect, document, entries) -> None:
    """What the platform does, so that the test above means something: without the joint check there are two."""
    sink = connect(finish="save")
    body = {"data": {"_status": "Insert", "direction": "1", **_receivable(sink, document)}}
    del body["data"]["extSystemCode"]  # the number alone is silently not checked
    for days in (0, 1, 40):
        sim.offset += timedelta(days=days)
        try:
            sink.write(SAVE, body, "receivable", "AR1")
        except errors.Duplicate:
            assert days == 1
    assert len(entries("ARTEST0001")) == 2


def _receivable(sink, document) -> dict:
    from connectors.yonyou import documents

    code = sink._customers.ensure(document().party)
    return documents.receivable(sink.config, document(), code)


def test_the_external_system_alone_is_refused(sim, connect, document) -> None:
    sink = connect()
    body = {"data": _receivable(sink, document)}
    del body["data"]["extVouchCode"]
    with pytest.raises(errors.Rejected, match="外部系统单号"):
        sink.write(SAVE, body, "receivable", "AR1")


def test_a_write_that_still_runs_over_there_is_waited_for(sim, connect, document, entries) -> None:
    """310504 first; 202 while it runs: the same key and the same body every five seconds, then the first answer."""
    sim.mdd.busy[SAVE] = 12.0
    with pytest.raises(errors.InDoubt):
        connect().send(document())
    receipt = connect().send(document())  # at once, as a hub would that had seen neither document nor key
    assert receipt.complete and len(entries("ARTEST0001")) == 1
    assert sim.calls[f"/iuap-api-gateway{SAVE}"] > 3 and sim.violations == []


def test_a_changed_document_has_another_key(sim, connect, document) -> None:
    """The key with another body would be answered with the old document."""
    sim.books.closed_until = "2026-11-30"
    with pytest.raises(errors.Rejected, match="会计期间已经结账"):
        connect(finish="save").send(document())
    sim.books.closed_until = ""
    connect(finish="save").send(document())
    with pytest.raises(errors.Duplicate):
        connect(finish="save").send(document("receivable", "ARTEST0001", 500))
    assert sim.violations == []


def test_a_key_used_again_with_another_body_gets_the_first_answer_and_is_noticed(sim, connect, document) -> None:
    sink = connect()
    data = {**_receivable(sink, document), "resubmitCheckKey": "k" * 32}
    first = sink.write(SAVE, {"data": data})
    again = sink.write(SAVE, {"data": {**data, "remarks": "other"}})
    assert first == again and len(sim.violations) == 1
    with pytest.raises(errors.ConfigError, match="310024"):
        sink.write(SAVE, {"data": {**data, "resubmitCheckKey": "k" * 33}})


# ---------------------------------------------------------------- faults in the middle


@pytest.mark.parametrize("code", ["310504", "310078", "310071", "315001"])
@pytest.mark.parametrize(("call", "kind"), [("receivable/save", "receivable"), ("voucherorder/singleSave", "sales_order")])
def test_written_and_then_no_answer(sim, connect, document, entries, code: str, call: str, kind: str) -> None:
    sim.answers[call] = [f"after:{code}"]
    with pytest.raises(errors.InDoubt):
        connect().send(document(kind, "LS1"))
    found = connect().find(document(kind, "LS1"))
    assert (found.state, found.complete) == ("open", False)
    assert connect().finish(document(kind, "LS1"), found).state == "approved"
    assert len(entries("LS1")) == 1


@pytest.mark.parametrize("call", ["submit", "audit"])
@pytest.mark.parametrize("when", ["", "after:"])
@pytest.mark.parametrize("kind", ["receivable", "sales_order"])
def test_a_step_without_an_answer_is_finished_later(sim, connect, document, entries, call, when, kind) -> None:
    """Steps have no key: the state is read before each."""
    sim.answers[call] = [f"{when}310504"]
    with pytest.raises(errors.InDoubt) as doubt:
        connect().send(document(kind, "LS1"))
    assert doubt.value.params["number"] == "LS1" or doubt.value.key == "yonyou.timeout"
    assert connect().finish(document(kind, "LS1"), connect().find(document(kind, "LS1"))).complete
    assert entries("LS1")[0]["steps"] == ["save", "submit", "audit"]


def test_a_limit_after_the_save_leaves_the_rest_in_doubt(sim, connect, document) -> None:
    sim.answers["receivable/submit"] = ["310046"]
    with pytest.raises(errors.InDoubt) as doubt:
        connect().send(document())
    assert (doubt.value.key, doubt.value.params["number"]) == ("yonyou.saved_unfinished", "ARTEST0001")


def test_a_stale_document_is_read_again(sim, connect, document, entries) -> None:
    """999 当前单据不是最新状态，请刷新重试."""
    move, said = sim.receivables.move, []

    def stale_once(step, data):
        from connectors.yonyou.sim_gate import Refused

        if not said:
            said.append(step)
            raise Refused("999", "当前单据不是最新状态，请刷新重试")
        return move(step, data)

    sim.receivables.move = stale_once
    assert connect().send(document()).complete
    assert entries()[0]["steps"] == ["save", "submit", "audit"]


@pytest.mark.parametrize("kind", ["receivable", "sales_order"])
@pytest.mark.parametrize(("step", "state"), [("submit", "open"), ("audit", "in_approval")])
def test_a_refused_step_says_where_the_document_stands(sim, connect, document, kind, step, state) -> None:
    """For orders the refusal comes as code 200 with failCount 1."""
    books = sim.receivables if kind == "receivable" else sim.orders
    books.refuse[step] = "信用额度不足"
    with pytest.raises(errors.Rejected) as refused:
        connect().send(document(kind, "LS1"))
    told = refused.value
    assert (told.key, told.params["number"], told.params["state"]) == ("yonyou.step_refused", "LS1", state)
    assert "信用额度不足" in told.params["message"] and told.params["step"] == step
    books.refuse.clear()
    assert connect().finish(document(kind, "LS1"), connect().find(document(kind, "LS1"))).complete


def test_steps_that_somebody_else_took_are_not_an_error(sim, connect, document, entries) -> None:
    saved = connect(finish="save").send(document())
    move = sim.receivables.move

    def raced(step, data):
        if step == "submit":
            move(step, data)  # the other one is a moment earlier
        return move(step, data)

    sim.receivables.move = raced
    assert connect().finish(document(), saved).state == "approved"
    assert entries()[0]["steps"] == ["save", "submit", "audit"]


def test_without_an_approval_flow_submitting_approves(sim, connect, document, entries) -> None:
    sim.receivables.auto_approve = True
    assert connect().send(document()).state == "approved"
    assert entries()[0]["steps"] == ["save", "submit"]


@pytest.mark.parametrize(("verify", "state"), [(3, "stopped"), (4, "turned_down")])
def test_what_people_stopped_is_left_to_people(sim, connect, document, verify: int, state: str) -> None:
    saved = connect(finish="submit").send(document())
    sim.receivables.rows[int(saved.platform_id)]["verifyState"] = verify
    found = connect(finish="submit").find(document())
    assert (found.state, found.complete) == (state, False)
    with pytest.raises(errors.Rejected, match=r"yonyou\.not_open"):
        connect(finish="submit").finish(document(), found)


def test_a_document_that_vanished(sim, connect, document) -> None:
    saved = connect(finish="save").send(document())
    sim.receivables.rows.clear()
    with pytest.raises(errors.Rejected, match=r"yonyou\.vanished"):
        connect().finish(document(), saved)


def test_two_documents_of_one_number_are_for_people(sim, connect, document) -> None:
    saved = connect(finish="save").send(document())
    bill = sim.receivables.rows[int(saved.platform_id)]
    sim.receivables.rows[7] = {**bill, "id": 7}
    with pytest.raises(errors.Rejected, match=r"yonyou\.ambiguous"):
        connect().find(document())


def test_a_list_without_records_is_no_absence(sim, connect, document) -> None:
    """``data`` of another shape than the list's is an error, and never "there is none"."""
    sim.apis["/yonbip/EFI/receivable/list"] = ("POST", lambda body: {"code": "200", "data": {}})
    with pytest.raises(errors.UnknownAnswer):
        connect().find(document())
    sim.apis["/yonbip/EFI/receivable/list"] = ("POST", lambda body: {"code": "200", "data": {"recordCount": 0}})
    assert connect().find(document()) is None


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("receivable", {"material_code": "SVC-999"}, "物料编码:SVC-999未找到"),
        ("receivable", {"receivable_type": "none"}, "交易类型编码:none未找到"),
        ("receivable", {"staff_code": "404"}, "员工编码:404未找到"),
        ("sales_order", {"order_type": "none"}, "交易类型编码:none未找到"),
        ("sales_order", {"unit_code": "box"}, "计量单位编码:box未找到"),
        ("sales_order", {"tax_codes": "13=VAT99"}, "税目编码:VAT99未找到"),
    ],
)
def test_a_missing_code_stops_clearly_and_leaves_nothing(connect, document, entries, kind, changes, words) -> None:
    with pytest.raises(errors.Rejected) as refused:
        connect(**changes).send(document(kind, "LS1"))
    assert words in refused.value.params["message"] and not entries()


def test_a_closed_period(sim, connect, document, entries) -> None:
    sim.books.closed_until = "2026-11-30"
    for kind in ("receivable", "sales_order"):
        with pytest.raises(errors.Rejected, match=r"yonyou\.period"):
            connect().send(document(kind, "LS1"))
    assert not entries()


def test_an_order_that_was_renumbered_is_told_and_not_carried_on(sim, connect, document, entries) -> None:
    sim.orders.manual_numbers = False
    with pytest.raises(errors.Rejected) as refused:
        connect().send(document("sales_order", "SO1"))
    assert refused.value.key == "yonyou.number_replaced" and refused.value.params["platform_number"].startswith("UO-")
    assert entries()[0]["steps"] == ["save"]


def test_a_refusal_repeats_no_personal_data(sim, connect, document) -> None:
    from connectors.yonyou.sim_gate import Refused

    def refuse(data):
        raise Refused("999", f"{data['remarks']} 不被允许")

    sim.receivables.save = refuse
    sim._register()
    with pytest.raises(errors.Rejected) as refused:
        connect().send(document(note="张三的合同"))
    assert "张三" not in str(refused.value) and "***" in str(refused.value)


# ---------------------------------------------------------------- customers


def test_the_same_company_is_adopted_by_its_credit_code(sim, connect, document, entries) -> None:
    """Finance has had it for years under a number of its own; the receipt says that it is the same party."""
    sim.books.add_customer("000805", "杭州云杉软件有限公司（老）", 0, {"creditCode": "91330100MA2XXXXX0X"})
    receipt = connect().send(document())
    assert receipt.complete and receipt.party_code == "C000000001"
    assert entries()[0]["party_code"] == "000805" and len(sim.books.customers) == 1
    other = document(code="C000000002", party=Party("C000000002", "别家"))
    assert connect().find(other).party_code == "000805"


@pytest.mark.parametrize("kind", ["receivable", "sales_order"])
def test_a_document_of_another_customer_is_a_conflict(sim, connect, document, kind) -> None:
    saved = connect(finish="save").send(document(kind, "LS1"))
    other = document(kind, "LS1", party=Party("C000000002", "别家"))
    assert connect().find(other).party_code == "C000000001"
    with pytest.raises(errors.Rejected, match=r"yonyou\.conflict"):
        connect().finish(other, saved)


def test_several_companies_of_one_credit_code_are_for_people(sim, connect, document) -> None:
    for code in ("1", "2"):
        sim.books.add_customer(code, "云杉", 0, {"creditCode": "91330100MA2XXXXX0X"})
    with pytest.raises(errors.Rejected, match=r"yonyou\.customer_ambiguous"):
        connect().send(document())


def test_a_stopped_customer(sim, connect, document, entries) -> None:
    sim.books.add_customer("C000000001", "云杉", 0, {})["stopStatus"] = True
    with pytest.raises(errors.Rejected, match=r"yonyou\.customer_stopped"):
        connect().send(document())
    assert not entries()


def test_a_customer_refused_with_the_number_zero(sim, connect, document) -> None:
    """A business refusal of this API has the number 0 as its code, with HTTP 200."""
    with pytest.raises(errors.Rejected) as refused:
        connect(customer_class="77").send(document())
    assert refused.value.code == "999"
    with pytest.raises(errors.Rejected) as refused:
        connect().send(document(party=Party("C1", "")))
    assert refused.value.code == "0" and "客户名称不能为空" in refused.value.params["message"]


def test_a_customer_made_by_several_at_once_is_one(sim, connect, document) -> None:
    documents = [document("receivable", f"LS{number}") for number in range(5)]
    sinks, done = [connect() for _ in documents], []
    threads = [threading.Thread(target=lambda s=s, d=d: done.append(s.send(d))) for s, d in zip(sinks, documents, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(receipt.number for receipt in done) == [f"LS{number}" for number in range(5)]
    assert len([entry for entry in sim.ledger if entry["kind"] == "customer"]) == 1


def test_a_customer_written_without_an_answer_is_found_again(sim, connect, document) -> None:
    sim.answers["newinsert"] = ["after:310504"]
    with pytest.raises(errors.InDoubt):
        connect().send(document())
    assert connect().find(document()) is None
    assert connect().send(document()).complete and len(sim.books.customers) == 1


def test_the_ledger_can_be_read_from_outside(url, connect, document) -> None:
    connect().send(document())
    told = requests.get(f"{url}/_ledger", timeout=5).json()
    assert [entry["number"] for entry in told["ledger"]] == ["C000000001", "ARTEST0001"]
    assert told["violations"] == []
