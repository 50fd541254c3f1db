"""hand-over of records to a new owner"""

import sqlalchemy as sa
from alembic import op

import hub.store.types

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INSTANT = hub.store.types.Instant
OPEN = sa.text("state IN ('waiting', 'sending', 'in_doubt', 'sent')")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "orphan",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("left_at", INSTANT(), nullable=True),
        sa.Column("seen_at", INSTANT(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_orphan_account_id_account")),
        sa.PrimaryKeyConstraint("account_id", "stream", "key", name=op.f("pk_orphan")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_orphan_staff", "orphan", ["account_id", "staff"])
    op.create_table(
        "orphan_look",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("next_at", INSTANT(), nullable=False),
        sa.Column("lease_until", INSTANT(), nullable=False),
        sa.Column("looked_at", INSTANT(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_orphan_look_account_id_account")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_orphan_look")),
    )
    op.create_table(
        "handover",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("becomes", sa.Text(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("left", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asks", sa.Integer(), nullable=False),
        sa.Column("doubts", sa.Integer(), nullable=False),
        sa.Column("next_at", INSTANT(), nullable=False),
        sa.Column("lease_until", INSTANT(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("asked_at", INSTANT(), nullable=False),
        sa.Column("began_at", INSTANT(), nullable=True),
        sa.Column("effective_at", INSTANT(), nullable=True),
        sa.Column("done_at", INSTANT(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_handover_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
    )
    op.create_index("ix_handover_open", "handover", ["account_id", "next_at"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_handover_key", "handover", ["account_id", "stream", "key"])
    op.create_index("ix_handover_becomes", "handover", ["account_id", "stream", "becomes"])
    op.create_index(op.f("ix_handover_asked_at"), "handover", ["asked_at"])
    record = ["account_id", "stream", "key"]
    op.create_index("uq_handover_record", "handover", record, unique=True, sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    """Back."""
    for name in ("handover", "orphan_look", "orphan"):
        op.drop_table(name)
