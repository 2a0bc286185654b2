"""Jobs and analyses as values: what is asked, and how far it is. Plain frozen data: no engine, no SQL."""

from dataclasses import dataclass
from typing import Literal

from db.states import JobState

MediaKind = Literal["photo", "video"]


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    """What was asked of the pixels. Two requests with the same fingerprint share every result."""

    fingerprint: str
    kind: MediaKind
    spec_json: str
    """The canonical JSON that the fingerprint hashes: `workers.analysis` writes and reads it."""
    sampling: str
    """For people: `every 1s`, `every frame`, ...; empty for photos."""
    detector: str
    detector_sha256: str
    scorer: str
    scorer_sha256: str
    pipeline_revision: int


@dataclass(frozen=True, slots=True)
class NewJob:
    """One request. `request_json` holds what `resume` needs to continue the walk."""

    id: str
    name: str | None
    request_json: str
    video_analysis: AnalysisRecord
    photo_analysis: AnalysisRecord
    program_version: str
    submitter: str
    """host:pid of the process that walks the folders."""
    priority: int = 0
    max_calls: int | None = None
    max_cost: float | None = None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as stored."""

    id: str
    name: str | None
    state: JobState
    request_json: str
    video_analysis_id: int
    photo_analysis_id: int
    program_version: str
    submitter: str
    submitter_seen_at: str
    created_at: str
    sealed_at: str | None
    skipped: int
    max_calls: int | None = None
    """Calls to paid services that it may make at most; None: no limit."""
    max_cost: float | None = None
    """US dollars that these may cost at most; None: no limit."""
    stop_reason: str | None = None
    """Why it was cancelled where no person did it: its budget is spent, say."""


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Where a job stands, counted from the truth."""

    files: int
    files_failed: int
    """Files that could not be read, or of which a segment failed."""
    files_partial: int
    """Files cut short or damaged, analysed as far as they go."""
    files_done: int
    skipped: int
    segments: int
    queued: int
    running: int
    done: int
    failed: int
    targets: int
    """Sampled frames the job asks for."""
    frames: int
    faces: int
    media_s: float
    """Length of its videos in seconds, each distinct recording once."""
    media_done_s: float
    stalled: int = 0
    """Running segments whose lease has run out: whoever had them fell silent."""

    @property
    def finished(self) -> bool:
        """No segment of it can run any more (whether its walk is sealed is another question)."""
        return self.queued == 0 and self.running == 0

    @property
    def left(self) -> int:
        """Segments that are queued or running."""
        return self.queued + self.running

    @property
    def at_work(self) -> int:
        """Segments that somebody works on."""
        return self.running - self.stalled


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job and where it stands."""

    job: JobRecord
    counts: JobCounts
    silent_s: float
    """Seconds since its submitter was last heard of, by the database's clock."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What of a job was committed within one second."""

    ago_s: float
    """From the beginning of that second until now, by the database's clock."""
    frames: int
    media_s: float
    """Seconds of video."""


@dataclass(frozen=True, slots=True)
class Turn:
    """When the next segment of a job may be claimed."""

    ahead: int = 0
    """Segments of other jobs that run, or come first."""
    retried: int = 0
    """Segments of the job that are not to be tried again before a while, where it has no others."""
    retry_in_s: float | None = None
    """Seconds until the first of those."""
