"""The whole schema. Every table has a sentence, every state a constraint. Times are UTC by the database's clock."""

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from db.clock import Timestamp
from db.emotions import EMOTIONS
from db.states import FrameStatus, JobState, MediaAnalysisState, SegmentState, TrackState

LANDMARKS = tuple(
    f"{part}_{axis}" for part in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth") for axis in "xy"
)
"""The person's right and left, as the detector means them."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
# Tables from which rows are forgotten say sqlite_autoincrement: an id that a late worker or a person still holds must
# never come to mean something else.


def _one_of(column: str, states: type[StrEnum]) -> CheckConstraint:
    names = ", ".join(f"'{state.value}'" for state in states)
    return CheckConstraint(f"{column} IN ({names})", name=column)


def _problem() -> list[Column[str]]:
    return [Column("error_code", Text), Column("error_reason", Text), Column("error_hint", Text)]


analysis = Table(
    "analysis",
    metadata,
    Column("id", Id, primary_key=True),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("sampling", Text, nullable=False),
    Column("detector", Text, nullable=False),
    Column("detector_sha256", Text, nullable=False),
    Column("scorer", Text, nullable=False),
    Column("scorer_sha256", Text, nullable=False),
    Column("pipeline_revision", Integer, nullable=False),
    Column("spec_json", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    comment="What was asked of the pixels; equal fingerprints share every result.",
)

job = Table(
    "job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("state", Text, nullable=False),
    Column("video_analysis_id", Id, ForeignKey("analysis.id"), nullable=False),
    Column("photo_analysis_id", Id, ForeignKey("analysis.id"), nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("max_calls", Integer),
    Column("max_cost", Double),
    Column("program_version", Text, nullable=False),
    Column("submitter", Text, nullable=False),
    Column("submitter_seen_at", Timestamp, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("sealed_at", Timestamp),
    Column("cancelled_at", Timestamp),
    Column("finished_at", Timestamp),
    Column("request_json", Text, nullable=False),
    _one_of("state", JobState),
    comment="One request: it holds no results, only files that ask for them.",
)

media = Table(
    "media",
    metadata,
    Column("id", Id, primary_key=True),
    Column("path", Text, nullable=False),
    Column("path_job_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("codec", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("rotation", Integer, nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("fps", Double, nullable=False),
    Column("frame_count", BigInteger, nullable=False),
    Column("timing", Text, nullable=False),
    Column("time_base_num", BigInteger, nullable=False),
    Column("time_base_den", BigInteger, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("first_pts", BigInteger, nullable=False),
    Column("end_pts", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False, unique=True),
    Column("created_at", Timestamp, nullable=False),
    *_problem(),
    Index(None, "path"),
    CheckConstraint("kind IN ('photo', 'video')", name="kind"),
    CheckConstraint("timing IN ('pts', 'derived')", name="timing"),
    sqlite_autoincrement=True,
    comment="One distinct file by content. error_* is set where it is cut short yet holds something to analyse.",
)

media_analysis = Table(
    "media_analysis",
    metadata,
    Column("id", Id, primary_key=True),
    Column("media_id", Id, ForeignKey("media.id", ondelete="CASCADE"), nullable=False),
    Column("analysis_id", Id, ForeignKey("analysis.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("segments", Integer, nullable=False),
    Column("segments_done", Integer, nullable=False, server_default="0"),
    Column("segments_failed", Integer, nullable=False, server_default="0"),
    Column("targets", BigInteger, nullable=False),
    Column("length_s", Double, nullable=False),
    Column("length_done_s", Double, nullable=False, server_default="0"),
    Column("frames", BigInteger, nullable=False, server_default="0"),
    Column("frames_with_face", BigInteger, nullable=False, server_default="0"),
    Column("faces", BigInteger, nullable=False, server_default="0"),
    Column("faces_dropped", BigInteger, nullable=False, server_default="0"),
    Column("frames_damaged", BigInteger, nullable=False, server_default="0"),
    Column("frames_missing", BigInteger, nullable=False, server_default="0"),
    Column("fallbacks", BigInteger, nullable=False, server_default="0"),
    Column("cpu_s", Double, nullable=False, server_default="0"),
    Column("track_state", Text, nullable=False, server_default="none"),
    Column("tracks_revision", Integer),
    Column("tracks_attempt", Integer, nullable=False, server_default="0"),
    Column("tracks_owner", Text),
    Column("tracks_lease_until", Timestamp),
    Column("created_at", Timestamp, nullable=False),
    Column("completed_at", Timestamp),
    UniqueConstraint("media_id", "analysis_id"),
    Index(None, "analysis_id"),
    _one_of("state", MediaAnalysisState),
    _one_of("track_state", TrackState),
    sqlite_autoincrement=True,
    comment="One media under one analysis, shared by every job that asks the same.",
)

job_file = Table(
    "job_file",
    metadata,
    Column("id", Id, primary_key=True),
    Column("job_id", Text, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("path", Text, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("relative", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("tags_json", Text, nullable=False),
    Column("media_id", Id, ForeignKey("media.id", ondelete="CASCADE")),
    Column("media_analysis_id", Id, ForeignKey("media_analysis.id", ondelete="CASCADE")),
    *_problem(),
    UniqueConstraint("job_id", "root", "relative"),
    Index(None, "media_id"),
    Index(None, "media_analysis_id", "job_id"),
    CheckConstraint("(media_id IS NULL) = (error_code IS NOT NULL)", name="media_or_problem"),
    CheckConstraint("(media_id IS NULL) = (media_analysis_id IS NULL)", name="media_and_analysis"),
    sqlite_autoincrement=True,
    comment="A path in one job: it points at a media, or says why it could not be read.",
)

tag = Table(
    "tag",
    metadata,
    Column("job_file_id", Id, ForeignKey("job_file.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index(None, "key", "value"),
    comment="What a person said of a file: participant, condition, stimulus, ...",
)

segment = Table(
    "segment",
    metadata,
    Column("id", Id, primary_key=True),
    Column("media_analysis_id", Id, ForeignKey("media_analysis.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("start_s", Double, nullable=False),
    Column("end_s", Double, nullable=False),
    Column("start_pts", BigInteger),
    Column("end_pts", BigInteger),
    Column("entry_pts", BigInteger),
    Column("packets", BigInteger),
    Column("targets", Integer, nullable=False),
    Column("weight", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("max_failures", Integer, nullable=False, server_default="3"),
    Column("expiries", Integer, nullable=False, server_default="0"),
    Column("max_expiries", Integer, nullable=False, server_default="10"),
    Column("owner", Text),
    Column("lease_until", Timestamp),
    Column("not_before", Timestamp),
    Column("dispatched_at", Timestamp),
    Column("updated_at", Timestamp, nullable=False),
    *_problem(),
    UniqueConstraint("media_analysis_id", "ordinal"),
    _one_of("state", SegmentState),
    CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease_while_running"),
    CheckConstraint("(state = 'running') = (owner IS NOT NULL)", name="owner_while_running"),
    CheckConstraint("(state <> 'failed') OR (error_code IS NOT NULL)", name="reason_when_failed"),
    sqlite_autoincrement=True,
    comment="A stretch of a media analysis: the unit of work, of retry and of commit.",
)
# Spelled alike in the index and in the claim, or the index would not serve. Without `wanted`, a cancelled job's
# segments would stand in the way of every claim.
runnable = sa.text("state = 'queued' AND wanted")
Index(
    "ix_segment_runnable",
    sa.desc(segment.c.priority),
    segment.c.id,
    sqlite_where=runnable,
    postgresql_where=runnable,
)
Index(
    "ix_segment_leased",
    segment.c.lease_until,
    sqlite_where=segment.c.state == sa.text("'running'"),
    postgresql_where=segment.c.state == sa.text("'running'"),
)

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
    _one_of("status", FrameStatus),
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
    Column("confidence", Double, nullable=False),
    Column("dominant", Text),
    *(Column(name, Double) for name in EMOTIONS),
    Column("valence", Double),
    *(Column(name, Double, nullable=False) for name in LANDMARKS),
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
    Index(None, "job_id"),
    comment="One request to a paid service: what it cost and how it ended.",
)

worker = Table(
    "worker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("queues", Text, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("program_version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text),
    Column("started_at", Timestamp, nullable=False),
    Column("seen_at", Timestamp, nullable=False),
    comment="A fleet worker as it last reported.",
)

path_hash = Table(
    "path_hash",
    metadata,
    Column("path", LargeBinary, primary_key=True),
    Column("device", Text, nullable=False),
    Column("inode", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    comment="The hash of a file that has not changed since: saves reading it again.",
)
