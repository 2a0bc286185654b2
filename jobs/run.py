"""The embedded runner: one loop that walks, probes, claims, analyses and commits, until the job is finished or stopped.

It turns the crank of the intake and the desk and carries work between them and the supervised children. It decides
nothing about pixels and writes no SQL.
"""

import time
from collections.abc import Callable

import structlog

from db.records import JobCounts, JobRecord, Problem
from db.store import Store
from jobs.calls import Calls
from jobs.clockwork import (
    ASK_SHARE,
    CHECK_EVERY_S,
    COUNT_SHARE,
    DRY_S,
    HEARTBEAT_EVERY_S,
    SHOW_EVERY_S,
    WAIT_S,
    Clock,
)
from jobs.control import CannotWork, ChildrenCannotStart, Controls, Ending, RunOutcome
from jobs.intake import Intake
from jobs.manifest import no_file_of
from jobs.progress import Snapshot
from workers.desk import Assignment, Desk, Terms, owner_name
from workers.errors import MODEL_FAULTS, MachineFault
from workers.events import CrewBroken, Event, ItemDone, ItemFailed, ItemProgress, Task, TaskEnded
from workers.messages import ProbeBatch, ProbeResult, SegmentResult
from workers.places import NamedPlaces
from workers.supervisor import Supervisor

log = structlog.get_logger(__name__)


