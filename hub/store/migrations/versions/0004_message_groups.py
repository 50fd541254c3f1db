"""messages by group"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("ix_message_group", ["group_digest"], unique=False)


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_group")
