"""First mistakes, traps and gotchas that no other file tests: late approvals, old paths, empty lists beside a refusal."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

import connectors.wecom
from connectors import errors
from connectors.base import Window
from connectors.registry import get
from connectors.wecom.sim_callback import event_xml
from connectors.wecom.simulator import CORP_ID
from mappings.compile import load_mapping
from tests.connectors.wecom.conftest import Corp


def test_an_approval_that_is_decided_weeks_later_never_comes_back_into_a_window(corp: Corp) -> None:
    """Lists go by submission: what finds it is that open ones are marked to be read again, and its event."""
    corp.sim.world.add_staff("sales_wang", "王珊")
    number = corp.sim.approvals.submit("sales_wang", "128000.50", "北辰贸易有限公司", number="HT-1").number
    entry = get("wecom")
    mapping = load_mapping(entry.mappings / "approval.yaml", zone="Asia/Shanghai", context={"account": "a", "corp_id": "c"})
    before = corp.connector().fetch_one("approval", number)
    assert before is not None and mapping.apply(before).is_open, "it is not among those that are read again"
    corp.sim.offset += timedelta(days=40)
    event = corp.sim.approvals.decide(number, 2)
    window = Window(corp.sim.now() - timedelta(days=29), corp.sim.now())
    assert [record for page in corp.connector().pages("approval", window, None) for record in page.records] == []
    [told] = corp.connector().events(corp.connector().open(corp.push(event_xml(CORP_ID, event))))
    after = corp.connector().fetch_one("approval", told.record_key)
    assert after is not None and not mapping.apply(after).is_open
    assert any(item["fields"].get("state") == "signed" for item in mapping.apply(after).records)


@pytest.mark.parametrize("said", [1, 2, 3])
def test_the_state_in_an_approvals_event_is_not_believed(corp: Corp, said: int) -> None:
    """Accounts differ on whether it is the state before or after: the event is a trigger and carries no record."""
    info = {"SpNoStr": "202601050007", "SpStatus": said, "StatuChangeEvent": 2, "TemplateId": "T"}
    fields = {"Event": "sys_approval_change", "CreateTime": 1767225600, "AgentID": 3010040, "ApprovalInfo": info}
    [event] = corp.connector().events(corp.connector().open(corp.push(event_xml(CORP_ID, fields))))  # type: ignore[arg-type]
    assert (event.stream, event.record_key, event.record) == ("approval", "202601050007", None)


def test_an_error_that_carries_an_empty_list_is_no_empty_list(corp: Corp) -> None:
    """Refusals keep the empty default lists: the code is looked at before the list is."""
    corp.populate("customer", 3)
    corp.sim.app_grant.customer_contact = False
    with pytest.raises(errors.ConnectorError) as caught:
        list(corp.connector().pages("customer", None, None))
    assert caught.value.code == "48002"


def test_the_older_paths_are_never_called() -> None:
    """/cgi-bin/crm/* still answers, with other names of fields."""
    folder = Path(connectors.wecom.__file__).parent
    source = "\n".join(path.read_text("utf-8") for path in folder.glob("*.py") if not path.name.startswith("sim"))
    assert not re.search(r"[\"'/]crm/", source) and "user/getuserinfo" not in source.replace("auth/getuserinfo", "")
