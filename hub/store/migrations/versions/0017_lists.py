"""indexes for looking through the audit log, notices and what became of documents"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KNOWN = sa.text("changed_at IS NOT NULL")


def upgrade() -> None:
    """Forward."""
    op.create_index("ix_audit_entry_who", "audit_entry", ["who", "seq"])
    op.create_index("ix_audit_entry_at", "audit_entry", ["at", "seq"])
    op.create_index("ix_staff_notice_state", "staff_notice", ["state", "created_at", "id"])
    op.create_index(
        "ix_document_status_changed", "document_status", ["changed_at", "delivery_id"],
        sqlite_where=KNOWN, postgresql_where=KNOWN,
    )  # fmt: skip


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_document_status_changed", "document_status")
    op.drop_index("ix_staff_notice_state", "staff_notice")
    op.drop_index("ix_audit_entry_at", "audit_entry")
    op.drop_index("ix_audit_entry_who", "audit_entry")
