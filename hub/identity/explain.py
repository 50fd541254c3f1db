"""Why two profiles are one customer, in the reader's language."""

from __future__ import annotations

from typing import Any

_KINDS = {
    "phone": ("同一个手机号", "the same mobile number"),
    "email": ("同一个邮箱", "the same mailbox"),
    "credit_code": ("同一个统一社会信用代码", "the same unified social credit code"),
    "unionid": ("同一个微信 unionid", "the same WeChat unionid"),
    "openid": ("同一个应用内的 openid", "the same openid within one app"),
    "external_userid": ("同一个企业微信外部联系人", "the same WeCom external contact"),
    "open_uid": ("同一个平台买家 open_uid", "the same platform buyer (open_uid)"),
    "ouid": ("同一个店铺买家 ouid", "the same buyer of the shop (ouid)"),
    "platform_id": ("同一个平台客户编号", "the same customer number of the platform"),
    "custom": ("同一个自定义标识", "the same custom identifier"),
}


def kind_name(kind: str, lang: str) -> str:
    """A kind of key as a person says it."""
    zh, en = _KINDS.get(kind, (kind, kind))
    return en if lang == "en" else zh


def link(rule: str, evidence: dict[str, Any] | None, other: str, lang: str) -> str:
    """Why a profile is where it is. other: how the profile on the other side is called."""
    why = kind_name(rule, lang)
    if rule == "new":
        return "First profile of this customer." if lang == "en" else "这个客户的第一份档案。"
    if rule == "manual":
        return "Put here by a person." if lang == "en" else "由人工归入。"
    if rule in ("phone", "email"):
        if lang == "en":
            return f"Has {why} as {other}, and the names do not contradict."
        return f"与 {other} 有{why}，且姓名不矛盾。"
    return f"Is {why} as {other}." if lang == "en" else f"与 {other} 是{why}。"


def entry(kind: str, rule: str, by: str, lang: str) -> str:
    """What a ledger entry did."""
    who = {"hub": "系统" if lang != "en" else "the hub"}.get(by, by)
    if kind == "merge":
        reason = kind_name(rule, lang) if rule != "manual" else ("a person's decision" if lang == "en" else "人工判断")
        return f"Merged by {who}: {reason}." if lang == "en" else f"{who}合并：{reason}。"
    if kind == "split":
        return (
            f"Split by {who}; the two are never merged again by themselves."
            if lang == "en"
            else f"{who}拆分；系统不会再自动合并。"
        )
    return f"{who}: {kind}"
