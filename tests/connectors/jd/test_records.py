"""From raw records to canonical ones: each trap of the fact sheet about fields, money, times, states and buyers."""

from __future__ import annotations

import pytest

from connectors.jd import sim_tde
from connectors.jd.sim_data import EPOCH, NEVER, buyer_ids, member

PAID = {"actualPay": "222.00", "paymentConfirmTime": "2026-03-01 11:02:00", "orderState": "WAIT_SELLER_STOCK_OUT"}


def fields(record):
    return record["fields"]


# -- money and states


@pytest.mark.parametrize(
    "changes", [{"actualPay": None}, {"actualPay": ""}, {"paymentConfirmTime": EPOCH}, {"paymentConfirmTime": NEVER}]
)
def test_to_be_shipped_without_money_is_not_paid(shop, changes):
    """Orders on delivery and pay-later orders wait to be shipped too."""
    found = fields(shop.mapped(**{**PAID, **changes}))
    assert found["state"] == "pending_payment" and "paid" not in found and "paid_at" not in found


def test_a_paid_order(shop):
    found = fields(shop.mapped(**PAID))
    assert (found["state"], found["paid"], found["total"]) == ("paid", 22200, 22200)
    assert found["paid_at"].isoformat() == "2026-03-01T03:02:00+00:00"


def test_a_paid_amount_that_lags_is_absent_and_never_zero(shop):
    found = fields(shop.mapped(**{**PAID, "actualPay": None}))
    assert "paid" not in found


def test_an_order_paid_with_nothing_left_to_pay(shop):
    assert fields(shop.mapped(**{**PAID, "actualPay": "0.00"}))["paid"] == 0


def test_the_unmaintained_amount_gives_way(shop):
    assert fields(shop.mapped(orderPayment="1.00", shouldPay="222.00"))["total"] == 22200
    assert fields(shop.mapped(orderPayment="1.00", shouldPay=None))["total"] == 100


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("WAIT_SELLER_STOCK_OUT", "paid"), ("WAIT_GOODS_RECEIVE_CONFIRM", "shipped"), ("FINISHED_L", "completed"),
        ("TRADE_CANCELED", "cancelled"), ("PARENT_TRADE_CANCELED", "cancelled"), ("LOCKED", "paid"), ("PAUSE", "paid"),
        ("POP_ORDER_PAUSE", "paid"), ("WAIT_SEND_CODE", "paid"), ("WAIT_SELLER_DELIVERY", "paid"), ("NEW_WORD", "unknown"),
    ],
)  # fmt: skip
def test_states(shop, state, expected):
    found = fields(shop.mapped(**{**PAID, "orderState": state}))
    assert (found["state"], found["state_raw"]) == (expected, state)


def test_a_parent_is_not_counted_beside_its_children(shop):
    found = fields(shop.mapped(**{**PAID, "orderState": "PARENT_TRADE_CANCELED"}))
    assert found["state"] == "cancelled" and "paid" not in found


@pytest.mark.parametrize(("again", "counts"), [("0", True), ("1", False), ("2", False)])
def test_a_reshipment_is_no_sale(shop, again, counts):
    assert ("paid" in fields(shop.mapped(**{**PAID, "returnOrder": again}))) is counts


def test_the_kind_of_payment_comes_with_words(shop):
    """payType is "4-在线支付" in real payloads; nothing hangs on the words."""
    for words in ("4-在线支付", "4", "1-货到付款"):
        assert fields(shop.mapped(**{**PAID, "payType": words}))["state"] == "paid"


@pytest.mark.parametrize("never", [NEVER, EPOCH, "1970-01-01 08:00:00", ""])
def test_sentinel_times_are_none(shop, never):
    found = fields(shop.mapped(orderEndTime=never))
    assert "closed_at" not in found


def test_a_gift_may_be_paid_before_it_was_ordered(shop):
    found = fields(shop.mapped(**{**PAID, "orderStartTime": "2026-03-01 11:30:00"}))
    assert found["paid_at"] < found["created_at"]


