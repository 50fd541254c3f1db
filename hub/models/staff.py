"""Staff of the company as the sources know them."""

from __future__ import annotations

from typing import Any

from hub.models.base import Model, sealed, text


class Staff(Model, table=True):
    """ref: '<account id>|<id>'. data: sealed {name, phone, email, department}."""

    __tablename__ = "staff"
    ref: str = text(primary_key=True)
    account_id: int
    source_ref: str = text(index=True)
    state: str = text(default="unknown")
    data: dict[str, Any] = sealed("staff.data")
    deleted: bool = False
