"""What many machines share: who is rung for, who works, who looks after the rest."""

from functools import partial

import pytest

from db.claims import Reach
from db.errors import DatabaseUnavailable
from db.fleet import FleetStore, WorkerReport
from db.records import Problem, SegmentFailure
from db.store import Store
from tests.support import dbmaking
from tests.support.dbmaking import admit, analysis, change, new_job, result_of, rows, run_all, start

photo = partial(dbmaking.photo, root=b"main")
video = partial(dbmaking.video, root=b"main")

CRASH = Problem("child.crashed", "it died", "try again", permanent=False)


@pytest.fixture
def fleet(store: Store) -> FleetStore:
    return FleetStore(store.engine, store.patience_s)


def worker(number: int = 1, state: str = "working") -> WorkerReport:
    return WorkerReport(f"host:{number}", "host", number, "cpu", 2, "0.1.0", state)


def test_each_runnable_segment_is_rung_for_once_in_its_order(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), video("a.mp4", segments=3), photo("b.jpg"))
    first, rest = fleet.due(2, 16), fleet.due(9, 16)
    numbers = [number for group in first + rest for number in group]
    assert numbers == sorted(set(numbers))
    assert [len(first), len(rest)] == [2, 2]
    assert fleet.due(9, 16) == []


def test_photos_share_a_bell_and_videos_do_not(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), *(photo(f"{n}.jpg") for n in range(5)), video("z.mp4", segments=2))
    assert sorted(map(len, fleet.due(9, 3))) == [1, 1, 2, 3]


def test_no_more_bells_are_rung_than_there_is_room_for(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), *(photo(f"{n}.jpg") for n in range(9)))
    assert list(map(len, fleet.due(2, 3))) == [3, 3]
    assert fleet.due(0, 3) == fleet.due(-4, 3) == []
    assert list(map(len, fleet.due(2, 3))) == [3]


def test_nobody_is_rung_for_what_an_embedded_run_works_on(store: Store, fleet: FleetStore) -> None:
    job = start(store)
    admit(store, job, dbmaking.photo("a.jpg"), photo("b.jpg"))
    ((only,),) = fleet.due(9, 16)
    assert rows(
        store,
        "SELECT path FROM media JOIN media_analysis AS m ON media.id = media_id "
        f"JOIN segment ON segment.media_analysis_id = m.id WHERE segment.id = {only}",
    ) == [("b.jpg",)]


def test_a_bell_that_came_to_nothing_is_rung_again(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), photo("a.jpg"))
    (group,) = fleet.due(9, 16)
    fleet.unring(group)
    assert fleet.due(9, 16) == [group]


def test_a_worker_claims_only_below_roots_that_it_has(store: Store) -> None:
    admit(store, start(store), dbmaking.photo("a.jpg"), photo("b.jpg"), dbmaking.photo("c.jpg", root=b"archive"))
    claimed = store.segments.claim("w", 60, 9, reach=Reach((b"archive", b"other")))
    assert [one.path for one in claimed] == ["c.jpg"]
    assert store.segments.claim("w", 60, 9, reach=Reach(())) == []


def test_a_worker_claims_no_analysis_that_it_refuses(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), photo("a.jpg"))
    other = store.jobs.create(
        new_job(2, video_analysis=analysis("video", "other"), photo_analysis=analysis("photo", "other"))
    )
    admit(store, other, photo("a.jpg"), photo("b.jpg"))
    refused = tuple(number for number, _ in fleet.analyses() if number not in (1, 2))
    assert len(refused) == 2
    claimed = store.segments.claim("w", 60, 9, reach=Reach((b"main",), refused))
    assert [(one.path, one.analysis_id) for one in claimed] == [("a.jpg", 2)]
    assert [len(group) for group in fleet.due(9, 16, refused)] == []
    assert [len(group) for group in fleet.due(9, 16)] == [2]


def test_jobs_with_nothing_left_are_noted_as_finished_once(store: Store, fleet: FleetStore) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    assert fleet.finish_jobs() == 0
    store.jobs.seal(made.id)
    assert fleet.finish_jobs() == 0
    run_all(store)
    assert (fleet.finish_jobs(), fleet.finish_jobs()) == (1, 0)


def test_a_bell_that_nobody_answered_is_rung_again_after_a_while(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), photo("a.jpg"))
    assert len(fleet.due(9, 16)) == 1
    change(store, "UPDATE segment SET dispatched_at = '2020-01-01 00:00:00.000000'")
    assert len(fleet.due(9, 16)) == 1