def test_lines_carry_no_invented_amount(shop):
    [line] = shop.mapped()["lines"]
    assert line["quantity"] == "2" and line["sku_code"].startswith("SKU-") and "amount" not in line


def test_long_numbers_stay_text(shop):
    assert shop.mapped(orderId="2900000000012345678")["id"] == "2900000000012345678"


@pytest.mark.parametrize("vat", [None, [], {}, {"vatNo": "91330106MA2DEM003K"}])
def test_the_vat_block_comes_in_four_shapes(shop, vat):
    assert shop.mapped(vatInfo=vat) is not None


# -- personal data


def buyer(shop, connector=None, **changes):
    return shop.mapped(kind="customer", connector=connector, **changes)


def receiver(shop, **changes):
    [key] = shop.sim.shop.rows["order"] or shop.fill("order", 1)
    shop.sim.shop.rows["order"][key].record["consigneeInfo"] |= changes
    return buyer(shop)["fields"]


def seal(shop, text):
    return shop.sim.shop.vault.seal(text)


def test_encrypted_fields_are_opened(shop):
    found = receiver(
        shop, fullname=seal(shop, "张三丰"), mobile=seal(shop, "13955500001"), telephone=seal(shop, "0571-88886666")
    )
    assert found["display_name"] == "张三丰" and found["phones"] == ["13955500001", "0571-88886666"]
    assert found["region"] == "浙江 杭州市 西湖区" and found["address"].startswith("文三路")


def test_a_masked_phone_is_no_phone(shop):
    found = receiver(shop, mobile="136*******5", telephone="136*******5")
    assert "phones" not in found


def test_plain_text_in_an_encrypted_field_counts(shop):
    found = receiver(shop, fullname="张三丰", mobile="13955500001", telephone="")
    assert found["display_name"] == "张三丰" and found["phones"] == ["13955500001"]


def test_a_name_that_is_masked_is_no_name(shop):
    assert "display_name" not in receiver(shop, fullname="张**")


def test_what_cannot_be_opened_harms_nothing_else(shop):
    stranger = sim_tde.Vault("svc-of-somebody-else").seal("张三丰")
    found = receiver(shop, fullname=stranger, mobile=seal(shop, "13955500001"))
    assert "display_name" not in found and found["phones"][0] == "13955500001"
    [key] = shop.sim.shop.rows["order"]
    assert shop.connector().fetch_one("order", key)["opened"]["unreadable"] == ["fullname"]


def test_the_record_itself_stays_as_it_was_received(shop):
    [key] = shop.fill("order", 1)
    record = shop.connector().fetch_one("order", key)
    row = shop.sim.shop.rows["order"][key].record
    assert record["consigneeInfo"] == row["consigneeInfo"] and "desen_mobile" in record["consigneeInfo"]


def test_without_consent_to_it_the_receiver_is_not_even_asked_for(shop):
    [key] = shop.fill("order", 1)
    record = shop.connector(consignee="leave_out").fetch_one("order", key)
    assert "consigneeInfo" not in record and "name" not in record["opened"] and "phones" not in record["opened"]


def test_the_default_leaves_the_receiver_out(shop):
    settings = {name: value for name, value in shop.settings.items() if name != "consignee"}
    assert shop.connector().Config(**settings).consignee == "leave_out"


# -- buyers: pin → open_id → xid


@pytest.mark.parametrize(("stage", "kinds"), [("pin", ["pin"]), ("both", ["pin", "open_id", "xid"]), ("xid", ["xid"])])
def test_keys_have_a_kind_and_belong_to_one_application(shop, stage, kinds):
    shop.sim.shop.stage = stage
    keys = buyer(shop, connector=shop.connector(convert_pins=False))["keys"]
    assert [scope for _, scope, _ in keys] == [f"jd:APPKEY:{kind}" for kind in kinds]
    ids = buyer_ids("buyer 0", shop.settings["app_key"], stage)
    assert {value for _, _, value in keys} == set(ids.values())


