"""Why two profiles are one customer, or are not, in the reader's language: sentences of evidence, rules and questions."""

from __future__ import annotations

from collections.abc import Iterable

from hub.identity.core.store import Evidence, Review

Text = tuple[str, str]
"""zh, en."""

_EVIDENCE: dict[tuple[str, str], Text] = {
    ("phone", "same"): ("电话号码相同", "the same telephone number"),
    ("phone", "mask"): ("脱敏号码与完整号码吻合", "a masked number that fits the whole one"),
    ("phone", "masks"): ("两个脱敏号码相同", "two masked numbers that are equal"),
    ("phone", "near"): ("电话号码只差一位", "telephone numbers that differ by one figure"),
    ("phone", "differ"): ("电话号码不同", "different telephone numbers"),
    ("name", "same"): ("姓名相同", "the same name"),
    ("name", "sound"): ("姓名读音相同", "names that sound alike"),
    ("name", "near"): ("姓名只差一个字", "names that differ by one character"),
    ("name", "surname"): ("同姓", "the same surname"),
    ("name", "nick"): ("昵称与姓名相符", "a nickname that fits the name"),
    ("name", "other_surname"): ("姓氏不同", "different surnames"),
    ("name", "differ"): ("姓名不同", "different names"),
    ("name", "given"): ("名相同而姓不同", "the same given name with another surname"),
    ("name", "nick_differ"): ("昵称与姓名不符", "a nickname that does not fit the name"),
    ("mail", "same"): ("邮箱相同", "the same mailbox"),
    ("mail", "handle"): ("邮箱或微信号的用户名相同", "the same user name of a mailbox or chat account"),
    ("mail", "named"): ("邮箱中含有姓名", "a mailbox that contains the name"),
    ("mail", "differ"): ("邮箱不同", "different mailboxes"),
    ("place", "number"): ("门牌地址相同", "the same road and number"),
    ("place", "road"): ("同一条路", "the same road"),
    ("place", "district"): ("同一区县", "the same district"),
    ("place", "city"): ("同一城市", "the same city"),
    ("place", "city_only"): ("同城不同区", "the same city, another district"),
    ("place", "province"): ("同一省份", "the same province"),
    ("place", "differ"): ("不在同一城市", "different cities"),
    ("work", "same"): ("同一工作单位", "the same employer"),
    ("work", "sound"): ("工作单位读音相同", "employers that sound alike"),
    ("work", "domain"): ("企业邮箱域名相同", "the same company domain"),
    ("work", "line"): ("同一总机", "the same switchboard"),
    ("work", "differ"): ("工作单位不同", "different employers"),
    ("gender", "same"): ("性别相同", "the same gender"),
    ("gender", "differ"): ("性别不同", "different genders"),
    ("nick", "same"): ("昵称相同", "the same nickname"),
    ("nick", "mask"): ("脱敏昵称相同", "the same masked nickname"),
    ("nick", "initial"): ("昵称首字母与姓氏相符", "a nickname with the surname's initial"),
    ("nick", "other"): ("同一平台上昵称不同", "different nicknames on one platform"),
    ("nick", "differ"): ("昵称首字母与姓氏不符", "a nickname with another initial"),
    ("account", "differ"): ("同一处有两个账号", "two accounts in one place"),
    ("orders", "twice"): ("两次订单收件人一致", "two orders to the same receiver"),
    ("orders", "often"): ("多次订单收件人一致", "several orders to the same receiver"),
    ("alternative", "household"): ("也可能是家人", "may as well be one of the household"),
    ("alternative", "colleagues"): ("也可能是同事", "may as well be a colleague"),
    ("brand", "same"): ("字号相同", "the same brand"),
    ("brand", "sound"): ("字号读音相同", "brands that sound alike"),
    ("brand", "near"): ("字号只差一个字", "brands that differ by one character"),
    ("brand", "part"): ("字号部分相同", "brands that agree in part"),
    ("brand", "differ"): ("字号不同", "different brands"),
    ("trade", "same"): ("行业相同", "the same trade"),
    ("trade", "part"): ("行业相近", "similar trades"),
    ("trade", "differ"): ("行业不同", "different trades"),
    ("region", "city"): ("名称中的城市相同", "the same city in the name"),
    ("region", "province"): ("名称中的省份相同", "the same province in the name"),
    ("region", "differ"): ("地区不同", "different regions"),
    ("code", "near"): ("信用代码只差一位", "credit codes that differ by one character"),
    ("code", "differ"): ("信用代码不同", "different credit codes"),
    ("domain", "same"): ("邮箱域名相同", "the same mail domain"),
    ("domain", "brand"): ("邮箱域名与字号相符", "a mail domain that fits the brand"),
    ("domain", "differ"): ("邮箱域名不同", "different mail domains"),
    ("contact", "same"): ("联系人相同", "the same contact"),
}
_LEVELS: dict[str, Text] = {"same": ("相同", "equal"), "near": ("相近", "nearly equal"), "alike": ("相似", "alike")}
_LEVELS |= {
    "crossed": ("名与姓互换后相同", "equal when exchanged"),
    "swapped": ("日月互换后相同", "equal with day and month exchanged"),
}
_LEVELS |= {"differ": ("不同", "different")}
_RULES: dict[str, Text] = {
    "new": ("这个客户的第一份档案。", "First profile of this customer."),
    "score": ("按证据归入。", "Put here by evidence."),
    "person": ("由人工归入。", "Put here by a person."),
    "redo": ("重新核对后归入。", "Put here when looked at again."),
    "kinds": ("一个是个人，一个是单位。", "One is a person, the other an organisation."),
    "codes": ("两个不同的有效信用代码。", "Two different valid credit codes."),
    "branch": ("一个是分支机构。", "One is a branch."),
    "source": ("同一来源中每个客户只出现一次。", "A customer stands once in this source."),
}
_REASONS: dict[str, Text] = {
    "uncertain": ("证据不足以自动合并", "the evidence is not enough to join them"),
    "conflict": ("有力的证据互相矛盾", "strong evidence contradicts itself"),
    "ambiguous": ("不止一个客户同样符合", "more than one customer fits equally well"),
}


