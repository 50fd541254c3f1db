"""Questions of identity: the queue, one pair side by side, answers, and what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import abort, render_template, request, session
from werkzeug.wrappers import Response

from hub.admin import overview
from hub.admin.customers import FIELDS, display_name, field_value
from hub.admin.i18n import language, pick, t
from hub.admin.web import audited, back, done, may, needs, page, the_hub, who
from hub.identity.desk import review
from hub.identity.desk.explain import start
from hub.identity.desk.reasons import evidence
from hub.identity.desk.service import IdentityFault
from hub.store.types import to_us

pages = page("reviews", "/reviews")
SIZE = 50
VIEWS = ("open", "answered")
REASONS = ("uncertain", "conflict", "ambiguous")
DAYS = (7, 30, 90)
PLAIN_MINUTES = 30
"""So long personal values stay plain for one who has asked for it; each pair that is looked at is in the audit log."""


@pages.get("")
def index() -> str:
    """The queue, or what people have answered."""
    hub, view = the_hub(), request.args.get("view", "open")
    view, number = view if view in VIEWS else "open", _number("page", 1)
    if view == "answered":
        found, more = review.decided(hub, SIZE * 4), False
    else:
        found = review.queue(hub, SIZE + 1, skip=(number - 1) * SIZE)
        found, more = found[:SIZE], len(found) > SIZE
    with hub.db.read() as conn:
        names = overview.account_names(conn)
    for place, item in enumerate(found):
        item["names"] = [display_name(side["fields"], side["kind"]) for side in item["sides"]]
        item["from"] = [_titles(side, names) for side in item["sides"]]
        item["place"] = (number - 1) * SIZE + place
    return render_template("reviews.html", found=found, view=view, counts=review.counts(hub), number=number, more=more)


def _number(name: str, least: int) -> int:
    given = request.values.get(name, "")
    return min(max(int(given), least), 100_000) if given.isascii() and given.isdigit() else least


def _titles(side: Mapping[str, Any], names: Mapping[int, Mapping[str, Any]]) -> str:
    return t("say.list_comma").join(names[account]["title"] for account in side["accounts"] if account in names)


@pages.get("/next")
def following() -> Response:
    """The question at a place of the queue (``?n=``), else the first, else the list."""
    place = _number("n", 0)
    found = review.queue(the_hub(), 1, skip=place) or review.queue(the_hub(), 1)
    if not found:
        return back("reviews.index")
    asked = {"a": found[0]["a"], "b": found[0]["b"], "n": place if len(found) else 0}
    last = {name: request.args[name] for name in ("last_a", "last_b") if request.args.get(name)}
    return back("reviews.pair", **asked, **last)


@pages.get("/pair")
def pair() -> str:
    """Two profiles side by side (``?a=&b=``)."""
    hub = the_hub()
    found = review.pair(hub, request.args.get("a", ""), request.args.get("b", ""))
    if found is None:
        abort(404)
    plain = _plain()
    if plain:
        audited("review.reveal", f"customer:{found['sides'][0]['customer']}", other=found["sides"][1]["customer"])
    with hub.db.read() as conn:
        names = overview.account_names(conn)
    for side in found["sides"]:
        side["name"] = display_name(side["fields"], side["kind"])
        side["sources"] = _titles(side, names)
    question = found["question"]
    for_, against = _weighed(question["evidence"] if question else ())
    both = [side["name"] for side in found["sides"]]
    last = (request.args.get("last_a"), request.args.get("last_b"))
    return render_template(
        "review.html", pair=found, rows=list(_rows(found, plain=plain)), speaks_for=for_, speaks_against=against, plain=plain,
        options=_options(found["sides"]), days=DAYS, place=_number("n", 0), last=last if all(last) else None,
        obstacle=pick(*review.OBSTACLES[found["obstacle"]]) if found["obstacle"] else "",
        related=[t(f"relation.{item['kind']}", **_ends(both, item["forward"])) for item in found["relations"]],
        begins=start(question["bits"], question["evidence"]) if question else 0.0,
    )  # fmt: skip


def _weighed(items: Any) -> tuple[list[str], list[str]]:
    found = sorted(items, key=lambda item: -abs(item.bits))
    told = [(item.bits, evidence(item, language())) for item in found if item.bits]
    return [text for bits, text in told if bits > 0], [text for bits, text in told if bits < 0]


def _rows(found: Mapping[str, Any], *, plain: bool) -> Any:
    """Each field of either side: its values, and whether they are the same."""
    sides = found["sides"]
    for name in FIELDS:
        values = [side["fields"].get(name) for side in sides]
        if all(value in (None, "", []) for value in values) or name == "owner":
            continue
        texts = [
            field_value(name, value, side["kind"], plain=plain) if value not in (None, "", []) else "–"
            for side, value in zip(sides, values, strict=True)
        ]
        yield {"name": name, "texts": texts, "mark": _mark(*values)}


def _mark(a: Any, b: Any) -> str:
    """same | part | differ, '' where one side says nothing."""
    if a in (None, "", [], "unknown") or b in (None, "", [], "unknown"):
        return ""
    if isinstance(a, list) and isinstance(b, list):
        return "same" if set(a) == set(b) else "part" if set(a) & set(b) else "differ"
    return "same" if a == b else "differ"


def _ends(names: list[str], forward: bool) -> dict[str, str]:
    return dict(zip(("a", "b"), names if forward else names[::-1], strict=True))


def _options(sides: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(value, label) of the relations that two customers of these kinds may stand in."""
    kinds, names = [side["kind"] for side in sides], [side["name"] for side in sides]
    wanted: list[tuple[str, bool]] = []
    if "company" not in kinds:
        wanted += [("household", True), ("orders_for", True), ("orders_for", False)]
    if kinds[0] != "company":
        wanted.append(("works_at", True))
    if kinds[1] != "company":
        wanted.append(("works_at", False))
    if "person" not in kinds:
        wanted += [("branch_of", True), ("branch_of", False)]
    ends = {True: "ab", False: "ba"}
    found = [(f"{kind}:{ends[forward]}", t(f"relation.{kind}", **_ends(names, forward))) for kind, forward in wanted]
    return [*found, ("related:ab", t("relation.related", **_ends(names, True)))]


