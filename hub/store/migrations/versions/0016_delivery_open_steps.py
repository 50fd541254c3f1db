"""what a person is asked about a delivery, in its own row"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

OPEN = sa.text("open_steps IS NOT NULL")
ASKED = sa.text(
    "SELECT delivery_id, step, outcome FROM delivery_attempt WHERE step IN ('amend', 'buyer', 'party', 'reverse') ORDER BY id"
)
SET = sa.text("UPDATE delivery SET open_steps = :steps WHERE id = :id")


def upgrade() -> None:
    """Forward: a step is open whose last outcome needs a person."""
    op.add_column("delivery", sa.Column("open_steps", sa.Text(), nullable=True))
    last = {(delivery, step): outcome for delivery, step, outcome in op.get_bind().execute(ASKED)}
    found: dict[str, list[str]] = {}
    for delivery, step in sorted(key for key, outcome in last.items() if outcome.startswith("needs_")):
        found.setdefault(delivery, []).append(step)
    for delivery, steps in found.items():
        op.get_bind().execute(SET, {"id": delivery, "steps": " ".join(steps)})
    op.create_index("ix_delivery_open", "delivery", ["created_at", "id"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_delivery_open", "delivery")
    op.drop_column("delivery", "open_steps")
