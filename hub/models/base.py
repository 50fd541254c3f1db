"""What all tables share: one metadata with named constraints, and the column helpers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, LargeBinary, MetaData, Table, Text
from sqlmodel import Field, SQLModel

from hub.store.types import Instant, Minor, SealedJSON

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Model(SQLModel):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMES)


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    """An aware UTC instant."""
    default: Any = None if nullable else ...
    return Field(default=default, sa_column=Column(Instant, nullable=nullable, index=index))


def money(*, nullable: bool = False, default: int | None = 0) -> Any:
    """Integer minor units."""
    return Field(default=default, sa_column=Column(Minor, nullable=nullable))


def text(
    *, primary_key: bool = False, nullable: bool = False, index: bool = False, default: Any = ..., unique: bool = False
) -> Any:
    """A text without length limit on either dialect."""
    column = Column(Text, primary_key=primary_key, nullable=nullable, index=index, unique=unique)
    return Field(default=None if nullable and default is ... else default, sa_column=column)


def packed(place: str = "", *, nullable: bool = False) -> Any:
    """A body that the caller seals with ``KeyRing.pack``. place: what stands before the row's key in what is authenticated."""
    column = Column(LargeBinary, nullable=nullable, info={"packed": place})
    return Field(default=None if nullable else ..., sa_column=column, repr=False)


def blob(*, primary_key: bool = False, nullable: bool = False) -> Any:
    """Bytes that are not sealed: a hash or a blind index."""
    column = Column(LargeBinary, primary_key=primary_key, nullable=nullable)
    return Field(default=None if nullable else ..., sa_column=column, repr=False)


def sealed(place: str, *, nullable: bool = False) -> Any:
    """JSON encrypted at rest."""
    return Field(default=None if nullable else ..., sa_column=Column(SealedJSON(place), nullable=nullable), repr=False)


def table(model: type[Model]) -> Table:
    """The table behind a model, for Core statements over whole rows."""
    found: Table = model.__table__  # type: ignore[attr-defined]
    return found
