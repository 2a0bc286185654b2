"""Rows for tests of the store: jobs, files, results, and the truth counted from the tables themselves."""

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from db.engine import reading
from db.records import (
    Admission,
    AnalysisRecord,
    ClaimedSegment,
    Face,
    Frame,
    JobFile,
    JobRecord,
    MediaFacts,
    NewJob,
    Problem,
    SegmentCommit,
    SegmentSpec,
)
from db.schema import face, frame, media_analysis, segment
from db.store import Store

ROOT = b"/data"
PHOTO = MediaFacts("photo", "jpeg", "jpeg", 640, 480)
VIDEO = MediaFacts(
    "video", "mp4", "h264", 640, 480, time_base_num=1, time_base_den=1000, end_pts=60_000, duration_s=60.0, fps=25.0,
    frame_count=1500,
)  # fmt: skip
BROKEN = Problem("media.truncated", "the file ends early", "copy it again")
LANDMARKS = (10.0, 11.0, 20.0, 21.0, 30.0, 31.0, 40.0, 41.0, 50.0, 51.0)
HAPPY = (0.1, 0.5, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05)
SAD = (0.1, 0.1, 0.1, 0.5, 0.05, 0.05, 0.05, 0.05)


def analysis(kind: str = "video", name: str = "default") -> AnalysisRecord:
    """What is asked of the pixels; another name is another analysis."""
    photo = kind == "photo"
    return AnalysisRecord(
        fingerprint=f"{kind}-{name}",
        kind="photo" if photo else "video",
        spec_json="{}",
        sampling="" if photo else "every 1s",
        detector="yunet",
        detector_sha256="d" * 64,
        scorer="ferplus",
        scorer_sha256="s" * 64,
        pipeline_revision=1,
    )


def job_id(number: int) -> str:
    """An id in the order of `number`, with an end of its own."""
    return f"0190{number:04d}-0000-7000-8000-{number:04d}{'abcdef01'}"


def new_job(number: int = 1, **changes: Any) -> NewJob:
    """A request."""
    values: dict[str, Any] = {
        "id": job_id(number),
        "name": f"job {number}",
        "request_json": '{"paths": ["/data"]}',
        "video_analysis": analysis("video"),
        "photo_analysis": analysis("photo"),
        "program_version": "0.1.0",
        "submitter": "host:1",
    }
    return NewJob(**values | changes)


def start(store: Store, number: int = 1, **changes: Any) -> JobRecord:
    """A stored request."""
    return store.jobs.create(new_job(number, **changes))


def sha256(content: str) -> str:
    """The hash of a file with this content."""
    return hashlib.sha256(content.encode()).hexdigest()


def photo(name: str, content: str | None = None, **changes: Any) -> JobFile:
    """A photo that was probed: one segment."""
    return _file(name, content, PHOTO, (SegmentSpec(0),), changes)


def video(name: str, segments: int = 2, content: str | None = None, **changes: Any) -> JobFile:
    """A video that was probed: segments of 10 s with ten frames each."""
    specs = tuple(
        SegmentSpec(at, at * 10_000, (at + 1) * 10_000, at * 10_000, None, at * 10.0, (at + 1) * 10.0, 10, 3.5)
        for at in range(segments)
    )
    return _file(name, content, VIDEO, specs, changes)


def unreadable(name: str, problem: Problem = BROKEN) -> JobFile:
    """A file with a problem instead of a media."""
    return JobFile(ROOT, name.encode(), name, 0, 0, problem=problem)


def _file(
    name: str, content: str | None, facts: MediaFacts, specs: tuple[SegmentSpec, ...], changes: dict[str, Any]
) -> JobFile:
    values: dict[str, Any] = {
        "root": ROOT,
        "relative": name.encode(),
        "path": name,
        "size": 1000,
        "mtime_ns": 1,
        "sha256": sha256(name if content is None else content),
        "facts": facts,
        "segments": specs,
    }
    return JobFile(**values | changes)


def admit(store: Store, job: JobRecord, *files: JobFile) -> Admission:
    """Files in a job."""
    return store.intake.admit(job.id, files)


