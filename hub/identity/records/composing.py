"""From profiles and what people have set to golden records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from hub.identity.records import golden, manual
from hub.identity.records.survivorship import Rules, View
from hub.security.keyring import KeyRing


def composed(
    conn: Connection, ring: KeyRing, views: Mapping[str, Sequence[View]], rules: Rules = golden.PLAIN, *, by_hand: bool = True
) -> dict[str, golden.Golden]:
    """customer id -> golden record of its profiles, with the values that people have set first. by_hand: they have set any."""
    home = {view.ref: cid for cid, found in views.items() for view in found}
    chosen: dict[str, list[View]] = {}
    for view in manual.views(conn, ring, list(home)) if by_hand else ():
        chosen.setdefault(home[view.ref], []).append(view)
    return {cid: golden.build([*found, *chosen.get(cid, ())], rules) for cid, found in views.items() if found}
