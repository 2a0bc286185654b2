"""Tracks: what was asked of them is kept, and what waits for some is found at once among many photos."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns and an index."""
    for name in ("tracks_gap_s", "tracks_asked_gap_s"):
        op.add_column("media_analysis", sa.Column(name, sa.Double(), nullable=True))
    waiting = sa.text("state = 'complete' AND track_state <> 'assigned'")
    op.create_index(
        "ix_media_analysis_untracked",
        "media_analysis",
        ["analysis_id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
