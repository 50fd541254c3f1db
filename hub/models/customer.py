"""Customers and what identity rests on: profiles (one source's view of one of them), keys, aliases, decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index
from sqlmodel import Field

from hub.models.base import Model, blob, instant, packed, sealed, text


class Customer(Model, table=True):
    """The golden record. data: sealed JSON {field: {value, from: profile ref}}. state: active | merged.

    owner: sealed ref of a member of staff, or the name that the source has for one.
    A losing profile is never deleted: a merged customer keeps its row and points to the survivor.
    """

    __tablename__ = "customer"
    id: str = text(primary_key=True)
    kind: str = text(default="unknown")
    state: str = text(default="active")
    merged_into: str | None = text(nullable=True)
    data: bytes = packed("customer|")
    profiles: int = 1
    owner: str | None = sealed("customer.owner", nullable=True)
    stage: str | None = text(nullable=True)
    created_at: datetime = instant()
    changed_at: datetime = instant(index=True)


class Profile(Model, table=True):
    """What one source says of one customer. ref: '<account id>|<id>'. data: sealed canonical fields and keys.

    rule: how it was linked (new | proof:<kind> | score | person | redo); evidence: JSON without personal values. nr: a short
    number for ``block_key``; bits: log2 of the odds of the link; features: the sealed normal forms that are compared;
    blocks_digest: the digests of its block keys, one behind the other.
    """

    __tablename__ = "profile"
    ref: str = text(primary_key=True)
    account_id: int
    source_ref: str = text()
    customer_id: str = text(index=True)
    rule: str = text()
    evidence: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    data: bytes = packed("profile|")
    hash: bytes = blob()
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    deleted: bool = False
    linked_at: datetime = instant()
    nr: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True, unique=True))
    bits: float | None = None
    features: bytes | None = packed("features|", nullable=True)
    blocks_digest: bytes | None = blob(nullable=True)


class IdentityKey(Model, table=True):
    """A key of a profile as blind index: a keyed hash of kind, scope and value."""

    __tablename__ = "identity_key"
    __table_args__ = ({"sqlite_with_rowid": False},)
    digest: bytes = blob(primary_key=True)
    profile_ref: str = text(primary_key=True, index=True)
    kind: str = text()
    customer_id: str = text()


class CustomerAlias(Model, table=True):
    """An id that a customer once had; others may have stored it."""

    __tablename__ = "customer_alias"
    id: str = text(primary_key=True)
    customer_id: str = text(index=True)
    at: datetime = instant()


class SearchToken(Model, table=True):
    """A blind search token (character pair, initials, last four digits) of a customer."""

    __tablename__ = "search_token"
    __table_args__ = (Index("ix_search_token_customer_id", "customer_id"), {"sqlite_with_rowid": False})
    digest: bytes = blob(primary_key=True)
    customer_id: str = text(primary_key=True)
