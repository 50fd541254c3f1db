"""What rows of the store say of identity, in the reader's language: why a profile is where it is, what a ledger entry did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.identity.core.store import Evidence
from hub.identity.desk import reasons

_KINDS = {
    "code": ("统一社会信用代码", "unified social credit code"),
    "unionid": ("微信 unionid", "WeChat unionid"),
    "openid": ("应用内的 openid", "openid within one app"),
    "external_userid": ("企业微信外部联系人", "WeCom external contact"),
    "open_uid": ("平台买家 open_uid", "platform buyer (open_uid)"),
    "ouid": ("店铺买家 ouid", "buyer of the shop (ouid)"),
    "platform_id": ("平台客户编号", "customer number of the platform"),
    "custom": ("自定义标识", "custom identifier"),
}


def kind_name(kind: str, lang: str) -> str:
    """A kind of identifier as a person says it."""
    zh, en = _KINDS.get(kind, (kind, kind))
    return en if lang == "en" else zh


def start(bits: float, items: Iterable[Evidence]) -> float:
    """What of a sum is no evidence: how rarely any two are one, and what is held back where too little speaks for it."""
    return round(bits - sum(item.bits for item in items), 1)


def balance(evidence: Mapping[str, Any] | None, lang: str) -> str:
    """What a stored link rests on: for and against, with bits, sum and version of the weights; '' where nothing is stored."""
    stored = evidence or {}
    items = [Evidence(kind, level, bits) for kind, level, bits in stored.get("evidence", ())]
    if not items:
        return ""
    bits, model = stored.get("bits", 0), stored.get("model", "?")
    begins = start(bits, items)
    total = f"起点 {begins:+.1f}（任取两个客户，极少是同一个），合计 {bits:+.1f} 比特（模型 {model}）。"
    if lang == "en":
        total = f" Start {begins:+.1f} (any two customers are hardly ever one), sum {bits:+.1f} bits (model {model})."
    return reasons.balance(items, lang) + total


def link(rule: str, evidence: Mapping[str, Any] | None, other: str, lang: str) -> str:
    """Why a profile is where it is. other: how the profile on the other side is called."""
    english = lang == "en"
    if rule.startswith("proof:"):
        kind = kind_name(rule.partition(":")[2], lang)
        return (
            f"Has the same {kind} as {other}: one customer for certain."
            if english
            else f"与 {other} 的{kind}相同，必为同一客户。"
        )
    if rule == "score":
        why = balance(evidence, lang)
        return f"By evidence one with {other}. {why}".strip() if english else f"按证据与 {other} 是同一客户。{why}"
    return reasons.rule(rule, lang)


def entry(kind: str, rule: str, by: str, evidence: Mapping[str, Any] | None, lang: str) -> str:
    """What a ledger entry did."""
    english = lang == "en"
    who = {"hub": "the hub" if english else "系统"}.get(by, by)
    if kind == "split":
        if rule != "person":
            return (
                f"Split by {who}: what held them together is not enough any more."
                if english
                else f"{who}拆分：现有证据不足以合在一起。"
            )
        return (
            f"Split by {who}; the two are never merged again by themselves." if english else f"{who}拆分；系统不会再自动合并。"
        )
    why = balance(evidence, lang)
    if rule == "person":
        why = "a person's decision." if english else "人工判断。"
    elif rule.startswith("proof:"):
        name = kind_name(rule.partition(":")[2], lang)
        why = f"the same {name}." if english else f"{name}相同。"
    elif not why:
        why = reasons.rule(rule, lang)
    return f"Merged by {who}: {why}" if english else f"{who}合并：{why}"
