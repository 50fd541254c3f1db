"""A canonical customer record as features: cells put right, kinds told apart, every value in its normal form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from hub.identity.core.features import CONTACT, NICK, OWN, RECEIVER, Features, Named
from hub.identity.normal import addresses, codes, names, orgs, phones, remarks
from hub.identity.normal.cells import said
from hub.identity.normal.forms import NOWHERE, Name, Place
from hub.identity.normal.text import plain

ACCOUNTS = frozenset({"unionid", "openid", "external_userid"})
"""Identifiers of accounts whose holder chooses the name that is shown."""
_FIELDS = {"phone": "phones", "email": "emails", "credit_code": "tax_id"}
"""Kinds of keys whose values are what the fields of these names hold."""
_GENDER = {"1": "m", "2": "f", "m": "m", "f": "f", "male": "m", "female": "f", "男": "m", "女": "f", "男性": "m", "女性": "f"}
_LISTS = frozenset({"phones", "receiver_phones", "emails", "aliases"})
_CODED = frozenset({"kind", "gender"})
"""Fields of a closed list of words, where 1 and other do say something."""
_GIVEN = ("province", "city", "district", "town")
_PHONE = re.compile(r"(?<!\d)1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PLACE = re.compile(r"(?:收货地址|收货|地址|住址|住)[:：\s]*(\S.{5,})")


def extract(record: dict[str, Any], at: int = 0, source: str = "") -> Features:
    """Features of a record. at: seconds since 1970; source: what tells one list of customers from another."""
    fields = _unswapped(_said(_with_keys(record)))
    found = Features(source=source, at=at, proofs=_proofs(record))
    found.kind = _kind(fields)
    found.order = bool(fields.get("receiver_phones"))
    found.gender = _GENDER.get(str(fields.get("gender", "")).strip().lower(), "")
    _phones(found, fields)
    _mails(found, fields)
    _orgs(found, fields)
    _names(found, fields, record)
    _places(found, fields)
    if note := fields.get("note"):
        _note(found, note)
    if extra := fields.get("extra"):
        found.extra = {name: list(values) for name, values in extra.items()}
    return found


def _proofs(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = [(kind, scope, codes.handle(value)) for kind, scope, value in record.get("keys", ()) if kind not in _FIELDS]
    return [proof for proof in found if proof[2]]


def _with_keys(record: dict[str, Any]) -> dict[str, Any]:
    """The fields, with the numbers, mailboxes and codes that a mapping has given as keys alone."""
    fields: dict[str, Any] = record["fields"]
    for kind, _, value in record.get("keys", ()):
        name = _FIELDS.get(kind)
        if name == "tax_id":
            fields = fields if fields.get(name) else {**fields, name: value}
        elif name and value not in fields.get(name, ()):
            fields = {**fields, name: [*fields.get(name, ()), value]}
    return fields


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields whose cells say something, without labels."""
    found = {name: _cell(name, value) for name, value in fields.items()}
    return {name: value for name, value in found.items() if value}


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, str) and name not in _CODED:
        return said(value)
    return [cell for cell in map(said, value) if cell] if name in _LISTS else value


# -- cells in the wrong place


def _is_number(text: str) -> bool:
    return bool(phones.phones(text).found)


def _read(text: str) -> Name | None:
    """What a cell with a name says, also where more than the name stands in it (采购-王建国, 王建国13812345678)."""
    name = names.name(text)
    if name is None or name.kind != "nick":
        return name
    read = remarks.remark(text)
    whole = [found for found in read.names if found.kind == "full"]
    if len(whole) != 1 or read.orgs:
        return name
    # 遵义任发 may be a town and a brand.
    return whole[0] if not read.city or names.usual(whole[0]) else name


def _person(text: str) -> bool:
    name = names.name(text)
    return name is not None and name.kind in ("full", "latin") and not orgs.is_organisation(text)


