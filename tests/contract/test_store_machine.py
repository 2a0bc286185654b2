"""The store against a model of it, through random histories: nothing lost, nothing doubled, every count true."""

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from db.engine import writing
from db.fleet import FleetStore
from db.records import ClaimedSegment, Problem, SegmentFailure
from db.schema import frame, media, media_analysis, metadata, segment
from db.store import Store
from tests.support.dbmaking import PHOTO, admit, counted_truth, counters, photo, result_of, rows, start, video
from tests.support.dbmodel import Key, Model, ModelJob

MAIN = b"main"
"""A named root: bells are rung for the files of a fleet."""
FILES = {
    "a": photo("a", root=MAIN),
    "b": photo("b", root=MAIN),
    "c": video("c", segments=2, root=MAIN),
    "d": video("d", segments=3, root=MAIN),
}
PHOTOS = 2
CRASH = Problem("child.crashed", "its process ended", "try again", permanent=False)
HOPELESS = Problem("media.vanished", "the file is gone", "put it back")
some_files = st.lists(st.sampled_from(sorted(FILES)), min_size=1, max_size=3, unique=True)
pick = st.integers(0, 1000)


class Histories(RuleBasedStateMachine):
    """Jobs come and go, workers claim, commit, fail, die and come back late; bells are rung, heard twice, and lost."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.model = Model()
        self.claims: list[ClaimedSegment] = []  # every claim ever made, stale ones too: they may come back late
        self.fleet = FleetStore(store.engine, 10.0)
        self.messages: list[list[int]] = []  # every bell that the broker still has, or may deliver again
        writing(store.engine, _wipe)

    @initialize(files=some_files)
    def first_job(self, files: list[str]) -> None:
        self.submit(files)

    @rule(files=some_files)
    @precondition(lambda self: len(self.model.jobs) < 4)
    def submit(self, files: list[str]) -> None:
        job = start(self.store, len(self.model.jobs) + 1)
        self.model.jobs[job.id] = ModelJob()
        self._admit(job.id, files)

    @rule(which=pick, files=some_files)
    def walk_on(self, which: int, files: list[str]) -> None:
        self._admit(self._job(which), files)

    def _admit(self, job_id: str, files: list[str]) -> None:
        admit(self.store, self.store.jobs.get(job_id), *(FILES[name] for name in files))
        for name in files:
            specs = FILES[name].segments or ()
            self.model.admit(job_id, name, len(specs), specs[0].targets)

    @rule(limit=st.integers(1, 4), which=st.none() | pick)
    def claim(self, limit: int, which: int | None) -> None:
        job_id = None if which is None else self._job(which)
        runnable = self.model.runnable(job_id)
        claimed = self.store.segments.claim("worker", 60, limit, job_id=job_id)
        assert len(claimed) == min(limit, len(runnable))
        for one in claimed:
            assert _key(one) in runnable
            assert one.fence.attempt == self.model.claim(_key(one))
        self.claims += claimed

    @rule(picks=st.lists(pick, min_size=1, max_size=3))
    @precondition(lambda self: self.claims)
    def commit(self, picks: list[int]) -> None:
        chosen = list({one.fence: one for one in (self._claim(which) for which in picks)}.values())
        outcomes = self.store.segments.commit([result_of(one) for one in chosen])
        for one, outcome in zip(chosen, outcomes, strict=True):
            assert outcome.accepted == self.model.holds(_key(one), one.fence.attempt)
            if outcome.accepted:
                self.model.commit(_key(one))

    @rule(which=pick, permanent=st.booleans())
    @precondition(lambda self: self.claims)
    def fail(self, which: int, permanent: bool) -> None:
        one = self._claim(which)
        (outcome,) = self.store.segments.fail([SegmentFailure(one.fence, HOPELESS if permanent else CRASH)])
        assert outcome.accepted == self.model.holds(_key(one), one.fence.attempt)
        if outcome.accepted:
            self.model.fail(_key(one), permanent)
            assert outcome.state == self.model.segments[_key(one)].state

    @rule(which=pick)
    @precondition(lambda self: self.claims)
    def give_back(self, which: int) -> None:
        one = self._claim(which)
        held = self.model.holds(_key(one), one.fence.attempt)
        assert self.store.segments.give_back([one.fence]) == held
        if held:
            self.model.give_back(_key(one))

    @rule(which=pick)
    @precondition(lambda self: self.claims)
    def crash(self, which: int) -> None:
        """A worker falls silent: its lease runs out, and somebody notices. Its late commit may still come."""
        one = self._claim(which)
        held = self.model.holds(_key(one), one.fence.attempt)
        lost = self.store.segments.extend([one.fence], -1)
        assert lost == ([] if held else [one.fence])
        assert self.store.segments.expire() == held
        if held:
            self.model.expire(_key(one))

    @rule()
    def start_over(self) -> None:
        running = [key for key, one in self.model.segments.items() if one.state == "running"]
        assert self.store.segments.release_all() == len(running)
        for key in running:
            self.model.expire(key)

    @rule(bells=st.integers(1, 4))
    def ring(self, bells: int) -> None:
        due = self.model.due()
        groups = self.fleet.due(bells, PHOTOS)
        rung = [self._key_of(number) for group in groups for number in group]
        assert len(rung) == len(set(rung))
        assert set(rung) <= due
        assert len(groups) == bells or set(rung) == due
        assert all(len(group) == 1 or FILES[self._key_of(group[0])[0]].facts == PHOTO for group in groups)
        for key in rung:
            self.model.segments[key].rung = True
        self.messages += groups

    @rule(which=pick)
    @precondition(lambda self: self.messages)
    def deliver(self, which: int) -> None:
        """A bell is heard, perhaps once more: whatever of it is not runnable any more is not touched."""
        group = self.messages[which % len(self.messages)]
        runnable = self.model.runnable(None) & {self._key_of(number) for number in group}
        claimed = self.store.segments.claim("worker", 60, len(group), ids=group)
        assert {_key(one) for one in claimed} == runnable
        for one in claimed:
            assert one.fence.attempt == self.model.claim(_key(one))
        self.claims += claimed

    @rule(which=pick)
    @precondition(lambda self: self.messages)
    def ring_in_vain(self, which: int) -> None:
        """A bell came to somebody who could do nothing with it."""
        group = self.messages[which % len(self.messages)]
        self.fleet.unring(group)
        for number in group:
            one = self.model.segments[self._key_of(number)]
            one.rung = one.rung and one.state != "queued"

    @rule()
    def wipe_the_broker(self) -> None:
        self.messages.clear()
        assert self.fleet.forget_bells() == self.model.forget_bells()

    @rule(which=pick)
    def cancel(self, which: int) -> None:
        self.store.jobs.cancel(self._job(which))
        self.model.jobs[self._job(which)].state = "cancelled"

    @rule(which=pick)
    def revive(self, which: int) -> None:
        self.store.jobs.revive(self._job(which))
        if self.model.jobs[self._job(which)].state == "cancelled":
            self.model.jobs[self._job(which)].state = "discovering"

    @rule(which=pick)
    def retry(self, which: int) -> None:
        assert self.store.jobs.retry(self._job(which)) == self.model.retry(self._job(which))

    @invariant()
    def segments_are_as_they_should_be(self) -> None:
        stored = {
            (sha, ordinal): (
                state,
                attempt,
                failures,
                expiries,
                bool(wanted),
                owner is not None,
                at is not None,
                frames,
            )
            for sha, ordinal, state, attempt, failures, expiries, wanted, owner, at, frames in rows(self.store, _STORED)
        }
        expected = {
            (str(FILES[name].sha256), ordinal): (
                *(one.state, one.attempt, one.failures, one.expiries, self.model.wanted((name, ordinal))),
                *(one.state == "running", one.rung, one.frames),
            )
            for (name, ordinal), one in self.model.segments.items()
        }
        assert stored == expected

    @invariant()
    def counts_are_true(self) -> None:
        assert counters(self.store) == counted_truth(self.store)

    @invariant()
    def jobs_are_as_they_should_be(self) -> None:
        for job_id, job in self.model.jobs.items():
            assert self.store.jobs.get(job_id).state == job.state
            states = [one.state for key, one in self.model.segments.items() if key[0] in job.contents]
            counts = self.store.jobs.counts(job_id)
            told = {"queued": counts.queued, "running": counts.running, "done": counts.done, "failed": counts.failed}
            assert told == {name: states.count(name) for name in told}

    def _job(self, which: int) -> str:
        jobs = sorted(self.model.jobs)
        return jobs[which % len(jobs)]

    def _key_of(self, number: int) -> Key:
        ((sha, ordinal),) = rows(self.store, _IDENTITY.where(segment.c.id == number))
        return NAMES[sha], ordinal

    def _claim(self, which: int) -> ClaimedSegment:
        return self.claims[which % len(self.claims)]


NAMES = {str(file.sha256): name for name, file in FILES.items()}
_IDENTITY = (
    sa.select(media.c.sha256, segment.c.ordinal)
    .select_from(segment)
    .join(media_analysis, media_analysis.c.id == segment.c.media_analysis_id)
    .join(media, media.c.id == media_analysis.c.media_id)
)
_STORED = (
    sa.select(
        media.c.sha256,
        *(segment.c[name] for name in ("ordinal", "state", "attempt", "failures", "expiries", "wanted", "owner")),
        segment.c.dispatched_at,
        sa.select(sa.func.count()).where(frame.c.segment_id == segment.c.id).scalar_subquery(),
    )
    .select_from(segment)
    .join(media_analysis, media_analysis.c.id == segment.c.media_analysis_id)
    .join(media, media.c.id == media_analysis.c.media_id)
)


def _key(claimed: ClaimedSegment) -> Key:
    return claimed.path, claimed.spec.ordinal


def _wipe(connection: sa.Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        connection.execute(sa.delete(table))


def test_any_history_ends_as_the_model_says(store: Store, backend: str) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Histories(store),
        settings=settings(
            max_examples=15 if backend == "sqlite" else 8,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
