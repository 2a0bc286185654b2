"""The whole schema of the first release."""

import sqlalchemy as sa
from alembic import op

from db.clock import Timestamp

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "analysis",
        sa.Column("id", Id, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sampling", sa.Text(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("detector_sha256", sa.Text(), nullable=False),
        sa.Column("scorer", sa.Text(), nullable=False),
        sa.Column("scorer_sha256", sa.Text(), nullable=False),
        sa.Column("pipeline_revision", sa.Integer(), nullable=False),
        sa.Column("spec_json", sa.Text(), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analysis")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_analysis_fingerprint")),
        comment="What was asked of the pixels; equal fingerprints share every result.",
    )
    op.create_table(
        "media",
        sa.Column("id", Id, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("path_job_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("rotation", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("fps", sa.Double(), nullable=False),
        sa.Column("frame_count", sa.BigInteger(), nullable=False),
        sa.Column("timing", sa.Text(), nullable=False),
        sa.Column("time_base_num", sa.BigInteger(), nullable=False),
        sa.Column("time_base_den", sa.BigInteger(), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("first_pts", sa.BigInteger(), nullable=False),
        sa.Column("end_pts", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_reason", sa.Text(), nullable=True),
        sa.Column("error_hint", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('photo', 'video')", name=op.f("ck_media_kind")),
        sa.CheckConstraint("timing IN ('pts', 'derived')", name=op.f("ck_media_timing")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
        sa.UniqueConstraint("sha256", name=op.f("uq_media_sha256")),
        sqlite_autoincrement=True,
        comment="One distinct file by content. error_* is set where it is cut short yet holds something to analyse.",
    )
    op.create_index(op.f("ix_media_path"), "media", ["path"], unique=False)
    op.create_table(
        "path_hash",
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("inode", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_path_hash")),
        comment="The hash of a file that has not changed since: saves reading it again.",
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("queues", sa.Text(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("program_version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("started_at", Timestamp(), nullable=False),
        sa.Column("seen_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
        comment="A fleet worker as it last reported.",
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("video_analysis_id", Id, nullable=False),
        sa.Column("photo_analysis_id", Id, nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_calls", sa.Integer(), nullable=True),
        sa.Column("max_cost", sa.Double(), nullable=True),
        sa.Column("program_version", sa.Text(), nullable=False),
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("submitter_seen_at", Timestamp(), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("sealed_at", Timestamp(), nullable=True),
        sa.Column("cancelled_at", Timestamp(), nullable=True),
        sa.Column("finished_at", Timestamp(), nullable=True),
        sa.Column("request_json", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('discovering', 'sealed', 'cancelled')", name=op.f("ck_job_state")),
        sa.ForeignKeyConstraint(["photo_analysis_id"], ["analysis.id"], name=op.f("fk_job_photo_analysis_id_analysis")),
        sa.ForeignKeyConstraint(["video_analysis_id"], ["analysis.id"], name=op.f("fk_job_video_analysis_id_analysis")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        comment="One request: it holds no results, only files that ask for them.",
    )
    op.create_table(
        "media_analysis",
        sa.Column("id", Id, nullable=False),
        sa.Column("media_id", Id, nullable=False),
        sa.Column("analysis_id", Id, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("segments_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("segments_failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("targets", sa.BigInteger(), nullable=False),
        sa.Column("length_s", sa.Double(), nullable=False),
        sa.Column("length_done_s", sa.Double(), server_default="0", nullable=False),
        sa.Column("frames", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frames_with_face", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("faces", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("faces_dropped", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frames_damaged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frames_missing", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fallbacks", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cpu_s", sa.Double(), server_default="0", nullable=False),
        sa.Column("track_state", sa.Text(), server_default="none", nullable=False),
        sa.Column("tracks_revision", sa.Integer(), nullable=True),
        sa.Column("tracks_attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tracks_owner", sa.Text(), nullable=True),
        sa.Column("tracks_lease_until", Timestamp(), nullable=True),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("completed_at", Timestamp(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'complete')", name=op.f("ck_media_analysis_state")),
        sa.CheckConstraint(
            "track_state IN ('none', 'running', 'assigned')", name=op.f("ck_media_analysis_track_state")
        ),
        sa.ForeignKeyConstraint(["analysis_id"], ["analysis.id"], name=op.f("fk_media_analysis_analysis_id_analysis")),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("fk_media_analysis_media_id_media"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_analysis")),
        sa.UniqueConstraint("media_id", "analysis_id", name=op.f("uq_media_analysis_media_id_analysis_id")),
        sqlite_autoincrement=True,
        comment="One media under one analysis, shared by every job that asks the same.",
    )
    op.create_index(op.f("ix_media_analysis_analysis_id"), "media_analysis", ["analysis_id"], unique=False)
    op.create_table(
        "api_call",
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
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_api_call_job_id_job"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_call")),
        comment="One request to a paid service: what it cost and how it ended.",
    )
    op.create_index(op.f("ix_api_call_job_id"), "api_call", ["job_id"], unique=False)
    op.create_table(
        "job_file",
        sa.Column("id", Id, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("relative", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("tags_json", sa.Text(), nullable=False),
        sa.Column("media_id", Id, nullable=True),
        sa.Column("media_analysis_id", Id, nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_reason", sa.Text(), nullable=True),
        sa.Column("error_hint", sa.Text(), nullable=True),
        sa.CheckConstraint("(media_id IS NULL) = (error_code IS NOT NULL)", name=op.f("ck_job_file_media_or_problem")),
        sa.CheckConstraint(
            "(media_id IS NULL) = (media_analysis_id IS NULL)", name=op.f("ck_job_file_media_and_analysis")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_file_job_id_job"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["media_analysis_id"],
            ["media_analysis.id"],
            name=op.f("fk_job_file_media_analysis_id_media_analysis"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("fk_job_file_media_id_media"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_file")),
        sa.UniqueConstraint("job_id", "root", "relative", name=op.f("uq_job_file_job_id_root_relative")),
        sqlite_autoincrement=True,
        comment="A path in one job: it points at a media, or says why it could not be read.",
    )
    op.create_index(
        op.f("ix_job_file_media_analysis_id_job_id"), "job_file", ["media_analysis_id", "job_id"], unique=False
    )
    op.create_index(op.f("ix_job_file_media_id"), "job_file", ["media_id"], unique=False)
    op.create_table(
        "segment",
        sa.Column("id", Id, nullable=False),
        sa.Column("media_analysis_id", Id, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("start_pts", sa.BigInteger(), nullable=True),
        sa.Column("end_pts", sa.BigInteger(), nullable=True),
        sa.Column("entry_pts", sa.BigInteger(), nullable=True),
        sa.Column("packets", sa.BigInteger(), nullable=True),
        sa.Column("targets", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_failures", sa.Integer(), server_default="3", nullable=False),
        sa.Column("expiries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_expiries", sa.Integer(), server_default="10", nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", Timestamp(), nullable=True),
        sa.Column("not_before", Timestamp(), nullable=True),
        sa.Column("dispatched_at", Timestamp(), nullable=True),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_reason", sa.Text(), nullable=True),
        sa.Column("error_hint", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state <> 'failed') OR (error_code IS NOT NULL)", name=op.f("ck_segment_reason_when_failed")
        ),
        sa.CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_segment_lease_while_running")
        ),
        sa.CheckConstraint("(state = 'running') = (owner IS NOT NULL)", name=op.f("ck_segment_owner_while_running")),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_segment_state")),
        sa.ForeignKeyConstraint(
            ["media_analysis_id"],
            ["media_analysis.id"],
            name=op.f("fk_segment_media_analysis_id_media_analysis"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("media_analysis_id", "ordinal", name=op.f("uq_segment_media_analysis_id_ordinal")),
        sqlite_autoincrement=True,
        comment="A stretch of a media analysis: the unit of work, of retry and of commit.",
    )
    op.create_index(
        "ix_segment_leased",
        "segment",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_segment_runnable",
        "segment",
        [sa.literal_column("priority DESC"), "id"],
        unique=False,
        sqlite_where=sa.text("state = 'queued' AND wanted"),
        postgresql_where=sa.text("state = 'queued' AND wanted"),
    )
    op.create_table(
        "frame",
        sa.Column("media_analysis_id", Id, nullable=False),
        sa.Column("pts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_s", sa.Double(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("faces", sa.Integer(), nullable=False),
        sa.Column("faces_dropped", sa.Integer(), nullable=False),
        sa.Column("segment_id", Id, nullable=False),
        sa.CheckConstraint("status IN ('ok', 'damaged', 'missing')", name=op.f("ck_frame_status")),
        sa.ForeignKeyConstraint(
            ["media_analysis_id"],
            ["media_analysis.id"],
            name=op.f("fk_frame_media_analysis_id_media_analysis"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name=op.f("fk_frame_segment_id_segment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("media_analysis_id", "pts", name=op.f("pk_frame")),
        comment="One sampled picture, also when it holds no face. Its natural key makes a replay harmless.",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_frame_segment_id"), "frame", ["segment_id"], unique=False)
    op.create_table(
        "paid_score",
        sa.Column("segment_id", Id, nullable=False),
        sa.Column("pts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("face", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("scorer", sa.Text(), nullable=False),
        sa.Column("answer_json", sa.Text(), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name=op.f("fk_paid_score_segment_id_segment"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("segment_id", "pts", "face", "scorer", name=op.f("pk_paid_score")),
        comment="A service's answer for one face, written on receipt so that it is never paid for twice.",
    )
    op.create_table(
        "tag",
        sa.Column("job_file_id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_file_id"], ["job_file.id"], name=op.f("fk_tag_job_file_id_job_file"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_file_id", "key", name=op.f("pk_tag")),
        comment="What a person said of a file: participant, condition, stimulus, ...",
    )
    op.create_index(op.f("ix_tag_key_value"), "tag", ["key", "value"], unique=False)
    op.create_table(
        "face",
        sa.Column("media_analysis_id", Id, nullable=False),
        sa.Column("pts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("face", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time_s", sa.Double(), nullable=False),
        sa.Column("track", sa.Integer(), nullable=True),
        sa.Column("box_x", sa.Double(), nullable=False),
        sa.Column("box_y", sa.Double(), nullable=False),
        sa.Column("box_width", sa.Double(), nullable=False),
        sa.Column("box_height", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("dominant", sa.Text(), nullable=True),
        sa.Column("neutral", sa.Double(), nullable=True),
        sa.Column("happiness", sa.Double(), nullable=True),
        sa.Column("surprise", sa.Double(), nullable=True),
        sa.Column("sadness", sa.Double(), nullable=True),
        sa.Column("anger", sa.Double(), nullable=True),
        sa.Column("disgust", sa.Double(), nullable=True),
        sa.Column("fear", sa.Double(), nullable=True),
        sa.Column("contempt", sa.Double(), nullable=True),
        sa.Column("valence", sa.Double(), nullable=True),
        sa.Column("right_eye_x", sa.Double(), nullable=False),
        sa.Column("right_eye_y", sa.Double(), nullable=False),
        sa.Column("left_eye_x", sa.Double(), nullable=False),
        sa.Column("left_eye_y", sa.Double(), nullable=False),
        sa.Column("nose_x", sa.Double(), nullable=False),
        sa.Column("nose_y", sa.Double(), nullable=False),
        sa.Column("right_mouth_x", sa.Double(), nullable=False),
        sa.Column("right_mouth_y", sa.Double(), nullable=False),
        sa.Column("left_mouth_x", sa.Double(), nullable=False),
        sa.Column("left_mouth_y", sa.Double(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=True),
        sa.Column("appearance", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["media_analysis_id", "pts"],
            ["frame.media_analysis_id", "frame.pts"],
            name=op.f("fk_face_media_analysis_id_frame"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("media_analysis_id", "pts", "face", name=op.f("pk_face")),
        comment="One face in one frame, numbered from left to right; it repeats the time of its frame.",
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """There is nothing before the first release."""
    raise NotImplementedError
