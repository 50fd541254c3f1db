"""Names of members and of the records that they hand over, as far as they are known here."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from hub.core import Hub
from hub.identity.records import golden
from hub.models import ChatGroup, Profile, Staff
from hub.models.base import table

STAFF, PROFILE, GROUP = table(Staff), table(Profile), table(ChatGroup)
SIZE = 500


def of_staff(conn: Connection, account_id: int) -> dict[str, str]:
    """Member id -> name, those who have left included."""
    rows = conn.execute(select(STAFF.c.ref, STAFF.c.data).where(STAFF.c.account_id == account_id))
    return {ref.split("|", 1)[1]: str((data or {}).get("name") or "") for ref, data in rows}


def of_records(hub: Hub, conn: Connection, account_id: int, stream: str, keys: Collection[str]) -> dict[str, str]:
    """Record key -> what people call the customer or group; unknown ones are not in it."""
    refs = {f"{account_id}|{stream}|{key}": key for key in keys}
    wanted, found = list(refs), dict[str, str]()
    for start in range(0, len(wanted), SIZE):
        part = wanted[start : start + SIZE]
        # Who is handed over has a record of his own, whose key is his profile's; profiles have no index by their record.
        own = [f"{account_id}|{refs[source]}" for source in part]
        profiles = select(PROFILE.c.ref, PROFILE.c.source_ref, PROFILE.c.data).where(PROFILE.c.ref.in_(own))
        for ref, source, data in conn.execute(profiles):
            if source not in refs:
                continue
            fields = golden.read_profile(hub.ring, ref, bytes(data))
            aliases = fields.get("aliases") or []
            name, alias = str(fields.get("display_name") or ""), str(aliases[0]) if aliases else ""
            found[refs[source]] = f"{name}（{alias}）" if name and alias and alias != name else name or alias
        groups = select(GROUP.c.source_ref, GROUP.c.name).where(GROUP.c.source_ref.in_(part))
        found |= {refs[source]: str(name) for source, name in conn.execute(groups) if name}
    return found
