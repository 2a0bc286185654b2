"""Budgets of jobs for paid services: never passed, whoever asks at once, and used up whole."""

import pytest

from db.states import CallOutcome
from db.store import Store
from tests.contract.test_store_concurrency import together
from tests.support.calls import COST, opened, opening, receipt
from tests.support.dbmaking import job_id, start

NOT_BILLED = {"transactions": 0, "cost": 0.0}


@pytest.mark.parametrize("budget", [{"max_calls": 50}, {"max_cost": 0.05}, {"max_calls": 50, "max_cost": 1.0}])
def test_many_who_open_calls_at_once_never_pass_the_budget_and_use_all_of_it(
    store: Store, budget: dict[str, float]
) -> None:
    start(store, 1, **budget)

    def work(number: int) -> list[int]:
        made: list[int] = []
        while calls := [
            call for call in store.ledger.open_calls([opening() for _ in range(1 + number % 3)]) if call is not None
        ]:
            made += calls
        return made

    made = [call for calls in together(work) for call in calls]
    assert len(made) == len(set(made)) == 50
    assert store.ledger.bill(job_id(1)).calls == 50


def test_calls_of_one_batch_count_against_each_other_and_only_for_their_own_job(store: Store) -> None:
    start(store, 1, max_calls=2)
    start(store, 2, max_cost=0.0025)
    start(store, 3)
    asked = [opening(job) for job in (1, 2, 3)] * 4
    assert [call is not None for call in store.ledger.open_calls(asked)] == [
        *(True, True, True),
        *(True, True, True),
        *(False, False, True),
        *(False, False, True),
    ]


def test_a_call_that_is_too_dear_leaves_room_for_a_cheaper_one(store: Store) -> None:
    start(store, 1, max_cost=0.01)
    calls = store.ledger.open_calls([opening(cost=0.02), opening(cost=0.01), opening(cost=0.0), opening(cost=0.001)])
    assert [call is not None for call in calls] == [False, True, True, False]


def test_a_budget_holds_as_many_calls_as_it_says_whatever_binary_fractions_add_up_to(store: Store) -> None:
    start(store, 1, max_cost=0.01)
    assert [call is not None for call in (store.ledger.open_calls([opening()])[0] for _ in range(11))] == [
        *[True] * 10,
        False,
    ]


def test_every_call_that_left_counts_however_it_ended_and_one_that_did_not_leave_does_not(store: Store) -> None:
    start(store, 1, max_calls=len(CallOutcome))
    calls = [opened(store) for _ in CallOutcome]
    ended = [one for one in CallOutcome if one not in (CallOutcome.OPEN, CallOutcome.LOST)]
    store.ledger.close_calls([receipt(call, one) for call, one in zip(calls, ended, strict=False)])
    assert store.ledger.open_calls([opening()]) == [None]
    store.ledger.drop_calls(calls[-1:])
    opened(store)
    assert store.ledger.open_calls([opening()]) == [None]


def test_money_that_a_call_did_not_cost_can_be_spent_again_but_not_what_nobody_knows_of(store: Store) -> None:
    start(store, 1, max_cost=3 * COST)
    throttled, unclear, _lost = (opened(store) for _ in range(3))
    store.ledger.close_calls([receipt(unclear, CallOutcome.UNCLEAR)])
    assert store.ledger.lose_open(None) == 2
    assert store.ledger.open_calls([opening()]) == [None]
    store.ledger.close_calls([receipt(throttled, CallOutcome.THROTTLED, **NOT_BILLED)])
    opened(store)
    assert store.ledger.open_calls([opening()]) == [None]


def test_a_budget_that_is_raised_is_one_that_can_be_spent(store: Store) -> None:
    start(store, 1, max_calls=1, max_cost=1.0)
    opened(store)
    assert store.ledger.open_calls([opening()]) == [None]
    store.jobs.allow(job_id(1), 2, None)
    opened(store)
    store.jobs.allow(job_id(1), 9, 2 * COST)
    assert store.ledger.open_calls([opening()]) == [None]
    made = store.jobs.get(job_id(1))
    assert (made.max_calls, made.max_cost) == (9, 2 * COST)
