"""Facts become notices: which rule wants them, who is to be told, and the words. One fact, one rule, one notice, once.

A fact older than a rule's ``not_older`` hours is not told: a first reading brings years of signed deals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from config.settings import NoticeRule
from connectors import registry
from connectors.base import Money
from connectors.errors import ConfigError
from connectors.manifest import Manifest
from connectors.messages import explain
from hub import accounts
from hub.core import Hub
from hub.events.outbox import ASKING, ATTEMPT, DELIVERY
from hub.identity.records import golden
from hub.models import Account, Customer, Deal, InvoiceApplication, Order, Profile, Staff, StaffNotice
from hub.models.base import table
from hub.store.types import EPOCH
from mappings import plain

NOTICE, DEAL, INVOICE, ORDER = table(StaffNotice), table(Deal), table(InvoiceApplication), table(Order)
PROFILE, CUSTOMER, STAFF, ACCOUNT = table(Profile), table(Customer), table(Staff), table(Account)
OWNER = "@owner"
STATES = {"delivery.rejected": "rejected", "delivery.in_doubt": "in_doubt"}
TO_DO = "delivery.to_do"
"""A document was sent and is marked for a person; told once for each time it is marked."""
OF_DELIVERIES = (*STATES, TO_DO)


@cache
def words() -> dict[str, dict[str, dict[str, str]]]:
    """kind -> title and text -> language -> words."""
    path = Path(__file__).parent / "notices.yaml"
    found: dict[str, dict[str, dict[str, str]]] = plain.load(path.read_text("utf-8"))
    return found


def notice_id(kind: str, fact: str, rule: str) -> str:
    """The same fact under the same rule is always the same notice: 32 of [0-9a-f]."""
    return blake2b(f"{kind}|{fact}|{rule}".encode(), digest_size=16).hexdigest()


def from_events(conn: Connection, hub: Hub, events: Iterable[Any]) -> int:
    """Notices of events that leave the list in this transaction; how many facts some rule wanted."""
    rules = [rule for rule in hub.settings.notices if rule.on not in OF_DELIVERIES]
    wanted = [(event, rule) for event in events for rule in rules if rule.on == event.kind]
    if not wanted:
        return 0
    drafter = Drafter(conn, hub)
    for event, rule in wanted:
        if rule.takes(event.kind, drafter.key(event.account_id)) and event.at >= hub.now() - timedelta(hours=rule.not_older):
            drafter.draft(rule, event.kind, event.id, event.subject, event.account_id, event.data)
    return len(wanted)


def from_deliveries(hub: Hub) -> int:
    """Notices of documents that were rejected, have been in doubt for too long, or wait for a person's word; how many rows were
    looked at."""
    looked = 0
    for rule in hub.settings.notices:
        if rule.on in OF_DELIVERIES:
            with hub.db.write() as conn:
                drafter = Drafter(conn, hub)
                for row in conn.execute(_marked(hub, rule) if rule.on == TO_DO else _stuck(hub, rule)).all():
                    looked += 1
                    if rule.takes(rule.on, drafter.key(row.source_account_id)):
                        fact = f"{row.id}|{row.mark}" if rule.on == TO_DO else row.id
                        drafter.draft(rule, rule.on, fact, row.id, row.account_id, _about(hub, row, rule))
    return looked


def conflict(
    conn: Connection,
    hub: Hub,
    customer_id: str,
    owners: Sequence[str],
    called: Callable[[str], str],
    member_at: Callable[[str, int], str | None],
) -> None:
    """Notices of a customer whom several call theirs, to each of them as the account that tells knows them. owners:
    '<account id>|<member>'; called: an owner's name; member_at: his id at an account."""
    for rule in hub.settings.notices:
        if rule.on != "owner.conflict":
            continue
        drafter = Drafter(conn, hub)
        if any(rule.takes(rule.on, drafter.key(int(owner.split("|")[0]))) for owner in owners):
            names = list(dict.fromkeys(map(called, owners)))
            fact = "\n".join([customer_id, *sorted(owners)])
            data = {"owners": names, "customer": customer_id, "both": [(owner, member_at) for owner in owners]}
            drafter.draft(rule, rule.on, fact, customer_id, int(owners[0].split("|")[0]), data)


