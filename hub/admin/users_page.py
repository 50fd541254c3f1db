"""Users: who may sign in, and what they may do. For admins."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask_login import current_user
from sqlmodel import Session, col, select

from hub.accounts import all_accounts
from hub.admin import users
from hub.admin.web import back, done, needs, page, the_hub, who
from hub.models import User
from hub.people import links

pages = page("users", "/users")


@pages.get("")
@needs("admin")
def index() -> str:
    """The list."""
    return _page()


def _page(*, shown: dict[str, str] | None = None) -> str:
    hub = the_hub()
    with hub.db.read() as conn, Session(conn) as session:
        found = session.exec(select(User).order_by(col(User.email))).all()
        session.expunge_all()
    return render_template(
        "users.html", users=found, shown=shown, me=current_user.id, shortest=users.SHORTEST, links=links.links(hub),
        doors=[item for item in all_accounts(hub) if links.can_sign_in(item.platform) and item.state != "removed"],
        members=links.choices(hub),
    )  # fmt: skip


@pages.post("")
@needs("admin")
def add() -> Any:
    """A new user with a generated password, which is shown once."""
    email, role = request.form.get("email", ""), request.form.get("role", "")
    password = users.generate_password()
    try:
        users.create_user(the_hub(), email, password, [role], by=who())
    except users.UserFault as fault:
        done(fault.key, "bad", **fault.params)
        return back("users.index")
    return _page(shown={"email": email.strip().lower(), "password": password})


@pages.post("/<int:user_id>")
@needs("admin")
def change(user_id: int) -> Any:
    """Role, access, or a new password."""
    hub, do = the_hub(), request.form.get("do", "")
    try:
        if do == "role":
            users.set_role(hub, user_id, request.form.get("role", ""), by=who())
        elif do in ("open", "close"):
            users.set_active(hub, user_id, do == "open", by=who())
        elif do == "password":
            password = users.generate_password()
            users.set_password(hub, user_id, password, by=who())
            return _page(shown={"email": request.form.get("email", ""), "password": password})
    except users.UserFault as fault:
        done(fault.key, "bad", **fault.params)
    else:
        done("users.changed")
    return back("users.index")


@pages.post("/links")
@needs("admin")
def link() -> Any:
    """A user may sign in as this member."""
    form = request.form
    number = form.get("user", "")
    try:
        links.link(the_hub(), int(number) if number.isdigit() else 0, form.get("account", ""), form.get("member", ""), by=who())
    except links.LinkFault as fault:
        done(fault.key, "bad")
    else:
        done("links.added")
    return back("users.index")


@pages.post("/links/<int:number>")
@needs("admin")
def unlink(number: int) -> Any:
    """Not any more."""
    try:
        links.unlink(the_hub(), number, by=who())
    except links.LinkFault as fault:
        done(fault.key, "bad")
    else:
        done("links.removed")
    return back("users.index")