def _unswapped(fields: dict[str, Any]) -> dict[str, Any]:
    """Name and phone, name and company, name and contact put back where they belong when both stand in the other's place."""
    name = fields.get("display_name", "")
    if not name:
        return fields
    if name[0] in "+01０１'（(" and _is_number(name):
        cells = fields.get("phones", ())
        if len(cells) < 2 and not any(map(_is_number, cells)):
            return {**fields, "display_name": "".join(cells), "phones": [name]}
    if fields.get("tax_id") and fields.get("company") and not fields.get("contact") and _person(name):
        # A tax number is the organisation's: the person named beside it is whom one speaks to there.
        return {**fields, "kind": "company", "display_name": fields["company"], "contact": name}
    for other in ("company", "contact"):
        if cell := fields.get(other):
            told = fields.get("kind") == "person" and other == "company" and _is_company(name) and not _is_company(cell)
            if told or _exchanged(name, cell, company_first=other == "contact"):
                return {**fields, "display_name": cell, other: name}
    return fields


def _exchanged(name: str, cell: str, *, company_first: bool) -> bool:
    """Whether the name's cell and the other one have been exchanged. company_first: the name should be the organisation's."""
    if company_first:
        return _person(name) and not _person(cell) and (orgs.is_organisation(cell) or len(plain(cell)) > 3)
    return _person(cell) and not _person(name) and (orgs.is_organisation(name) or (names.name(name) or _NOBODY).kind == "nick")


def _is_company(text: str) -> bool:
    """Whether a text has a legal form, and so is no person's name whatever else."""
    found = orgs.org(text)
    return found is not None and found.legal


_NOBODY = Name("", "")


# -- what is it


def _kind(fields: dict[str, Any]) -> str:
    """person, company, other; '' while nothing tells."""
    given = fields.get("kind", "unknown")
    name = fields.get("display_name", "")
    if given in ("person", "other") or (given == "company" and name):
        return str(given)
    if fields.get("tax_id") or fields.get("contact"):
        return "company"
    if not name:
        return "person" if fields.get("nick") or fields.get("receiver") else ""
    if fields.get("title") or fields.get("company") or fields.get("gender") or fields.get("wechat"):
        return "person"
    if orgs.is_organisation(name):
        return "company"
    told = _read(name)
    if told is None:
        return ""
    office = any((mail := codes.mail(value)) and mail.office for value in fields.get("emails", ()))
    if office and told.kind == "nick":
        return "company"
    if told.kind == "full" and not names.usual(told) and (office or _has_only_lines(fields)):
        return ""  # 艾特兰 with a switchboard is a brand as likely as a name
    return "person" if told.kind in ("full", "title", "latin", "mask") else ""


def _has_only_lines(fields: dict[str, Any]) -> bool:
    kinds = {number.kind for cell in fields.get("phones", ()) for number in phones.phones(cell).found}
    return "landline" in kinds and "mobile" not in kinds


# -- the parts


def _phones(found: Features, fields: dict[str, Any]) -> None:
    for cell in (*fields.get("phones", ()), *fields.get("receiver_phones", ())):
        numbers = phones.phones(cell)
        found.refused += numbers.refused
        for number in numbers.found:
            _add_phone(found, number)


def _add_phone(found: Features, number: phones.Phone) -> None:
    target = {"mobile": found.phones, "mask": found.masks, "landline": found.lands, "service": found.lands}.get(number.kind)
    if target is not None and number.value not in target:
        target.append(number.value)


def _mails(found: Features, fields: dict[str, Any]) -> None:
    for cell in fields.get("emails", ()):
        for value in re.split(r"[;,，；、\s]+", plain(cell)) if len(cell) > 25 else (cell,):
            if mail := codes.mail(value):
                _add_mail(found, mail)
    if handle := codes.handle(fields.get("wechat", "")).lower():
        _add_handle(found, handle)


def _add_mail(found: Features, mail: codes.Mail) -> None:
    if mail.office:
        found.offices.append(mail.address)
        return
    if mail.address not in found.mails:
        found.mails.append(mail.address)
        _add_handle(found, mail.local)