def _stuck(hub: Hub, rule: NoticeRule) -> Any:
    c, now = DELIVERY.c, hub.now()
    since = now - timedelta(hours=rule.not_older)
    if rule.on == "delivery.in_doubt":
        long_enough = and_(c.doubt_at <= now - timedelta(minutes=rule.after), c.doubt_at >= since)
    else:
        tried = exists().where(ATTEMPT.c.delivery_id == c.id, ATTEMPT.c.at >= since)
        long_enough = or_(c.created_at >= since, tried)
    told = exists().where(NOTICE.c.subject == c.id, NOTICE.c.rule == rule.name, NOTICE.c.kind == rule.on)
    return select(DELIVERY).where(c.state == STATES[rule.on], long_enough, ~told).limit(500)


def _marked(hub: Hub, rule: NoticeRule) -> Any:
    """Documents that wait for a person, with the newest step of those that he is still asked about: of which nobody was told
    since."""
    c = DELIVERY.c
    stands = or_(*(and_(ATTEMPT.c.step == step, c.open_steps.contains(step)) for step in ASKING))
    marks = and_(stands, ATTEMPT.c.outcome.startswith("needs_"))
    last = select(func.max(ATTEMPT.c.id)).where(ATTEMPT.c.delivery_id == c.id, marks).correlate(DELIVERY).scalar_subquery()
    told = exists().where(
        NOTICE.c.subject == c.id, NOTICE.c.rule == rule.name, NOTICE.c.kind == TO_DO, NOTICE.c.created_at >= ATTEMPT.c.at
    )
    since = hub.now() - timedelta(hours=rule.not_older)
    found = select(DELIVERY, ATTEMPT.c.id.label("mark")).join(ATTEMPT, ATTEMPT.c.id == last)
    return found.where(c.open_steps.is_not(None), ATTEMPT.c.at >= since, ~told).limit(500)


def _about(hub: Hub, row: Any, rule: NoticeRule) -> dict[str, Any]:
    language, reason = rule.language or hub.settings.language, ""
    if rule.on == TO_DO:
        said = words()[TO_DO]
        reason = ("；" if language == "zh" else "; ").join(said[step][language] for step in row.open_steps.split())
    elif row.error:
        reason = explain(row.error, language, _manifest(hub, row.account_id))[0]
    data = {"number": row.number, "amount": row.amount, "currency": row.currency, "reason": reason, "minutes": rule.after}
    return data | {"about": row.subject}


def _manifest(hub: Hub, account_id: int) -> Manifest | None:
    try:
        return registry.get(accounts.by_id(hub, account_id).platform).manifest
    except (registry.UnknownConnector, ValueError):
        return None


