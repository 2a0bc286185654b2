"""What many machines share: who is rung for, who works, who looks after the rest."""

import pytest

from db.fleet import FleetStore, WorkerReport
from db.records import Problem, SegmentFailure
from db.store import Store
from tests.support.dbmaking import admit, change, photo, result_of, run_all, start, video

CRASH = Problem("child.crashed", "it died", "try again", permanent=False)


@pytest.fixture
def fleet(store: Store) -> FleetStore:
    return FleetStore(store.engine, store.patience_s)


def worker(number: int = 1, state: str = "working") -> WorkerReport:
    return WorkerReport(f"host:{number}", "host", number, "cpu", 2, "0.1.0", state)


def test_each_runnable_segment_is_rung_for_once_in_its_order(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), video("a.mp4", segments=3), photo("b.jpg"))
    first, rest = fleet.due(2), fleet.due(9)
    numbers = [number for number, _ in first + rest]
    assert numbers == sorted(set(numbers))
    assert sorted(kind for _, kind in first + rest) == ["photo", "video", "video", "video"]
    assert (fleet.due(9), fleet.rung_for()) == ([], 4)


def test_a_bell_that_nobody_answered_is_rung_again_after_a_while(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), photo("a.jpg"))
    assert len(fleet.due(9)) == 1
    change(store, "UPDATE segment SET dispatched_at = '2020-01-01 00:00:00.000000'")
    assert len(fleet.due(9)) == 1


def test_what_a_broker_lost_is_rung_for_again_at_once(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    fleet.due(9)
    store.segments.claim("w", 60, 1)
    assert fleet.forget_bells() == 1
    assert len(fleet.due(9)) == 1


def test_nobody_is_rung_for_what_a_cancelled_job_left(store: Store, fleet: FleetStore) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    store.jobs.cancel(made.id)
    assert fleet.due(9) == []


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
        assert (first, second) == (True, False)
    with fleet.reaping() as again:
        assert again


def test_failures_and_give_backs_are_rung_for_again(store: Store, fleet: FleetStore) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    fleet.due(9)
    one, two = store.segments.claim("w", 60, 2)
    store.segments.fail([SegmentFailure(one.fence, CRASH)])
    store.segments.give_back([two.fence])
    assert len(fleet.due(9)) == 2
    assert run_all(store) == 2
