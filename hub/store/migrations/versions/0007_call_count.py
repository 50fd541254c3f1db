"""calls by the month"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "call_count",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("quota", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_call_count_account_id_account")),
        sa.PrimaryKeyConstraint("account_id", "quota", "day", name=op.f("pk_call_count")),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("call_count")
