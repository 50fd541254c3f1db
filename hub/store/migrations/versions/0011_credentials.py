"""credentials that change while an account is in use"""

import sqlalchemy as sa
from alembic import op

import hub.store.types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    place = hub.store.types.SealedJSON("account_token.credentials")
    with op.batch_alter_table("account_token") as table:
        table.add_column(sa.Column("credentials", place, nullable=True))
        table.add_column(sa.Column("spending", sa.JSON(), nullable=True))
        table.add_column(sa.Column("renew_at", hub.store.types.Instant(), nullable=True))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("account_token") as table:
        table.drop_column("renew_at")
        table.drop_column("spending")
        table.drop_column("credentials")
