"""The connection check: the tenant is known, the application is let in, each list may be read, the codes exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors import errors
from connectors.base import Finding
from connectors.checks import next_step
from connectors.yonyou.calls import YonyouCalls
from connectors.yonyou.customers import LIST
from connectors.yonyou.ledgers import ORDER, RECEIVABLE, records

ORGANISATIONS = "/yonbip/digitalModel/orgunit/querytree"
MATERIALS = "/yonbip/digitalModel/product/listproductbycondition"


def findings(calls: YonyouCalls) -> list[Finding]:
    """One line for getting in, for each list, and for each code of the configuration that can be asked for."""
    config = calls.config
    found = [_probe(calls, "登录并读取客户", "Let in, customers can be read", lambda: calls.ask(LIST, _page()))]
    if not found[0].ok:
        return found
    texts = {"pageIndex": "1", "pageSize": "1"}
    probes: list[tuple[str, str, Callable[[], Any]]] = [
        ("读取应收结算清单", "Receivables can be read", lambda: calls.ask(f"{RECEIVABLE}list", texts)),
        (f"组织 {config.org_code}", f"Organisation {config.org_code}", lambda: _organisation(calls)),
        (f"物料 {config.material_code}", f"Material {config.material_code}", lambda: _material(calls)),
    ]
    if config.order_type:
        probes.append(("读取销售订单", "Sales orders can be read", lambda: calls.ask(f"{ORDER}list", _page())))
    return found + [_probe(calls, *probe) for probe in probes]


def _page() -> dict[str, Any]:
    return {"pageIndex": 1, "pageSize": 1}


def _organisation(calls: YonyouCalls) -> None:
    """Raises ConfigError where there is no such organisation."""
    wanted = calls.config.org_code
    tree = calls.ask(ORGANISATIONS, {"code": wanted})
    while tree:
        node = tree.pop()
        if str(node.get("code")) == wanted:
            return
        tree += node.get("children") or []
    raise errors.ConfigError("yonyou.code_absent", field=wanted)


def _material(calls: YonyouCalls) -> None:
    """Raises ConfigError where there is no such material."""
    wanted = calls.config.material_code
    rows = records(calls.ask(MATERIALS, {**_page(), "productCode": wanted}), MATERIALS)
    if not any(str(row.get("code")) == wanted for row in rows):
        raise errors.ConfigError("yonyou.code_absent", field=wanted)


def _probe(calls: YonyouCalls, zh: str, en: str, ask: Callable[[], Any]) -> Finding:
    try:
        ask()
    except errors.ConnectorError as error:
        return Finding(zh, en, False, *next_step(error, calls.manifest), error.code)
    return Finding(zh, en, True)
