"""tags written back, notices, sign-in"""

import sqlalchemy as sa
from alembic import op

import hub.store.types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = hub.store.types.Instant
OPEN = sa.text("state IN ('pending', 'sending', 'written')")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "tag_write",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("profile_ref", sa.Text(), nullable=False),
        sa.Column("tag_ref", sa.Text(), nullable=False),
        sa.Column("add", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", INSTANT(), nullable=False),
        sa.Column("lease_until", INSTANT(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("asked_at", INSTANT(), nullable=False),
        sa.Column("written_at", INSTANT(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tag_write_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_write")),
    )
    op.create_index("ix_tag_write_open", "tag_write", ["account_id", "next_at"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_tag_write_pair", "tag_write", ["profile_ref", "tag_ref"])
    op.create_index(op.f("ix_tag_write_asked_at"), "tag_write", ["asked_at"])
    op.create_table(
        "staff_notice",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("receivers", sa.JSON(), nullable=False),
        sa.Column("content", hub.store.types.SealedJSON("staff_notice.content"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", INSTANT(), nullable=False),
        sa.Column("lease_until", INSTANT(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.JSON(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("created_at", INSTANT(), nullable=False),
        sa.Column("sent_at", INSTANT(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_staff_notice_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_notice")),
    )
    op.create_index("ix_staff_notice_due", "staff_notice", ["state", "next_at"])
    op.create_index(op.f("ix_staff_notice_subject"), "staff_notice", ["subject"])
    op.create_index(op.f("ix_staff_notice_created_at"), "staff_notice", ["created_at"])
    op.create_table(
        "user_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", INSTANT(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_user_link_account_id_account")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_user_link_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_link")),
        sa.UniqueConstraint("account_id", "member", name=op.f("uq_user_link_account_id_member")),
    )
    op.create_index(op.f("ix_user_link_user_id"), "user_link", ["user_id"])
    op.create_table(
        "sign_in_state",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("until", INSTANT(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sign_in_state")),
    )
    op.create_index(op.f("ix_sign_in_state_until"), "sign_in_state", ["until"])


def downgrade() -> None:
    """Back."""
    for name in ("sign_in_state", "user_link", "staff_notice", "tag_write"):
        op.drop_table(name)