def some_face(scores: tuple[float, ...] | None = HAPPY, x: float = 1.5) -> Face:
    """A face."""
    return Face(x, 2.5, 30.0, 40.0, LANDMARKS, 0.9, scores)


def result_of(claimed: ClaimedSegment, faces: int = 1, scores: tuple[float, ...] | None = HAPPY) -> SegmentCommit:
    """What analysing a segment gives, the same each time: a frame a second, with faces in every second one."""
    first = claimed.spec.start_pts or 0
    seen = tuple(some_face(scores, x=1.5 + 50 * number) for number in range(faces))
    frames = tuple(
        Frame(first + at * 1000, (first + at * 1000) / 1000, seen if at % 2 == 0 else (), faces_dropped=at % 2)
        for at in range(claimed.spec.targets)
    )
    return SegmentCommit(claimed.fence, frames, fallbacks=1, cpu_s=0.5)


def run_all(store: Store, job: JobRecord | None = None, faces: int = 1) -> int:
    """Claim and commit until nothing is left; returns how many segments that were."""
    done = 0
    while claimed := store.segments.claim("worker", 60.0, 10, job_id=None if job is None else job.id):
        outcomes = store.segments.commit([result_of(one, faces) for one in claimed])
        assert all(outcome.accepted for outcome in outcomes)
        done += len(claimed)
    return done


def rows(store: Store, statement: "sa.Select[Any] | str") -> list[tuple[Any, ...]]:
    """What a statement gives, as tuples."""
    with reading(store.engine) as connection:
        ready = sa.text(statement) if isinstance(statement, str) else statement
        return [tuple(row) for row in connection.execute(ready)]


def change(store: Store, statement: str) -> None:
    """Do to the tables what no method of the store does."""
    from db.engine import writing

    writing(store.engine, lambda connection: connection.execute(sa.text(statement)))


def counters(store: Store) -> dict[int, dict[str, float]]:
    """The counts that each media analysis carries."""
    with reading(store.engine) as connection:
        return {row.id: _counted(row._mapping) for row in connection.execute(sa.select(media_analysis))}


def counted_truth(store: Store) -> dict[int, dict[str, float]]:
    """The same, counted from segments, frames and faces."""
    with reading(store.engine) as connection:
        numbers = connection.execute(sa.select(media_analysis.c.id)).scalars().all()
        segments = _grouped(connection.execute(sa.select(segment)))
        frames = _grouped(connection.execute(sa.select(frame)))
        faces = _grouped(connection.execute(sa.select(face.c.media_analysis_id)))
    return {
        number: _truth(segments.get(number, []), frames.get(number, []), len(faces.get(number, [])))
        for number in numbers
    }


def _grouped(found: "sa.CursorResult[Any]") -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = {}
    for row in found:
        groups.setdefault(row.media_analysis_id, []).append(row)
    return groups


def _truth(segments: list[Any], frames: list[Any], faces: int) -> dict[str, float]:
    done = [one for one in segments if one.state == "done"]
    failed = sum(one.state == "failed" for one in segments)
    return {
        "complete": len(done) + failed == len(segments),
        "segments": len(segments),
        "segments_done": len(done),
        "segments_failed": failed,
        "targets": sum(one.targets for one in segments),
        "length_s": sum(one.end_s - one.start_s for one in segments),
        "length_done_s": sum(one.end_s - one.start_s for one in done),
        "frames": len(frames),
        "frames_with_face": sum(one.faces > 0 for one in frames),
        "faces": faces,
        "faces_dropped": sum(one.faces_dropped for one in frames),
        "frames_damaged": sum(one.status == "damaged" for one in frames),
        "frames_missing": sum(one.status == "missing" for one in frames),
    }


def _counted(row: Any) -> dict[str, float]:
    names: Sequence[str] = (
        *("segments", "segments_done", "segments_failed", "targets", "length_s", "length_done_s", "frames"),
        *("frames_with_face", "faces", "faces_dropped", "frames_damaged", "frames_missing"),
    )
    return {"complete": row["state"] == "complete"} | {name: row[name] for name in names}
