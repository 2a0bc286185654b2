"""Photos by the thousand for benchmarks of the store: admitted as a walk admits them, with results as a child gives."""

import hashlib
import itertools
from collections.abc import Iterator

from db.records import (
    ClaimedSegment,
    Face,
    Frame,
    JobFile,
    JobRecord,
    MediaFacts,
    NewJob,
    SegmentCommit,
    SegmentSpec,
)
from db.store import Store
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.detection import catalogue as detectors
from workers.scoring import catalogue as scorers

ADMITTED_AT_ONCE = 5000
FACTS = MediaFacts("photo", "jpeg", "jpeg", 4000, 3000)
ROOT = b"main"
_FACE = Face(
    1500.0, 800.0, 420.0, 560.0, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0), 0.93,
    (0.1, 0.5, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05),
)  # fmt: skip
_numbers = itertools.count()


def new_job(store: Store, name: str, submitter: str = "benchmark:1") -> JobRecord:
    """A job of a fleet, still without files."""
    from uuid6 import uuid7

    spec = AnalysisSpec(Sampling(), detectors.resolve(DetectorSpec()), scorers.resolve(ScorerSpec()))
    asked = NewJob(
        id=str(uuid7()),
        name=name,
        request_json='{"fleet": true}',
        video_analysis=spec.record(),
        photo_analysis=spec.for_photos().record(),
        program_version="0",
        submitter=submitter,
    )
    return store.jobs.create(asked)


def admit(store: Store, job: JobRecord, count: int, root: bytes = ROOT) -> None:
    """So many photos that no job has met before, then the job is sealed."""
    files = _photos(root, job.name or "photos", count)
    while batch := list(itertools.islice(files, ADMITTED_AT_ONCE)):
        store.intake.admit(job.id, batch)
    store.jobs.seal(job.id)


def result_of(claimed: ClaimedSegment) -> SegmentCommit:
    """One face."""
    return SegmentCommit(claimed.fence, (Frame(0, 0.0, (_FACE,)),), cpu_s=0.05)


def _photos(root: bytes, folder: str, count: int) -> Iterator[JobFile]:
    for number in itertools.islice(_numbers, count):
        path = f"{folder}/{number:07}.jpg"
        yield JobFile(
            root,
            path.encode(),
            path,
            3_000_000,
            1,
            sha256=hashlib.sha256(path.encode()).hexdigest(),
            facts=FACTS,
            segments=(SegmentSpec(0),),
        )
