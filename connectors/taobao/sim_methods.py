"""All methods of the simulated gateway: those of orders and refunds, of members and tags, of messages, and what an application
of the CRM kind gets instead of the first. (docs: apiId 57660, 57630, 10836, 57604, 10833)
"""

from __future__ import annotations

from typing import Any

from connectors.taobao import sim_api, sim_messages
from connectors.taobao.sim_access import Session
from connectors.taobao.sim_api import Api, Method, Params
from connectors.taobao.sim_protocol import TopError, invalid
from connectors.taobao.sim_store import text_of

MOST_PAGES = 1000
SIMPLE = sim_api.words(
    "tid status type created pay_time consign_time end_time modified payment total_fee discount_fee adjust_fee post_fee "
    "received_payment step_trade_status step_paid_fee seller_nick buyer_nick buyer_open_uid ouid title num num_iid price "
    "pic_path receiver_state seller_flag seller_memo buyer_message has_buyer_message orders"
)
"""No name, phone or street of a receiver; which of the rest is there is not documented name by name."""


def simple_increment(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.trades.simple.sold.increment.get"""
    return api.trades_page(params, ("modified", "start_modified", "end_modified"), SIMPLE)


def simple_trade(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.trade.simple.get: the number is text here."""
    fields = sim_api.fields_of(params, SIMPLE)
    row = api.trades.one(sim_api.number_of(params, "tid", 1, (1 << 63) - 1), api.now())
    if row is None:
        raise TopError(15, "isv.trade-not-exist", "trade does not exist")
    found = sim_api.project(row, fields)
    return {"trade": found | ({"tid": str(found["tid"])} if "tid" in found else {})}


def members(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.crm.members.search"""
    return _members(api, params, privy=False)


def members_privy(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.crm.members.search.privy"""
    return _members(api, params, privy=True)


def _members(api: Api, params: Params, *, privy: bool) -> dict[str, Any]:
    size, page = sim_api.number_of(params, "page_size", 1, 100, 20), sim_api.number_of(params, "current_page", 1, MOST_PAGES)
    found = list(api.members.values())
    if ouid := params.get("ouid"):
        found = [member for member in found if member.ouid == ouid]
    if grade := params.get("grade"):
        found = [member for member in found if str(member.grade) == grade]
    part = [member.shown(privy=privy) for member in found[(page - 1) * size : page * size]]
    body: dict[str, Any] = {"members": {"crm_member": part}} if part else {}
    return {"total_result": len(found), **body}


def groups(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.crm.groups.get"""
    size, page = sim_api.number_of(params, "page_size", 1, 100, 20), sim_api.number_of(params, "current_page", 1, 1 << 31)
    found = list(api.tags.values())
    part = [group.shown() for group in found[(page - 1) * size : page * size]]
    if page * size > 1 << 31:
        raise invalid("current_page")
    return {"total_result": len(found), **({"groups": {"group": part}} if part else {})}


def memo_update(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.trade.memo.update: overwrites; an empty memo leaves what is there unless ``reset`` is true."""
    row = api.trades.one(sim_api.number_of(params, "tid", 1, (1 << 63) - 1), api.now())
    if row is None:
        raise TopError(15, "isv.trade-not-exist", "trade does not exist")
    text, reset = params.get("memo", ""), params.get("reset", "false")
    if len(text.encode()) > 1000:
        raise invalid("memo")
    if reset not in ("true", "false"):
        raise invalid("reset")
    if "flag" in params:
        row.record["seller_flag"] = sim_api.number_of(params, "flag", 0, 5)
    if reset == "true" or text:
        row.record["seller_memo"] = "" if reset == "true" else text
    moment = api.now().replace(microsecond=0)
    api.trades.move(row, moment)
    api.written.append((row.key, str(row.record.get("seller_memo", "")), row.record.get("seller_flag", 0)))
    return {"trade": {"tid": row.key, "modified": text_of(moment)}}


_BOUNDS = sim_api.words("start_modified end_modified")
_FOUND = sim_api.words("current_page page_size grade group_id relation_source open_uid ouid")
METHODS = {
    **sim_api.METHODS,
    **sim_messages.METHODS,
    "taobao.trades.simple.sold.increment.get": Method(
        simple_increment, sim_api.LISTING | _BOUNDS, _BOUNDS | {"fields"}, "simple", pages=True
    ),
    "taobao.trade.simple.get": Method(simple_trade, sim_api.words("fields tid"), sim_api.words("fields tid"), "simple"),
    "taobao.crm.members.search": Method(members, _FOUND, sim_api.words("current_page"), "member", pages=True),
    "taobao.crm.members.search.privy": Method(members_privy, _FOUND, sim_api.words("current_page"), "member", pages=True),
    "taobao.trade.memo.update": Method(memo_update, sim_api.words("tid memo flag reset"), sim_api.words("tid"), "trade"),
    "taobao.crm.groups.get": Method(
        groups, sim_api.words("current_page page_size"), sim_api.words("current_page"), "member", pages=True
    ),
}