def say(text: Text, lang: str) -> str:
    """The text in a language (zh, en)."""
    return text[1] if lang == "en" else text[0]


def evidence(item: Evidence, lang: str) -> str:
    """One piece of evidence with its weight in bits."""
    text = _EVIDENCE.get((item.kind, item.level))
    words = say(text, lang) if text else f"{item.kind} {say(_LEVELS.get(item.level, (item.level, item.level)), lang)}"
    return f"{words} ({item.bits:+.1f})"


def _list(items: Iterable[Evidence], lang: str) -> str:
    return ("; " if lang == "en" else "；").join(evidence(item, lang) for item in items)


def balance(items: Iterable[Evidence], lang: str) -> str:
    """What speaks for and what speaks against, the weightiest first."""
    found = sorted(items, key=lambda item: -abs(item.bits))
    gains, losses = [item for item in found if item.bits > 0], [item for item in found if item.bits < 0]
    parts = []
    if gains:
        parts.append(say(("支持：", "For: "), lang) + _list(gains, lang))
    if losses:
        parts.append(say(("反对：", "Against: "), lang) + _list(losses, lang))
    return say(("。", ". "), lang).join(parts) + say(("。", "."), lang) if parts else ""


def rule(name: str, lang: str) -> str:
    """A rule without evidence of its own."""
    return say(_RULES.get(name, (name, name)), lang)


def apart(name: str, lang: str) -> str:
    """The rule that keeps two apart."""
    if name == "person":
        return say(("有人判定不是同一客户。", "A person has said that they are not the same."), lang)
    return rule(name, lang)


def question(item: Review, lang: str) -> str:
    """Why a person is asked."""
    reason = say(_REASONS[item.reason], lang)
    return f"{reason}{say(('。', '. '), lang)}{balance(item.evidence, lang)}"
