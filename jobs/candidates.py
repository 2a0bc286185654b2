"""Files that wait for a look into their content: the queue of probes, and what was fetched for them."""

from collections import deque
from dataclasses import dataclass

from db.records import FileIdentity
from jobs.discover import Found
from workers.analysis import AnalysisSpec
from workers.cache import Staged
from workers.messages import ProbeBatch, ProbeWork
from workers.scoring.catalogue import give_of

FIRST_BATCH, PROBE_BATCH = 4, 16
"""Files a child gets at a time: few at first, so that a first frame is seen soon, then as many as it gets photos."""


@dataclass(slots=True, eq=False)
class Candidate:
    """A file that may be media, and where it can be opened."""

    found: Found
    staged: Staged | None = None
    """Where it was fetched to, if it lies elsewhere; in use until it is released."""
    tries: int = 0

    @property
    def source(self) -> FileIdentity:
        """The file to open."""
        return self.found.identity if self.staged is None else self.staged.identity

    def release(self) -> None:
        """Nothing more is to be read of it."""
        if self.staged is not None:
            self.staged.release()


class ProbeQueue:
    """Candidates on their way to a child and back. Two of the same content may be under way at once."""

    def __init__(self, analysis: AnalysisSpec) -> None:
        self._analysis = analysis
        self._give = give_of(analysis)
        self._waiting: deque[Candidate] = deque()
        self._away: dict[bytes, list[Candidate]] = {}
        self._most = FIRST_BATCH

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether any waits or is under way."""
        return bool(self._waiting or self._away)

    def add(self, candidate: Candidate) -> None:
        """To the end."""
        self._waiting.append(candidate)

    def again(self, candidate: Candidate) -> None:
        """To the front: it was its turn."""
        self._waiting.appendleft(candidate)

    def take(self) -> ProbeBatch | None:
        """A batch for a child, if any wait. Files that failed before go alone."""
        batch: list[Candidate] = []
        while self._waiting and len(batch) < self._most:
            alone = self._waiting[0].tries > 0
            if alone and batch:
                break
            batch.append(self._waiting.popleft())
            if alone:
                break
        for candidate in batch:
            self._away.setdefault(candidate.source.path, []).append(candidate)
        if len(batch) == self._most:
            self._most = min(PROBE_BATCH, 2 * self._most)
        work = tuple(ProbeWork(candidate.source, self._analysis, self._give) for candidate in batch)
        return ProbeBatch(work) if work else None

    def returned(self, work: ProbeWork) -> Candidate:
        """The candidate that a child is done with, one way or another."""
        away = self._away[work.source.path]
        candidate = away.pop()
        if not away:
            del self._away[work.source.path]
        return candidate

    def close(self) -> None:
        """Let go of everything that was fetched."""
        for candidate in (*self._waiting, *(one for away in self._away.values() for one in away)):
            candidate.release()
