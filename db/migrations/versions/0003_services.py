"""Services: what they do not give is NULL, a call has a known outcome, and a job may be stopped for a reason."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from db.clock import Timestamp

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EMOTIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
LANDMARKS = tuple(
    f"{part}_{axis}" for part in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth") for axis in "xy"
)
OUTCOMES = (
    "outcome IN ('open', 'answered', 'throttled', 'unavailable', 'lost', 'unclear', 'refused', 'picture', 'nonsense')"
)
FACE = "One face in one frame, numbered from left to right; it repeats the time of its frame."
CALL = "One request to a paid service: what it cost and how it ended."


def upgrade() -> None:
    """Change what is there on PostgreSQL; SQLite can change no column, and its tables are made anew."""
    op.add_column("job", sa.Column("stop_reason", sa.Text(), nullable=True))
    op.drop_index("ix_api_call_job_id", "api_call")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild("face", *_face(), comment=FACE, sqlite_with_rowid=False)
        _rebuild("api_call", *_api_call(), comment=CALL, sqlite_autoincrement=True)
    else:
        for name in ("confidence", *LANDMARKS):
            op.alter_column("face", name, existing_type=sa.Double(), nullable=True)
        op.create_check_constraint(op.f("ck_api_call_outcome"), "api_call", OUTCOMES)
    op.create_index(op.f("ix_api_call_job_id_cost"), "api_call", ["job_id", "cost"], unique=False)
    unheard = sa.text("outcome = 'open'")
    op.create_index("ix_api_call_open", "api_call", ["created_at"], sqlite_where=unheard, postgresql_where=unheard)


def _rebuild(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> None:
    """The new table takes the name and the rows of the old one; nothing refers to either."""
    old = f"{name}_of_0002"
    columns = ", ".join(part.name for part in parts if isinstance(part, sa.Column))
    op.rename_table(name, old)
    op.create_table(name, *parts, **options)
    op.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {old}")  # noqa: S608
    op.drop_table(old)


def _face() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("media_analysis_id", Id, nullable=False),
        sa.Column("pts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("face", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time_s", sa.Double(), nullable=False),
        sa.Column("track", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("box_x", "box_y", "box_width", "box_height")),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("dominant", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Double(), nullable=True) for name in (*EMOTIONS, "valence", *LANDMARKS)),
        sa.Column("attributes", sa.Text(), nullable=True),
        sa.Column("appearance", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["media_analysis_id", "pts"],
            ["frame.media_analysis_id", "frame.pts"],
            name=op.f("fk_face_media_analysis_id_frame"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("media_analysis_id", "pts", "face", name=op.f("pk_face")),
    )


def _api_call() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", Id, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("scorer", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("faces", sa.Integer(), nullable=False),
        sa.Column("transactions", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=True),
        sa.Column("retry", sa.Integer(), server_default="0", nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.CheckConstraint(OUTCOMES, name=op.f("ck_api_call_outcome")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_api_call_job_id_job"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_call")),
    )