@pages.post("/answer")
@needs("operator")
def answer() -> Response:
    """A person's answer; then the next question."""
    a, b, verdict = (request.form.get(name, "") for name in ("a", "b", "verdict"))
    kind, _, way = request.form.get("kind", "related:ab").partition(":")
    one, other = (b, a) if way == "ba" else (a, b)
    days = _number("days", 1) if request.form.get("days") else review.SKIP_DAYS
    try:
        review.answer(the_hub(), one, other, verdict, by=who(), kind=kind, days=days)
    except IdentityFault as fault:
        done("review.refused", "bad", why=pick(fault.zh, fault.en))
        return back("reviews.pair", a=a, b=b, n=_number("n", 0))
    done(f"review.was_{verdict}")
    return back("reviews.following", n=_number("n", 0), last_a=a, last_b=b)


@pages.post("/take-back")
@needs("operator")
def take_back() -> Response:
    """An answer is no more."""
    a, b = request.form.get("a", ""), request.form.get("b", "")
    try:
        review.take_back(the_hub(), a, b, by=who())
    except IdentityFault as fault:
        done("review.refused", "bad", why=pick(fault.zh, fault.en))
    else:
        done("review.taken_back")
    return back("reviews.pair", a=a, b=b)


@pages.post("/plain")
@needs("operator")
def show_plain() -> Response:
    """Show personal values as they are for a while, or mask them again."""
    if request.form.get("plain"):
        session["review_plain"] = to_us(the_hub().now()) + PLAIN_MINUTES * 60_000_000
    else:
        session.pop("review_plain", None)
    return back("reviews.pair", a=request.form.get("a", ""), b=request.form.get("b", ""), n=_number("n", 0))


def _plain() -> bool:
    return may("operator") and session.get("review_plain", 0) > to_us(the_hub().now())
