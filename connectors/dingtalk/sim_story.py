"""The demo's people in the simulated DingTalk organisation."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.dingtalk.sim_crm import TAGS
from connectors.dingtalk.sim_steering import approval
from connectors.story import Person, Story

if TYPE_CHECKING:
    from connectors.dingtalk.simulator import DingTalkSimulator

STAFF = {"sales_li": "李强", "boss": "陈总"}
PERSON = "crm_customer_personal"


def _signs_here(story: Story) -> list[Person]:
    """Two companies whose contracts are approved in DingTalk; the second one's approval takes weeks."""
    return [person for person in story.people if person.company and not person.shop_id][:2]


def play(sim: DingTalkSimulator, story: Story) -> None:
    """Partners are external contacts with labels, some buyers are in the CRM app, and two contracts are in approval."""
    for userid, name in STAFF.items():
        sim.people.add_staff(userid, name, [1])
    label = sim.people.add_label("类型", "渠道伙伴")
    sim.crm.add_option(PERSON, "老客户")
    for person in story.people:
        at = int((story.now - timedelta(days=60 - person.number)).timestamp() * 1000)
        if person.company:
            labels = [label] if person.number % 2 else []
            more = {"company_name": person.company, "label_ids": labels, "follower_user_id": "sales_li"}
            sim.people.add_contact(person.name, person.phone, userid=f"extStory{person.number:04d}", **more)
        elif person.number % 4 == 2:
            data = {"customer_name": person.name, "customer_phone": person.phone, TAGS[PERSON]: ["老客户"]}
            sim.crm.add(PERSON, data, at, owners=["sales_li"], extend={"customer_phone": '{"countryCode":"+86"}'})
    for person in _signs_here(story):
        at = int((story.now - timedelta(days=40)).timestamp() * 1000)
        amount, number = f"{9600 + 800 * person.number}.00", f"DD-2026-{person.number:04d}"
        sim.flow.start(amount, person.company, at=at, number=number, phone=person.phone, tax_id=person.tax_id)
    first = next(iter(sim.flow.instances))
    sim.flow.finish(first, at=int((story.now - timedelta(days=39)).timestamp() * 1000))


def live(sim: DingTalkSimulator, story: Story, url: str) -> None:
    """Forty days after it was submitted the last approver agrees to the second contract, and DingTalk says so."""
    late = list(sim.flow.instances)[1]
    sim.flow.finish(late)
    sim.push_event(url, "bpms_instance_change", approval(sim, late))
