"""What this program can do of what was asked: analyses of its own revision, by models that it has, on its queues.

A fleet is upgraded one worker at a time: work of another version is left to those who can do it, never failed and never
done with other numbers.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import structlog

from db.claims import Reach
from db.fleet import FleetStore
from db.records import ClaimedSegment
from workers.analysis import PIPELINE_REVISION, AnalysisSpec
from workers.detection import catalogue as detectors
from workers.errors import ModelError
from workers.mounts import Mounts
from workers.scoring import catalogue as scorers

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
CPU, API = "cpu", "api"
QUEUES = (CPU, API)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one analysis needs: a queue, and why this program cannot do it, if so."""

    queue: str
    lack: str | None = None


def judge(spec_json: str) -> Verdict:
    """Whether this program gives the numbers that an analysis asks for."""
    try:
        spec = AnalysisSpec.from_json(spec_json)
    except (KeyError, TypeError, ValueError):
        return Verdict(CPU, "it is written in a way that this version does not know")
    if spec.pipeline_revision != PIPELINE_REVISION:
        return Verdict(
            CPU, f"it asks for revision {spec.pipeline_revision} of the analysis; this is revision {PIPELINE_REVISION}"
        )
    try:
        known = AnalysisSpec(spec.sampling, detectors.resolve(spec.detector), scorers.resolve(spec.scorer))
    except ModelError as error:
        return Verdict(CPU, error.problem.reason)
    queue = scorers.queue_of(spec.scorer.name)
    if known != spec:
        return Verdict(queue, f"it asks for another version of {spec.detector.name} or {spec.scorer.name}")
    return Verdict(queue)


class Skills:
    """The analyses of a database, each judged once; new ones are met within seconds."""

    def __init__(self, fleet: FleetStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._fleet = fleet
        self._clock = clock
        self._verdicts: dict[int, Verdict] = {}
        self._looked: float | None = None
        self._lock = Lock()

    def refused(self, queues: Sequence[str]) -> tuple[int, ...]:
        """Ids of the analyses that a worker of these queues leaves to others. Raises StoreError."""
        verdicts = self._current()
        return tuple(
            number for number, verdict in verdicts.items() if verdict.lack is not None or verdict.queue not in queues
        )

    def elsewhere(self, queue: str) -> tuple[int, ...]:
        """Ids of the analyses that belong on another queue than this one. Raises StoreError."""
        return tuple(number for number, verdict in self._current().items() if verdict.queue != queue)

    def lacks(self) -> list[str]:
        """Why some analyses are left to others, in words."""
        with self._lock:
            return sorted({verdict.lack for verdict in self._verdicts.values() if verdict.lack is not None})

    def can_do(self, analysis_id: int, spec_json: str) -> bool:
        """Whether this program can do an analysis, met before or not."""
        with self._lock:
            verdict = self._verdicts.get(analysis_id)
        return (verdict or judge(spec_json)).lack is None

    def _current(self) -> dict[int, Verdict]:
        with self._lock:
            now = self._clock()
            if self._looked is None or now - self._looked >= LOOK_EVERY_S:
                for number, spec_json in self._fleet.analyses(tuple(self._verdicts)):
                    verdict = self._verdicts[number] = judge(spec_json)
                    if verdict.lack is not None:
                        log.warning("action=analysis-refused", analysis=number, reason=verdict.lack)
                self._looked = now
            return dict(self._verdicts)


class Territory:
    """What one worker claims: what it can do, below the media roots that it has, for its queues."""

    def __init__(self, skills: Skills, mounts: Mounts, queues: Sequence[str]) -> None:
        self._skills = skills
        self._mounts = mounts
        self._queues = tuple(queues)

    def reach(self) -> Reach:
        """For the claim. Raises StoreError, and MachineFault where no root is mounted."""
        roots = tuple(name.encode() for name in self._mounts.present())
        return Reach(roots, self._skills.refused(self._queues))

    def holds(self, claim: ClaimedSegment) -> bool:
        """Whether a claim is ours to do: an analysis may be newer than what `reach` knew of."""
        return self._skills.can_do(claim.analysis_id, claim.spec_json)
