"""The whole schema. Every table has a sentence, every state a constraint. Times are UTC by the database's clock."""

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
    Table,
    Text,
    UniqueConstraint,
)

from db.clock import Timestamp
from db.schema_base import Id, metadata, one_of, problem_columns
from db.schema_results import LANDMARKS, api_call, face, frame, paid_score
from db.states import JobState, MediaAnalysisState, SegmentState, TrackState

__all__ = [
    "LANDMARKS",
    "analysis",
    "api_call",
    "committed",
    "face",
    "frame",
    "job",
    "job_file",
    "media",
    "media_analysis",
    "metadata",
    "paid_score",
    "path_hash",
    "runnable",
    "segment",
    "tag",
    "untracked",
    "worker",
]

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
    Column("stop_reason", Text),
    one_of("state", JobState),
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
    *problem_columns(),
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
    Column("tracks_gap_s", Double),
    Column("tracks_asked_gap_s", Double),
    UniqueConstraint("media_id", "analysis_id"),
    Index(None, "analysis_id"),
    one_of("state", MediaAnalysisState),
    one_of("track_state", TrackState),
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
    *problem_columns(),
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
    *problem_columns(),
    UniqueConstraint("media_analysis_id", "ordinal"),
    one_of("state", SegmentState),
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
# For how fast the work goes: what was done lately, among millions that were done before.
committed = sa.text("state = 'done'")
Index("ix_segment_committed", segment.c.updated_at, sqlite_where=committed, postgresql_where=committed)
# Spelled alike in the index and in the claim of tracks, for the same reason.
untracked = sa.text("state = 'complete' AND track_state <> 'assigned'")
Index(
    "ix_media_analysis_untracked",
    media_analysis.c.analysis_id,
    sqlite_where=untracked,
    postgresql_where=untracked,
)
_cut_short = media.c.error_code.is_not(None)
Index("ix_media_cut_short", media.c.id, sqlite_where=_cut_short, postgresql_where=_cut_short)

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
    Column("roots", Text),
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
