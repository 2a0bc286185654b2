"""The values that go into the database and come out of it. Plain frozen data: no engine, no SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from db.job_records import AnalysisRecord, JobCounts, JobLine, JobRecord, MediaKind, NewJob
from db.states import FrameStatus, SegmentState

__all__ = [
    "Admission",
    "AnalysisRecord",
    "ClaimedSegment",
    "Face",
    "Fence",
    "FileIdentity",
    "FilePlace",
    "Frame",
    "JobCounts",
    "JobFile",
    "JobLine",
    "JobRecord",
    "KnownMedia",
    "Landmarks",
    "Location",
    "MediaFacts",
    "MediaKind",
    "NewJob",
    "Problem",
    "SegmentCommit",
    "SegmentFailure",
    "SegmentOutcome",
    "SegmentSpec",
    "Timing",
]

Timing = Literal["pts", "derived"]
Landmarks = tuple[float, float, float, float, float, float, float, float, float, float]
"""x and y of: right eye, left eye, nose tip, right and left corner of the mouth (the person's right and left)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something could not be read or analysed. `hint` is what to do about it, a command where there is one."""

    code: str
    reason: str
    hint: str
    permanent: bool = True
    """No retry can help: the file itself is at fault, not the moment."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame. Lengths are pixels of the picture as a person sees it, origin at its top left corner."""

    box_x: float
    box_y: float
    box_width: float
    box_height: float
    landmarks: Landmarks | None
    """None where a service gave none."""
    confidence: float | None
    """The detector's, 0 to 1; None where a service gave none."""
    scores: tuple[float, ...] | None = None
    """Eight probabilities in the order of `db.emotions.EMOTIONS`; None where no scorer gave any."""
    attributes: str | None = None
    """What else a service said of the face, as a JSON object."""
    appearance: bytes | None = None
    """A descriptor that tracks are assigned by; purged once they are."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled picture. `faces` are ordered left to right (box_x, then box_y), the same in every run."""

    pts: int
    """Presentation timestamp in the stream's time base; 0 for a photo."""
    time_s: float
    """pts x time base - the container's start; 0 for a photo."""
    faces: tuple[Face, ...] = ()
    faces_dropped: int = 0
    """Faces found but smaller than the analysis asks for."""
    status: FrameStatus = FrameStatus.OK


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What probing a file told. Width and height are of the picture as a person sees it (rotated, square pixels)."""

    kind: MediaKind
    container: str
    """The sniffed container or still format: mp4, mkv, avi, mpegts, jpeg, png, ..."""
    codec: str
    width: int
    height: int
    rotation: int = 0
    """Degrees clockwise that were applied to the stored picture to show it upright: 0, 90, 180 or 270."""
    time_base_num: int = 0
    time_base_den: int = 1
    start_us: int = 0
    """The container's start in microseconds: what `time_s` counts from."""
    first_pts: int = 0
    """The first presented frame: sampling targets run from here."""
    end_pts: int = 0
    """The end of the last presented frame."""
    duration_s: float = 0.0
    fps: float = 0.0
    """Mean frame rate, for people; no time is ever computed from it."""
    frame_count: int = 1
    """Frames the file presents (a truncated file: up to the cut)."""
    timing: Timing = "pts"
    """`derived` where the file carries no usable PTS and times follow from decode order."""
    partial: Problem | None = None
    """Set when the file is damaged or cut short, yet holds something to analyse."""


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """One stretch of a media analysis, as planned. A photo is one segment with all timestamps None."""

    ordinal: int
    start_pts: int | None = None
    """First presentation timestamp that belongs to the segment (inclusive)."""
    end_pts: int | None = None
    """First presentation timestamp that no longer does (exclusive); None: to the end."""
    entry_pts: int | None = None
    """PTS of the key frame where demuxing starts; None: the beginning of the file."""
    packets: int | None = None
    """Packets of the video stream from the entry to the last one the plan needs; None: all of them."""
    start_s: float = 0.0
    end_s: float = 0.0
    targets: int = 1
    """Sampled frames to expect."""
    weight: float = 1.0
    """Work to expect in megapixels decoded: scales the deadline."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where a file of a job lies, as stored, and the path that people see."""

    root: bytes
    relative: bytes
    path: str


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """A file on this machine as the system knows it; equal identities are taken for equal content."""

    path: bytes
    device: int
    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class JobFile:
    """One path of one job, to be admitted: either it has a media (by hash) or a problem, never both."""

    root: bytes
    """Absolute folder (embedded) or the name of a media root (fleet)."""
    relative: bytes
    path: str
    """`relative` as people read it; bytes that are not UTF-8 are shown escaped."""
    size: int
    mtime_ns: int
    tags: Mapping[str, str] = field(default_factory=dict)
    sha256: str | None = None
    problem: Problem | None = None
    facts: MediaFacts | None = None
    """None where the media is already stored."""
    segments: tuple[SegmentSpec, ...] | None = None
    """None where the media analysis is already stored."""


@dataclass(frozen=True, slots=True)
class KnownMedia:
    """What the database knows of a content hash under one analysis."""

    media_id: int
    kind: MediaKind
    analysed: bool
    """The segmentation for the analysis asked for is stored: probing again would tell nothing new."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What admitting a batch of files did."""

    files: int = 0
    duplicates: int = 0
    """Files already in this job (a resumed walk)."""
    problems: int = 0
    new_segments: int = 0
    reused_segments: int = 0
    """Segments of these files that were already done."""
    waiting_segments: int = 0
    """Segments of these files that an earlier job had left queued or running."""
    old_failures: int = 0
    """Segments of these files that had already failed; `retry` asks for them again."""

    def __add__(self, other: "Admission") -> "Admission":
        return Admission(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write one segment's outcome: void as soon as anybody claims the segment again."""

    segment_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Location:
    """Where the content of a media lay when a walk met it."""

    root: bytes
    """Absolute folder (embedded) or the name of a media root (fleet)."""
    relative: bytes
    path: str
    """`relative` as people read it."""
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ClaimedSegment:
    """A segment in our hands, with all that is needed to work on it."""

    fence: Fence
    media_analysis_id: int
    spec: SegmentSpec
    failures: int
    media_id: int
    sha256: str
    size_bytes: int
    facts: MediaFacts
    root: bytes
    relative: bytes
    path: str
    """Where to read it: the job file most recently admitted for this media."""
    mtime_ns: int
    analysis_id: int
    spec_json: str
    job_id: str
    """For whom it is done, and to whom a paid call for it is billed: the job that the claim named, or else the newest
    live one that asks for it.
    """
    locations: tuple[Location, ...] = ()
    """Every place to try, best first; the first is the one above, the others hold the same content."""


@dataclass(frozen=True, slots=True)
class SegmentCommit:
    """A finished segment's frames, to be written in one transaction with its state."""

    fence: Fence
    frames: tuple[Frame, ...]
    fallbacks: int = 0
    """How often the decode plan had to be widened to produce a wanted frame."""
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SegmentFailure:
    """One failure of one segment: its child crashed, hung, outgrew its limit or reported an error."""

    fence: Fence
    problem: Problem
    delay_s: float = 0.0
    """Before it may be tried again."""


@dataclass(frozen=True, slots=True)
class SegmentOutcome:
    """What became of a commit or a failure that was offered."""

    fence: Fence
    accepted: bool
    """False: the fence was void, somebody else has the segment, nothing was written."""
    state: SegmentState | None
    """The segment's state afterwards; None where it was refused."""