def test_an_order_and_its_buyer_agree(shop):
    shop.fill("order", 1)
    assert shop.mapped()["fields"]["customer"] == buyer(shop)["id"]


def test_an_old_name_alone_is_exchanged_for_the_newest_id(shop):
    shop.sim.shop.stage = "pin"
    keys = {scope.split(":")[-1]: value for _, scope, value in buyer(shop)["keys"]}
    assert keys == {
        "pin": buyer_ids("buyer 0", shop.settings["app_key"], "pin")["pin"],
        "xid": buyer_ids("buyer 0", shop.settings["app_key"], "xid")["xid_buyer"],
    }


def test_each_old_name_is_exchanged_once(shop):
    shop.sim.shop.stage = "pin"
    shop.fill("order", 90)
    shop.read(connector=shop.connector(invoices=False, consignee="leave_out"))
    assert shop.sim.calls["/routerjson jingdong.jos.oauth.rpc.xid.mixPin2Xid"] == 40


def test_an_application_that_may_not_exchange_keeps_the_old_name(shop):
    shop.sim.shop.stage = "pin"
    shop.sim.access.apps[shop.settings["app_key"]].forbidden = {"jingdong.jos.oauth.rpc.xid.mixPin2Xid"}
    keys = buyer(shop)["keys"]
    assert [scope for _, scope, _ in keys] == ["jd:APPKEY:pin"]


def test_a_masked_pin_is_no_key(shop):
    shop.sim.shop.stage = "pin"
    connector = shop.connector()
    assert "pin" not in connector._opener.open("order", {"pin": "jd_4****b"})["opened"]


def test_an_order_of_nobody_makes_no_customer(shop):
    connector = shop.connector()
    opened = connector._opener.open("order", {"orderId": "1"})["opened"]
    assert "buyer" not in opened


# -- invoice wishes


def wish(shop, **changes):
    [key] = shop.sim.shop.rows["order"] or shop.fill("order", 1)
    record = shop.sim.shop.rows["order"][key].record
    record |= {**PAID, "orderState": "FINISHED_L", "invoiceInfo": "发票类型:电子发票"}
    record["invoiceEasyInfo"] = {
        "invoiceType": "3",
        "invoiceTitle": seal(shop, "示例贸易有限公司"),
        "invoiceContentId": "1",
    } | changes
    return shop.mapped(kind="invoice_request")


def test_a_company_wants_an_electronic_invoice(shop):
    found = wish(shop, invoiceCode="91330106MA2DEM003K", invoiceConsigneeEmail=seal(shop, "a@example.com"))["fields"]
    assert (found["buyer_title"], found["buyer_tax_id"]) == ("示例贸易有限公司", "91330106MA2DEM003K")
    assert (found["invoice_kind"], found["buyer_kind"], found["state"]) == ("digital_general", "company", "requested")
    assert (found["email"], found["amount"], found["order"]) == ("a@example.com", 22200, found["number"])


def test_a_person_wants_one(shop):
    found = wish(shop, invoiceTitle="个人")["fields"]
    assert found["buyer_kind"] == "person" and "buyer_tax_id" not in found


def test_vat_details_are_opened(shop):
    shop.fill("order", 1)
    vat = {"vatNo": "91330106MA2DEM003K", "depositBank": "示例银行", "bankAccount": seal(shop, "1202000009000000001")}
    [key] = shop.sim.shop.rows["order"]
    shop.sim.shop.rows["order"][key].record["vatInfo"] = vat
    found = wish(shop, invoiceType="2")["fields"]
    assert found["invoice_kind"] == "digital_special" and found["buyer_tax_id"] == "91330106MA2DEM003K"
    assert (found["buyer_bank"], found["buyer_account"]) == ("示例银行", "1202000009000000001")


