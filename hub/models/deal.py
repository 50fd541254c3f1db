"""Deals: contracts and what else counts as signed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date
from sqlmodel import Field

from hub.models.base import Model, instant, money, sealed, text


class Deal(Model, table=True):
    """ref: '<account id>|<id>'. state: draft | in_review | signed | reversed | refused | unknown.

    Titles name customers, and some sources name the owner in words: both are sealed.
    """

    __tablename__ = "deal"
    ref: str = text(primary_key=True)
    account_id: int = Field(index=True)
    source_ref: str = text(index=True)
    profile_ref: str | None = text(nullable=True, index=True)
    number: str = text(index=True)
    title: str | None = sealed("deal.title", nullable=True)
    state: str = text()
    state_raw: str | None = text(nullable=True)
    currency: str = text(default="CNY")
    amount: int | None = money(nullable=True, default=None)
    received: int | None = money(nullable=True, default=None)
    owner: str | None = sealed("deal.owner", nullable=True)
    signed_on: date | None = Field(default=None, sa_type=Date)
    effective_at: datetime | None = instant(nullable=True)
    starts_on: date | None = Field(default=None, sa_type=Date)
    ends_on: date | None = Field(default=None, sa_type=Date)
    created_at: datetime | None = instant(nullable=True)
    changed_at: datetime | None = instant(nullable=True)
    deleted: bool = False


class DealLine(Model, table=True):
    """One line of a deal. tax_rate: percent as decimal text."""

    __tablename__ = "deal_line"
    deal_ref: str = text(primary_key=True)
    key: str = text(primary_key=True)
    title: str | None = text(nullable=True)
    item_code: str | None = text(nullable=True)
    quantity: str | None = text(nullable=True)
    amount: int | None = money(nullable=True, default=None)
    tax_rate: str | None = text(nullable=True)
