"""A worker says which media roots it has mounted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the worker table lacked."""
    op.add_column("worker", sa.Column("roots", sa.Text(), nullable=True))
