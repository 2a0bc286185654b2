"""What a report tells, as values: both the page and the text are rendered from these and from nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from db.job_records import AnalysisRecord, JobCounts, JobRecord
from db.overview import ProblemLine
from db.report import ReportFile
from jobs.report.curve import Curve
from jobs.report.groups import Course, Group
from jobs.report.highlights import Appearance, Moment
from jobs.report.links import Link


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of the job and what was seen in it."""

    file: ReportFile
    link: Link
    shares: tuple[float, ...] | None = None
    """Of its scored faces, by dominant emotion in the order of EMOTIONS; None where none was scored."""
    valence: float | None = None
    curve: Curve | None = None
    """None where nothing was looked at."""
    strip: str = ""
    moments: tuple[Moment, ...] = ()
    appearances: tuple[Appearance, ...] = ()
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)
    """JPEG of faces, by their place in the curve's boxes."""

    @property
    def state(self) -> str:
        """ok, partial (some of it could not be analysed), failed (none), or open (not finished)."""
        media = self.file.media
        if media is None or (media.segments_failed and not media.frames):
            return "failed"
        if not media.complete:
            return "open"
        broken = media.segments_failed or media.is_cut_short or media.frames_damaged or media.frames_missing
        return "partial" if broken else "ok"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of the pixels, for people: what, and how it was put."""

    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One job, as it stood at one moment."""

    job: JobRecord
    counts: JobCounts
    asked: Asked
    made_at: str
    """UTC."""
    program_version: str
    """Of the program that made the report; the job carries its own."""
    dominants: Mapping[str, int]
    """Faces by dominant emotion, each distinct recording once."""
    files: Sequence[FileFacts]
    files_left_out: int
    problems: Sequence[ProblemLine]
    problems_left_out: int
    groups: Mapping[str, Sequence[Group]]
    """By tag."""
    courses: Sequence[Course]
    notes: tuple[str, ...] = ()
    """What the reader must know of the report itself: what was made coarser, or could not be shown."""

    @property
    def scored(self) -> int:
        """Faces that a scorer gave emotions."""
        return sum(self.dominants.values())


def asked_of(job: JobRecord, video: AnalysisRecord, spec: Mapping[str, Mapping[str, object]]) -> Asked:
    """What was asked, from the analysis of videos (photos differ only in that nothing is sampled) and its spec."""
    detector, scorer = spec.get("detector") or {}, spec.get("scorer") or {}
    lines = [
        ("Frames looked at", f"{video.sampling}; every photo"),
        ("Face detector", _named(video.detector, _put(detector, _OF_DETECTOR))),
        ("Detector model", _sha256(video.detector_sha256)),
        ("Emotion scorer", _named(video.scorer, _put(scorer, _OF_SCORER))),
        ("Scorer model", _sha256(video.scorer_sha256)),
        ("Pipeline revision", str(video.pipeline_revision)),
        ("Analysis", video.fingerprint),
        ("Job", job.id),
        ("Asked for", f"{job.created_at} UTC, Moodreel {job.program_version}"),
    ]
    return Asked(tuple((what, how) for what, how in lines if how))


_OF_DETECTOR = {
    "confidence": "confidence from {}",
    "min_face": "faces from {} px",
    "max_side": "longer side reduced to {} px",
}
_OF_SCORER = {"pack": "{} faces to a picture"}


def _named(name: str, how: str) -> str:
    return f"{name} ({how})" if how else name


def _put(values: Mapping[str, object], words: Mapping[str, str]) -> str:
    return ", ".join(said.format(values[key]) for key, said in words.items() if values.get(key) not in (None, 1))


def _sha256(digest: str) -> str:
    return f"sha256 {digest}" if digest else ""
