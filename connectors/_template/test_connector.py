"""The contract suite on this connector, and what only this connector can say of itself: its signature, its quirks."""

from __future__ import annotations

from datetime import UTC, datetime  # role: events
from typing import Any  # role: events

import pytest

from connectors.base import RawRequest  # role: events
from connectors.contract import Scenario, contract_tests
from connectors.errors import BadSignature  # role: events
from connectors.http import Runtime  # role: events
from connectors.registry import get  # role: events


@pytest.mark.parametrize("scenario", contract_tests("demo_crm"), ids=str)
def test_contract(scenario: Scenario) -> None:
    scenario.run()


# role: events
def listener() -> Any:
    kind = get("demo_crm").load()
    config = kind.Config.model_validate({"app_id": "a", "app_secret": "b", "hook_secret": "0123456789abcdef"})
    return kind(config, Runtime(clock=lambda: datetime.fromtimestamp(1_800_000_000, UTC)))


def test_the_documented_signature_is_the_one_computed() -> None:
    """A known answer: put here the example of the platform's documentation, or one that another program computed.

    This one: printf '1800000000.{"event_id":"e1","type":"customer.created","id":"K1","time":"2027-01-15 16:00:00"}' |
    openssl dgst -sha256 -hmac 0123456789abcdef
    """
    body = b'{"event_id":"e1","type":"customer.created","id":"K1","time":"2027-01-15 16:00:00"}'
    signature = "3f125a03d6cfbd8679803937983391216e94fab9eb75f96c7946804d4d8a7db2"
    request = RawRequest("POST", {}, {"X-Demo-Timestamp": "1800000000", "X-Demo-Signature": signature}, body)
    connector = listener()
    event = connector.events(connector.open(request))[0]
    assert (event.record_key, event.key, event.time) == ("K1", "e1", datetime(2027, 1, 15, 8, tzinfo=UTC))


def test_a_push_of_yesterday_is_refused() -> None:
    body = b'{"event_id":"e1","type":"customer.created","id":"K1","time":"2027-01-15 16:00:00"}'
    signature = "7418436160d753db3ebcf2f2249e56ab8b2bbf03c4dbe32eafe6edc71d4d0887"
    request = RawRequest("POST", {}, {"X-Demo-Timestamp": "1799913600", "X-Demo-Signature": signature}, body)
    with pytest.raises(BadSignature, match=r"push\.stale"):
        listener().open(request)


# end