def test_no_invoice_is_wanted(shop):
    assert wish(shop, invoiceType="0") is None
    wish(shop)
    assert shop.mapped(kind="invoice_request", invoiceInfo="不需要开具发票") is None
    assert shop.mapped(kind="invoice_request", connector=shop.connector(invoices=False)) is None


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("WAIT_SELLER_STOCK_OUT", "draft"), ("LOCKED", "in_review"), ("WAIT_GOODS_RECEIVE_CONFIRM", "requested"),
        ("TRADE_CANCELED", "withdrawn"),
    ],
)  # fmt: skip
def test_a_wish_is_due_once_the_goods_are_on_their_way(shop, state, expected):
    wish(shop)
    assert shop.mapped(kind="invoice_request", orderState=state)["fields"]["state"] == expected


# -- refunds


def test_refund_applications_count_in_fen(shop):
    found = fields(shop.mapped("refund", status=3, applyRefundSum=2000, checkTime="2026-03-01 11:30:00"))
    assert (found["amount"], found["state"]) == (2000, "succeeded")
    assert found["succeeded_at"].isoformat() == "2026-03-01T03:30:00+00:00"


@pytest.mark.parametrize(
    ("status", "state"),
    [(0, "open"), (1, "open"), (2, "closed"), (3, "succeeded"), (4, "closed"), (5, "open"), (6, "open"), (7, "open"),
     (8, "open"), (9, "open"), (10, "open"), (11, "closed"), (12, "unknown")],
)  # fmt: skip
def test_only_finance_says_that_money_went_back(shop, status, state):
    found = fields(shop.mapped("refund", status=status))
    assert found["state"] == state and ("succeeded_at" in found) is (status == 3 and bool(found.get("changed_at")))


@pytest.mark.parametrize(("unit", "amount"), [("fen", 2000), ("yuan", 200000), ("unknown", None)])
def test_after_sale_amounts_wait_for_their_unit(shop, unit, amount):
    connector = shop.connector(after_sale_unit=unit)
    found = fields(shop.mapped("after_sale", connector=connector, status=13, refoundAmount=2000, completeTime=1772335800000))
    assert found.get("amount") == amount and found["state"] == "succeeded"
    assert found["succeeded_at"].isoformat() == "2026-03-01T03:30:00+00:00"


@pytest.mark.parametrize(("status", "state"), [(13, "succeeded"), (14, "closed"), (0, "open"), (7, "open"), (99, "unknown")])
def test_a_finished_bill_proves_no_refund(shop, status, state):
    assert fields(shop.mapped("after_sale", status=status))["state"] == state


def test_open_refunds_are_read_again(shop):
    [key] = shop.fill("refund", 1)
    for status, still_open in ((0, True), (1, True), (3, False), (11, False)):
        shop.sim.shop.rows["refund"][key].record["status"] = status
        assert shop.mapping("refund").apply(shop.connector().fetch_one("refund", key)).is_open is still_open
    [key] = shop.fill("after_sale", 1)
    for status, still_open in ((0, True), (None, True), (13, False), (14, False)):
        shop.sim.shop.rows["after_sale"][key].record["status"] = status
        assert shop.mapping("after_sale").apply(shop.connector().fetch_one("after_sale", key)).is_open is still_open


# -- unpaid orders and members


def test_an_unpaid_order_never_overwrites_a_paid_one(shop):
    found = shop.mapped("unpaid")
    assert found["id"] == f"unpaid:{found['fields']['number']}"
    assert found["fields"]["state"] == "pending_payment" and not {"total", "paid"} & set(found["fields"])


def test_a_member_has_a_grade_and_no_phone(shop):
    found = shop.mapped("member", grade="3")
    assert found["fields"]["tags"] == [{"key": "jd_grade:3", "name": "京东会员 3 级", "group": "京东会员等级"}]
    assert not {"phones", "emails", "display_name"} & set(found["fields"])


def test_a_member_and_a_buyer_share_their_keys(shop):
    shop.fill("order", 1)
    shop.sim.shop.add("member", member(0, shop.sim.api.now(), "buyer 0", 1, shop.settings["app_key"]))
    found = shop.mapped("member")
    assert set(found["keys"]) == set(buyer(shop)["keys"]) and found["id"] == f"member:{buyer(shop)['id']}"
