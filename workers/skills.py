"""What this program can do of what was asked: analyses of its own revision, by models that it has, on its queues.

A fleet is upgraded one worker at a time: work of another version is left to those who can do it, never failed and never
done with other numbers.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
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
from workers.services.catalogue import why_not
from workers.settings import Settings

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
CPU, API = "cpu", "api"
QUEUES = (CPU, API)
LEFT = "leaves to others analysis"
"""How a worker's note begins of what it cannot do; the numbers follow."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one analysis needs: a queue, and why this program cannot do it, if so."""

    queue: str
    lack: str | None = None
    scorer: str = ""


def judge(spec_json: str, settings: Settings | None = None) -> Verdict:
    """Whether this program gives the numbers that an analysis asks for; by the settings in force, where it asks for a
    service that they must lead to.
    """
    try:
        spec = AnalysisSpec.from_json(spec_json)
        understood = spec.to_json() == spec_json
    except (AttributeError, KeyError, TypeError, ValueError):
        understood = False
    if not understood:  # some word of it would be passed over
        return Verdict(CPU, "it is written in a way that this version does not know")
    if spec.pipeline_revision != PIPELINE_REVISION:
        return Verdict(
            CPU, f"it asks for revision {spec.pipeline_revision} of the analysis; this is revision {PIPELINE_REVISION}"
        )
    try:
        known = AnalysisSpec(spec.sampling, detectors.resolve(spec.detector), scorers.resolve(spec.scorer))
    except ModelError as error:
        return Verdict(CPU, error.problem.reason)
    name = spec.scorer.name
    queue = scorers.queue_of(name)
    if known != spec:
        return Verdict(queue, f"it asks for another version of {spec.detector.name} or {name}", name)
    return Verdict(queue, None if settings is None else why_not(spec, settings), name)


class Skills:
    """The analyses of a database, each judged once; new ones are met within seconds."""

    def __init__(
        self, fleet: FleetStore, settings: Settings | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fleet = fleet
        self._settings = settings
        self._clock = clock
        self._verdicts: dict[int, Verdict] = {}
        self._awaited: frozenset[int] = frozenset()
        self._said: set[int] = set()
        self._looked: float | None = None
        self._lock = Lock()

    def refused(self, queues: Sequence[str]) -> tuple[int, ...]:
        """Ids of the analyses that a worker of these queues leaves to others. Raises StoreError."""
        verdicts = self._current()
        return tuple(
            number for number, verdict in verdicts.items() if verdict.lack is not None or verdict.queue not in queues
        )

    def scored_by(self, scorers: Collection[str]) -> tuple[int, ...]:
        """Ids of the analyses that one of these scores. Raises StoreError."""
        return tuple(number for number, verdict in self._current().items() if verdict.scorer in scorers)

    def elsewhere(self, queue: str) -> tuple[int, ...]:
        """Ids of the analyses that belong on another queue than this one. Raises StoreError."""
        return tuple(number for number, verdict in self._current().items() if verdict.queue != queue)

    def lacks(self) -> list[str]:
        """Which analyses that jobs wait for are left to others, and why. Raises StoreError."""
        reasons: defaultdict[str, list[int]] = defaultdict(list)
        for number, verdict in sorted(self._current().items()):
            if verdict.lack is not None and number in self._awaited:
                reasons[verdict.lack].append(number)
        return [f"{LEFT} {', '.join(map(str, numbers))}: {reason}" for reason, numbers in reasons.items()]

    def can_do(self, analysis_id: int, spec_json: str) -> bool:
        """Whether this program can do an analysis, met before or not."""
        with self._lock:
            verdict = self._verdicts.get(analysis_id)
        return (verdict or judge(spec_json, self._settings)).lack is None

    def _current(self) -> dict[int, Verdict]:
        with self._lock:
            now = self._clock()
            if self._looked is None or now - self._looked >= LOOK_EVERY_S:
                for number, spec_json in self._fleet.analyses(tuple(self._verdicts)):
                    self._verdicts[number] = judge(spec_json, self._settings)
                self._awaited = self._fleet.awaited()
                self._say()
                self._looked = now
            return dict(self._verdicts)

    def _say(self) -> None:
        for number in sorted(self._awaited - self._said):
            lack = self._verdicts[number].lack if number in self._verdicts else None
            if lack is not None:
                self._said.add(number)
                log.warning("action=analysis-refused", analysis=number, reason=lack)


class Territory:
    """What one worker claims: what it can do, below the media roots that it has, for its queues."""

    def __init__(
        self, skills: Skills, mounts: Mounts, queues: Sequence[str], closed: Callable[[], Collection[str]] = tuple
    ) -> None:
        """`closed`: the scorers whose service cannot be called at the moment."""
        self._skills = skills
        self._mounts = mounts
        self._queues = tuple(queues)
        self._closed = closed

    def reach(self) -> Reach:
        """For the claim. Raises StoreError, and MachineFault where no root is mounted."""
        roots = tuple(name.encode() for name in self._mounts.present())
        refused, closed = self._skills.refused(self._queues), self._closed()
        return Reach(roots, (*refused, *self._skills.scored_by(closed)) if closed else refused)

    def holds(self, claim: ClaimedSegment) -> bool:
        """Whether a claim is ours to do: an analysis may be newer than what `reach` knew of."""
        return self._skills.can_do(claim.analysis_id, claim.spec_json)
