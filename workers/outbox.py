"""What is to be written of claims: commits, failures and give-backs, gathered, and written together."""

import time
from collections.abc import Callable, Iterable, Sequence

import structlog

from db.records import Fence, SegmentCommit, SegmentFailure, SegmentOutcome
from db.segments import SegmentStore
from workers.tally import DeskCounts

log = structlog.get_logger(__name__)

COMMIT_SEGMENTS = 32
COMMIT_FRAMES = 2000
COMMIT_EVERY_S = 0.5


class Outbox:
    """Outcomes that wait to be written. `let_go` is told of every claim that is settled, whoever has it then."""

    def __init__(self, segments: SegmentStore, let_go: Callable[[Iterable[Fence]], None]) -> None:
        self._segments = segments
        self._let_go = let_go
        self._commits: list[SegmentCommit] = []
        self._failures: list[SegmentFailure] = []
        self._returned: dict[float, list[Fence]] = {}
        self._media_s: dict[Fence, float] = {}
        self._oldest = 0.0
        self.counts = DeskCounts()

    def commit(self, commit: SegmentCommit, media_s: float) -> None:
        """A segment is finished; `media_s`: how much of a recording it is."""
        self._stamp()
        self._commits.append(commit)
        self._media_s[commit.fence] = media_s

    def fail(self, failure: SegmentFailure) -> None:
        """A segment failed once."""
        self._stamp()
        self._failures.append(failure)

    def give_back(self, fences: Iterable[Fence], delay_s: float) -> None:
        """Segments go back, not to be tried for so long; nothing is counted against them."""
        self._stamp()
        self._returned.setdefault(delay_s, []).extend(fences)

    @property
    def is_due(self) -> bool:
        """Whether enough has gathered, or waited long enough."""
        frames = sum(len(commit.frames) for commit in self._commits)
        late = self._waiting and time.monotonic() - self._oldest >= COMMIT_EVERY_S
        return bool(late or frames >= COMMIT_FRAMES or self._waiting >= COMMIT_SEGMENTS)

    def flush(self) -> None:
        """Write every outcome that waits. Raises a StoreError when the database cannot take it; then all is kept."""
        if self._commits:
            self._committed(self._segments.commit(self._commits))
        if self._failures:
            self._charged(self._segments.fail(self._failures))
        for delay_s, fences in list(self._returned.items()):
            self._segments.give_back(fences, delay_s)
            self._let_go(fences)
            del self._returned[delay_s]

    @property
    def _waiting(self) -> int:
        return len(self._commits) + len(self._failures) + sum(map(len, self._returned.values()))

    def _committed(self, outcomes: Sequence[SegmentOutcome]) -> None:
        for commit, outcome in zip(self._commits, outcomes, strict=True):
            media_s = self._media_s.pop(commit.fence)
            if self._settled(outcome):
                self.counts.committed(commit, outcome, media_s)
        self._commits = []

    def _charged(self, outcomes: Sequence[SegmentOutcome]) -> None:
        for outcome in outcomes:
            if self._settled(outcome):
                self.counts.charged(outcome)
        self._failures = []

    def _settled(self, outcome: SegmentOutcome) -> bool:
        self._let_go((outcome.fence,))
        if not outcome.accepted:
            self.counts.refused += 1
            log.warning("action=outcome-refused", segment=outcome.fence.segment_id, attempt=outcome.fence.attempt)
        return outcome.accepted

    def _stamp(self) -> None:
        if not self._waiting:
            self._oldest = time.monotonic()
