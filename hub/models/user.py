"""People who sign in, and their roles (the shape that Flask-Security expects)."""

from datetime import datetime

from flask_security import RoleMixin, UserMixin
from sqlmodel import Field, Relationship

from hub.models.base import Model, instant, text


class RoleUser(Model, table=True):
    """Which user has which role."""

    __tablename__ = "role_user"
    user_id: int = Field(primary_key=True, foreign_key="user.id")
    role_id: int = Field(primary_key=True, foreign_key="role.id")


class Role(Model, RoleMixin, table=True):
    """viewer (reads), operator (retries, replays, splits), admin (accounts, users)."""

    __tablename__ = "role"
    id: int | None = Field(default=None, primary_key=True)  # type: ignore[assignment]
    name: str = text(unique=True)
    description: str | None = text(nullable=True)

    def __hash__(self) -> int:
        return hash(self.name)


class User(Model, UserMixin, table=True):
    """A person who signs in."""

    __tablename__ = "user"
    id: int | None = Field(default=None, primary_key=True)  # type: ignore[assignment]
    email: str = text(unique=True)
    username: str | None = text(nullable=True, unique=True)
    password: str = text()
    active: bool = True
    fs_uniquifier: str = text(unique=True)
    language: str = text(default="zh")
    created_at: datetime = instant()
    seen_at: datetime | None = instant(nullable=True)
    roles: list[Role] = Relationship(  # type: ignore[assignment]
        link_model=RoleUser, sa_relationship_kwargs={"lazy": "selectin"}
    )

    def __hash__(self) -> int:
        return hash(self.fs_uniquifier)
