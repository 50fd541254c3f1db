"""``hub customers`` and ``hub users``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hub.cli import golden, reviews
from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, rows

customers = typer.Typer(no_args_is_help=True, help="客户 / customers")
reviews.register(customers)
golden.register(customers)
users = typer.Typer(no_args_is_help=True, help="登录用户 / people who sign in")


@customers.command()
def find(query: str, limit: int = 20, json: Json = False) -> None:
    """Search by name, phone, mailbox, id, order or contract number."""
    from hub.identity.desk import service

    with opened() as hub:
        found = service.find(hub, query, limit)
        emit({"customers": found}, json, rows(found, ("id", "display_name", "company", "phones", "profiles")))


def _shown(hub: Any, customer_id: str) -> dict[str, Any]:
    from hub.identity.desk import service

    found = service.show(hub, customer_id)
    if found is None:
        raise fail(f"没有这个客户 / no customer {customer_id}")
    return found


@customers.command()
def show(customer_id: str, json: Json = False) -> None:
    """One customer with all sources."""
    with opened() as hub:
        found = _shown(hub, customer_id)
        fields = [{"field": k, "value": v["value"], "from": v["from"]} for k, v in found["fields"].items()]
        tags = ", ".join(tag["name"] for tag in found["tags"])
        text = rows(fields, ("field", "value", "from")) + f"\n标签 / tags: {tags or '–'}"
        text += f"\n订单 / orders: {len(found['orders'])}   合同 / deals: {len(found['deals'])}"
        emit(found, json, text)


@customers.command()
def explain(customer_id: str, lang: str = "zh", json: Json = False) -> None:
    """Why these profiles are one customer."""
    if lang not in ("zh", "en"):
        raise fail("--lang: zh | en", 2)
    with opened() as hub:
        found = _shown(hub, customer_id)
        lines = [f"{p['account_title']} {p['source_id']}: {p['reason'][lang]}" for p in found["profiles"]]
        lines += [f"#{e['id']} {e['sentence'][lang]}" for e in found["ledger"]]
        data = {"id": found["id"], "profiles": found["profiles"], "ledger": found["ledger"]}
        emit(data, json, "\n".join(lines))


def _decide(json: bool, name: str, *args: Any) -> None:
    from hub.identity.desk import service

    with opened() as hub:
        result = getattr(service, name)(hub, *args, by=BY)
        emit({"customer": result}, json, result)


@customers.command()
def merge(a: str, b: str, json: Json = False) -> None:
    """Two customers are the same."""
    _decide(json, "merge", a, b)


@customers.command()
def split(customer_id: str, profile: Annotated[list[str], typer.Argument(help="profile refs")], json: Json = False) -> None:
    """Take profiles out into a customer of their own."""
    _decide(json, "split", customer_id, profile)


@customers.command()
def undo(ledger_id: int, json: Json = False) -> None:
    """Take a merge back."""
    _decide(json, "undo", ledger_id)


@users.command("add")
def add_user(
    email: str,
    role: Annotated[list[str] | None, typer.Option(help="viewer | operator | admin")] = None,
    password: Annotated[str | None, typer.Option(help="asked for when not given")] = None,
    json: Json = False,
) -> None:
    """Let a person sign in."""
    from hub.admin.i18n import catalogue
    from hub.admin.users import UserFault, create_user

    secret = password or typer.prompt("密码 / password", hide_input=True, confirmation_prompt=True)
    with opened() as hub:
        try:
            create_user(hub, email, secret, role or ["operator"])
        except UserFault as error:
            words = catalogue()[error.key]
            raise fail(" / ".join(words[lang].format(**error.params) for lang in ("zh", "en")), 2) from None
        emit({"email": email, "roles": role or ["operator"]}, json, f"已添加 / added: {email}")


def _user_id(hub: Any, email: str) -> int:
    from sqlmodel import select

    from hub.models import User

    with hub.db.session() as session:
        found = session.exec(select(User.id).where(User.email == email.strip().lower())).first()
    if found is None:
        raise fail(f"没有这个用户 / no user {email}")
    return int(found)


def _words(key: str) -> str:
    from hub.admin.i18n import catalogue

    return " / ".join(catalogue()[key][lang] for lang in ("zh", "en"))


@users.command("link")
def link_user(email: str, account: str, member: str, json: Json = False) -> None:
    """Let a user sign in as this member of an account's staff."""
    from hub.people import links

    with opened() as hub:
        try:
            links.link(hub, _user_id(hub, email), account, member, by=BY)
        except links.LinkFault as error:
            raise fail(_words(error.key)) from None
        emit({"email": email, "account": account, "member": member}, json, f"已关联 / linked: {email} = {account}:{member}")


@users.command("unlink")
def unlink_user(email: str, account: str, member: str, json: Json = False) -> None:
    """Not any more."""
    from hub.people import links

    with opened() as hub:
        mine = [item for item in links.links(hub) if (item["email"], item["account"]) == (email.strip().lower(), account)]
        found = next((item["id"] for item in mine if item["member"] == member.strip().casefold()), 0)
        try:
            links.unlink(hub, found, by=BY)
        except links.LinkFault as error:
            raise fail(_words(error.key)) from None
        emit({"email": email, "account": account, "member": member}, json, f"已解除 / unlinked: {email} = {account}:{member}")


@users.command("list")
def list_users(json: Json = False) -> None:
    """Everybody who may sign in."""
    from sqlmodel import select

    from hub.models import User
    from hub.people import links

    with opened() as hub, hub.db.session() as session:
        people = session.exec(select(User).order_by(User.email)).all()
        found = [{"id": u.id, "email": u.email, "active": u.active, "roles": [r.name for r in u.roles]} for u in people]
    with opened() as hub:
        linked = links.links(hub)
    for item in found:
        number = item.pop("id")
        item["links"] = [f"{each['account']}:{each['staff_id']}" for each in linked if each["user_id"] == number]
    emit({"users": found}, json, rows(found, ("email", "active", "roles", "links")))