def _add_handle(found: Features, handle: str) -> None:
    """A handle that is a mobile number is one; people use one handle in several places, with and without dots."""
    if phones.MOBILE.fullmatch(handle):
        for number in phones.phones(handle).found:
            _add_phone(found, number)
    elif len(compact := handle.replace(".", "").replace("-", "")) >= 6 and compact not in found.handles:
        found.handles.append(compact)


def _orgs(found: Features, fields: dict[str, Any]) -> None:
    texts = [fields.get("company", "")]
    if found.kind == "company":
        texts = [fields.get("display_name", ""), *fields.get("aliases", ()), fields.get("company", "")]
    _add_orgs(found, texts)
    if code := fields.get("tax_id"):
        found.code, found.near_code = codes.credit_code(code), codes.near_code(code)


def _add_orgs(found: Features, texts: Iterable[str]) -> None:
    for text in texts:
        if text and (org := orgs.org(text)) and org not in found.orgs:
            found.orgs.append(org)


def _names(found: Features, fields: dict[str, Any], record: dict[str, Any]) -> None:
    display, nick = fields.get("display_name", ""), fields.get("nick", "")
    if found.kind == "company":
        _add_name(found, CONTACT, fields.get("contact", ""))
        return
    chosen = {kind for kind, _, _ in record.get("keys", ())}
    if chosen & ACCOUNTS and "platform_id" not in chosen and not nick:
        display, nick = "", display
    if display and (read := _read(display)) is not None and read.kind == "full" and read != names.name(display):
        _remark(found, display, OWN)
    else:
        _add_name(found, OWN, display)
    if not found.kind and display:
        _add_orgs(found, [display])
    for alias in fields.get("aliases", ()):
        _remark(found, alias, OWN)
    if nick:
        if "*" in nick:
            found.nick = nick
        else:
            _remark(found, nick, NICK)
    _add_name(found, RECEIVER, fields.get("receiver", ""))
    if given := fields.get("given_name") or fields.get("surname"):
        parts = (fields.get("given_name", ""), fields.get("surname", ""))
        found.names.append(Named(OWN, Name("parts", " ".join(parts).strip(), parts[1], parts[0]))) if given else None


def _add_name(found: Features, role: str, text: str) -> None:
    if text and (name := names.name(text)):
        found.names.append(Named(role, name))
        found.gender = found.gender or (name.gender if role != CONTACT else "")


def _remark(found: Features, text: str, role: str) -> None:
    brands = frozenset(org.brand for org in found.orgs)
    read = remarks.remark(text, brands)
    for name in read.names:
        named = Named(role, name)
        if named not in found.names:
            found.names.append(named)
    for value in remarks.mobiles(read):
        if value not in found.phones:
            found.phones.append(value)
    for value in read.mails:
        if mail := codes.mail(value):
            _add_mail(found, mail)
    if role != NICK or any(name.kind == "full" for name in read.names):
        _add_orgs(found, read.orgs)
    if read.city:
        found.places.append(Place(city=read.city))
    found.gender = found.gender or read.gender


def _places(found: Features, fields: dict[str, Any]) -> None:
    parts = [fields.get(name, "") or "" for name in _GIVEN]
    address, region = fields.get("address", ""), fields.get("region", "")
    if region and not any(parts):
        address = address if address.startswith(region[:2]) else region.replace(",", "") + address
    if address or any(parts):
        place = addresses.place(address, *parts)
        if place != NOWHERE:
            found.places.append(place)


def _note(found: Features, note: str) -> None:
    """What stands in a free note and is plainly a number, a mailbox or an address."""
    for text in _PHONE.findall(note):
        for number in phones.phones(text).found:
            _add_phone(found, number)
    for text in _MAIL.findall(note):
        if mail := codes.mail(text):
            _add_mail(found, mail)
    if match := _PLACE.search(note):
        place = addresses.place(match[1])
        if place.city or place.district:
            found.places.append(place)
