"""The tables of results: frames, faces, and what services were paid for."""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, LargeBinary, Table, Text

from db.clock import Timestamp
from db.emotions import EMOTIONS
from db.schema_base import Id, metadata, one_of
from db.states import CallOutcome, FrameStatus

LANDMARKS = tuple(
    f"{part}_{axis}" for part in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth") for axis in "xy"
)
"""The person's right and left, as the detector means them."""

frame = Table(
    "frame",
    metadata,
    Column("media_analysis_id", Id, ForeignKey("media_analysis.id", ondelete="CASCADE"), primary_key=True),
    Column("pts", BigInteger, primary_key=True, autoincrement=False),
    Column("time_s", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("faces", Integer, nullable=False),
    Column("faces_dropped", Integer, nullable=False),
    Column("segment_id", Id, ForeignKey("segment.id", ondelete="CASCADE"), nullable=False),
    Index(None, "segment_id"),
    one_of("status", FrameStatus),
    sqlite_with_rowid=False,
    comment="One sampled picture, also when it holds no face. Its natural key makes a replay harmless.",
)

face = Table(
    "face",
    metadata,
    Column("media_analysis_id", Id, primary_key=True),
    Column("pts", BigInteger, primary_key=True, autoincrement=False),
    Column("face", Integer, primary_key=True, autoincrement=False),
    Column("time_s", Double, nullable=False),
    Column("track", Integer),
    *(Column(name, Double, nullable=False) for name in ("box_x", "box_y", "box_width", "box_height")),
    Column("confidence", Double),
    Column("dominant", Text),
    *(Column(name, Double) for name in EMOTIONS),
    Column("valence", Double),
    *(Column(name, Double) for name in LANDMARKS),
    Column("attributes", Text),
    Column("appearance", LargeBinary),
    sa.ForeignKeyConstraint(["media_analysis_id", "pts"], ["frame.media_analysis_id", "frame.pts"], ondelete="CASCADE"),
    sqlite_with_rowid=False,
    comment="One face in one frame, numbered from left to right; it repeats the time of its frame.",
)

paid_score = Table(
    "paid_score",
    metadata,
    Column("segment_id", Id, ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True),
    Column("pts", BigInteger, primary_key=True, autoincrement=False),
    Column("face", Integer, primary_key=True, autoincrement=False),
    Column("scorer", Text, primary_key=True),
    Column("answer_json", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    comment="A service's answer for one face, written on receipt so that it is never paid for twice.",
)

api_call = Table(
    "api_call",
    metadata,
    Column("id", Id, primary_key=True),
    Column("job_id", Text, ForeignKey("job.id", ondelete="SET NULL")),
    Column("scorer", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("http_status", Integer),
    Column("faces", Integer, nullable=False),
    Column("transactions", Integer, nullable=False),
    Column("cost", Double),
    Column("retry", Integer, nullable=False, server_default="0"),
    Column("duration_s", Double, nullable=False),
    Column("request_id", Text),
    Column("created_at", Timestamp, nullable=False),
    Index(None, "job_id", "cost"),  # a budget is added up from this alone
    one_of("outcome", CallOutcome),
    sqlite_autoincrement=True,
    comment="One request to a paid service: what it cost and how it ended.",
)
_open = sa.text("outcome = 'open'")
Index("ix_api_call_open", api_call.c.created_at, sqlite_where=_open, postgresql_where=_open)
