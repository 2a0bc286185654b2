"""What one owner of claims has seen settled, for the summary of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from db.records import SegmentCommit, SegmentOutcome
from db.states import SegmentState


@dataclass(slots=True)
class DeskCounts:
    """What a desk has seen settled."""

    segments: int = 0
    frames: int = 0
    faces: int = 0
    media_s: float = 0.0
    failures: int = 0
    """Failures charged, retried ones included."""
    failed: int = 0
    """Segments that will not be tried again."""
    refused: int = 0
    """Outcomes that came too late: somebody else had the segment."""
    unscored: int = 0
    """Faces that a service was sent and gave no scores for."""
    cpu_s: float = 0.0
    stages_s: dict[str, float] = field(default_factory=dict)

    def spent(self, stages_s: Mapping[str, float]) -> None:
        """CPU time of a child, by stage."""
        for stage, seconds in stages_s.items():
            self.stages_s[stage] = self.stages_s.get(stage, 0.0) + seconds

    def committed(self, commit: SegmentCommit, outcome: SegmentOutcome, media_s: float) -> None:
        """A result was taken, or could not be held by any database: then it failed, for good."""
        if outcome.state is not SegmentState.DONE:
            self.charged(outcome)
            return
        self.segments += 1
        self.frames += len(commit.frames)
        self.faces += sum(len(frame.faces) for frame in commit.frames)
        self.media_s += media_s
        self.cpu_s += commit.cpu_s

    def charged(self, outcome: SegmentOutcome) -> None:
        """A failure was charged."""
        self.failures += 1
        self.failed += outcome.state is SegmentState.FAILED
