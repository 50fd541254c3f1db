"""``hub customers reviews|answer|take-back|fit|weights``: questions of identity, and what is learned from the answers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, rows

KIND = typer.Option("--kind", help="household | works_at | orders_for | branch_of | related: A stands in this relation to B")
AGAIN = typer.Option("--again", help="look again at all customers whose links rest on weights")


def register(customers: typer.Typer) -> None:
    """Put the commands under ``hub customers``."""
    for command in (reviews, answer, take_back, fit, weights):
        customers.command(command.__name__.replace("_", "-"))(command)


def reviews(
    limit: int = 20,
    decided: Annotated[bool, typer.Option("--decided", help="what people have decided instead, newest first")] = False,
    json: Json = False,
) -> None:
    """Pairs that the hub is not sure about, the one worth most first."""
    from hub.identity.desk import review

    with opened() as hub:
        found = review.decided(hub, limit) if decided else review.queue(hub, limit)
        table = [
            {
                "a": item["a"], "A": _name(item, 0), "b": item["b"], "B": _name(item, 1),
                "": item["verdict"] if decided else item["sentence"]["zh"],
            }
            for item in found
        ]  # fmt: skip
        told = {"decided" if decided else "reviews": [_plain(item) for item in found], "counts": review.counts(hub)}
        emit(told, json, rows(table, ("a", "A", "b", "B", "")))


def _name(item: dict[str, Any], side: int) -> str:
    fields = item["sides"][side]["fields"]
    return str(fields.get("display_name") or fields.get("company") or next(iter(fields.get("aliases") or ()), "–"))


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    evidence = {"evidence": [each._asdict() for each in item["evidence"]]} if "evidence" in item else {}
    return item | evidence


def answer(
    a: str,
    b: str,
    verdict: Annotated[str, typer.Argument(help="same | different | related | unsure")],
    kind: Annotated[str, KIND] = "related",
    days: Annotated[int, typer.Option(help="unsure: ask again in so many days")] = 30,
    json: Json = False,
) -> None:
    """Are two profiles one customer? A and B: 'account/id', a profile's ref or a customer's id."""
    from hub.identity.desk import review

    with opened() as hub:
        one, other = review.named(hub, a), review.named(hub, b)
        done = review.answer(hub, one, other, verdict, by=BY, kind=kind, days=days)
        joined = len(set(done["customers"])) == 1
        emit(
            done, json, f"{'一个客户 / one customer' if joined else '两个客户 / two customers'}: {' '.join(done['customers'])}"
        )


def take_back(a: str, b: str, json: Json = False) -> None:
    """An answer is no more; the evidence decides again."""
    from hub.identity.desk import review

    with opened() as hub:
        done = review.take_back(hub, review.named(hub, a), review.named(hub, b), by=BY)
        emit(done, json, f"已收回 / taken back: {' '.join(map(str, done['customers']))}")


def fit(
    apply: Annotated[bool, typer.Option("--apply", help="decide with the new weights from now on")] = False,
    force: Annotated[bool, typer.Option("--force", help="apply them even where they do worse on held-back answers")] = False,
    again: Annotated[bool, AGAIN] = False,
    json: Json = False,
) -> None:
    """Learn weights from people's answers, from proofs and from the hub's own customers."""
    from hub.identity.desk import fitted

    with opened() as hub:
        try:
            learned = fitted.learn(hub)
        except fitted.FitFault as error:
            raise fail(str(error)) from None
        refused = apply and learned.worse and not force
        due = 0
        if apply and not refused:
            fitted.keep(hub, learned, by=BY)
            due = fitted.use(hub, learned.model.version, by=BY, again=again)
        names = ("group", "kind", "level", "before", "after")
        moved = [dict(zip(names, item, strict=True)) for item in learned.moved]
        told = {
            "version": learned.model.version, "pairs": learned.counts, "before": learned.before, "after": learned.after,
            "worse": learned.worse, "applied": apply and not refused, "again": due, "moved": moved,
        }  # fmt: skip
        emit(told, json, _learned(told))
        if refused:
            raise fail(
                "新权重在留出的答复上更差，没有启用（--force） / they do worse on held-back answers: not applied (--force)"
            )


def _learned(told: dict[str, Any]) -> str:
    pairs = ", ".join(f"{sort} {count:,}" for sort, count in told["pairs"].items())
    lines = [f"{told['version']}: {pairs}"]
    for name, zh in (("before", "现在"), ("after", "新")):
        if told[name]:
            share, loss = told[name]
            lines.append(f"{zh} / {name}: {share:.1%}, {loss:.2f} bit")
    shown = [{**item, "before": f"{item['before']:+.2f}", "after": f"{item['after']:+.2f}"} for item in told["moved"][:20]]
    lines.append(rows(shown, ("group", "kind", "level", "before", "after")))
    lines.append("已启用 / applied" if told["applied"] else "没有启用（--apply） / not applied (--apply)")
    return "\n".join(lines)


def weights(
    use: Annotated[
        str, typer.Option("--use", help="decide with this version from now on; 'shipped' for the shipped weights")
    ] = "",
    again: Annotated[bool, AGAIN] = False,
    json: Json = False,
) -> None:
    """Versions of the weights, and which one decides."""
    from hub.identity.desk import fitted

    with opened() as hub:
        try:
            due = fitted.use(hub, use, by=BY, again=again) if use else 0
        except fitted.FitFault as error:
            raise fail(str(error)) from None
        found = fitted.versions(hub)
        emit({"weights": found, "again": due}, json, rows(found, ("version", "active", "by", "at")))
