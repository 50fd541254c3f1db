"""The demo's people in the simulated WeCom corp."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.story import Person, Story

if TYPE_CHECKING:
    from connectors.wecom.simulator import WeComSimulator

STAFF = {"sales_wang": "王珊", "sales_li": "李强"}
GROUP = "春季采购群"
KEY_CUSTOMER, INTENT = ("客户等级", "重点客户"), ("意向", "春季采购")


def _ids(person: Person) -> tuple[str, str]:
    return tuple(STAFF)[person.number % len(STAFF)], f"wmStory{person.number:08d}"


def play(sim: WeComSimulator, story: Story) -> None:
    """Everybody is somebody's contact, with a remark, a phone that the staff member noted, and for some a tag."""
    for userid, name in STAFF.items():
        sim.world.add_staff(userid, name)
    sim.world.add_tag(*KEY_CUSTOMER)
    intent = sim.world.add_tag(*INTENT)
    for person in story.people:
        userid, external_userid = _ids(person)
        contact = {"external_userid": external_userid, "name": person.nickname, "type": 1, "gender": 0, "avatar": ""}
        remark = f"{person.name}-{person.company[:6]}" if person.company else person.name
        created = int((story.now - timedelta(days=40 - person.number)).timestamp())
        options = {"remark": remark, "mobiles": [person.phone], "company": person.company, "created": created}
        options["tags"] = [intent.id] if person.number % 3 == 1 else []
        sim.world.add_customer(userid, contact, **options)
    members = [_ids(person)[1] for person in story.people if person.company][:4]
    sim.chats.open("sales_wang", GROUP, members, int((story.now - timedelta(days=9)).timestamp()))


def live(sim: WeComSimulator, story: Story, url: str) -> None:
    """A staff member tags the hero as a key customer; the platform says so."""
    userid, external_userid = _ids(story.hero)
    tag = next(tag.id for tag in sim.world.tags.values() if tag.name == KEY_CUSTOMER[1])
    sim.push_event(url, sim.world.edit(userid, external_userid, tags=[tag]))
