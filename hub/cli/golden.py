"""``hub customers set|unset|rebuild|conflicts|owner``: values set by hand, work over all customers, owners in conflict."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, rows


def register(customers: typer.Typer) -> None:
    """Put the commands under ``hub customers``."""
    customers.command("set")(set_field)
    customers.command("unset")(unset_field)
    customers.command("rebuild")(rebuild)
    customers.command("conflicts")(conflicts)
    customers.command("owner")(owner)


def set_field(customer_id: str, field: str, value: list[str], json: Json = False) -> None:
    """Set a field by hand; it outranks every source until unset. Lists: several values."""
    from hub.identity.desk import setting

    with opened() as hub:
        kept = setting.put(hub, customer_id, field, "\n".join(value), by=BY)
        emit({"customer": customer_id, "field": field, "value": kept}, json, f"{field}: {kept}")


def unset_field(customer_id: str, field: str, json: Json = False) -> None:
    """The sources say again what the field is."""
    from hub.identity.desk import setting

    with opened() as hub:
        setting.take_back(hub, customer_id, field, by=BY)
        emit({"customer": customer_id, "field": field}, json, f"{field}: 已收回 / taken back")


def rebuild(
    golden: Annotated[bool, typer.Option("--golden", help="golden records, after golden or source_order changed")] = False,
    features: Annotated[bool, typer.Option("--features", help="features and keys, after a change of normalisation")] = False,
    again: Annotated[bool, typer.Option("--again", help="from the beginning, though an earlier run was cut off")] = False,
    json: Json = False,
) -> None:
    """Make all customers anew, in chunks; goes on where it was cut off."""
    from hub.identity import rebuild as work

    if not golden and not features:
        raise fail("--golden | --features", 2)
    with opened() as hub:
        done: dict[str, Any] = {}
        for name, wanted, run in (("features", features, work.features), ("golden", golden, work.records)):
            if wanted:
                done[name] = run(hub, by=BY, progress=None if json else _progress(name), again=again)
        lines = [f"{name}: " + ", ".join(f"{what} {count:,}" for what, count in told.items()) for name, told in done.items()]
        emit(done, json, "\n".join(lines))


def _progress(name: str) -> Any:
    def tell(counts: dict[str, int]) -> None:
        sys.stderr.write(f"{name}: {counts.get('looked', 0):,} / {counts.get('changed', 0):,}\n")

    return tell


def conflicts(
    state: Annotated[str, typer.Option(help="open | agreed | decided")] = "open",
    limit: int = 50,
    look: Annotated[bool, typer.Option("--look", help="look at what has changed first, as hub serve does each minute")] = False,
    json: Json = False,
) -> None:
    """Customers whom several of the company's people call theirs."""
    from hub.people import owners

    if state not in owners.STATES:
        raise fail(f"--state: {' | '.join(owners.STATES)}", 2)
    with opened() as hub:
        if look:
            owners.look(hub)
        found = owners.list_(hub, state=state, limit=limit)
        table = [
            {"customer": item["customer"], "name": item["fields"].get("display_name"), "owners": [
                f"{each['name']} ({each['owner']})" for each in item["owners"]], "reason": item["reason"]}
            for item in found
        ]  # fmt: skip
        emit(
            {"conflicts": found, "counts": dict(owners.counts(hub))},
            json,
            rows(table, ("customer", "name", "owners", "reason")),
        )


def owner(
    customer_id: str,
    ref: Annotated[str, typer.Argument(help="one of the owners in conflict, '<account id>|<member>'")] = "",
    take_back: Annotated[bool, typer.Option("--take-back", help="the decision is no more")] = False,
    json: Json = False,
) -> None:
    """Say whose a customer in conflict is."""
    from hub.people import ownership

    if bool(ref) == take_back:
        raise fail("REF | --take-back", 2)
    with opened() as hub:
        if take_back:
            cid = ownership.take_back(hub, customer_id, by=BY)
            emit({"customer": cid, "state": "open"}, json, f"{cid}: open")
        else:
            found = ownership.decide(hub, customer_id, ref, by=BY)
            emit(found, json, f"{found['customer']}: {ref}")
