"""values set by hand, owners in conflict, bookmarks of long work"""

import sqlalchemy as sa
from alembic import op

import hub.store.types

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INSTANT = hub.store.types.Instant


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "bookmark",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("at", INSTANT(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bookmark")),
    )
    op.create_table(
        "manual_value",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("profile_ref", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", INSTANT(), nullable=False),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_manual_value")),
    )
    op.create_index("ix_manual_value_profile_ref", "manual_value", ["profile_ref"])
    op.create_table(
        "owner_check",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_owner_check")),
    )
    op.create_table(
        "owner_conflict",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owners", sa.LargeBinary(), nullable=False),
        sa.Column("parties", sa.LargeBinary(), nullable=False),
        sa.Column("decided", sa.LargeBinary(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("since", INSTANT(), nullable=False),
        sa.Column("changed_at", INSTANT(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_owner_conflict")),
    )
    op.create_index("ix_owner_conflict_state", "owner_conflict", ["state"])
    op.create_index("ix_owner_conflict_changed_at", "owner_conflict", ["changed_at"])


def downgrade() -> None:
    """Back."""
    for table in ("owner_conflict", "owner_check", "manual_value", "bookmark"):
        op.drop_table(table)
