"""The fact sheet's signature vectors: computed by five programs of other people, and here by connector and simulator."""

from __future__ import annotations

import pytest

from connectors.jd.connector import signature
from connectors.jd.sim_protocol import digest

SECRET = "SECRET_TEST_01"
T = {"access_token": "TOKEN_TEST_01"}
AT, LONG = "2026-03-01 10:20:30", "2026-03-01 10:20:30.000+0800"
SEARCH = (
    '{"end_date":"2026-03-01 00:00:00","optional_fields":"orderId,modified","order_state":"ALL","page":"1","page_size":"100",'
    '"start_date":"2026-02-28 00:00:00"}'
)
REMARK = '{"flag":3,"order_id":"290000000001","remark":"客户要开专票"}'
ESCAPED = '{"flag":3,"order_id":"290000000001","remark":"\\u5ba2\\u6237\\u8981\\u5f00\\u4e13\\u7968"}'
VECTORS = [
    ("jingdong.pop.order.enSearch", AT, SEARCH, T, "C44FB7CB31325FB29CF909C9E76C2FC7"),
    ("jingdong.pop.order.modifyVenderRemark", AT, REMARK, T, "AF2556D026C75DC12FAF1287D8096DB2"),
    ("jingdong.jos.voucher.info.get", "2026-12-31 23:59:59", "{}", {}, "7F4F0BA6BA27A04D83CADC5AF829CDB6"),
    ("jingdong.vender.shop.query", AT, "{}", {**T, "format": "json"}, "72E4969FD43177F9998FC430363DEC73"),
    ("jingdong.vender.shop.query", LONG, "{}", T, "90F9373523E8AC478E4A7495C485939D"),
    ("jingdong.pop.order.modifyVenderRemark", AT, ESCAPED, T, "DA6694019A7EE4FF94E528003E8B9C65"),
]


@pytest.mark.parametrize(("method", "at", "body", "more", "expected"), VECTORS, ids=range(1, 7))
@pytest.mark.parametrize("sign", [signature, digest], ids=["connector", "simulator"])
def test_vectors(sign, method, at, body, more, expected):
    params = {"method": method, "app_key": "APPKEY_TEST_01", "timestamp": at, "v": "2.0", "360buy_param_json": body, **more}
    assert sign(SECRET, params) == expected


def test_what_is_signed_is_what_is_sent(shop):
    """Chinese in a parameter: the JSON text is signed and sent as it is, not escaped on the way."""
    answer = shop.connector()._call(
        "jingdong.crm.member.searchNew", {"current_page": 1, "page_size": 1, "customer_pin": "客户"}
    )
    assert answer["crm_member_result"]["total_result"] == 0
