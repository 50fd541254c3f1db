"""The corp inside the WeCom simulator: staff, contacts, who serves whom, tags; and the event that each act sets off.

Acts here are those of people in the WeCom clients or the console. Each returns the fields of the callback that WeCom
would push for it, or None where it pushes nothing to a self-built app. (docs: path/92130)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

Event = dict[str, str | int | tuple[str, ...] | dict[str, str | int]]


@dataclass
class Staff:
    """A member of the corp. follows: has the customer-contact function. licensed: has an interface licence. verified: has
    proved his name. idle: has not signed in for a year. room: customers that he may still take. left_at: when he left."""

    userid: str
    name: str
    follows: bool = True
    licensed: bool = True
    present: bool = True
    department: int = 1
    position: str = "销售"
    alias: str = ""
    verified: bool = True
    idle: bool = False
    room: int = 50_000
    left_at: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Relation:
    """One staff member serving one contact. half: the contact came by a no-verification link and is not mutual yet."""

    seq: int
    userid: str
    external_userid: str
    created: int
    remark: str = ""
    description: str = ""
    company: str = ""
    mobiles: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    strategy_tags: list[str] = field(default_factory=list)
    personal: list[str] = field(default_factory=list)
    add_way: int = 1
    state: str = ""
    half: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Tag:
    """A corp tag. deleted ones are still told of when asked for by id. (docs: path/96320)"""

    id: str
    name: Any
    group: str
    created: int
    order: int
    deleted: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Group:
    """A group of corp tags."""

    id: str
    name: str
    created: int
    order: int
    deleted: bool = False


class World:
    """All records of the corp. now: the simulator's clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now, self._numbers = now, count(1)
        self.staff: dict[str, Staff] = {}
        self.contacts: dict[str, dict[str, Any]] = {}
        self.relations: dict[tuple[str, str], Relation] = {}
        self._of: dict[str, dict[str, Relation]] = defaultdict(dict)
        self.tags: dict[str, Tag] = {}
        self.groups: dict[str, Group] = {}

    @property
    def seconds(self) -> int:
        """Now, as WeCom writes times."""
        return int(self.now().timestamp())

    @property
    def moment(self) -> float:
        """Now, to the fraction of a second."""
        return self.now().timestamp()

    def number(self) -> int:
        """A number never given before."""
        return next(self._numbers)

    # -- staff

    def add_staff(self, userid: str, name: str, **options: Any) -> Staff:
        """A member joins."""
        self.staff[userid] = Staff(userid, name, **options)
        return self.staff[userid]

    def member(self, userid: str) -> Staff | None:
        """The member of that id, whatever its case, unless he has left."""
        found = next((member for key, member in self.staff.items() if key.lower() == userid.lower()), None)
        return found if found and found.present else None

    def resign(self, userid: str) -> None:
        """A member leaves: he vanishes from the lists. A plain self-built app is told nothing. (docs: path/96302)"""
        self.staff[userid].present, self.staff[userid].left_at = False, self.seconds

    # -- customers

    def add_customer(self, userid: str, contact: dict[str, Any], **options: Any) -> Event:
        """A contact and a member become friends. contact: fields of external_contact; options: of the relation."""
        external_userid = str(contact["external_userid"])
        self.contacts.setdefault(external_userid, contact)
        relation = Relation(self.number(), userid, external_userid, options.pop("created", self.seconds), **options)
        self.relations[userid, external_userid] = self._of[userid][external_userid] = relation
        kind = "add_half_external_contact" if relation.half else "add_external_contact"
        extra = {"State": relation.state} if relation.state else {}
        return self.contact_event(kind, userid, external_userid, **extra)

    def edit(self, userid: str, external_userid: str, **changes: Any) -> Event:
        """A member edits remark, description, company, phones or tags of a customer."""
        relation = self.relations[userid, external_userid]
        for name, value in changes.items():
            setattr(relation, name, value)
        return self.contact_event("edit_external_contact", userid, external_userid)

    def drop(self, userid: str, external_userid: str, *, by_transfer: bool = False) -> Event:
        """A member removes a customer, or an in-service transfer does."""
        del self.relations[userid, external_userid], self._of[userid][external_userid]
        extra = {"Source": "DELETE_BY_TRANSFER"} if by_transfer else {}
        return self.contact_event("del_external_contact", userid, external_userid, **extra)

    def leave(self, userid: str, external_userid: str) -> Event:
        """A customer removes a member; the member's side stays readable."""
        assert (userid, external_userid) in self.relations
        return self.contact_event("del_follow_user", userid, external_userid)

    def contact_event(self, kind: str, userid: str, external_userid: str, **extra: str | int) -> Event:
        """The fields of a change_external_contact event."""
        common: Event = {"Event": "change_external_contact", "ChangeType": kind}
        return {**common, "CreateTime": self.seconds, "UserID": userid, "ExternalUserID": external_userid, **extra}

    def served(self, userid: str) -> list[Relation]:
        """The mutual relations of a member, oldest first."""
        found = [relation for relation in self._of[userid].values() if not relation.half]
        return sorted(found, key=lambda relation: relation.seq)

    def followers(self, external_userid: str) -> list[Relation]:
        """The mutual relations of a contact, oldest first."""
        found = [r for r in self.relations.values() if r.external_userid == external_userid and not r.half]
        return sorted(found, key=lambda relation: relation.seq)

    # -- tags

    def add_tag(self, group_name: str, name: str, created: int | None = None) -> Tag:
        """A new corp tag; the group of that name is used, or made."""
        created = self.seconds if created is None else created
        living = (group for group in self.groups.values() if group.name == group_name and not group.deleted)
        group = next(living, None) or self._add_group(group_name, created)
        number = self.number()
        tag = Tag(f"etHubTag{number:06d}", name, group.id, created, number)
        self.tags[tag.id] = tag
        return tag

    def _add_group(self, name: str, created: int) -> Group:
        number = self.number()
        group = Group(f"etHubGrp{number:06d}", name, created, number)
        self.groups[group.id] = group
        return group

    def rename_tag(self, tag_id: str, name: str) -> Event:
        """A tag gets another name and keeps its id."""
        self.tags[tag_id].name = name
        return self.tag_event("update", tag_id)

    def rename_group(self, group_id: str, name: str) -> Event:
        """A group gets another name; no event names its tags."""
        self.groups[group_id].name = name
        return self.tag_event("update", group_id)

    def delete_tag(self, tag_id: str) -> Event:
        """A tag is deleted and disappears from all customers."""
        self._forget([self.tags[tag_id]])
        return self.tag_event("delete", tag_id)

    def delete_group(self, group_id: str) -> Event:
        """A group is deleted with its tags; only one event, for the group, is sent."""
        self.groups[group_id].deleted = True
        self._forget(list(self.tags_of(group_id)))
        return self.tag_event("delete", group_id)

    def _forget(self, tags: Iterable[Tag]) -> None:
        for tag in tags:
            tag.deleted = True
            for relation in self.relations.values():
                relation.tags = [tag_id for tag_id in relation.tags if tag_id != tag.id]

    def tags_of(self, group_id: str) -> Iterator[Tag]:
        """The tags of a group, deleted ones too."""
        return (tag for tag in self.tags.values() if tag.group == group_id)

    def tag_event(self, kind: str, item_id: str) -> Event:
        """The fields of a change_external_tag event about a tag or a group."""
        what = "tag_group" if item_id in self.groups else "tag"
        common: Event = {"Event": "change_external_tag", "ChangeType": kind}
        return {**common, "CreateTime": self.seconds, "Id": item_id, "TagType": what}
