"""answers of people: questions put off, evidence and author of relations, fitted weights"""

import sqlalchemy as sa
from alembic import op

import hub.store.types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = hub.store.types.Instant


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "identity_model",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("learned", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", INSTANT(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_identity_model")),
    )
    op.add_column("identity_review", sa.Column("until", INSTANT(), nullable=True))
    op.add_column("identity_relation", sa.Column("evidence", sa.JSON(), nullable=True))
    op.add_column("identity_relation", sa.Column("by", sa.Text(), nullable=True))


def downgrade() -> None:
    """Back."""
    for table, column in (("identity_relation", "by"), ("identity_relation", "evidence"), ("identity_review", "until")):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)
    op.drop_table("identity_model")
