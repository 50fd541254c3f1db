"""The demo's companies in the simulated CRM."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.story import Person, Story
from connectors.wukong.sim_flow import APPROVED, IN_REVIEW
from connectors.wukong.sim_store import CONTRACT

if TYPE_CHECKING:
    from connectors.wukong.simulator import WukongSimulator


WITHOUT_TAX_ID = 3
"""The number of the buyer whose invoice lacks something."""


def _contract(person: Person) -> str:
    return f"HT-2026-{person.number:04d}"


def _ask_invoice(sim: WukongSimulator, person: Person, contract: int, tax_id: str, at: datetime) -> None:
    """The contract's customer asks for an invoice over all of it."""
    money, number = sim.row("deal", contract).detail["money"], f"KP-2026-{person.number:04d}"
    sim.add_invoice(contract, number, str(money), at=at, invoiceTitle=person.company, taxNumber=tax_id)


def play(sim: WukongSimulator, story: Story) -> None:
    """Each company is a customer with a contact and a contract: the hero's is still in review. One of the others asks for an
    invoice, and nobody has noted its tax id."""
    for person in story.people:
        if not person.crm:
            continue
        at = story.now - timedelta(days=20 - person.number)
        customer = sim.add_customer(person.company, mobile=person.phone, at=at)
        sim.add_contact(customer, person.name, mobile=person.phone, at=at)
        status = IN_REVIEW if person is story.hero else APPROVED
        money = Decimal(12800 + 3150 * person.number) + Decimal("0.50")
        contract = sim.add_contract(customer, _contract(person), money, f"{at:%Y-%m-%d}", status, at=at)
        if person.number == WITHOUT_TAX_ID:
            _ask_invoice(sim, person, contract, "", at)


def live(sim: WukongSimulator, story: Story, url: str) -> None:
    """The last approver says yes to the hero's contract, for which an invoice was asked a minute ago."""
    row = next(row for row in sim.store.tables[CONTRACT].values() if row.detail["num"] == _contract(story.hero))
    sim.approve(row.id)
    _ask_invoice(sim, story.hero, row.id, story.hero.tax_id, sim.now() - timedelta(minutes=1))
