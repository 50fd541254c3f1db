"""The demo's hero fills in the shop's member card: the one record that knows both the phone and the buyer's id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from connectors.story import Story

if TYPE_CHECKING:
    from connectors.inbound.simulator import FormSender

SHOP_SCOPE = "taobao:12345678"


def play(sim: FormSender, story: Story) -> None:
    """Nothing has been sent yet."""


def live(sim: FormSender, story: Story, url: str) -> None:
    """Every buyer with an even number registers the card, the hero twice (a nervous finger)."""
    for person in story.people:
        if person.shop_id and person.number % 2 == 0:
            data = {
                "id": f"card-{person.number:04d}", "kind": "person", "name": person.name, "phones": [person.phone],
                "source": "会员卡", "identifiers": [{"kind": "open_uid", "scope": SHOP_SCOPE, "value": person.shop_id}],
            }  # fmt: skip
            body = json.dumps({"type": "customer", "data": data}, ensure_ascii=False).encode()
            for _ in range(2 if person is story.hero else 1):
                sim.post(url, f"msg_card_{person.number}", body)
