"""The demo's people in the chat archive: the same ids as in the corp's customer contact."""

from __future__ import annotations

from datetime import timedelta

from connectors.story import Person, Story
from connectors.wecom_archive.sim_world import Archive

STAFF = ("sales_wang", "sales_li")
SAID = (
    ("customer", "你好,请问春季采购有优惠吗?"),
    ("staff", "有的,满五件九折,报价单稍后发您"),
    ("customer", "好的,尽快报价,我们这周定"),
)


def _ids(person: Person) -> tuple[str, str]:
    return STAFF[person.number % len(STAFF)], f"wmStory{person.number:08d}"


def play(archive: Archive, story: Story) -> None:
    """Everybody has been asked; the fourth said no, the fifth has not answered. All have chatted a little."""
    archive.seats = list(STAFF)
    for person in story.people:
        staff, customer = _ids(person)
        began = story.now - timedelta(days=2, minutes=person.number)
        if person.number != 5:
            archive.agree(staff, customer, "Disagree" if person.number == 4 else "Agree", at=began)
        for place, (side, text) in enumerate(SAID[: 1 + person.number % 3]):
            sender, receiver = (customer, staff) if side == "customer" else (staff, customer)
            words = {"msgtype": "text", "text": {"content": text}}
            message = {"from": sender, "tolist": [receiver], "roomid": "", **words}
            archive.put(message, at=began + timedelta(minutes=place))


def live(archive: Archive, story: Story) -> None:
    """The hero asks for a contract."""
    staff, customer = _ids(story.hero)
    words = {"msgtype": "text", "text": {"content": "合同可以发我了,今天就签"}}
    archive.put({"from": customer, "tolist": [staff], "roomid": "", **words})
