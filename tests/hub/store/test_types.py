"""What the column types take and what they refuse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.exc import StatementError

from hub.models import Account, AuditEntry, Deal, Run
from hub.models.base import Model, table
from hub.security import keyring
from hub.security.keyring import KeyFault, KeyRing
from hub.store.database import Database
from hub.store.types import Instant, from_us, to_us

NOW = datetime(2026, 11, 22, 4, 0, 0, 123456, tzinfo=UTC)
DEAL = {"ref": "1|d", "account_id": 1, "source_ref": "1|deal|d", "number": "d", "state": "signed", "deleted": False}


def put(db: Database, model: type[Model], **values: Any) -> None:
    with db.write() as conn:
        conn.execute(insert(table(model)), [values])


@given(st.datetimes(datetime(1600, 1, 1), datetime(2900, 1, 1), timezones=st.timezones()))
def test_an_instant_survives_whatever_its_zone(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment.astimezone(UTC)


def test_an_instant_comes_back_aware_and_exact(db: Database) -> None:
    shanghai = timezone(timedelta(hours=8))
    put(
        db,
        Deal,
        currency="CNY",
        **DEAL,
        effective_at=NOW.astimezone(shanghai),
        changed_at=to_us(NOW),
        signed_on=date(2026, 11, 22),
    )
    with db.read() as conn:
        row = conn.execute(select(table(Deal))).one()
        assert row.effective_at == row.changed_at == NOW and row.effective_at.utcoffset() == timedelta(0)
        assert row.signed_on == date(2026, 11, 22)
        assert conn.execute(text("SELECT effective_at FROM deal")).scalar_one() == to_us(NOW)


@pytest.mark.parametrize("value", [NOW.replace(tzinfo=None), 1.5, "2026-11-22", Decimal(1), True, date(2026, 11, 22)])
def test_what_is_no_instant_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        Instant().process_bind_param(value, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [1.0, Decimal("1.00"), "100", True])
def test_what_is_no_integer_is_no_money(db: Database, value: Any) -> None:
    with pytest.raises(StatementError, match="integer minor units"):
        put(db, Deal, currency="CNY", **DEAL, amount=value)


def test_money_takes_integers_and_nothing(db: Database) -> None:
    put(db, Deal, currency="CNY", **DEAL, amount=-(10**15), received=None)
    with db.read() as conn:
        assert conn.execute(select(table(Deal).c.amount, table(Deal).c.received)).one() == (-(10**15), None)


def test_sealed_json_shows_nothing_and_comes_back(db: Database) -> None:
    keyring.use(KeyRing.new())
    config = {"secret": "梅花三弄", "n": 1, "list": [None, "x"]}
    put(db, Account, key="a", platform="feed", title="t", config=config, state="active", created_at=NOW)
    with db.read() as conn:
        stored = bytes(conn.execute(text("SELECT config FROM account")).scalar_one())
        assert "梅花三弄".encode() not in stored and b"secret" not in stored
        assert conn.execute(select(table(Account).c.config)).scalar_one() == config


def test_a_sealed_value_cannot_be_moved_to_another_column(db: Database) -> None:
    ring = KeyRing.new()
    keyring.use(ring)
    put(db, Account, key="a", platform="feed", title="t", config={"secret": "x"}, state="active", created_at=NOW)
    with db.write() as conn:
        stored = bytes(conn.execute(text("SELECT config FROM account")).scalar_one())
        conn.execute(
            text("INSERT INTO account_token (account_id, token, lease_until) VALUES (1, :token, 0)"), {"token": stored}
        )
    from hub.models import AccountToken

    with db.read() as conn, pytest.raises(KeyFault, match="belongs somewhere else"):
        conn.execute(select(table(AccountToken).c.token)).scalar_one()


def test_json_columns_come_back_as_they_went_in(db: Database) -> None:
    keyring.use(KeyRing.new())
    detail = {"多": ["x", None, 1, True, {"a": "\\u0000 \t"}]}
    put(db, AuditEntry, seq=1, at=NOW, who="w", what="x", subject="s", detail=detail, hash=b"h")
    with db.read() as conn:
        assert conn.execute(select(table(AuditEntry).c.detail)).scalar_one() == detail


def test_ids_of_new_rows_are_given_by_the_database(db: Database) -> None:
    zero = dict.fromkeys(("pages", "fetched", "changed", "unchanged", "older", "quarantined", "events"), 0)
    for _ in range(2):
        put(db, Run, account_id=1, stream="s", kind="pull", state="running", by="t", started_at=NOW, unknown={}, **zero)
    with db.read() as conn:
        assert list(conn.execute(select(table(Run).c.id).order_by(table(Run).c.id)).scalars()) == [1, 2]
