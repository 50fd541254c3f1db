"""identity by evidence: people's decisions in one table, profiles numbered, rules by their new names"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RENAMED = (
    "UPDATE profile SET rule = 'person' WHERE rule = 'manual'",
    "UPDATE profile SET rule = 'score' WHERE rule IN ('phone', 'email')",
    "UPDATE profile SET rule = 'proof:code' WHERE rule = 'credit_code'",
    "UPDATE profile SET rule = 'proof:' || rule WHERE rule NOT IN ('new', 'person', 'score', 'redo') AND rule NOT LIKE 'proof:%'",
    "UPDATE ledger_entry SET rule = 'person' WHERE rule = 'manual'",
    "UPDATE ledger_entry SET rule = 'score' WHERE rule IN ('phone', 'email')",
    "UPDATE ledger_entry SET rule = 'proof:code' WHERE rule = 'credit_code'",
    "UPDATE ledger_entry SET rule = 'proof:' || rule WHERE rule NOT IN ('new', 'person', 'score', 'redo') "
    "AND rule NOT LIKE 'proof:%'",
)


def upgrade() -> None:
    """Forward."""
    conn = op.get_bind()
    conn.execute(
        sa.text(
            'INSERT INTO identity_decision (a, b, verdict, "by", at) SELECT a, b, \'different\', "by", at FROM not_same '
            "WHERE NOT EXISTS (SELECT 1 FROM identity_decision d WHERE d.a = not_same.a AND d.b = not_same.b)"
        )
    )
    op.drop_table("not_same")
    last = conn.execute(sa.text("SELECT coalesce(max(nr), 0) FROM profile")).scalar_one()
    refs = conn.execute(sa.text("SELECT ref FROM profile WHERE nr IS NULL ORDER BY linked_at, ref")).scalars().all()
    if rows := [{"ref": ref, "nr": last + place} for place, ref in enumerate(refs, 1)]:
        conn.execute(sa.text("UPDATE profile SET nr = :nr WHERE ref = :ref"), rows)
    for statement in RENAMED:
        conn.execute(sa.text(statement))


def downgrade() -> None:
    """Back."""
    op.create_table(
        "not_same",
        sa.Column("a", sa.Text(), nullable=False),
        sa.Column("b", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_not_same")),
    )
    with op.batch_alter_table("not_same", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_not_same_b"), ["b"], unique=False)
    conn = op.get_bind()
    conn.execute(
        sa.text(
            'INSERT INTO not_same (a, b, "by", at) SELECT a, b, "by", at FROM identity_decision WHERE verdict = \'different\''
        )
    )
