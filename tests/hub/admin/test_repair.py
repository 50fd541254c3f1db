"""Quarantine and inbox: reasons in words, bodies for operators only and on record, replay with a count first."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select, update

from hub.models import AuditEntry, Inbox, Quarantined
from hub.models.base import table
from hub.sync import raw

Q, INBOX, AUDIT = table(Quarantined), table(Inbox), table(AuditEntry)


def states(made: Any, source: Any) -> list[str]:
    with made.hub.db.read() as conn:
        return sorted(conn.execute(select(source.c.state)).scalars())


def reasons(made: Any, what: str) -> list[Any]:
    with made.hub.db.read() as conn:
        return list(conn.execute(select(AUDIT).where(AUDIT.c.what == what)))


def test_the_list_says_why(viewer: Any, made: Any) -> None:
    text = viewer.get("/quarantine")
    assert "q2" in text and "天猫旗舰店" in text and "error.mapping" not in text
    assert "没有记录" in viewer.get("/quarantine?account=crm")
    assert "q2" not in viewer.get("/quarantine?state=dismissed")


def test_a_raw_body_is_for_operators_and_on_record(viewer: Any, operator: Any, made: Any) -> None:
    url = f"/quarantine/record?ref={quote(made.quarantined)}"
    for person in (viewer, operator):
        assert "13812341234" not in person.get(url)
    viewer.post("/quarantine/record/body", 403, ref=made.quarantined)
    assert "13812341234" in operator.post("/quarantine/record/body", ref=made.quarantined)
    [entry] = reasons(made, "quarantine.reveal")
    assert (entry.who, entry.subject) == ("operator@hub.local", f"quarantine:{made.quarantined}")
    operator.post("/quarantine/record/body", 404, ref="nonsense")


def test_replaying_one_that_is_still_bad_keeps_it(operator: Any, made: Any) -> None:
    text = operator.post("/quarantine/record/replay", ref=made.quarantined)
    assert "仍未通过 1 条" in text
    assert states(made, Q) == ["open"] * 3


def test_all_are_counted_before_they_are_replayed(operator: Any, made: Any) -> None:
    assert "共有 3 条未处理的记录" in operator.get("/quarantine/replay")
    assert "“天猫旗舰店”共有 3 条" in operator.get("/quarantine/replay?account=tmall")
    assert "所有记录都用上了" in operator.get("/quarantine/replay?account=crm")
    assert "仍未通过 3 条" in operator.post("/quarantine/replay", account="tmall")
    operator.post("/quarantine/replay", 404, account="nobody")


def test_replaying_what_was_mended_lands_it(operator: Any, made: Any) -> None:
    staff = {"userid": "newcomer", "name": "新同事", "status": 1}
    ref = f"{made.account['wecom']}|staff|newcomer"
    error = {"type": "MappingError", "key": "error.mapping", "params": {}}
    now = made.hub.now()
    row = {
        "ref": ref,
        "account_id": made.account["wecom"],
        "stream": "staff",
        "source_id": "newcomer",
        "error": error,
        "body": made.hub.ring.pack(raw.dump(staff), ref),
        "state": "open",
        "attempts": 1,
        "first_at": now,
        "last_at": now,
    }
    made.insert(Quarantined, row)
    assert "成功 1 条，仍未通过 0 条" in operator.post("/quarantine/record/replay", ref=ref)
    with made.hub.db.read() as conn:
        assert conn.execute(select(Q.c.state).where(Q.c.ref == ref)).scalar() != "open"


def test_dismissing_needs_a_reason(operator: Any, made: Any) -> None:
    assert "请写明原因" in operator.post("/quarantine/record/dismiss", ref=made.quarantined)
    assert states(made, Q) == ["open"] * 3
    operator.post("/quarantine/record/dismiss", ref=made.quarantined, reason="测试数据")
    assert states(made, Q) == ["dismissed", "open", "open"]
    assert reasons(made, "quarantine.dismiss")[0].detail == {"reason": "测试数据"}
    operator.post("/quarantine/record/dismiss", 404, ref="nonsense", reason="x")


def test_the_inbox_tells_states_apart(viewer: Any, made: Any) -> None:
    keys = {name: f"{made.account[account]}|push-{n}" for n, (name, account) in enumerate(
        [("done", "wecom"), ("pending", "wecom"), ("failed", "form")])}  # fmt: skip
    for asked, found in {
        "done": {"done"},
        "pending": {"pending"},
        "failed": {"failed"},
        "stuck": {"pending", "failed"},
    }.items():
        text = viewer.get(f"/inbox?state={asked}")
        assert {name for name, key in keys.items() if quote(key) in text} == found, asked
    text = viewer.get("/inbox?account=wecom")
    assert quote(keys["failed"]) not in text and quote(keys["done"]) in text


def test_a_push_is_opened_by_operators_and_worked_on_again(viewer: Any, operator: Any, made: Any) -> None:
    assert "change_external_contact" not in operator.get(f"/inbox/push?key={quote(made.push)}")
    viewer.post("/inbox/push/body", 403, key=made.push)
    assert "change_external_contact" in operator.post("/inbox/push/body", key=made.push)
    assert reasons(made, "inbox.reveal")[0].who == "operator@hub.local"
    assert "已安排 1 条" in operator.post("/inbox/push/replay", key=made.push)
    assert states(made, INBOX) == ["done", "pending", "pending"]
    operator.post("/inbox/push/replay", 404, key="nonsense")


@pytest.mark.parametrize(("path", "source", "when", "model"), [
    ("/inbox", INBOX, "received_at", Inbox), ("/quarantine", Q, "last_at", Quarantined),
])  # fmt: skip
def test_paging_shows_each_once_even_when_times_are_equal(
    operator: Any, made: Any, path: str, source: Any, when: str, model: Any
) -> None:
    import re

    with made.hub.db.read() as conn:
        sample = dict(conn.execute(select(source)).first()._mapping)
    key = "key" if path == "/inbox" else "ref"
    made.insert(model, *({**sample, key: f"{sample['account_id']}|bulk-{n:03d}"} for n in range(120)))
    with made.hub.db.write() as conn:
        conn.execute(update(source).values({when: made.hub.now()}))
    url, seen = path, []
    while url:
        text = operator.get(url)
        seen += re.findall(rf"\?{key}=([^\"]+)\"", text)
        older = re.search(r'href="([^"]+)" rel="next"', text)
        url = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) == 123
