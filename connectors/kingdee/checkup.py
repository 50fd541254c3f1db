"""The connection check: signed in, forms readable, codes known."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from connectors import errors
from connectors.base import Connector, Finding
from connectors.checks import next_step
from connectors.kingdee.config import KingdeeConfig
from connectors.kingdee.documents import CUSTOMER_KEYS, FOLLOWED, FORMS, quoted

Query = Callable[..., list[dict[str, Any]]]
"""``query(form, keys, filter, limit)`` -> rows."""


def findings(connector: Connector, query: Query) -> list[Finding]:
    """One line for the sign-in, each form with the keys that are used, and each code of the configuration.

    Whether a bill type allows manual numbers cannot be asked; the first document says so.
    """
    config: KingdeeConfig = connector.config

    def probe(zh: str, en: str, form: str, keys: tuple[str, ...], only: str = "") -> Finding:
        try:
            rows = query(form, keys, only, 1)
        except errors.ConnectorError as error:
            return Finding(zh, en, False, *next_step(error, connector.manifest), error.code)
        if rows or not only:
            return Finding(zh, en, True)
        fix_zh, fix_en = (
            "在金蝶里核对编码，须已审核、本组织可用",
            "Look the code up in Kingdee; it must be audited and usable here",
        )
        return Finding(zh, en, False, fix_zh, fix_en, code="absent")

    found = [] if _in_house(config.server_url) else [_encrypted(config.server_url)]
    found.append(probe("登录", "Signed in", "BD_Currency", ("FNumber",)))
    if not found[-1].ok:
        return found
    readable = {form.id: (*form.keys, *FOLLOWED[kind]) for kind, form in FORMS.items()} | {"BD_Customer": CUSTOMER_KEYS}
    found += [probe(f"查询 {form}", f"Query {form}", form, keys) for form, keys in readable.items()]
    for form, code, zh, en in _codes(config):
        only = f"FNumber = '{quoted(code)}'"
        if form == "BD_MATERIAL":
            only += f" and FUseOrgId.FNumber = '{quoted(config.org_num)}'"
        found.append(probe(f"{zh} {code}", f"{en} {code}", form, ("FNumber",), only))
    return found


def _codes(config: KingdeeConfig) -> list[tuple[str, str, str, str]]:
    codes = [
        ("ORG_Organizations", config.org_num, "组织", "Organisation"),
        ("BD_MATERIAL", config.material_code, "物料", "Material"),
        ("BD_UNIT", config.unit_code, "计量单位", "Unit"),
        ("BD_Currency", config.currency_code, "币别", "Currency"),
        ("BD_Saler", config.saler_code, "销售员", "Salesperson"),
        ("BD_Department", config.dept_code, "部门", "Department"),
        ("BD_RecCondition", config.pay_condition, "收款条件", "Receipt terms"),
    ]
    return [item for item in codes if item[1]]


def _encrypted(url: str) -> Finding:
    fix_zh = "改用 https：签名头不含时间，被看到一次就能一直冒用"
    fix_en = "Use https: the signature holds no time, so whoever sees it once can use it for ever"
    return Finding("连接加密", "Encrypted connection", url.startswith("https:"), fix_zh, fix_en)


def _in_house(url: str) -> bool:
    """Whether the server stands in the house: a bare host name or a private address."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host