def test_what_a_broker_lost_is_rung_for_again_at_once(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    ((one, other),) = fleet.due(9, 16)
    store.segments.claim("w", 60, 1, ids=[one])
    assert fleet.forget_bells() == 1
    assert fleet.due(9, 16) == [[other]]


def test_nobody_is_rung_for_what_a_cancelled_job_left(store: Store, fleet: FleetStore) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    store.jobs.cancel(made.id)
    assert fleet.due(9, 16) == []


def test_a_claim_whose_job_was_cancelled_or_whose_fence_is_void_is_unwanted(store: Store, fleet: FleetStore) -> None:
    one, other = start(store, 1), start(store, 2)
    admit(store, one, photo("a.jpg"))
    admit(store, other, photo("b.jpg"), photo("c.jpg"))
    claimed = {one.path: one for one in store.segments.claim("w", 60, 3)}
    store.jobs.cancel(one.id)
    store.segments.commit([result_of(claimed["c.jpg"])])
    fences = [claimed[name].fence for name in ("a.jpg", "b.jpg", "c.jpg")]
    assert fleet.unwanted(fences) == [fences[0], fences[2]]


def test_workers_report_again_and_again_under_one_name_until_they_leave(fleet: FleetStore) -> None:
    for state in ("working", "paused"):
        fleet.report(worker(1, state))
    fleet.report(worker(2))
    assert [(one.id, one.state) for one in fleet.workers(60)] == [("host:1", "paused"), ("host:2", "working")]
    fleet.report(worker(2, "gone"))
    assert [one.id for one in fleet.workers(60)] == ["host:1"]
    assert fleet.workers(-60) == []


@pytest.mark.parametrize("backend", ["postgresql"])
def test_one_reaper_is_elected_and_its_place_is_free_when_it_leaves(
    backend: str, database_url: str, store: Store, fleet: FleetStore
) -> None:
    assert backend == "postgresql"
    with fleet.reaping() as first, FleetStore(store.engine, 1.0).reaping() as second:
        assert first is not None
        assert second is None
        first.confirm()
    with fleet.reaping() as again:
        assert again is not None


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_reaper_whose_connection_was_cut_has_lost_its_seat_and_notices(
    backend: str, store: Store, fleet: FleetStore
) -> None:
    assert backend == "postgresql"

    def reign() -> None:
        with fleet.reaping() as seat:
            assert seat is not None
            change(store, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
            with FleetStore(store.engine, 1.0).reaping() as heir:
                assert heir is not None
            seat.confirm()

    with pytest.raises(DatabaseUnavailable):
        reign()


def test_failures_and_give_backs_are_rung_for_again(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    fleet.due(9, 16)
    one, two = store.segments.claim("w", 60, 2)
    store.segments.fail([SegmentFailure(one.fence, CRASH)])
    store.segments.give_back([two.fence])
    assert sorted(map(len, fleet.due(9, 16))) == [2]
    assert run_all(store) == 2


def test_a_claim_that_passes_others_by_still_takes_what_is_urgent_first_and_what_it_passed_last(store: Store) -> None:
    reach = Reach((b"main",))
    admit(store, start(store, 1), dbmaking.photo("not-ours.jpg"), photo("a.jpg"), photo("b.jpg"), photo("c.jpg"))
    another = Store(store.engine, store.patience_s)
    (first,) = another.segments.claim("other", 60, 1, reach=reach)
    (second,) = store.segments.claim("w", 60, 1, reach=reach)
    another.segments.give_back([first.fence])
    admit(store, start(store, 2, priority=5), photo("urgent.jpg"))
    paths = [store.segments.claim("w", 60, 1, reach=reach)[0].path for _ in range(3)]
    assert [first.path, second.path, *paths] == ["a.jpg", "b.jpg", "urgent.jpg", "c.jpg", "a.jpg"]
    assert store.segments.claim("w", 60, 1, reach=reach) == []


def test_what_jobs_ask_for_is_awaited_until_they_are_over(store: Store, fleet: FleetStore) -> None:
    assert fleet.awaited() == frozenset()
    one, other = start(store, 1), start(store, 2)
    asked = {one.video_analysis_id, one.photo_analysis_id}
    assert fleet.awaited() == asked == {other.video_analysis_id, other.photo_analysis_id}
    store.jobs.cancel(one.id)
    assert fleet.awaited() == asked
    store.jobs.finish(other.id)
    assert fleet.awaited() == frozenset()
    store.jobs.revive(one.id)
    assert fleet.awaited() == asked
