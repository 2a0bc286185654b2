"""Jobs that are stopped because of what became of them, and the budgets that do so, on both databases."""

from db.states import JobState
from db.store import Store
from tests.support.dbmaking import admit, photo, start, unreadable


def test_a_job_that_is_stopped_says_why_until_it_goes_on(store: Store) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    store.jobs.stop(made.id, "its budget of 3 calls is spent")
    store.jobs.cancel(made.id)
    store.jobs.stop(made.id, "another reason")
    stopped = store.jobs.get(made.id)
    assert (stopped.state, stopped.stop_reason) == (JobState.CANCELLED, "its budget of 3 calls is spent")
    assert store.segments.claim("w", 60, 1) == []
    store.jobs.revive(made.id)
    assert store.jobs.get(made.id).stop_reason is None
    assert len(store.segments.claim("w", 60, 1)) == 1


def test_a_job_that_a_person_cancelled_is_not_said_to_be_stopped(store: Store) -> None:
    made = start(store)
    store.jobs.cancel(made.id)
    store.jobs.stop(made.id, "its budget is spent")
    assert store.jobs.get(made.id).stop_reason is None


def test_retry_takes_up_a_job_that_was_stopped(store: Store) -> None:
    made = start(store)
    admit(store, made, unreadable("a.jpg"))
    store.jobs.stop(made.id, "its budget is spent")
    assert store.jobs.retry(made.id) == 1
    taken_up = store.jobs.get(made.id)
    assert (taken_up.state, taken_up.stop_reason) == (JobState.DISCOVERING, None)


def test_a_budget_is_part_of_a_job_and_each_part_of_it_can_be_set_anew(store: Store) -> None:
    made = start(store, max_calls=3)
    assert (made.max_calls, made.max_cost) == (3, None)
    for given, expected in [((None, None), (3, None)), ((None, 0.5), (3, 0.5)), ((7, None), (7, 0.5))]:
        store.jobs.allow(made.id, *given)
        allowed = store.jobs.get(made.id)
        assert (allowed.max_calls, allowed.max_cost) == expected
