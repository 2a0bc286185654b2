"""Many at once, on real threads with connections of their own."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import sqlalchemy as sa

from db.engine import writing
from db.records import ClaimedSegment, SegmentFailure
from db.schema import segment
from db.store import Store
from tests.support.dbmaking import (
    BROKEN,
    admit,
    counted_truth,
    counters,
    new_job,
    photo,
    result_of,
    rows,
    run_all,
    start,
    video,
)

Result = TypeVar("Result")
THREADS = 8


def together(work: Callable[[int], Result], count: int = THREADS) -> list[Result]:
    """Run `work` in threads that start at one moment."""
    gate = threading.Barrier(count)

    def one(number: int) -> Result:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_no_segment_is_claimed_twice_and_each_is_committed_once(store: Store) -> None:
    job = start(store)
    store.intake.admit(job.id, [photo(f"{number}.jpg") for number in range(120)])

    def work(number: int) -> list[int]:
        taken = []
        while claimed := store.segments.claim(f"w{number}", 60, 5, job_id=job.id if number % 2 else None):
            outcomes = store.segments.commit([result_of(one) for one in claimed])
            assert all(outcome.accepted for outcome in outcomes)
            taken += [one.fence.segment_id for one in claimed]
        return taken

    taken = Counter(number for numbers in together(work) for number in numbers)
    assert set(taken.values()) == {1}
    assert len(taken) == 120
    assert counters(store) == counted_truth(store)
    assert store.jobs.counts(job.id).done == 120


def test_of_many_who_commit_under_one_fence_one_is_accepted(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    outcomes = together(lambda _: store.segments.commit([result_of(claimed)])[0].accepted)
    assert outcomes.count(True) == 1
    assert counters(store) == counted_truth(store)


def test_a_stale_fence_is_refused_while_the_new_holder_commits(store: Store) -> None:
    admit(store, start(store), *(photo(f"{number}.jpg") for number in range(THREADS)))
    stale = store.segments.claim("slow", -1, THREADS)
    store.segments.expire()
    fresh = {one.fence.segment_id: one for one in store.segments.claim("quick", 60, THREADS)}

    def both(number: int) -> tuple[bool, bool]:
        old = stale[number]
        late = store.segments.commit([result_of(old)])[0].accepted
        return late, store.segments.commit([result_of(fresh[old.fence.segment_id])])[0].accepted

    assert together(both) == [(False, True)] * THREADS


def test_the_segments_of_one_video_may_end_in_any_order_at_once(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=THREADS))
    claimed = store.segments.claim("w", 60, THREADS)

    def end(number: int) -> None:
        if number % 4 == 3:
            store.segments.fail([SegmentFailure(claimed[number].fence, BROKEN)])
        else:
            store.segments.commit([result_of(claimed[number])])

    together(end)
    assert counters(store) == counted_truth(store)
    assert rows(store, "SELECT state, segments_done, segments_failed FROM media_analysis") == [("complete", 6, 2)]


def test_batches_in_opposite_orders_do_not_block_each_other(store: Store) -> None:
    """A deadlock would be retried; this is about all being written in the end."""
    admit(store, start(store), *(video(f"{number}.mp4", segments=THREADS) for number in range(4)))
    claimed = store.segments.claim("w", 60, 4 * THREADS)
    parts = [claimed[number::THREADS] for number in range(THREADS)]

    def end(number: int) -> None:
        batch = [result_of(one) for one in parts[number]]
        assert all(one.accepted for one in store.segments.commit(batch if number % 2 else batch[::-1]))

    together(end)
    assert counters(store) == counted_truth(store)


def test_submitters_of_the_same_media_share_it(store: Store) -> None:
    files = [photo(f"{number}.jpg") for number in range(40)]
    jobs = [store.jobs.create(new_job(number)) for number in range(THREADS)]
    admissions = together(lambda number: store.intake.admit(jobs[number].id, files if number % 2 else files[::-1]))
    assert sum(admission.new_segments for admission in admissions) == 40
    assert sum(admission.waiting_segments for admission in admissions) == 40 * (THREADS - 1)
    assert rows(store, "SELECT count(*) FROM media") == [(40,)]


def test_two_walks_of_one_job_admit_each_file_once(store: Store) -> None:
    job = start(store)
    files = [photo(f"{number}.jpg", tags={"n": str(number)}) for number in range(60)]
    admissions = together(lambda _: store.intake.admit(job.id, files), 4)
    assert sum(admission.files for admission in admissions) == 60
    assert rows(store, "SELECT (SELECT count(*) FROM job_file), (SELECT count(*) FROM tag)") == [(60, 60)]


def test_a_cancellation_never_strands_the_segments_of_another_job(store: Store) -> None:
    """Whoever is admitted while another job is cancelled must find its segments wanted."""
    for round_number in range(6):
        old, new = start(store, 2 * round_number + 1), start(store, 2 * round_number + 2)
        files = [photo(f"{round_number}-{number}.jpg") for number in range(20)]
        store.intake.admit(old.id, files)
        together(lambda number: _cancel_or_admit(store, number, old.id, new.id, files), 2)  # noqa: B023
        assert store.jobs.counts(new.id).queued == 20
        assert len(store.segments.claim("w", 60, 99, job_id=new.id)) == 20


def _cancel_or_admit(store: Store, number: int, old: str, new: str, files: list) -> None:  # type: ignore[type-arg]
    if number == 0:
        store.jobs.cancel(old)
    else:
        store.intake.admit(new, files)


def test_everything_at_once_ends_in_order(store: Store) -> None:
    """Workers, an expiring reaper, and a person who cancels, revives and retries."""
    jobs = [start(store, number) for number in (1, 2)]
    for number, job in enumerate(jobs):
        store.intake.admit(job.id, [photo(f"{number}-{at}.jpg") for at in range(40)] + [video("both.mp4", 6)])

    def play(number: int) -> None:
        if number == 0:
            for job in jobs * 2:
                store.jobs.cancel(job.id)
                store.segments.expire()
                store.jobs.revive(job.id)
                store.jobs.retry(job.id)
            return
        for _ in range(12):
            claimed = store.segments.claim(f"w{number}", 60 if number % 2 else -1, 3)
            _settle(store, number, claimed)

    together(play)
    for job in jobs:
        store.jobs.retry(job.id)
    store.segments.release_all()
    run_all(store)
    assert counters(store) == counted_truth(store)
    assert rows(store, sa.select(segment.c.state).distinct()) == [("done",)]


def _settle(store: Store, number: int, claimed: list[ClaimedSegment]) -> None:
    if number % 3 == 0 and claimed:
        store.segments.fail([SegmentFailure(claimed[0].fence, BROKEN)])
    store.segments.commit([result_of(one) for one in claimed])


@pytest.mark.parametrize("backend", ["postgresql"])  # SQLite has one writer at a time: no race to lose
def test_a_transaction_that_loses_a_race_is_run_again(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    gate = threading.Barrier(2)
    tries: Counter[int] = Counter()

    def lock_both(number: int) -> None:
        def work(connection: sa.Connection) -> None:
            tries[number] += 1
            for at in (1, 2) if number else (2, 1):
                connection.execute(sa.update(segment).where(segment.c.id == at).values(priority=number))
                if tries[number] == 1 and at == (1 if number else 2):
                    gate.wait()

        writing(store.engine, work)

    together(lock_both, 2)
    assert sum(tries.values()) == 3  # one of the two was the victim of the deadlock, once


@pytest.mark.parametrize("backend", ["postgresql"])  # SQLite has one writer at a time
def test_a_machine_that_is_frozen_in_the_middle_of_a_commit_does_not_keep_others_leases_from_running_out(
    store: Store,
) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    frozen, other = store.segments.claim("w", -1, 2)
    with store.engine.begin() as connection:
        held = segment.c.id == frozen.fence.segment_id
        connection.execute(sa.update(segment).where(held).values(priority=1))
        assert Store(store.engine, 1.0).segments.expire() == 1
        (again,) = store.segments.claim("w2", 60, 2)
        assert again.fence.segment_id == other.fence.segment_id
    assert store.segments.expire() == 1
