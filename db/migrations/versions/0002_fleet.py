"""A worker says which media roots it has mounted; what was done lately and what is cut short is found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the worker table lacked, and two indexes."""
    op.add_column("worker", sa.Column("roots", sa.Text(), nullable=True))
    done = sa.text("state = 'done'")
    op.create_index("ix_segment_committed", "segment", ["updated_at"], sqlite_where=done, postgresql_where=done)
    cut_short = sa.text("error_code IS NOT NULL")
    op.create_index("ix_media_cut_short", "media", ["id"], sqlite_where=cut_short, postgresql_where=cut_short)
