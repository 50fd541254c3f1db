"""Every page opens, for everyone who may see it and for nobody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote


def test_every_page_opens(admin: Any, made: Any) -> None:
    for url in pages(made):
        admin.get(url)


def pages(made: Any) -> list[str]:
    """One address of every page there is."""
    customer, question = (
        made.customers["王小红"],
        "&".join(f"{name}={quote(ref)}" for name, ref in zip("ab", made.question, strict=True)),
    )
    return [
        "/", "/customers", "/customers?q=王小红", f"/customers/{customer}", f"/customers/{customer}/split",
        f"/customers/{customer}/merge?q=李伟", "/deliveries", "/deliveries?state=rejected",
        "/invoices", "/invoices?view=issued", "/tag-rules", "/tag-rules/price",
        *(f"/deliveries/{key}" for key in made.deliveries.values()), "/reconcile", "/reconcile/sheet",
        "/reconcile/sheet?account=tmall&kind=order&days=31&view=all", "/reconcile/sheet?account=crm&days=31",
        f"/reconcile/sheet/fact?kind=order&ref={made.account['tmall']}%7Co1", "/quarantine",
        f"/quarantine/record?ref={quote(made.quarantined)}", "/quarantine/replay", "/inbox",
        f"/inbox/push?key={quote(made.push)}", "/runs", "/runs/3", f"/runs/{made.running}", "/accounts", "/accounts/new",
        "/accounts/new/wecom", *(f"/accounts/{key}" for key in made.account), "/accounts/crm/config", "/connectors",
        "/connectors/kingdee", "/handover", "/handover?state=sent", "/handover/of/wecom/wangwu",
        "/handover/of/wecom/zhanglei?left=0",
        "/conflicts", "/conflicts?state=decided", f"/customers/{made.customers['撞单']}", f"/customers/{customer}/messages",
        f"/customers/{customer}/all/orders", f"/customers/{customer}/all/deals", "/handover?number=3", "/outgoing?number=x",
        "/reviews", "/reviews?view=answered", f"/reviews/pair?{question}", "/users", "/audit",
        "/audit?who=admin@hub.local&about=crm&until=2026-11-30", f"/invoices/request?ref={quote(made.request)}", "/about",
        "/password",
    ]  # fmt: skip
