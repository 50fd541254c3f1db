"""The demo's people as the subsidiary's Yonyou knows them: a few companies that its finance has had for years."""

from __future__ import annotations

from datetime import timedelta

from connectors.story import Story
from connectors.yonyou.sim_books import Books

OLD = 2
"""How many of the story's companies are known."""


def fill(books: Books, story: Story) -> None:
    """Companies under numbers of finance's own, with their credit codes."""
    companies = [person for person in story.people if person.company and person.number]
    for place, person in enumerate(companies[:OLD]):
        more = {"creditCode": person.tax_id, "contactName": person.name, "contactTel": person.phone}
        books.add_customer(f"{805 + place:06d}", person.company, 0, more, story.now - timedelta(days=30))
