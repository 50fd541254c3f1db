"""Which chat a message belongs to, whom it is about, and on what ground it may be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.base import Record
from connectors.wecom_archive.archive import Envelope
from connectors.wecom_archive.consent import Consents, agreed

ANSWERS = ("agree", "disagree")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message was said: in a room, or between a member of staff and a customer. side: who said it there."""

    room: str = ""
    staff: str = ""
    customer: str = ""
    side: str = ""


def place_of(message: Record, seats: frozenset[str]) -> Place | None:
    """The chat of a message; None where no outsider can be in it, or none that has somebody to ask.

    Who has an archive seat is staff; whoever else talks to him may be an outsider, which the platform says when it is asked
    for his consent. Prefixes of ids (wm, wo) are no rule.
    """
    sender = str(message.get("from") or "")
    if message.get("roomid"):
        return Place(room=str(message["roomid"]), side="staff" if sender in seats else "")
    others = [str(who) for who in message.get("tolist") or []]
    if sender in seats:
        strangers = [who for who in others if who not in seats]
        return Place(staff=sender, customer=strangers[0], side="staff") if len(strangers) == 1 else None
    staff = [who for who in others if who in seats]
    return Place(staff=staff[0], customer=sender, side="customer") if sender and len(staff) == 1 else None


def record_of(envelope: Envelope, place: Place | None, consents: Consents) -> Record | None:
    """The record of a message; None when nothing of it may be kept.

    A message that could not be opened leaves its number and the code alone: nobody can be asked about it.
    """
    head: Record = {"seq": envelope.seq, "publickey_ver": envelope.version}
    message = envelope.message
    if message is None:
        return {**head, "msgid": envelope.msgid, "failed": envelope.failed}
    if place is None:
        return None
    if message.get("msgtype") in ANSWERS:
        return _answer(head, message, place)
    ground = _in_room(message, place, consents) if place.room else _in_pair(place, consents)
    if ground is None:
        return None
    chat, consent = ground
    return {**head, "message": message, "chat": chat, "consent": dict(consent)}


def _answer(head: Record, message: Record, place: Place) -> Record | None:
    """What a customer says about the archive; it holds no words of his."""
    said = message.get(str(message["msgtype"]))
    who = str(said.get("userid") or "") if isinstance(said, dict) else ""
    customer = place.customer or who
    if not customer:
        return None
    chat = {"roomid": place.room} if place.room else {"staff": place.staff}
    return {**head, "message": message, "chat": {**chat, "customer": customer}}


def _in_pair(place: Place, consents: Consents) -> tuple[Record, Any] | None:
    info = consents.of_pair(place.staff, place.customer)
    if info is None or not agreed(info):
        return None
    return {"staff": place.staff, "customer": place.customer, "side": place.side}, info


def _in_room(message: Record, place: Place, consents: Consents) -> tuple[Record, Any] | None:
    """In a room a customer's message rests on his own consent, and one of staff with a seat on that of all customers who can
    read it, since what staff say there answers what was said. Whoever else writes there (a colleague without a seat, a robot,
    an outsider whom nobody has asked) cannot be told apart, and is not kept. A room without outsiders is none of ours."""
    customers = consents.of_room(place.room)
    sender = str(message.get("from") or "")
    if sender in customers:
        info = customers[sender]
        return ({"roomid": place.room, "customer": sender, "side": "customer"}, info) if agreed(info) else None
    if place.side != "staff" or not customers or not all(map(agreed, customers.values())):
        return None
    # The ground is as strong as the weakest of them.
    weakest = sorted(customers.values(), key=lambda info: info.get("agree_status") != "Default_Agree")[0]
    return {"roomid": place.room, "side": "staff"}, {"agree_status": weakest["agree_status"]}


def consent_records(place: Place, consents: Consents) -> list[Record]:
    """What has been said about the archive at this place, one record each."""
    if place.room:
        found = consents.of_room(place.room).items()
        return [{"place": "room", "id": place.room, **info, "exteranalopenid": who} for who, info in found]
    info = consents.of_pair(place.staff, place.customer)
    return [] if info is None else [_pair_record(place.staff, place.customer, info)]


def _pair_record(staff: str, customer: str, info: Any) -> Record:
    rest = {name: value for name, value in info.items() if name != "userid"}
    return {"place": "staff", "id": staff, **rest, "exteranalopenid": customer}


def asked_again(key: str, consents: Consents) -> Record | None:
    """The record of a consent by its key 'staff/<id>/<customer>' or 'room/<id>/<customer>', after it was asked for."""
    kind, own, customer = split_key(key)
    if kind == "room":
        info = consents.of_room(own).get(customer)
        return None if info is None else {"place": "room", "id": own, **info, "exteranalopenid": customer}
    pair = consents.of_pair(own, customer)
    return None if pair is None else _pair_record(own, customer, pair)


def split_key(key: str) -> tuple[str, str, str]:
    """Place, id and customer of a consent's key; no id has a slash in it."""
    kind, _, rest = key.partition("/")
    own, _, customer = rest.rpartition("/")
    return kind, own, customer
