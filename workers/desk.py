"""Between the database and the children: claims become work, answers become commits, and nothing is dropped between.

A desk serves one owner, embedded or fleet. It holds every claim it took until an outcome is written for it, and keeps
their leases alive as long as its owner comes by.
"""

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import structlog

from db.errors import StoreError
from db.records import ClaimedSegment, Fence, FileIdentity, Problem, SegmentCommit, SegmentFailure
from db.store import Store
from workers.analysis import AnalysisSpec
from workers.awaited import Awaited
from workers.errors import MachineFault
from workers.hashing import never
from workers.limits import PROBE_BYTES_PER_S
from workers.messages import AnalyseBatch, Give, SegmentResult, SegmentWork, Takes
from workers.outbox import Outbox
from workers.places import COMING, Coming, Places, Whereabouts
from workers.scoring.catalogue import give_of
from workers.services.cases import Failed, Returned, Scored
from workers.services.catalogue import takes_of
from workers.skills import Territory
from workers.tally import DeskCounts

if TYPE_CHECKING:
    from workers.services.scoring import ServiceScoring

log = structlog.get_logger(__name__)

LEASE_S = 60.0
EXTENSIONS = 4
"""How often a lease is extended while it lasts."""
GRACE_S = 60.0
"""What a lease may outlive the deadline of the work by: a thread that is stuck loses its segments after that."""
LATER_S = 5.0
"""When a claim that was none of ours is handed out again, or one whose file was not there."""
PHOTO_BATCH = 16
FETCH_AHEAD = 2
"""Claims whose files are on their way at most, before no more are taken; a batch of photos may go beyond."""
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Assignment:
    """One request to a child and the claims behind its items, in the same order."""

    request: AnalyseBatch
    claims: tuple[ClaimedSegment, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Which segments a desk takes, and for how long at a time."""

    job_id: str | None = None
    """None: of any job."""
    territory: Territory | None = None
    """None: everything is ours to do."""
    lease_s: float = LEASE_S


class Desk:
    """Takes segments and settles them."""

    def __init__(
        self, store: Store, owner: str, places: Places, terms: Terms, services: "ServiceScoring | None" = None
    ) -> None:
        self._segments = store.segments
        self._awaited = Awaited(services)
        self._owner = owner
        self._places = places
        self._terms = terms
        self._held: set[Fence] = set()
        self._lock = Lock()
        self._singles: deque[ClaimedSegment] = deque()
        self._coming: list[ClaimedSegment] = []
        self._outbox = Outbox(store.segments, self._let_go)
        self._extended = time.monotonic()
        self._looking_until = 0.0

    @property
    def counts(self) -> DeskCounts:
        """What was settled so far."""
        return self._outbox.counts

    @property
    def holding(self) -> bool:
        """Whether a claim of ours still waits for its outcome."""
        return bool(self._held)

    @property
    def is_looking(self) -> bool:
        """Whether a file is being read to prove what it holds, and may take the time: a film of many gigabytes does."""
        return time.monotonic() < self._looking_until

    @property
    def is_awaiting(self) -> bool:
        """Whether a service has segments of ours, and was heard of lately."""
        return self._awaited.is_hopeful

    @property
    def fences(self) -> list[Fence]:
        """The claims that wait for their outcome; may be asked from another thread."""
        with self._lock:
            return sorted(self._held, key=lambda fence: fence.segment_id)

    def take(self, ids: Sequence[int] | None = None, wait: Callable[[], bool] = never) -> Assignment | None:
        """The next work (of these segments, if given), or None where nothing is runnable now. Files that are gone are
        settled on the way. While all there is to do is still being fetched, `wait` is asked whether to wait for it.

        Raises MachineFault where this machine cannot have the files; what was claimed for later goes back then.
        """
        try:
            while True:
                claims = self._arrived() or self._claim(ids)
                if good := self._found(claims):
                    return Assignment(AnalyseBatch(tuple(work for _, work in good)), tuple(claim for claim, _ in good))
                if claims:
                    self.flush()
                elif self._coming and wait():
                    time.sleep(LOOK_EVERY_S)
                    self.extend_if_due()
                else:
                    return None
        except MachineFault:
            self.give_back_singles()
            self.flush()
            raise

    def done(self, claim: ClaimedSegment, result: SegmentResult) -> None:
        """A segment was analysed: it is committed, or first goes to the service that scores it."""
        self.counts.spent(result.stages_s)
        spec, give, _ = _meaning(claim.spec_json)
        if give is Give.SCORES:
            self._commit(claim, result)
            return
        try:
            self._awaited.hand_over(claim, spec, result)
        except StoreError as error:  # what is paid for cannot be read: to ask for it again would cost as much again
            log.warning("action=segment-not-sent", segment=claim.fence.segment_id, reason=str(error))
            self._outbox.give_back([claim.fence], LATER_S)

    def failed(self, claim: ClaimedSegment, problem: Problem, delay_s: float = 0.0) -> None:
        """A segment failed once; it may be tried again after so long."""
        self._outbox.fail(SegmentFailure(claim.fence, problem, delay_s))

    def keep(self, claims: Sequence[ClaimedSegment]) -> None:
        """Segments that were not reached because their batch's child died: each is handed out again, alone."""
        self._singles.extend(claims)

    def untouched(self, claims: Sequence[ClaimedSegment]) -> None:
        """Segments that were never tried go back: nothing is counted against them."""
        if claims:
            self._outbox.give_back([claim.fence for claim in claims], 0.0)

    def withdraw(self, *, at_once: bool = False, segment_ids: Sequence[int] | None = None) -> None:
        """Have the services send nothing more of ours (or of these); may be called from another thread."""
        self._awaited.withdraw(at_once=at_once, segment_ids=segment_ids)

    def turn(self) -> None:
        """Hear the services, write what is due and hold on to what is in hand. Call it a few times a second."""
        self._hear()
        if self._outbox.is_due:
            self.flush()
        self.extend_if_due()

    def extend_if_due(self) -> None:
        """Hold on to what is in hand, a few times a lease; may be called from another thread."""
        if self._held and time.monotonic() - self._extended >= self._terms.lease_s / EXTENSIONS:
            self.extend()

    def extend(self) -> None:
        """Hold on to what is in hand; may be called from another thread."""
        self._extended = time.monotonic()
        lost = self._segments.extend(self.fences, self._terms.lease_s)
        self._let_go(lost)
        if lost:  # another has them, who pays for their faces too; or they are forgotten, and must not be sent anywhere
            self.withdraw(segment_ids=[fence.segment_id for fence in lost])

    def flush(self) -> None:
        """Write every outcome that waits. Raises a StoreError when the database cannot take it; then all is kept."""
        self._outbox.flush()

    def give_back_singles(self) -> None:
        """Return what was claimed for later: the owner is stopping."""
        self.untouched((*self._singles, *self._coming))
        self._singles.clear()
        self._coming.clear()

    def lose_sight(self) -> None:
        """Nobody works on what is still held, by a mistake: its leases shall run out, and be counted."""
        if lost := self.fences:
            log.error("action=claims-lost", segments=[fence.segment_id for fence in lost])
            self._let_go(lost)

    def _claim(self, ids: Sequence[int] | None) -> list[ClaimedSegment]:
        if self._singles:
            return [self._singles.popleft()]
        if len(self._coming) >= FETCH_AHEAD:
            return []
        claims = self._fetch(ids)
        # What has failed before runs alone: if it takes its child with it, no other is held up.
        self._singles.extend(claim for claim in claims[1:] if claim.failures)
        return [claim for claim in claims if not claim.failures] or claims[:1]

    def _fetch(self, ids: Sequence[int] | None) -> list[ClaimedSegment]:
        terms = self._terms
        reach = None if terms.territory is None else terms.territory.reach()
        claims = self._segments.claim(
            self._owner, terms.lease_s, 1, job_id=terms.job_id, ids=ids, reach=reach, photos=PHOTO_BATCH - 1
        )
        if terms.territory is not None:
            others = [claim.fence for claim in claims if not terms.territory.holds(claim)]
            if others:
                self._segments.give_back(others, LATER_S)
            claims = [claim for claim in claims if claim.fence not in others]
        with self._lock:
            self._held.update(claim.fence for claim in claims)
        return claims

    def _arrived(self) -> list[ClaimedSegment]:
        """Claims whose files have come, as they may go to a child together."""
        self._coming = [claim for claim in self._coming if claim.fence in self._held]
        here = [claim for claim in self._coming if not isinstance(self._places.find(claim), Coming)]
        photos = [claim for claim in here if claim.facts.kind == "photo" and not claim.failures]
        return photos[:PHOTO_BATCH] or here[:1]

    def _found(self, claims: Sequence[ClaimedSegment]) -> list[tuple[ClaimedSegment, SegmentWork]]:
        """Those of the claims that can be worked on now; the others have failed, or their files are coming."""
        # Until all are looked for, they count as coming: so none is lost where the machine turns out to be at fault.
        self._coming += [claim for claim in claims if claim not in self._coming]
        places = {claim.fence: self._look_for(claim) for claim in claims}
        self._coming = [claim for claim in self._coming if isinstance(places.get(claim.fence, COMING), Coming)]
        works = []
        for claim in claims:
            match places[claim.fence]:
                case Problem() as problem:
                    self.failed(claim, problem, 0.0 if self._terms.territory is None else LATER_S)
                case FileIdentity() as found:
                    works.append((claim, SegmentWork(found, claim.facts, claim.spec, *_meaning(claim.spec_json))))
        return works

    def _look_for(self, claim: ClaimedSegment) -> Whereabouts:
        self._looking_until = time.monotonic() + GRACE_S + claim.size_bytes / PROBE_BYTES_PER_S
        try:
            return self._places.find(claim)
        finally:
            self._looking_until = 0.0

    def _commit(self, claim: ClaimedSegment, result: SegmentResult) -> None:
        commit = SegmentCommit(claim.fence, result.frames, result.fallbacks, result.cpu_s)
        self._outbox.commit(commit, claim.spec.end_s - claim.spec.start_s)

    def _hear(self) -> None:
        """What came back from the services."""
        for ending in self._awaited.endings():
            match ending:
                case Scored(claim, result, unscored):
                    self.counts.unscored += unscored
                    self._commit(claim, result)
                case Failed(claim, problem):
                    self.failed(claim, problem)
                case Returned(claim, delay_s):
                    self._outbox.give_back([claim.fence], delay_s)

    def _let_go(self, fences: Iterable[Fence]) -> None:
        over = tuple(fences)
        self._places.release(over)
        with self._lock:
            self._held.difference_update(over)


@lru_cache(maxsize=64)
def _meaning(spec_json: str) -> tuple[AnalysisSpec, Give, Takes | None]:
    """What an analysis asks of a child, read once and not for each segment."""
    spec = AnalysisSpec.from_json(spec_json)
    return spec, give_of(spec), takes_of(spec)


def owner_name() -> str:
    """Who holds a claim: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"
