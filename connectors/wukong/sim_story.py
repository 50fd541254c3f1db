"""The demo's companies in the simulated CRM."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.story import Person, Story
from connectors.wukong.sim_flow import APPROVED, IN_REVIEW
from connectors.wukong.sim_store import CONTRACT

if TYPE_CHECKING:
    from connectors.wukong.simulator import WukongSimulator


def _contract(person: Person) -> str:
    return f"HT-2026-{person.number:04d}"


def play(sim: WukongSimulator, story: Story) -> None:
    """Each company is a customer with a contact and a contract: the hero's is still in review."""
    for person in story.people:
        if not person.crm:
            continue
        at = story.now - timedelta(days=20 - person.number)
        customer = sim.add_customer(person.company, mobile=person.phone, at=at)
        sim.add_contact(customer, person.name, mobile=person.phone, at=at)
        status = IN_REVIEW if person is story.hero else APPROVED
        money = Decimal(12800 + 3150 * person.number) + Decimal("0.50")
        sim.add_contract(customer, _contract(person), money, f"{at:%Y-%m-%d}", status, at=at)


def live(sim: WukongSimulator, story: Story, url: str) -> None:
    """The last approver says yes to the hero's contract."""
    row = next(row for row in sim.store.tables[CONTRACT].values() if row.detail["num"] == _contract(story.hero))
    sim.approve(row.id)
