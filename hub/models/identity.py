"""What the evidence engine keeps beside keys: keys that only find candidates, answers of people, what waits for a person or
for a second look, how profiles are related, and the statistics of names and numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index
from sqlmodel import Field

from hub.models.base import Model, blob, instant, text


class BlockKey(Model, table=True):
    """A key that only finds candidates (a name with a city, a masked number): many to a profile, so as short as can be."""

    __tablename__ = "block_key"
    __table_args__ = ({"sqlite_with_rowid": False},)
    digest: bytes = blob(primary_key=True)
    nr: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))


class IdentityDecision(Model, table=True):
    """What a person decided about two profiles (a < b); it outranks the machine for ever. verdict: same | different | related
    | unsure."""

    __tablename__ = "identity_decision"
    a: str = text(primary_key=True)
    b: str = text(primary_key=True, index=True)
    verdict: str = text()
    by: str = text()
    at: datetime = instant()


class IdentityReview(Model, table=True):
    """A question for a person: are these two profiles (a < b) one customer? state: open | kept | a verdict.

    kept: until there is room for it (`hub.identity.tables.asking`). reason: uncertain | conflict | ambiguous. worth: pairs of
    records that the answer is expected to put right. until: when a question that was put off (state unsure) is asked again.
    """

    __tablename__ = "identity_review"
    __table_args__ = (Index("ix_identity_review_queue", "state", "worth"),)
    a: str = text(primary_key=True)
    b: str = text(primary_key=True, index=True)
    reason: str = text()
    bits: float
    worth: float
    evidence: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    weights: str = text()
    state: str = text(default="open")
    by: str | None = text(nullable=True)
    at: datetime = instant()
    until: datetime | None = instant(nullable=True)


class IdentityRelation(Model, table=True):
    """Profile a stands in a relation to profile b: household | works_at | orders_for | branch_of | related.

    evidence: [[kind, level, bits]] of what shows it. by: the person who said so; None where the hub found it.
    """

    __tablename__ = "identity_relation"
    a: str = text(primary_key=True)
    b: str = text(primary_key=True, index=True)
    kind: str = text(primary_key=True)
    bits: float
    evidence: list[Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    by: str | None = text(nullable=True)
    at: datetime = instant()


class IdentityRedo(Model, table=True):
    """A customer to be looked at again, and why."""

    __tablename__ = "identity_redo"
    customer_id: str = text(primary_key=True)
    reason: str = text()
    at: datetime = instant(index=True)


class IdentityCount(Model, table=True):
    """How often a value occurs (characters of names, surnames, regions, prefixes): what rarity is measured by."""

    __tablename__ = "identity_count"
    kind: str = text(primary_key=True)
    value: str = text(primary_key=True)
    n: int = Field(sa_column=Column(BigInteger, nullable=False))


class IdentityModel(Model, table=True):
    """Weights that were fitted to the company's own data. data: the form of weights.yaml. learned: counts of what they were
    learned from, without personal values. active: what is decided with; when none is, the shipped weights are."""

    __tablename__ = "identity_model"
    version: str = text(primary_key=True)
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    learned: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    active: bool = False
    by: str = text()
    at: datetime = instant()
