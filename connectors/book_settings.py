"""Settings that accounts of finance systems have in common, with their texts and rules in one place."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator

from connectors.base import setting


def _host_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("应为 http(s)://主机 / must be http(s)://host")
    return value.rstrip("/")


def _percentage(value: str) -> str:
    try:
        known = 0 <= Decimal(value) < 100
    except InvalidOperation:
        known = False
    if not known:
        raise ValueError("应为 0 到 100 之间的百分数 / must be a percentage from 0 to 100")
    return value


def _pairs(value: str) -> str:
    for number, line in enumerate(value.splitlines(), 1):
        left, sign, right = line.partition("=")
        if line.strip() and not (sign and left.strip() and right.strip()):
            raise ValueError(f"第 {number} 行应为 左边=右边 / line {number} must be left=right")
    return value


HostUrl = Annotated[str, AfterValidator(_host_url)]
"""http(s)://host without anything behind it."""
Percentage = Annotated[str, AfterValidator(_percentage)]
"""A percentage below 100, as decimal text."""
Pairs = Annotated[str, AfterValidator(_pairs)]
"""A mapping table for ``books.table``: one ``left=right`` a line."""


def server_url(default: str) -> Any:
    """Where the platform's API is (HostUrl); changed only for a sandbox."""
    return setting("接口地址", "API address", where_zh="保持默认", where_en="Leave as it is", default=default, advanced=True)


def finish(
    where_zh: str = "save 只保存（推荐，由财务审核）；audit 保存并审核",
    where_en: str = "save only saves (recommended, finance audits); audit saves and audits",
    default: str = "save",
) -> Any:
    """How far a document goes by itself. The texts say what the words mean there."""
    return setting("单据做到哪一步", "How far a document goes", where_zh=where_zh, where_en=where_en, default=default)


def tax_rate() -> Any:
    """The rate of lines that come without one (Percentage)."""
    where_zh = "来源没有给税率的行使用，例如 13；金额按含税处理"
    where_en = "For lines whose source gives no rate, for example 13; amounts include tax"
    return setting("默认税率（%）", "Default tax rate (%)", where_zh=where_zh, where_en=where_en, default="0")


def department(where_zh: str, where_en: str) -> Any:
    """The code of the department that documents name; empty for none."""
    return setting("部门编码", "Department code", where_zh=where_zh, where_en=where_en, default="")


def salesperson(where_zh: str, where_en: str) -> Any:
    """The code of the salesperson that documents name; empty for none."""
    return setting("业务员编码", "Salesperson code", where_zh=where_zh, where_en=where_en, default="")


def materials(kind_zh: str, kind_en: str, system_zh: str, system_en: str) -> Any:
    """The source's item codes and theirs (Pairs). kind: what they call an item; system: what people call the platform."""
    where_zh = f"每行 来源编码={system_zh}{kind_zh}编码，左边可用 *；填了以后没有对应的编码会停下"
    where_en = f"One source code={system_en} code a line, * allowed on the left; a code that it lacks then stops the document"
    zh, en = f"{kind_zh}对照表", f"{kind_en} table"
    return setting(zh, en, where_zh=where_zh, where_en=where_en, default="", advanced=True)


def customers(system_zh: str, system_en: str) -> Any:
    """Our customer codes or tax ids and their customer codes (Pairs)."""
    where_zh = f"每行 本系统客户编码或税号={system_zh}客户编码"
    where_en = f"One our code or tax id={system_en} code a line"
    return setting("客户对照表", "Customer table", where_zh=where_zh, where_en=where_en, default="", advanced=True)


def create_customers(system_zh: str, system_en: str) -> Any:
    """Whether a customer that they lack is made."""
    where_zh = f"关闭时，{system_zh}里没有的客户会停下等人"
    where_en = f"When off, a customer that {system_en} lacks stops the document"
    return setting("自动新增客户", "Create customers", where_zh=where_zh, where_en=where_en, default=True, advanced=True)


def settlement_mark(zh: str, en: str, others_zh: str, others_en: str) -> Any:
    """What the remark of a shop's day begins with. others: the documents that finance tells it from."""
    return setting(
        zh, en, where_zh=f"财务据此与普通{others_zh}区分", where_en=f"Tells them from ordinary {others_en}",
        default="店铺日结", min_length=1, max_length=20, advanced=True,
    )  # fmt: skip