class Runner:
    """One run of one job on this machine. `intake` is None where the walk was completed before."""

    def __init__(
        self,
        store: Store,
        job: JobRecord,
        supervisor: Supervisor,
        intake: Intake | None,
        controls: Controls,
    ) -> None:
        self._analyse = controls.analyse
        self._store = store
        self._job = job
        self._supervisor = supervisor
        self._intake = intake
        self._progress = controls.progress
        self._stop = controls.stop
        self._now_and_then = controls.now_and_then
        self._owner = owner_name()
        self._calls = Calls(store, job.id, controls)
        places = controls.places or NamedPlaces()
        self._desk = Desk(store, self._owner, places, Terms(job.id), controls.services)
        self._work: dict[int, Assignment | ProbeBatch] = {}
        self._in_hand: dict[tuple[int, int], int] = {}
        self._numbers = iter(range(1 << 62))
        self._probe_turn = True
        self._clock = Clock()
        self._counts: JobCounts | None = None
        self._cancelled = False
        self._sealed = False
        self._broken: CannotWork | None = None

    def run(self) -> RunOutcome:
        """Work until the job is finished, or somebody stops it. Raises StoreError, CannotWork."""
        if self._store.file is not None:
            self._store.segments.release_all()  # the lock says that whoever held these is gone
            self._calls.lose()
        level = 0
        while not self._over():
            if self._stop.level != level:
                level = self._stop.level
                self._slow_down(level)
            self._turn(stopping=self._stopping)
        return self._end()

    @property
    def _stopping(self) -> bool:
        return bool(self._stop.level or self._cancelled or self._broken)

    def _over(self) -> bool:
        if self._supervisor.pending or self._desk.holding:
            return False
        if self._stopping:
            return True
        return self._walked and (not self._analyse or self._nothing_left())

    @property
    def _walked(self) -> bool:
        return self._intake is None or self._sealed

    def _nothing_left(self) -> bool:
        """No segment of the job is left, in our hands or in those of others who share the database."""
        asked = time.monotonic()
        if asked < self._clock.over_due:
            return False
        counts = self._store.jobs.counts(self._job.id)
        # While others still work on it we wait: asking shall not be what keeps their database busy.
        self._clock.over_due = asked + ASK_SHARE * (time.monotonic() - asked)
        if counts.running and not self._desk.holding:
            self._store.segments.expire()
        return counts.finished

    def _turn(self, stopping: bool) -> None:
        if not stopping:
            try:
                self._walk_on()
                self._feed()
            except MachineFault as fault:
                self._break(CannotWork(fault.reason, f"{fault.hint}; then `moodreel resume`"))
        eager = not stopping and self._intake is not None and self._intake.eager
        for event in self._supervisor.events(0.0 if eager else WAIT_S):
            self._hear(event)
        if stopping:  # at every turn: what children finish now comes too late to be sent
            self._desk.withdraw(at_once=self._stop.level > 1)
        self._desk.turn()
        is_dry = self._walked and not self._supervisor.pending and time.monotonic() < self._clock.dry_until
        no_service = self._calls.mind(more=not (stopping or is_dry))
        if no_service is not None:
            self._break(no_service)
        self._housekeeping()
        if not self._supervisor.pending:
            self._desk.flush()

    def _walk_on(self) -> None:
        if self._intake is None or self._sealed:
            return
        if self._intake.advance():
            self._clock.dry_until = 0.0  # there may be work again
        if self._intake.finished:
            self._seal(self._intake)

    @property
    def _may_feed(self) -> bool:
        has_room = self._supervisor.pending < 2 * self._supervisor.size
        return has_room and time.monotonic() >= self._clock.dry_until and not self._calls.is_full

    def _feed(self) -> None:
        while self._may_feed:
            work = self._next()
            if work is None:
                self._run_dry()
                return
            number = next(self._numbers)
            self._work[number] = work
            self._supervisor.submit(Task(number, work if isinstance(work, ProbeBatch) else work.request))

    def _run_dry(self) -> None:
        self._clock.dry_until = time.monotonic() + DRY_S
        if self._intake is not None:
            self._intake.hurry()

    def _next(self) -> Assignment | ProbeBatch | None:
        """Probes and segments in turn: the walk never starves the analysis, nor the other way round."""
        takers: list[Callable[[], Assignment | ProbeBatch | None]] = [self._desk.take] if self._analyse else []
        if self._intake is not None:
            takers.insert(0 if self._probe_turn else 1, self._intake.take_probe)
        self._probe_turn = not self._probe_turn
        for take in takers:
            work = take()
            if work is not None:
                return work
        return None

    def _hear(self, event: Event) -> None:
        match event:
            case ItemProgress(task, index, frames):
                self._in_hand[task.id, index] = frames
            case ItemDone(task, index, result):
                self._done(task, index, result)
            case ItemFailed(task, index, problem):
                self._failed(task, index, problem)
            case TaskEnded(task, untouched):
                self._ended(task, untouched)
            case CrewBroken(reason):
                self._break(ChildrenCannotStart(reason))

    def _done(self, task: Task, index: int, result: SegmentResult | ProbeResult) -> None:
        self._in_hand.pop((task.id, index), None)
        match self._work[task.id], result:
            case Assignment(_, claims), SegmentResult():
                self._desk.done(claims[index], result)
            case ProbeBatch(items), ProbeResult() if self._intake is not None:
                self._intake.probed(items[index], result)

    def _failed(self, task: Task, index: int, problem: Problem) -> None:
        self._in_hand.pop((task.id, index), None)
        match self._work[task.id]:
            case Assignment(_, claims) if problem.code in MODEL_FAULTS:
                # The machine is at fault, not the file: nothing would be learnt by failing them all.
                self._desk.untouched((claims[index],))
                self._break(ChildrenCannotStart(f"{problem.reason}\nhint: {problem.hint}"))
            case Assignment(_, claims):
                fence = claims[index].fence
                log.info("action=segment-failed", segment=fence.segment_id, code=problem.code, attempt=fence.attempt)
                self._desk.failed(claims[index], problem)
            case ProbeBatch(items) if self._intake is not None:
                self._intake.probe_failed(items[index], problem)

    def _ended(self, task: Task, untouched: tuple[int, ...]) -> None:
        match self._work.pop(task.id):
            case Assignment(_, claims):
                left = [claims[index] for index in untouched]
                (self._desk.untouched if self._stopping else self._desk.keep)(left)
            case ProbeBatch(items) if self._intake is not None:
                for index in reversed(untouched):
                    self._intake.probe_untouched(items[index])
        for key in [key for key in self._in_hand if key[0] == task.id]:
            del self._in_hand[key]

    def _break(self, why: CannotWork) -> None:
        if self._broken is None:
            self._broken = why
            self._desk.give_back_singles()
            self._supervisor.stop_now()

    def _slow_down(self, level: int) -> None:
        self._desk.give_back_singles()
        if level == 1:
            self._progress.say("finishing what is running; press Ctrl-C again to stop now")
            self._supervisor.withdraw()
        else:
            self._progress.say("stopping")
            self._supervisor.stop_now()

    def _housekeeping(self) -> None:
        now = time.monotonic()
        if now - self._clock.checked >= CHECK_EVERY_S:
            self._clock.checked = now
            self._now_and_then()
            if not self._cancelled and self._store.jobs.is_cancelled(self._job.id):
                self._cancelled = True
                self._slow_down(2)
        if self._intake is not None and not self._sealed and now - self._clock.beat >= HEARTBEAT_EVERY_S:
            self._clock.beat = now
            self._store.jobs.heartbeat(self._job.id, self._owner, self._intake.skipped)
        if now - self._clock.shown >= SHOW_EVERY_S:
            self._clock.shown = now
            self._progress.show(self._snapshot())

    def _snapshot(self) -> Snapshot:
        now = time.monotonic()
        if self._counts is None or now >= self._clock.count_due:
            self._counts = self._store.jobs.counts(self._job.id)
            took = time.monotonic() - now
            self._clock.count_due = now + max(CHECK_EVERY_S, COUNT_SHARE * took)
            self._calls.count()
        return Snapshot(
            counts=self._counts,
            walking=not self._walked,
            frames=self._desk.counts.frames + sum(self._in_hand.values()),
            media_s=self._desk.counts.media_s,
            elapsed_s=now - self._clock.started,
            bill=self._calls.bill,
        )

    def _end(self) -> RunOutcome:
        if self._broken is not None:
            raise self._broken
        if self._intake is not None and not self._sealed:
            self._store.jobs.heartbeat(self._job.id, self._owner, self._intake.skipped)
        ending = self._ending()
        if ending is Ending.FINISHED and self._analyse:
            self._store.jobs.finish(self._job.id)
        counts = self._store.jobs.counts(self._job.id)
        return RunOutcome(ending, counts, self._desk.counts, time.monotonic() - self._clock.started)

    def _ending(self) -> Ending:
        if self._cancelled:
            return Ending.STOPPED if self._store.jobs.get(self._job.id).stop_reason else Ending.CANCELLED
        if self._stop.level and not (self._walked and self._store.jobs.counts(self._job.id).finished):
            return Ending.INTERRUPTED
        return Ending.FINISHED

    def _seal(self, intake: Intake) -> None:
        """Every file is known: from now on nothing of the walk is needed any more, whatever happens."""
        if not self._store.jobs.counts(self._job.id).files:
            intake.admit_nothing_found()
        self._store.jobs.heartbeat(self._job.id, self._owner, intake.skipped)
        self._store.jobs.seal(self._job.id)
        self._sealed = True
        if intake.unmatched:
            self._progress.say(no_file_of(sorted(intake.unmatched)))
