"""orders by when they were paid, for the sheet of a period"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

PAID = sa.text("paid_at IS NOT NULL")


def upgrade() -> None:
    """Forward."""
    op.create_index("ix_orders_paid", "orders", ["account_id", "paid_at"], sqlite_where=PAID, postgresql_where=PAID)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_orders_paid", "orders")