class Drafter:
    """Makes notices of facts. Reads what it needs when it needs it: facts that somebody is told of are few."""

    def __init__(self, conn: Connection, hub: Hub) -> None:
        self._conn, self._hub = conn, hub
        self._accounts = {row.id: row for row in conn.execute(select(ACCOUNT.c.id, ACCOUNT.c.key, ACCOUNT.c.title))}

    def key(self, account_id: int) -> str:
        """The account's key."""
        row = self._accounts.get(account_id)
        return row.key if row else ""

    def draft(self, rule: NoticeRule, kind: str, fact: str, subject: str, account_id: int, data: dict[str, Any]) -> None:
        """Put the notice into the outbox; one that is there already stays as it is. Whom nobody is found for is shown so."""
        through = next((row for row in self._accounts.values() if row.key == rule.through), None)
        if through is None:
            return
        profile, owner = self._whose(data.get("about") or data.get("subject") or subject)
        receivers = self._receivers(rule, through.id, profile, owner, data.get("both", ()))
        now = self._hub.now()
        row = {
            "id": notice_id(kind, fact, rule.name), "rule": rule.name, "kind": kind, "subject": subject,
            "account_id": through.id, "receivers": receivers,
            "content": self._content(rule, kind, subject, account_id, data, profile),
            "state": "pending" if receivers else "nobody", "attempts": 0, "next_at": now, "lease_until": EPOCH, "fence": 0,
            "missed": [], "created_at": now,
        }  # fmt: skip
        kind_of = sqlite.insert if self._conn.dialect.name == "sqlite" else postgresql.insert
        self._conn.execute(kind_of(NOTICE).on_conflict_do_nothing(), [row])

    # -- who

    def _whose(self, subject: str) -> tuple[str | None, tuple[int, str] | None]:
        """The profile behind a deal, invoice request or order, and the owner that its own source names."""
        for source in (DEAL, INVOICE, ORDER):
            columns = [source.c.account_id, source.c.profile_ref, *([source.c.owner] if "owner" in source.c else [])]
            row = self._conn.execute(select(*columns).where(source.c.ref == subject)).first()
            if row is not None:
                owner = getattr(row, "owner", None)
                return row.profile_ref, (row.account_id, str(owner)) if owner else None
        return None, None

    def _receivers(
        self, rule: NoticeRule, through: int, profile: str | None, owner: tuple[int, str] | None, both: Sequence[Any]
    ) -> list[str]:
        found: list[str] = []
        for each in rule.to:
            if each != OWNER:
                found.append(each)
            elif both:
                found += [member for one, member_at in both if (member := member_at(one, through))]
            elif member := self._owner(through, profile, owner):
                found.append(member)
        return list(dict.fromkeys(found)) or list(rule.otherwise)

    def _owner(self, through: int, profile: str | None, owner: tuple[int, str] | None) -> str | None:
        """Who is to be told as owner: the deal's own, where its source is the account that tells; else whoever serves the
        customer there."""
        if owner and owner[0] == through and self._employed(through, owner[1]):
            return owner[1]
        customer = self._conn.execute(select(PROFILE.c.customer_id).where(PROFILE.c.ref == (profile or ""))).scalar()
        theirs = select(PROFILE.c.ref, PROFILE.c.data).where(
            PROFILE.c.customer_id == customer, PROFILE.c.account_id == through, ~PROFILE.c.deleted
        )
        for ref, data in self._conn.execute(theirs.order_by(PROFILE.c.linked_at, PROFILE.c.ref)):
            member = golden.read_profile(self._hub.ring, ref, bytes(data)).get("owner")
            if member and self._employed(through, str(member)):
                return str(member)
        return None

    def _employed(self, account_id: int, member: str) -> bool:
        row = self._conn.execute(select(STAFF.c.state, STAFF.c.deleted).where(STAFF.c.ref == f"{account_id}|{member}")).first()
        return row is not None and not row.deleted and row.state != "left"

    # -- what

    def _content(
        self, rule: NoticeRule, kind: str, subject: str, account_id: int, data: dict[str, Any], profile: str | None
    ) -> dict[str, str]:
        lang = rule.language or self._hub.settings.language
        account = self._accounts.get(account_id)
        amount = str(Money(data["amount"], data.get("currency") or "CNY")) if data.get("amount") is not None else "–"
        if amount != "–":
            amount = f"¥{amount}" if data.get("currency", "CNY") == "CNY" else f"{data['currency']} {amount}"
        values = {
            "number": data.get("invoice") or data.get("number") or subject.split("|", 1)[-1], "amount": amount,
            "customer": self._name(profile, data.get("customer", "")),
            "source": account.title if account else "–", "reason": data.get("reason", ""), "minutes": data.get("minutes", ""),
            "owners": ("、" if lang == "zh" else ", ").join(data.get("owners", ())),
        }  # fmt: skip
        same = kind == "deal.amended" and data.get("before") is not None and data["before"] == data.get("amount")
        found = words()["deal.given" if same else kind]
        return {part: found[part][lang].format(**values) for part in ("title", "text")} | {"url": self._url(kind, subject)}

    def _name(self, profile: str | None, customer: str = "") -> str:
        """A company's name; a person's with stars. Of the customer of that id, else of the profile's."""
        found = select(CUSTOMER.c.id, CUSTOMER.c.kind, CUSTOMER.c.data)
        joined = found.join(PROFILE, PROFILE.c.customer_id == CUSTOMER.c.id).where(PROFILE.c.ref == (profile or ""))
        row = self._conn.execute(found.where(CUSTOMER.c.id == customer) if customer else joined).first()
        if row is None:
            return "–"
        fields = golden.values(golden.read(self._hub.ring, row.id, bytes(row.data)))
        name = str(fields.get("company") or fields.get("display_name") or "–")
        return name if row.kind == "company" or fields.get("company") else name[:1] + "**"

    def _url(self, kind: str, subject: str) -> str:
        base = self._hub.settings.public_url.rstrip("/")
        return f"{base}/deliveries/{subject}" if base and kind in OF_DELIVERIES else ""


def faults(hub: Hub) -> list[ConfigError]:
    """Rules whose account is not there, or tells nobody: their facts would be told to no one."""
    found = []
    known = {account.key: account for account in accounts.all_accounts(hub) if account.state != "removed"}
    for rule in hub.settings.notices:
        account = known.get(rule.through)
        manifest = _manifest(hub, account.id or 0) if account else None
        if manifest is None or "notices" not in manifest.roles:
            found.append(ConfigError("notices.account", rule=rule.name, account=rule.through))
    return found
