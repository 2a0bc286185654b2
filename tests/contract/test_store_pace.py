"""What was committed lately, and what stands between a job and its next segment: read from either database."""

import pytest
import sqlalchemy as sa

from db.clock import now
from db.engine import writing
from db.fleet import FleetStore, WorkerReport
from db.job_records import Turn
from db.pace import PaceStore
from db.schema import job, segment
from db.store import Store
from db.waiting import WaitingStore
from tests.support.dbmaking import admit, photo, result_of, run_all, start, video


@pytest.fixture
def pace(store: Store) -> PaceStore:
    return PaceStore(store.engine)


@pytest.fixture
def waiting(store: Store) -> WaitingStore:
    return WaitingStore(store.engine)


def made_long_ago(store: Store) -> None:
    old = sa.update(job).values(created_at=now(-7200))
    writing(store.engine, lambda connection: connection.execute(old))


def committed_ago(store: Store, ordinal: int, seconds: float) -> None:
    """The segments of this ordinal were committed so long ago."""
    moved = sa.update(segment).where(segment.c.ordinal == ordinal, segment.c.state == "done")
    writing(store.engine, lambda connection: connection.execute(moved.values(updated_at=now(-seconds))))


def test_commits_are_summed_by_the_second_and_old_ones_left_out(store: Store, pace: PaceStore) -> None:
    made = start(store)
    made_long_ago(store)
    admit(store, made, video("a.mp4", segments=4), video("copy.mp4", segments=4, content="a.mp4"), photo("b.jpg"))
    run_all(store)
    for ordinal, seconds in enumerate((5.0, 40.0, 40.0, 70.0)):
        committed_ago(store, ordinal, seconds)
    first, *rest = pace.commits([made.id], 60.0)[made.id]
    last = rest[-1]
    assert 40 <= first.ago_s <= 42
    assert 5 <= last.ago_s <= 7
    assert sum(one.frames for one in (first, *rest)) == 31  # three segments of ten frames, each once, and a photo
    assert sum(one.media_s for one in (first, *rest)) == pytest.approx(30.0)
    assert (last.frames, last.media_s) == (11, 10.0)


def test_what_is_shared_counts_for_each_job_that_asks_since_it_was_made(store: Store, pace: PaceStore) -> None:
    old, new, other = start(store, 1), start(store, 2), start(store, 3)
    admit(store, old, video("a.mp4"), video("b.mp4"))
    admit(store, new, video("a.mp4"))
    admit(store, other, photo("c.jpg"))
    for claimed in store.segments.claim("w", 60, 4, kind="video"):
        store.segments.commit([result_of(claimed)])
    made_long_ago(store)
    late = start(store, 4)
    admit(store, late, video("a.mp4"))
    committed_ago(store, 0, 30.0)
    committed_ago(store, 1, 30.0)
    frames = {
        number: sum(one.frames for one in commits)
        for number, commits in pace.commits([old.id, new.id, other.id, late.id], 60.0).items()
    }
    assert frames == {old.id: 40, new.id: 20, other.id: 0, late.id: 0}
    assert pace.commits([], 60.0) == {}


def test_open_files_need_their_roots_or_those_of_another_job_that_has_them(store: Store, waiting: WaitingStore) -> None:
    made, other = start(store, 1), start(store, 2)
    admit(store, made, photo("done.jpg", root=b"gone"), photo("a.jpg", root=b"main"), photo("b.jpg", root=b"archive"))
    admit(store, other, photo("a.jpg", root=b"mirror"), photo("c.jpg", root=b"theirs"))
    (done,) = (one for one in store.segments.claim("w", 60, 9) if one.path == "done.jpg")
    store.segments.commit([result_of(done)])
    assert waiting.roots(made.id) == ["archive", "main", "mirror"]
    assert waiting.within_reach(made.id, ["theirs", "mirror"])
    assert not waiting.within_reach(made.id, ["theirs", "gone"])
    assert not waiting.within_reach(made.id, [])


def test_a_job_whose_every_segment_waits_for_a_retry_says_how_long(store: Store, waiting: WaitingStore) -> None:
    made, other = start(store, 1), start(store, 2)
    admit(store, made, photo("a.jpg"), photo("b.jpg"))
    admit(store, other, photo("c.jpg"))
    one, two = store.segments.claim("w", 60, 2)
    store.segments.give_back([one.fence], delay_s=500.0)
    store.segments.give_back([two.fence])
    assert waiting.turn(made.id) == Turn()
    (again,) = store.segments.claim("w", 60, 1)
    store.segments.give_back([again.fence], delay_s=900.0)
    found = waiting.turn(made.id)
    assert (found.retried, found.ahead) == (2, 0)
    assert found.retry_in_s is not None
    assert 490 < found.retry_in_s <= 500


def test_segments_that_run_or_come_first_are_ahead(store: Store, waiting: WaitingStore) -> None:
    early, made, urgent = start(store, 1), start(store, 2), start(store, 3, priority=1)
    admit(store, early, photo("a.jpg"), photo("b.jpg"))
    admit(store, made, photo("c.jpg"), photo("d.jpg"))
    admit(store, urgent, photo("e.jpg"))
    assert [waiting.turn(one.id).ahead for one in (early, made, urgent)] == [1, 3, 0]
    store.segments.claim("w", 60, 1)
    assert waiting.turn(made.id).ahead == 3
    store.jobs.cancel(early.id)
    assert waiting.turn(made.id).ahead == 1


def test_a_submitters_silence_is_measured(store: Store, waiting: WaitingStore) -> None:
    made = start(store)
    assert -1 < waiting.silent_s(made.id) < 60
    writing(store.engine, lambda connection: connection.execute(sa.update(job).values(submitter_seen_at=now(-100))))
    assert 99 < waiting.silent_s(made.id) < 160


def test_complaints_are_those_of_whoever_reported_lately_reapers_too(store: Store, waiting: WaitingStore) -> None:
    fleet = FleetStore(store.engine, store.patience_s)
    for number, (state, note, slots) in enumerate((("working", "a", 2), ("gone", "b", 2), ("working", "c", 0))):
        fleet.report(WorkerReport(f"{number}", "host", number, "cpu", slots, "0", state, note))
    assert waiting.notes(60) == ["a", "c"]
    assert waiting.notes(-60) == []
