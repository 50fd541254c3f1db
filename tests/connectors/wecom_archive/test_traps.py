"""Ids whose beginnings mean nothing, and a name that is misspelt by the platform."""

from __future__ import annotations

import requests

from connectors.wecom_archive.simulator import CORP_ID, SECRET


def test_who_is_staff_is_said_by_the_seats_and_not_by_how_an_id_begins(vault):
    """A member of staff may be called wm…, and a customer need not."""
    vault.sim.archive.seats.append("wmei")
    vault.sim.archive.agree("wmei", "customer-7")
    vault.say("在的", sender="wmei", to="customer-7")
    vault.say("多少钱", sender="customer-7", to="wmei")
    assert [record["chat"]["side"] for record in vault.records()] == ["staff", "customer"]
    assert {record["chat"]["customer"] for record in vault.records()} == {"customer-7"}


def test_the_misspelt_name_is_the_real_one(vault):
    """``exteranalopenid``: spelt rightly it is refused, and an answer that spelt it so would be nobody's."""
    token = requests.get(f"{vault.url}/cgi-bin/gettoken", params={"corpid": CORP_ID, "corpsecret": SECRET}, timeout=5).json()[
        "access_token"
    ]

    def ask(name):
        body = {"info": [{"userid": "sales_wang", name: "wmA"}]}
        url = f"{vault.url}/cgi-bin/msgaudit/check_single_agree"
        return requests.post(url, params={"access_token": token}, json=body, timeout=5).json()

    assert ask("exteranalopenid")["agreeinfo"][0]["exteranalopenid"] == "wmA"
    assert ask("externalopenid")["errcode"] == 40058
    vault.say("你好")
    assert vault.texts() == ["你好"], "and ours asks as it must"
